"""The tree of errors: what each is besides, what it tells, how it travels."""

import copy
import pickle
from collections.abc import Callable, Mapping

import pytest

from kvcore import (
    ConfigError,
    DictStore,
    Fetched,
    InvalidKey,
    InvalidValue,
    KeyExists,
    KeyNotFound,
    KvcoreError,
    MissingDependency,
    PartialFailure,
    PreconditionFailed,
    ReadOnly,
    SessionError,
    SessionNotLoaded,
    SessionNotSerializable,
    SessionTooLarge,
    SessionTooLate,
    SessionUnavailable,
    Stat,
    StoreError,
    StoreTimeout,
    Unsupported,
    UploadRefused,
    UploadTooLarge,
    UploadTypeRefused,
    VerificationError,
    errors,
)

TREE: dict[type[KvcoreError], tuple[type[BaseException], ...]] = {
    KeyNotFound: (KeyError, LookupError),
    InvalidKey: (ValueError,),
    InvalidValue: (TypeError, OSError),
    PreconditionFailed: (),
    KeyExists: (PreconditionFailed, FileExistsError, OSError),
    Unsupported: (NotImplementedError,),
    ReadOnly: (Unsupported, NotImplementedError, AttributeError),
    StoreError: (OSError,),
    StoreTimeout: (StoreError, TimeoutError, OSError),
    PartialFailure: (StoreError,),
    UploadRefused: (ValueError,),
    UploadTooLarge: (UploadRefused,),
    UploadTypeRefused: (UploadRefused,),
    SessionError: (),
    SessionTooLarge: (SessionError, ValueError),
    SessionNotSerializable: (SessionError, TypeError),
    SessionNotLoaded: (SessionError, RuntimeError),
    SessionTooLate: (SessionError, RuntimeError),
    SessionUnavailable: (SessionError, StoreError, OSError),
    VerificationError: (),
    ConfigError: (ValueError,),
    MissingDependency: (ImportError,),
}


@pytest.mark.parametrize("error", TREE)
def test_an_error_is_also_what_python_has_for_it(error: type[KvcoreError]) -> None:
    """Whoever catches the built-in one, or KvcoreError, catches ours."""
    assert issubclass(error, (KvcoreError, *TREE[error]))
    for builtin in TREE[error]:
        with pytest.raises(builtin):
            raise error("message", key="key")


def test_the_tree_is_whole() -> None:
    """Every error of the module stands in the table above and is drawn in its docstring."""
    ours = {e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, KvcoreError)}
    assert ours == {KvcoreError, *TREE}
    for error in ours:
        assert error.__name__ in errors.__doc__


def test_what_is_not_related_is_not_caught() -> None:
    """A refusal is no missing key, a missing key no failure of the storage."""
    assert not issubclass(PreconditionFailed, KeyError | OSError)
    assert not issubclass(KeyNotFound, StoreError | ValueError)
    assert not issubclass(InvalidKey, KeyError)
    assert not issubclass(Unsupported, StoreError)


@pytest.mark.parametrize("error", TREE)
def test_an_error_tells_message_key_and_store(error: type[KvcoreError]) -> None:
    """As attributes, and readably as text: no KeyError's quotes, no OSError's errno."""
    store = DictStore()
    told = error("what happened; what to do", key="a\nkey", store=store)
    assert (told.message, told.key) == ("what happened; what to do", "a\nkey")
    assert told.store == repr(store)
    assert str(told) == "what happened; what to do (key 'a\\nkey' in <DictStore memory://>)"
    assert str(error("what happened")) == "what happened"
    assert str(error("what happened", key="k")) == "what happened (key 'k')"
    assert str(error("what happened", store="<a store>")) == "what happened (in <a store>)"
    assert error("what happened").store is None


@pytest.mark.parametrize("error", errors._DEFAULTS)
def test_an_error_without_a_message_has_one(error: type[KvcoreError]) -> None:
    """What stores raise says at least what it is."""
    assert len(str(error(key="key"))) > len("(key 'key')") + 10


@pytest.mark.parametrize("error", TREE)
def test_an_error_travels(error: type[KvcoreError]) -> None:
    """Pickling keeps type, text and attributes; of the store it keeps the text."""
    told = error("what happened", key="key", store=DictStore({"secret": b"value"}))
    packed = pickle.dumps(told)
    assert b"secret" not in packed
    again = pickle.loads(packed)
    assert type(again) is error
    assert (str(again), again.key, again.store) == (str(told), "key", "<DictStore memory://>")
    assert pickle.loads(pickle.dumps(again)).store == again.store


TELLS: Mapping[type[KvcoreError], Mapping[str, object]] = {
    PreconditionFailed: {"current": Fetched(b"value", Stat(5, etag="1"))},
    KeyExists: {"current": Fetched(b"value", Stat(5, etag="1"))},
    PartialFailure: {"errors": {}},
    UploadTooLarge: {"max_bytes": 5},
    UploadTypeRefused: {"content_type": "text/html"},
    SessionTooLarge: {"max_bytes": 5},
}
"""What some errors tell besides."""


@pytest.mark.parametrize(
    "travel", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
@pytest.mark.parametrize("error", TELLS)
def test_what_an_error_tells_besides_travels_with_it(
    error: type[KvcoreError], travel: Callable[[KvcoreError], KvcoreError]
) -> None:
    """By pickle and as a copy; what nobody told is empty, and no other word is taken."""
    ((name, value),) = TELLS[error].items()
    told: KvcoreError = travel(error("message", key="key", store="<a store>", **TELLS[error]))  # type: ignore[arg-type]
    assert type(told) is error
    assert (told.message, told.key, told.store) == ("message", "key", "<a store>")
    assert getattr(told, name) == value
    assert not getattr(error(), name)
    with pytest.raises(TypeError):
        error("message", other=1)  # type: ignore[call-arg]


def test_a_partial_failure_travels_with_its_errors() -> None:
    """``errors`` is a dict of its own."""
    failed = {"a": StoreError("first", key="a"), "b": KeyNotFound(key="b")}
    told = PartialFailure("2 keys failed", errors=failed)
    failed.clear()
    again = pickle.loads(pickle.dumps(told))
    assert {key: (type(error), error.key) for key, error in again.errors.items()} == {
        "a": (StoreError, "a"),
        "b": (KeyNotFound, "b"),
    }
    assert PartialFailure().errors == {}


def test_an_error_can_be_retold() -> None:
    """An outer store tells it in its own words: its key, itself."""
    inner, outer = DictStore(), DictStore(keys="path")
    told = KeyNotFound(key="prefix-key", store=inner)
    assert told.is_told_by(inner)
    assert not told.is_told_by(outer)
    told.seen_from(outer, "key")
    assert (told.key, told.store) == ("key", repr(outer))
    assert told.is_told_by(outer)
    assert KeyNotFound().is_told_by(inner)


def test_the_store_is_shown_only_when_asked() -> None:
    """Most KeyNotFound are caught and never printed: they cost no text."""

    class Counting:
        shown = 0

        def __repr__(self) -> str:
            self.shown += 1
            return "<a store>"

    store = Counting()
    told = KeyNotFound(key="key", store=store)
    assert store.shown == 0
    assert "<a store>" in str(told)
    assert store.shown >= 1
