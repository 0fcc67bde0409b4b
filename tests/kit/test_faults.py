"""`FaultyStore`: the same faults for the same seed, of the kinds that were asked for."""

import inspect
import io
from pathlib import Path
from typing import Any

import pytest

from kvcore import (
    DictStore,
    HMACDecorator,
    InvalidKey,
    InvalidValue,
    KeyNotFound,
    KeyValueStore,
    PartialFailure,
    PostOptions,
    PrefixDecorator,
    StoreError,
    StoreTimeout,
    UrlOptions,
    WriteOptions,
)
from kvcore.contract.many import HooksForMany
from kvcore.testing import Fault, FaultyStore

READING: dict[str, Any] = {
    "get": lambda store: store.get("key"),
    "fetch": lambda store: store.fetch("key"),
    "get_range": lambda store: store.get_range("key", 1, 2),
    "open": lambda store: store.open("key").close(),
    "in": lambda store: "key" in store,
    "stat": lambda store: store.stat("key"),
    "iter_keys": lambda store: store.keys(),
    "iter_prefixes": lambda store: list(store.iter_prefixes("/")),
    "iter_stats": lambda store: list(store.iter_stats()),
}
WRITING: dict[str, Any] = {
    "put": lambda store: store.put("key", b"new"),
    "put_file": lambda store: store.put_file("key", io.BytesIO(b"new")),
    "commit": lambda store: _written(store),
    "delete": lambda store: store.delete("key"),
    "copy": lambda store: store.copy("other", "key"),
    "move": lambda store: store.move("other", "key"),
    "touch": lambda store: store.touch("key", 60),
    "increment": lambda store: store.increment("number"),
}


def _written(store: KeyValueStore) -> None:
    with store.open_write("key") as writer:
        writer.write(b"new")


def filled() -> DictStore:
    """A store with a few values."""
    return DictStore({"key": b"value", "other": b"other", "number": b"1"})


def state(store: DictStore) -> dict[str, Any]:
    """All that can be seen of it."""
    return {key: (store.get(key), store.stat(key).expires is None) for key in store}


@pytest.mark.parametrize("kind", ["error", "timeout"])
@pytest.mark.parametrize("verb", [*READING, *WRITING])
def test_a_planned_fault_does_nothing(verb: str, kind: Any) -> None:
    """The next call of that verb fails as planned and changes nothing; the one after is well."""
    inner = filled()
    store, before = FaultyStore(inner), state(inner)
    store.fail_next(verb, kind)
    call = {**READING, **WRITING}[verb]
    with pytest.raises(StoreError) as caught:
        call(store)
    assert isinstance(caught.value, StoreTimeout) == (kind == "timeout")
    assert "nothing was done" in str(caught.value)
    assert state(inner) == before
    assert [(fault.kind, fault.verb) for fault in store.injected] == [(kind, verb)]
    call(store)
    assert len(store.injected) == 1


@pytest.mark.parametrize("verb", WRITING)
def test_a_late_error_comes_after_the_effect(verb: str) -> None:
    """The verb has done its work, and yet raises StoreTimeout."""
    inner, done = filled(), filled()
    store = FaultyStore(inner)
    store.fail_next(verb, "late error")
    with pytest.raises(StoreTimeout, match="was done"):
        WRITING[verb](store)
    WRITING[verb](done)
    assert state(inner) == state(done)


@pytest.mark.parametrize("verb", ["put", "delete"])
def test_times(verb: str) -> None:
    """As many calls fail as were planned, and other verbs do not."""
    store = FaultyStore(filled())
    store.fail_next(verb, times=2)
    assert store.get("other") == b"other"
    for _ in range(2):
        with pytest.raises(StoreError):
            WRITING[verb](store)
    WRITING[verb](store)
    assert store.injected == [Fault("error", verb, "key")] * 2


def test_what_cannot_be_planned() -> None:
    """An unknown verb, or a late error of a verb without effect, is a ValueError."""
    store = FaultyStore(DictStore())
    with pytest.raises(ValueError, match="no verb 'putt'"):
        store.fail_next("putt")
    for verb in READING:
        with pytest.raises(ValueError, match="no effect"):
            store.fail_next(verb, "late error")


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize("name", ["errors", "timeouts", "late_errors", "delays", "short_reads"])
def test_a_rate_is_a_probability(name: str, rate: float) -> None:
    """From 0 to 1; anything else is a ValueError."""
    with pytest.raises(ValueError, match="from 0 to 1"):
        FaultyStore(DictStore(), **{name: rate})


def run(seed: int, **rates: float) -> tuple[list[str], list[Fault]]:
    """A fixed piece of work on a store with faults: what each step gave, and the faults."""
    store = FaultyStore(filled(), seed=seed, sleep=lambda secs: None, **rates)
    outcomes = []
    for _ in range(20):
        for call in [*READING.values(), *WRITING.values()]:
            try:
                outcomes.append(repr(call(store)))
            except (StoreError, KeyNotFound) as error:
                outcomes.append(type(error).__name__)
    return outcomes, store.injected


def test_the_same_seed_gives_the_same_faults() -> None:
    """A run can be repeated; another seed gives another run."""
    rates = {"errors": 0.1, "timeouts": 0.1, "late_errors": 0.1, "delays": 0.1, "short_reads": 0.3}
    assert run(1, **rates)[1] == run(1, **rates)[1]
    assert run(1, **rates)[1] != run(2, **rates)[1]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("errors", "error"),
        ("timeouts", "timeout"),
        ("late_errors", "late error"),
        ("delays", "delay"),
    ],
)
def test_a_rate_gives_its_kind_alone(name: str, kind: str) -> None:
    """Faults of that kind come, not in every call, and no others."""
    outcomes, injected = run(3, **{name: 0.3})
    assert {fault.kind for fault in injected} == {kind}
    assert 20 < len(injected) < len(outcomes)


def test_one_rate_does_not_move_the_faults_of_another() -> None:
    """With delays added, the same calls fail as before."""
    without = run(5, timeouts=0.2)[1]
    also = [fault for fault in run(5, timeouts=0.2, delays=0.5)[1] if fault.kind != "delay"]
    assert without == also


def test_delays_are_slept_by_the_given_function() -> None:
    """Each delay is between 0 and ``max_delay_secs``."""
    slept: list[float] = []
    store = FaultyStore(DictStore(), delays=1, max_delay_secs=0.5, sleep=slept.append)
    for _ in range(20):
        store.put("key", b"value")
    assert len(slept) == 20
    assert 0 <= min(slept) < max(slept) <= 0.5


def test_short_reads_lose_nothing() -> None:
    """The raw stream gives less than was asked for, and every loop still sees all bytes."""
    inner = DictStore({"key": bytes(range(256)) * 1000})
    store = FaultyStore(inner, short_reads=0.8)
    with store.open("key") as reader:
        assert len(reader.read1(100_000)) < 100_000
        reader.seek(0)
        assert reader.read() == inner.d["key"]
    file = io.BytesIO()
    store.get_file("key", file)
    assert file.getvalue() == inner.d["key"]
    assert {fault.kind for fault in store.injected} == {"short read"}


def test_a_reader_fails_half_way(tmp_path: Path) -> None:
    """What was read is right, the rest is an error; a path is filled all or nothing."""
    store = FaultyStore(DictStore({"key": bytes(1_000_000)}))
    path = tmp_path / "file"
    path.write_bytes(b"precious")
    with store.open("key") as reader:
        assert reader.read(10) == bytes(10)
        store.fail_next("read", "timeout")
        with pytest.raises(StoreTimeout):
            reader.read()
    store.fail_next("read")
    with pytest.raises(StoreError):
        store.get_file("key", path)
    assert path.read_bytes() == b"precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_listing_fails_half_way() -> None:
    """Some keys come, then the error: a loop that took them has not seen all."""
    store = FaultyStore(DictStore({f"key{number}": b"" for number in range(20)}), seed=1)
    seen = []
    store.fail_next("iter_keys")
    with pytest.raises(StoreError):
        seen.extend(store.iter_keys())
    assert len(store.keys()) == 20


def test_a_writer_fails_and_publishes_nothing() -> None:
    """At a piece or at commit; the value is forgotten."""
    for verb in ["open_write", "write", "commit"]:
        store = FaultyStore(DictStore())
        store.fail_next(verb)
        with pytest.raises(StoreError):
            _written(store)
        assert store.keys() == []
        _written(store)
        assert store.get("key") == b"new"


def test_many_verbs_fail_in_part() -> None:
    """Each key meets its own fault: PartialFailure names it, the others are done."""
    store = FaultyStore(DictStore())
    store.fail_next("put", times=2)
    with pytest.raises(PartialFailure) as caught:
        store.put_many({"a": b"1", "b": b"2", "c": b"3"})
    assert set(caught.value.errors) == {"a", "b"}
    assert store.keys() == ["c"]
    store.fail_next("delete")
    with pytest.raises(PartialFailure) as caught:
        store.delete_many(["c", "a"])
    assert set(caught.value.errors) == {"c"}
    store.fail_next("get")
    with pytest.raises(StoreError):
        store.get_many(["c"])


def test_bad_input_meets_no_fault() -> None:
    """What the contract refuses is refused, whatever the rates are."""
    store = FaultyStore(DictStore(), errors=1)
    with pytest.raises(InvalidKey):
        store.put("", b"value")
    with pytest.raises(InvalidValue):
        store.put("key", "text")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ttl_secs"):
        store.put("key", b"value", -1)
    assert store.injected == []


def test_an_error_tells_key_and_store() -> None:
    """Also through decorators that stand outside, in their words."""
    store = FaultyStore(DictStore(), errors=0.25)
    outside = HMACDecorator(b"secret", PrefixDecorator("a-", store))
    store.fail_next("put")
    with pytest.raises(StoreError) as caught:
        outside.put("key", b"value")
    assert caught.value.key == "key"
    assert caught.value.store == repr(outside)
    assert store.injected == [Fault("error", "put", "a-key")]
    assert repr(store) == "<FaultyStore errors=0.25 on <DictStore memory://>>"


def test_every_hook_can_fail() -> None:
    """No hook of a decorator is left out: whatever is called, the error comes first."""
    options = WriteOptions()
    calls: dict[str, tuple[Any, ...]] = {
        **{f"_{verb}": ("key",) for verb in ["open", "get", "fetch", "has_key", "stat", "delete"]},
        **dict.fromkeys(["_put", "_put_file", "_put_filename"], ("key", b"", options)),
        "_get_range": ("key", 0, None),
        "_get_file": ("key", io.BytesIO()),
        "_get_filename": ("key", "/no/such/path"),
        "_move_filename": ("key", "path", options),
        "_open_write": ("key", options),
        "_delete_if_match": ("key", "etag"),
        "_touch": ("key", 60),
        "_increment": ("key", 1, None),
        "_get_many": (["key"],),
        "_put_many": ({"key": b""}, options),
        "_delete_many": (["key"],),
        "_url_for": ("key", UrlOptions()),
        "_presign_put": ("key", UrlOptions(method="PUT")),
        "_presign_post": ("key", PostOptions(max_bytes=1)),
        "_local_path": ("key",),
        "_sweep": (60,),
        "_advice": ("key",),
        "iter_keys": ("",),
        "_iter_prefixes": ("/", ""),
        "_iter_stats": ("",),
        "_iter_sizes": ("",),
        "_fetch_many": (["key"],),
        "_put_each": ({"key": (b"", options)},),
        "_copy": ("key", "other"),
        "_move": ("key", "other"),
    }
    store = FaultyStore(filled(), errors=1)
    for hook, arguments in calls.items():
        more = {"if_absent": False} if hook in {"_copy", "_move"} else {}
        wanted = FileNotFoundError if hook == "_get_filename" else StoreError
        with pytest.raises(wanted):
            list(getattr(store, hook)(*arguments, **more) or ())
    helpers = {"_reader", "_call_writing", "_copy_through", "_added", "_cannot", "_report"}
    helpers |= {"_try_each", "_not_tried"}
    no_calls = {"_space", "_url", "_place", "_close", "_fingerprint", "_etag_of"}
    hooks = {name for name, value in inspect.getmembers(HooksForMany, callable)}
    hooks = {name for name in hooks if not name.startswith("__")}
    assert set(calls) == hooks - helpers - no_calls
