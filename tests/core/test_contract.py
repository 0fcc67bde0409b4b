"""What the base class does for its subclasses: defaults, mixins, capabilities, streams, writers."""

import inspect
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

import kvcore
from kvcore import (
    FOREVER,
    NOT_SET,
    PLAIN,
    Capabilities,
    CopyMixin,
    DictStore,
    InvalidValue,
    KeyExists,
    KeyNotFound,
    KeyValueStore,
    PartialFailure,
    Reader,
    Stat,
    StoreError,
    StoreTimeout,
    TimeToLiveMixin,
    Unsupported,
    UrlKeyValueStore,
    UrlMixin,
    WriteOptions,
    Writer,
)
from kvcore.contract import hooks
from kvcore.contract.streams import (
    CheckedSource,
    as_bytes,
    as_source,
    read_blocks,
    spooled_reader,
    write_all,
)
from kvcore.contract.values import expiring_in
from kvcore.testing import DribblingFile
from tests.contract.minimal import EveryOption, FourMethods

# The class itself


def test_a_store_needs_four_methods() -> None:
    """Whoever leaves one out is told which, when the store is made."""
    with pytest.raises(TypeError, match="abstract"):
        KeyValueStore()  # type: ignore[abstract]
    assert KeyValueStore.__abstractmethods__ == {"_open", "_put_file", "_delete", "iter_keys"}

    class Three(FourMethods):
        _delete = KeyValueStore._delete

    with pytest.raises(TypeError, match="_delete"):
        Three()


def stores() -> Iterator[type[KeyValueStore]]:
    """Every public store and decorator."""
    for name in dir(kvcore):
        value = getattr(kvcore, name)
        if isinstance(value, type) and issubclass(value, KeyValueStore):
            yield value


@pytest.mark.parametrize("store", list(stores()))
@pytest.mark.parametrize("verb", ["put", "put_file"])
def test_put_has_one_signature(store: type[KeyValueStore], verb: str) -> None:
    """The two verbs that others may redefine take the same arguments everywhere."""
    expected = inspect.signature(getattr(KeyValueStore, verb)).parameters
    found = inspect.signature(getattr(store, verb)).parameters
    assert [(p.name, p.kind, p.default) for p in found.values()] == [
        (p.name, p.kind, p.default) for p in expected.values()
    ]


@pytest.mark.parametrize("store", list(stores()))
def test_other_verbs_are_not_redefined(store: type[KeyValueStore]) -> None:
    """A rule that a verb keeps is kept by every store: only three verbs are open."""
    verbs = {
        name
        for base in KeyValueStore.__mro__
        for name, value in vars(base).items()
        if getattr(value, "__final__", False)
    }
    assert {"get", "open", "delete", "copy", "_checked_put", "_settle"} <= verbs
    assert not verbs & {"put", "put_file", "iter_keys"}
    between = store.__mro__[: store.__mro__.index(KeyValueStore)]
    assert {name for base in between for name in vars(base)} & verbs == set()


# Options and capabilities


class Recording(FourMethods):
    """Notes the arguments of its writing hooks."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []

    def _put(self, *args: Any) -> None:
        self.calls.append(("_put", *args))

    def _put_file(self, *args: Any) -> None:
        self.calls.append(("_put_file", *args))

    def _put_filename(self, *args: Any) -> None:
        self.calls.append(("_put_filename", *args))


class RecordingOptions(Recording):
    _declared = Capabilities(ttl=True, if_absent=True)


def call_all(store: KeyValueStore, **options: Any) -> None:
    """Every verb that ends in a writing hook."""
    store.put("key", b"value", **options)
    store.put_file("key", io.BytesIO(b"value"), **options)
    store.put_file("key", __file__, **options)
    store.open_write("key", **options).commit()
    store.put_many({"key": b"value"}, **options)


def test_hooks_without_options_get_none() -> None:
    """A store that declares no option writes its hooks with two arguments, as in minimalkv."""
    store = Recording()
    call_all(store)
    call_all(store, ttl_secs=FOREVER)
    names = ["_put", "_put_file", "_put_filename", "_put_file", "_put"]
    assert [call[0] for call in store.calls] == names * 2
    assert {len(call) for call in store.calls} == {3}


def test_hooks_with_options_get_them_settled() -> None:
    """Checked, the default filled in, what the store has no place for dropped."""
    store = RecordingOptions()
    store.default_ttl_secs = 60
    call_all(store)
    assert {call[3].ttl_secs for call in store.calls} == {60}
    store.calls.clear()
    call_all(store, ttl_secs=10)
    assert {call[3].ttl_secs for call in store.calls} == {10}
    store.calls.clear()
    store.put("key", b"value", if_absent=True, content_type="image/png")
    assert store.calls[0][3] == WriteOptions(60, if_absent=True)


def test_a_plain_put_hands_on_a_constant() -> None:
    """The common case costs no new tuple."""
    store = RecordingOptions()
    store.put("key", b"value")
    assert store.calls[0][3] is PLAIN


@pytest.mark.parametrize(
    ("options", "secs", "conditional"),
    [
        (WriteOptions(), None, False),
        (WriteOptions(FOREVER), None, False),
        (WriteOptions(NOT_SET), None, False),
        (WriteOptions(1.5), 1.5, False),
        (WriteOptions(if_absent=True), None, True),
        (WriteOptions(if_present=True), None, True),
        (WriteOptions(7, if_match="etag"), 7, True),
    ],
)
def test_what_options_say_in_short(
    options: WriteOptions, secs: float | None, conditional: bool
) -> None:
    """For hooks: how long, and whether there is a condition."""
    assert options.expires_in_secs == secs
    assert options.conditional == conditional


@pytest.mark.parametrize("name", ["if_absent", "if_present", "if_match", "ttl", "content_type"])
def test_each_option_capability_brings_options(name: str) -> None:
    """Any one of them gives the hooks a third argument; the others give none."""
    assert Capabilities(**{name: True}).takes_options
    others = set(Capabilities._fields) - {
        *("if_absent", "if_present", "if_match", "ttl", "content_type", "url_methods")
    }
    assert not Capabilities(**dict.fromkeys(others, True)).takes_options


def test_mixins_declare() -> None:
    """Each adds its capability to those that the class, or a base of it, declares."""

    class Everything(TimeToLiveMixin, CopyMixin, UrlMixin, FourMethods):
        _declared = Capabilities(if_absent=True)

    class More(Everything):
        pass

    class Again(Everything):
        _declared = Capabilities(touch=True, url_methods=frozenset({"PUT"}))

    can = More._declared
    assert (can.if_absent, can.ttl, can.copy, can.url_methods) == (True, True, True, {"GET"})
    assert not can.touch
    assert Again._declared.touch
    assert Again._declared.ttl
    assert not Again._declared.if_absent
    assert Again._declared.url_methods == {"GET", "PUT"}
    assert FourMethods._declared == Capabilities()
    assert issubclass(UrlKeyValueStore, UrlMixin)
    assert issubclass(More, KeyValueStore)


def test_capabilities_may_depend_on_the_store() -> None:
    """Set in ``__init__``, they hold for that one."""

    class Depends(RecordingOptions):
        def __init__(self, *, can: bool) -> None:
            super().__init__()
            self._declared = self._declared._replace(if_absent=can)

    Depends(can=True).put("key", b"", if_absent=True)
    with pytest.raises(Unsupported):
        Depends(can=False).put("key", b"", if_absent=True)


def test_a_default_time_to_live_of_the_class() -> None:
    """As minimalkv's users set it: an attribute of the class."""

    class Short(RecordingOptions):
        default_ttl_secs = 60

    store = Short()
    store.put("key", b"value")
    assert store.calls[0][3].ttl_secs == 60


def test_unknown_options_are_an_error() -> None:
    """Nothing passes silently."""
    with pytest.raises(TypeError, match="if_absnt"):
        DictStore().put("key", b"", if_absnt=True)  # type: ignore[call-arg]


# The default hooks


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


# Streams


def test_read_blocks_ends_at_nothing_only() -> None:
    """Crumbs are blocks, too."""
    assert b"".join(read_blocks(DribblingFile(b"0123456789", 3))) == b"0123456789"
    assert list(read_blocks(io.BytesIO(b""))) == []


def test_write_all_goes_on_after_a_short_write() -> None:
    """Also when the file takes one byte at a time."""

    class OneByOne:
        taken = b""

        def write(self, data: bytes) -> int:
            self.taken += data[:1]
            return 1

    file = OneByOne()
    write_all(file, b"0123456789")
    assert file.taken == b"0123456789"


@pytest.mark.parametrize("no_value", ["text", None, 7, [1], object(), io.BytesIO()])
def test_as_bytes_takes_bytes_only(no_value: Any) -> None:
    """A hint for text, the type for all."""
    with pytest.raises(InvalidValue, match=type(no_value).__name__) as caught:
        as_bytes(no_value, "key")
    assert caught.value.key == "key"
    assert ("encode it first" in str(caught.value)) == isinstance(no_value, str)


def test_bytes_are_not_copied() -> None:
    """What nobody can change is used as it is."""
    data = b"value" * 100
    assert as_bytes(data) is data
    store = DictStore()
    store.put("key", data)
    assert store.get("key") is data


def test_what_behaves_is_used_as_it_is(tmp_path: Path) -> None:
    """Memory and files on disk, so that a store may copy them in the kernel."""
    path = tmp_path / "file"
    path.write_bytes(b"value")
    with path.open("rb") as buffered, path.open("rb", buffering=0) as raw, path.open("r+b") as both:
        for file in (buffered, raw, both, io.BytesIO(b"value")):
            assert as_source(file) is file
            assert as_source(as_source(file)) is file
    reader = Reader.of_bytes(b"value", Stat(5))
    assert as_source(reader) is reader
    checked = as_source(DribblingFile(b"value"))  # type: ignore[arg-type]
    assert isinstance(checked, CheckedSource)
    assert as_source(checked) is checked


@pytest.mark.parametrize("base", [io.BytesIO, io.BufferedReader])
def test_a_subclass_may_read_otherwise(base: Any, tmp_path: Path) -> None:
    """Somebody's own ``read`` is what the caller means, and it is checked."""

    class Upper(base):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(2).upper()

    path = tmp_path / "file"
    path.write_bytes(b"value")
    with path.open("rb", buffering=0) as raw:
        source = Upper(raw) if base is io.BufferedReader else Upper(b"value")
        assert as_source(source).read() == b"VALUE"


def test_a_checked_source_is_a_file() -> None:
    """Sizes are kept, ``readinto`` works, all the rest is all."""
    source = as_source(iter([b"01234", b"", b"56", bytearray(), bytearray(b"789")]))
    assert source.readable()
    assert source.read(0) == b""
    assert source.read(2) == b"01"
    buffer = bytearray(10)
    assert source.readinto(buffer) == 3
    assert buffer[:3] == b"234"
    assert source.read() == b"56789"
    assert source.read() == source.read(5) == b""


def test_a_spooled_reader_is_a_copy() -> None:
    """In memory while small, on disk when large; the stream is closed, also after an error."""
    for size in [0, 10, 3 * 1024 * 1024]:
        stream = io.BytesIO(os.urandom(size))
        data = stream.getvalue()
        with spooled_reader(stream, Stat(0, etag="1")) as reader:
            assert stream.closed
            assert reader.stat == Stat(size, etag="1")
            assert reader.read(5) == data[:5]
            assert reader.seek(-min(3, size), io.SEEK_END) == max(size - 3, 0)
            assert reader.read() == data[-3:]
    stream = DribblingFile(b"half", error=ConnectionError())
    with pytest.raises(ConnectionError):
        spooled_reader(stream)
    assert stream.closed


# Writers and times


class Listening(Writer):
    """Notes what happens to it."""

    def __init__(self, failing: str = "") -> None:
        super().__init__("key")
        self.heard: list[str] = []
        self.failing = failing

    def _hear(self, name: str) -> None:
        self.heard.append(name)
        if name == self.failing:
            raise StoreError(name)

    def _write(self, block: bytes) -> None:
        self._hear("write")

    def _commit(self, key: str) -> None:
        self._hear("commit")

    def _abort(self) -> None:
        self._hear("abort")


@pytest.mark.parametrize(
    ("failing", "heard"),
    [
        ("", ["write", "commit"]),
        ("write", ["write", "abort"]),
        ("commit", ["write", "commit"]),
    ],
)
def test_what_a_writer_is_asked(failing: str, heard: list[str]) -> None:
    """A failed piece aborts; a failed commit cleans up itself; nothing comes twice."""
    writer = Listening(failing)
    if failing:
        with pytest.raises(StoreError, match=failing), writer:
            writer.write(b"piece")
    else:
        with writer:
            writer.write(b"")
            writer.write(b"piece")
    writer.abort()
    assert writer.heard == heard
    assert writer.closed


def test_a_writer_without_a_key_is_not_committed() -> None:
    """A key that is known late has to be set; else the value is forgotten."""
    store = DictStore()
    for key in [None, "..", "a/b"]:
        writer = store._checked_open_write(None, PLAIN)
        writer.write(b"value")
        writer.key = key
        with pytest.raises(ValueError, match=r"no key yet|not allowed"):
            writer.commit()
        assert writer.closed
    writer = store._checked_open_write(None, PLAIN)
    writer.write(b"value")
    writer.key = "late"
    assert writer.commit() == "late"
    assert store.d == {"late": b"value"}


def test_a_writer_that_a_fork_copied_is_left_alone() -> None:
    """In the child it is not warned of and not aborted: the upload is the parent's."""
    writer = Listening()
    writer._pid = -1
    heard = writer.heard
    del writer
    assert heard == []


@pytest.mark.parametrize("secs", [1e11, 1e12, 1e20, 1e300, 10**300])
def test_an_expiry_beyond_the_calendar_is_none(secs: float) -> None:
    """As good as no expiry, and no OverflowError of a date."""
    expires = expiring_in(secs)
    assert expires is None or expires.year > 2500


def test_remaining_secs_are_never_over() -> None:
    """What has just expired still has a moment: a copy of it must not live for ever."""
    assert Stat(1).remaining_secs() is None
    assert Stat(1, expires=expiring_in(-100)).remaining_secs() == 0.001
    assert 50 < (Stat(1, expires=expiring_in(60)).remaining_secs() or 0) <= 60


class _DeclaredLate(DictStore):
    """A store that finds out only when it is made what it can do."""

    _declared = Capabilities()
    _hooks_take_options = False

    def __init__(self, can: Capabilities) -> None:
        super().__init__()
        self._declared = can


def test_capabilities_of_an_instance_hold() -> None:
    """What is declared in ``__init__`` is done: nothing is overwritten with ``if_absent``."""
    store = _DeclaredLate(Capabilities(if_absent=True))
    for one in (store, kvcore.PrefixDecorator("a-", store)):
        one.put("lock", b"mine", if_absent=True)
        with pytest.raises(KeyExists):
            one.put("lock", b"theirs", if_absent=True)
        with pytest.raises(KeyExists):
            one.put_file("lock", io.BytesIO(b"theirs"), if_absent=True)
        assert one.get("lock") == b"mine"


def test_an_instance_that_does_not_write() -> None:
    """``write=False`` stops a plain put, too."""
    store = _DeclaredLate(Capabilities(write=False))
    with pytest.raises(kvcore.ReadOnly):
        store.put("key", b"1")
    assert store.keys() == []


def test_a_default_of_a_class_is_used() -> None:
    """``default_ttl_secs`` may be set in the class body, as minimalkv's users do."""

    class Brief(DictStore):
        default_ttl_secs = 5.0

    store = Brief()
    store.put("key", b"1")
    assert store.stat("key").expires is not None


@pytest.mark.parametrize("numbers", [(0.5, 1), (0, 1.5), ("0", 1)])
def test_ranges_are_whole_numbers(numbers: tuple[Any, Any]) -> None:
    """A range by anything but ints is a ``TypeError`` that says so."""
    with pytest.raises(TypeError, match="range are ints"):
        DictStore({"key": b"12"}).get_range("key", *numbers)


@pytest.mark.parametrize("answer", [True, 0])
def test_files_that_answer_oddly(answer: object) -> None:
    """A ``write`` that returns ``True`` took all; one that returns 0 for ever is an error."""
    taken = []

    class Odd:
        def write(self, data: bytes) -> object:
            taken.append(data)
            return answer

    store = DictStore({"key": b"abc"})
    if answer is True:
        store.get_file("key", Odd())
        assert taken == [b"abc"]
    else:
        with pytest.raises(BlockingIOError):
            store.get_file("key", Odd())
