"""What hooks do that a backend does not write: correct, if slow."""

import io
import os
from pathlib import Path
from typing import IO, Any

import pytest

from kvcore import (
    DictStore,
    KeyExists,
    KeyNotFound,
    PartialFailure,
    Stat,
    StoreError,
    StoreTimeout,
    WriteOptions,
)
from kvcore.contract import hooks
from kvcore.testing import DribblingFile
from tests.contract.minimal import EveryOption, FourMethods


def test_a_minimal_store_reads_once() -> None:
    """``open`` copies the value when it is opened, and closes what ``_open`` gave."""
    opened: list[DribblingFile] = []

    class Streaming(FourMethods):
        def _open(self, key: str) -> Any:
            if key not in self.d:
                raise KeyNotFound(key=key, store=self)
            opened.append(DribblingFile(self.d[key], 3))
            return opened[-1]

    store = Streaming()
    store.put("key", b"0123456789")
    with store.open("key") as reader:
        assert opened[-1].closed
        store.put("key", b"new")
        assert reader.seek(5) == 5
        assert reader.read() == b"56789"
        assert reader.stat == Stat(10)
    for call in [
        lambda: store.get("key"),
        lambda: store.fetch("key"),
        lambda: store.stat("key"),
        lambda: "key" in store,
        lambda: store.get_range("key", 1, 1),
        lambda: store.get_file("key", io.BytesIO()),
        lambda: store.copy("key", "other"),
    ]:
        before = len(opened)
        call()
        assert len(opened) > before
        assert all(file.closed for file in opened)


def test_what_was_opened_is_closed_after_an_error() -> None:
    """A stream that breaks off is closed by whoever opened it."""
    opened: list[DribblingFile] = []

    class Breaking(FourMethods):
        def _open(self, key: str) -> Any:
            opened.append(DribblingFile(b"half", error=StoreError("gone", key=key, store=self)))
            return opened[-1]

    store = Breaking()
    for call in [store.get, store.fetch, store.stat, store.open]:
        with pytest.raises(StoreError):
            call("key")
    with pytest.raises(StoreError):
        store.get_file("key", io.BytesIO())
    with pytest.raises(StoreError):
        store.copy("key", "other")
    assert len(opened) == 6
    assert all(file.closed for file in opened)


def test_get_file_fills_a_path_all_or_nothing(tmp_path: Path) -> None:
    """A store that fails half way leaves the caller's file, and nothing beside it."""

    class Breaking(FourMethods):
        def _open(self, key: str) -> Any:
            return DribblingFile(b"half", error=StoreError("gone", key=key, store=self))

    path = tmp_path / "file"
    path.write_bytes(b"precious")
    for target in (path, tmp_path / "new"):
        with pytest.raises(StoreError):
            Breaking().get_file("key", target)
    assert path.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["file"]


def test_many_verbs_report_what_failed() -> None:
    """PartialFailure names each key with its error; the others are done."""

    class Picky(FourMethods):
        def _put_file(self, key: str, file: IO[bytes]) -> None:
            if key.startswith("bad"):
                raise StoreError("refused", key=key, store=self)
            super()._put_file(key, file)

        def _delete(self, key: str) -> None:
            if key.startswith("bad"):
                raise StoreError("refused", key=key, store=self)
            super()._delete(key)

    store = Picky()
    with pytest.raises(PartialFailure, match="2 keys could not be put") as caught:
        store.put_many({"a": b"1", "bad1": b"2", "b": b"3", "bad2": b"4"})
    assert {key: error.key for key, error in caught.value.errors.items()} == {
        "bad1": "bad1",
        "bad2": "bad2",
    }
    assert store.d == {"a": b"1", "b": b"3"}
    assert isinstance(caught.value.__cause__, StoreError)
    with pytest.raises(PartialFailure, match="1 key could not be deleted") as caught:
        store.delete_many(["a", "bad", "b"])
    assert set(caught.value.errors) == {"bad"}
    assert store.d == {}


def test_many_verbs_stop_at_a_time_out() -> None:
    """A storage that does not answer is not waited for again and again; all keys are named."""
    calls = []

    class Stuck(DictStore):
        def _put(self, key: str, *rest: Any) -> None:
            calls.append(key)
            if key == "c":
                raise StoreTimeout(key=key, store=self)
            super()._put(key, *rest)

        def _delete(self, key: str) -> None:
            self._put(key, b"")

    store = Stuck()
    for many in (
        lambda: store.put_many(dict.fromkeys("abcde", b"1")),
        lambda: store.delete_many("abcde"[n] for n in range(5)),
        lambda: store._put_each({key: (b"1", WriteOptions(ord(key))) for key in "abcde"}),
    ):
        calls.clear()
        with pytest.raises(PartialFailure, match="3 keys") as caught:
            many()
        assert calls == ["a", "b", "c"]
        errors = caught.value.errors
        assert list(errors) == ["c", "d", "e"]
        assert isinstance(errors["c"], StoreTimeout)
        assert all("not tried" in str(errors[key]) for key in "de")


def test_many_puts_with_options_of_their_own() -> None:
    """Each value gets its own; the errors of all are told together."""
    store = DictStore({"there": b"old"})
    absent, hour = WriteOptions(if_absent=True), WriteOptions(3600, content_type="image/png")
    with pytest.raises(PartialFailure) as caught:
        store._put_each(
            {
                "there": (b"1", absent),
                "new": (b"2", absent),
                "one": (b"3", hour),
                "two": (b"4", hour),
            }
        )
    assert {key: type(error) for key, error in caught.value.errors.items()} == {"there": KeyExists}
    assert store.d == {"there": b"old", "new": b"2", "one": b"3", "two": b"4"}
    assert store.stat("two").content_type == "image/png"
    assert store.stat("new").expires is None


def test_an_error_that_is_not_ours_ends_a_many_verb() -> None:
    """A bug is not collected."""

    class Buggy(FourMethods):
        def _put_file(self, key: str, file: IO[bytes]) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Buggy().put_many({"a": b"1"})


def test_a_move_by_copying_keeps_a_newer_source() -> None:
    """What is put to the source while it is copied is not what was moved: it stays."""

    class Slow(EveryOption):
        def _put_file(self, key: str, file: IO[bytes], options: WriteOptions) -> None:
            super()._put_file(key, file, options)
            if key == "dest":
                self._kept.put("source", b"newer")

    store = Slow(DictStore())
    store.put("source", b"old")
    store.move("source", "dest")
    assert store.get("dest") == b"old"
    assert store.get("source") == b"newer"


def test_a_counter_that_is_never_free_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error after so many tries, and not a loop for ever: what bars the key, or others."""

    class Busy(EveryOption):
        tries = 0

        def _put_file(self, key: str, file: IO[bytes], options: WriteOptions) -> None:
            if options.conditional:
                self.tries += 1
                raise KeyExists(key=key, store=self)
            super()._put_file(key, file, options)

    monkeypatch.setattr(hooks, "_INCREMENT_TRIES", 7)
    store = Busy(DictStore())
    with pytest.raises(KeyExists):
        store.increment("barred")
    assert store.tries == 7
    store.tries = 0
    store.put("busy", b"1")
    with pytest.raises(StoreError, match="changed the counter 7 times"):
        store.increment("busy")
    assert store.tries == 7


def test_a_source_that_cannot_be_removed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a move the value is stored; that the file is still there is a StoreError."""

    def refuse(path: str) -> None:
        raise PermissionError(13, "not yours", path)

    path = tmp_path / "file"
    path.write_bytes(b"value")
    store = FourMethods()
    monkeypatch.setattr("os.unlink", refuse)
    with pytest.raises(StoreError, match="is stored, but its source") as caught:
        store.put_file("key", path, move=True)
    monkeypatch.undo()
    assert isinstance(caught.value.__cause__, PermissionError)
    assert store.get("key") == b"value"
    assert path.read_bytes() == b"value"


def test_close_calls_the_hook_each_time() -> None:
    """``close``, ``with`` and an error in the block: the hook has to bear a second time."""

    class Closing(FourMethods):
        closed = 0

        def _close(self) -> None:
            self.closed += 1

    store = Closing()
    store.close()
    with store:
        pass
    with pytest.raises(ZeroDivisionError), store:
        raise ZeroDivisionError
    assert store.closed == 3


def test_a_repr_shows_the_url() -> None:
    """Where there is one."""

    class Addressed(FourMethods):
        def _url(self) -> str:
            return "mine://host"

    assert repr(FourMethods()) == "<FourMethods>"
    assert repr(Addressed()) == "<Addressed mine://host>"


@pytest.mark.parametrize("numbers", [(0.5, 1), (0, 1.5), ("0", 1)])
def test_ranges_are_whole_numbers(numbers: tuple[Any, Any]) -> None:
    """A range by anything but ints is a ``TypeError`` that says so."""
    with pytest.raises(TypeError, match="range are ints"):
        DictStore({"key": b"12"}).get_range("key", *numbers)
