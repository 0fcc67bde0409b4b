"""``ls``, ``get``, ``put`` and ``rm``."""

import os
from pathlib import Path

import pytest

from kvcore import DictStore, FilesystemStore, RandomIdDecorator
from tests.cli.conftest import Run, lines

BYTES = bytes(range(256)) * 1000


def test_ls_writes_a_key_a_line(run: Run, memory: DictStore) -> None:
    """All, or those that begin with a prefix, or so many."""
    for key in ("a/1", "a/2", "b c"):
        memory.put(key, b"x")
    assert sorted(run("ls", "default").stdout.splitlines()) == ["a/1", "a/2", "b c"]
    assert sorted(run("ls", "default", "--prefix", "a/").stdout.splitlines()) == ["a/1", "a/2"]
    assert len(run("ls", "default", "--limit", 2).stdout.splitlines()) == 2
    assert run("ls", "default", "--prefix", "zz").stdout == ""


def test_ls_long(run: Run, memory: DictStore) -> None:
    """With size, time, content type and expiry, as far as the store knows them."""
    memory.put("cat.png", b"x" * 1234, 3600, content_type="image/png")
    (line,) = run("ls", "-l", "default").stdout.splitlines()
    assert line.split()[0] == "1,234"
    assert "  cat.png  image/png  until 20" in line


def test_ls_json(run: Run, memory: DictStore, folder: FilesystemStore) -> None:
    """A document a line; what the store does not know is left out."""
    memory.put("cat.png", b"x", 3600, content_type="image/png")
    folder.put("dog.png", b"xx")
    assert lines(run("ls", "--json", "default")) == [{"key": "cat.png"}]
    (cat,) = lines(run("ls", "-l", "--json", "default"))
    assert cat["size"] == 1
    assert cat["content_type"] == "image/png"
    assert cat["expires"].endswith("+00:00")
    (dog,) = lines(run("ls", "-l", "--json", "files"))
    assert set(dog) == {"key", "size", "modified", "etag"}


def test_what_is_put_is_got(run: Run, tmp_path: Path) -> None:
    """Byte for byte, by files and by standard input and output."""
    (tmp_path / "in").write_bytes(BYTES)
    assert run("put", "default", tmp_path / "in", "a/b").stdout == "a/b\n"
    assert run("get", "default", "a/b").stdout_bytes == BYTES
    assert run("get", "default", "a/b", "-").stdout_bytes == BYTES
    run("get", "default", "a/b", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == BYTES
    assert (tmp_path / "in").read_bytes() == BYTES
    run("put", "files", "-", "c", stdin=BYTES[::-1])
    assert run("get", "files", "c").stdout_bytes == BYTES[::-1]


def test_put_takes_the_name_of_the_file(run: Run, memory: DictStore, tmp_path: Path) -> None:
    """Where no key is given; standard input has none."""
    (tmp_path / "cat.png").write_bytes(b"x")
    assert run("put", "default", tmp_path / "cat.png").stdout == "cat.png\n"
    assert memory.get("cat.png") == b"x"
    assert "give a KEY" in run("put", "default", "-", stdin=b"", code=2).stderr


def test_put_makes_an_id(run: Run, memory: DictStore, tmp_path: Path) -> None:
    """With the extension of the file, or in a template; never the name of the file."""
    (tmp_path / "cat.png").write_bytes(b"x")
    key = run("put", "--id", "default", tmp_path / "cat.png").stdout.strip()
    assert len(key) == 30
    assert key.endswith(".png")
    key = run("put", "--id", "default", "-", "pets/{id}", stdin=b"y").stdout.strip()
    assert memory.get(key) == b"y"
    assert key.startswith("pets/")
    assert run("put", "--id", "default", "-", "pets/{name}", stdin=b"", code=2).stdout == ""


def test_put_uses_the_ids_of_the_store(tmp_path: Path, run: Run) -> None:
    """A store that makes its keys by a template of its own does so."""
    url = f"fs://{tmp_path}/ids?keys=path#wrap:random_id"
    key = run("put", "--id", url, "-", stdin=b"x").stdout.strip()
    assert RandomIdDecorator(FilesystemStore(tmp_path / "ids")).get(key) == b"x"


def test_options_of_put(run: Run, memory: DictStore) -> None:
    """Time to live, content type, and no overwriting."""
    run("put", "default", "-", "key", "--ttl", "12h", "--content-type", "text/plain", stdin=b"1")
    stat = memory.stat("key")
    assert stat.content_type == "text/plain"
    assert 12 * 3600 - 60 < (stat.remaining_secs() or 0) <= 12 * 3600
    refused = run("put", "default", "-", "key", "--if-absent", stdin=b"2", code=1)
    assert "already" in refused.stderr
    assert memory.get("key") == b"1"
    assert run("put", "--json", "default", "-", "new", "--if-absent", stdin=b"3").stdout == (
        '{"key": "new"}\n'
    )


@pytest.mark.parametrize("ttl", ["0", "-1", "1w", "soon", "1e400"])
def test_a_time_to_live_that_is_none(run: Run, memory: DictStore, ttl: str) -> None:
    """Is wrong usage, and nothing is stored."""
    run("put", "default", "-", "key", "--ttl", ttl, stdin=b"1", code=2)
    assert memory.keys() == []


def test_what_a_store_cannot_do_is_wrong_usage(run: Run) -> None:
    """Such as a time to live for files."""
    assert "no time to live" in run("put", "files", "-", "k", "--ttl", 5, stdin=b"", code=2).stderr


def test_a_missing_key_is_exit_code_1(run: Run, tmp_path: Path) -> None:
    """And the file that was to be filled stays as it was."""
    (tmp_path / "out").write_bytes(b"before")
    result = run("get", "default", "missing", tmp_path / "out", code=1)
    assert result.stderr.startswith("kvcore: there is no value under this key (key 'missing'")
    assert (tmp_path / "out").read_bytes() == b"before"
    assert run("get", "default", "missing", code=1).stdout == ""


@pytest.mark.parametrize("key", ["../secret", "/etc/passwd", "a//b", "a\nb", ".kvcore-x"])
def test_keys_that_are_not_legal(run: Run, key: str) -> None:
    """Are told in one line, without control characters."""
    for arguments in (["get", "files", key], ["rm", "files", key], ["put", "files", "-", key]):
        result = run(*arguments, stdin=b"", code=1)
        assert result.stderr.startswith("kvcore: ")
        assert result.stderr.count("\n") == 1


def test_rm_removes_keys(run: Run, memory: DictStore) -> None:
    """And tells which were not there."""
    memory.d.update({"a": b"1", "b": b"2", "c": b"3"})
    assert run("rm", "default", "a").stdout == "removed 1\n"
    result = run("rm", "default", "b", "nope", "b", code=1)
    assert result.stdout == "removed 1\n"
    assert "'nope'" in result.stderr
    assert memory.keys() == ["c"]
    (found,) = lines(run("rm", "--json", "default", "c", "x", "y/../z", code=1))
    assert (found["removed"], found["missing"], list(found["errors"])) == (1, ["x"], ["y/../z"])


def test_rm_by_prefix_asks(run: Run, memory: DictStore) -> None:
    """Where nobody is there to be asked it needs `--yes`."""
    memory.d.update({f"a/{n}": b"1" for n in range(2500)} | {"b": b"2"})
    assert "--yes" in run("rm", "default", "--prefix", "a/", code=2).stderr
    assert len(memory.d) == 2501
    assert run("rm", "default", "--prefix", "a/", "--yes").stdout == "removed 2,500\n"
    assert memory.keys() == ["b"]


@pytest.mark.parametrize(
    "options", [[], ["--prefix", ""], ["--prefix", "", "--yes"], ["a", "--all"], ["--yes"]]
)
def test_rm_of_everything_must_be_said(run: Run, memory: DictStore, options: list[str]) -> None:
    """An empty variable in a script removes nothing."""
    memory.put("a", b"1")
    run("rm", "default", *options, code=2)
    assert memory.keys() == ["a"]


def test_rm_all(run: Run, memory: DictStore) -> None:
    """Said plainly, it is done."""
    memory.d.update({"a": b"1", "b/c": b"2"})
    run("rm", "default", "--all", "--yes")
    assert memory.keys() == []


def test_get_leaves_no_part_behind(run: Run, memory: DictStore, tmp_path: Path) -> None:
    """A folder that cannot be written to is the caller's error."""
    memory.put("key", BYTES)
    result = run("get", "default", "key", tmp_path / "none" / "out", code=1)
    assert "No such file" in result.stderr
    assert os.listdir(tmp_path) == []
