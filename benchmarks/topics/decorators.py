"""What a decorator adds to a call, over values in memory"""

import hmac
from functools import partial

import kvcore
from benchmarks.clients import versions
from benchmarks.measure import OURS, RAW, Contest, Sample, difference, timed
from benchmarks.places import ANY, Place
from benchmarks.row import Row
from benchmarks.show import rate
from kvcore import KeyValueStore

PREFIX = "a-"
SECRET = b"a secret of 32 bytes, not a word"


def get_through(place: Place, decorator: str, arguments: tuple[str, ...] = ()) -> Contest:
    def getting(plain: KeyValueStore, decorated: KeyValueStore) -> Sample:
        for name in place.names():
            plain.put(name, b"")
            plain.put(PREFIX + name, b"")
        return difference(timed(decorated.get, place.names()), timed(plain.get, place.names()))

    return {name: getting(*both) for name, both in _stacks(decorator, *arguments).items()}


def sign(place: Place, size: int) -> Contest:
    names, value = place.names(), bytes(size)

    def putting(plain: KeyValueStore, signed: KeyValueStore) -> Sample:
        return difference(
            timed(lambda name: signed.put(name, value), names),
            timed(lambda name: plain.put(name, value), names),
        )

    contest = {name: putting(*both) for name, both in _stacks("HMACDecorator", SECRET).items()}
    return {RAW: _hashing(names, value), **contest}


def verify(place: Place, size: int) -> Contest:
    names, value = place.names(), bytes(size)

    def getting(plain: KeyValueStore, signed: KeyValueStore) -> Sample:
        for name in names:
            signed.put(name, value)
        return difference(timed(signed.get, names), timed(plain.get, names))

    contest = {name: getting(*both) for name, both in _stacks("HMACDecorator", SECRET).items()}
    return {RAW: _hashing(names, value), **contest}


def _stacks(decorator: str, *arguments: object) -> dict[str, tuple[KeyValueStore, KeyValueStore]]:
    """A store, plain and decorated; minimalkv has the same names and verbs."""
    plain = kvcore.DictStore()
    stacks = {OURS: (plain, getattr(kvcore, decorator)(*arguments, plain))}
    if "minimalkv" in versions():
        from minimalkv import crypt, memory
        from minimalkv import decorator as decorators

        its_plain = memory.DictStore()
        its_kind = getattr(decorators, decorator, None) or getattr(crypt, decorator)
        stacks["minimalkv"] = (its_plain, its_kind(*arguments, its_plain))
    return stacks


def _hashing(names: list[str], value: bytes) -> Sample:
    return timed(lambda _: hmac.digest(SECRET, value, "sha256"), names)


def _get_row(decorator: str, *arguments: str) -> Row:
    getting = partial(get_through, decorator=decorator, arguments=arguments)
    return Row(f"get, {decorator}", getting, {ANY: 1e-6}, operations=5000)


KIB64 = 64 * 1024
HASH = "hmac.digest"
ROWS = (
    _get_row("StoreDecorator"),
    _get_row("PrefixDecorator", PREFIX),
    _get_row("URLEncodeKeysDecorator"),
    _get_row("ReadOnlyDecorator"),
    Row("put 100 B, HMACDecorator", partial(sign, size=100), {ANY: None}, HASH),
    Row("get 100 B, HMACDecorator", partial(verify, size=100), {ANY: None}, HASH),
    Row(
        "put 64 KiB, HMACDecorator", partial(sign, size=KIB64), {ANY: None}, HASH, show=rate(KIB64)
    ),
    Row(
        "get 64 KiB, HMACDecorator",
        partial(verify, size=KIB64),
        {ANY: None},
        HASH,
        show=rate(KIB64),
    ),
)
