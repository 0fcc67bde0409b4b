"""``cp``: the copy of `kvcore.copy_store`, told to people and programs."""

from pathlib import Path

import pytest

from kvcore import DictStore, FilesystemStore, StoreError
from tests.cli.conftest import Run, lines
from tests.copying.stores import Dying


def test_cp_takes_everything_along(run: Run, memory: DictStore, folder: FilesystemStore) -> None:
    """Keys with "/" too, and tells how much."""
    memory.d.update({"pets/cat.png": b"x" * 2048, "note": b"y" * 1024})
    assert run("cp", "default", "files", "--verify").stdout == "copied 2 values (3.0 KiB)\n"
    assert {key: folder.get(key) for key in folder} == memory.d
    assert run("cp", "default", "files").stdout == (
        "copied 0 values (0 bytes); 2 were there already\n"
    )


def test_cp_from_url_to_url(run: Run, tmp_path: Path) -> None:
    """A flat URL shows what is in directories, as the frameworks' stores do."""
    FilesystemStore(tmp_path / "a", keys="path").put("pets/cat.png", b"x")
    run("cp", f"fs://{tmp_path}/a", f"fs://{tmp_path}/b")
    assert FilesystemStore(tmp_path / "b", keys="path").get("pets/cat.png") == b"x"
    told = run("cp", f"fs://{tmp_path}/a?keys=strict", f"fs://{tmp_path}/c", code=1).stdout
    assert told.startswith("copied 0 values")


def test_cp_of_nothing_fails(run: Run, memory: DictStore, tmp_path: Path) -> None:
    """Most likely a name is written wrongly, and a folder is made when the first value is put."""
    result = run("cp", f"fs://{tmp_path}/meida", "files", code=1)
    assert result.stdout == "copied 0 values (0 bytes)\n"
    assert f"there are no keys in <FilesystemStore fs://{tmp_path}/meida" in result.stderr
    memory.put("a", b"1")
    told = run("cp", "default", "files", "--prefix", "b", "--json", code=1)
    assert "there is no key that begins with 'b'" in told.stderr
    assert lines(told)[0]["copied"] == 0
    assert run("cp", "default", "files").stderr == ""
    assert run("cp", "default", "files").stderr == ""  # all of it is there


def test_cp_of_nothing_may_be_right(run: Run) -> None:
    """Where that is said."""
    assert run("cp", "default", "files", "--allow-empty").stderr == ""
    assert run("cp", "default", "files", "--allow-empty", "--dry-run").stderr == ""


def test_cp_json(run: Run, memory: DictStore, folder: FilesystemStore) -> None:
    """One document, whatever happened."""
    memory.d.update({"a": b"1", "b": b"22"})
    folder.put("a", b"1")
    (report,) = lines(run("cp", "default", "files", "--json"))
    assert report == {
        "copied": 1,
        "copied_bytes": 2,
        "same": 1,
        "skipped": 0,
        "vanished": 0,
        "made_lasting": 0,
        "errors": {},
        "dry_run": False,
        "complete": True,
    }


def test_cp_options(run: Run, memory: DictStore, folder: FilesystemStore) -> None:
    """Each reaches the copy."""
    memory.d.update({"a1": b"1", "a2": b"2", "b": b"3"})
    folder.put("a1", b"other")
    options = ("--prefix", "a", "--skip-existing", "--workers", 2)
    assert run("cp", "default", "files", *options, "--dry-run").stdout == (
        "would copy 1 value (1 bytes); 1 was skipped, as the destination has one\n"
    )
    assert folder.keys() == ["a1"]
    run("cp", "default", "files", *options)
    assert {key: folder.get(key) for key in folder} == {"a1": b"other", "a2": b"2"}


def test_cp_reports_each_key_that_failed(run: Run, memory: DictStore, tmp_path: Path) -> None:
    """At the end, on standard error; the exit code is 1."""
    memory.d.update({"a/b": b"1", "c": b"2"})
    dest = f"fs://{tmp_path}/flat?keys=strict"
    result = run("cp", "default", dest, code=1)
    assert result.stdout == "copied 1 value (1 bytes); 1 FAILED\n"
    assert "a/b: '/' is not allowed" in result.stderr
    (report,) = lines(run("cp", "default", dest, "--json", code=1))
    assert list(report["errors"]) == ["a/b"]


def test_cp_onto_itself_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    """However it is named."""
    assert "the same" in run("cp", "default", "default", code=2).stderr
    run("cp", "files", f"fs://{tmp_path}/files", code=2)
    run("cp", f"fs://{tmp_path}/files", f"fs://{tmp_path}/files/sub", code=2)


def test_a_store_that_dies_is_exit_code_3(
    run: Run, memory: DictStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done is told, and how to go on."""
    memory.d.update({f"key{n}": b"1" for n in range(1000)})
    dying = Dying(100)
    monkeypatch.setattr(
        "kvcore.cli.group.StoreGroup.store",
        lambda _, text, ctx: memory if text == "default" else dying,
    )
    result = run("cp", "default", "dying", "--json", code=3)
    (report,) = lines(result)
    assert report["complete"] is False
    assert "goes on from here" in result.stderr
    assert "does not answer" in result.stderr
    with pytest.raises(StoreError):
        dying.stat("key0")
