"""The class that stores are made of: its verbs, its options, what it declares."""

import inspect
import io
from collections.abc import Iterator
from typing import Any

import pytest

import kvcore
from kvcore import (
    FOREVER,
    NOT_SET,
    PLAIN,
    Capabilities,
    CopyMixin,
    DictStore,
    KeyExists,
    KeyValueStore,
    TimeToLiveMixin,
    Unsupported,
    UrlKeyValueStore,
    UrlMixin,
    WriteOptions,
)
from tests.contract.minimal import FourMethods

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
