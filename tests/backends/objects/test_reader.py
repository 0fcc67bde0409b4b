"""Reading over a network: few requests, one version, every byte or an error."""

import io
import random
import zlib
from collections.abc import Callable
from itertools import repeat
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from kvcore.backends.objects import copy_whole, open_reader, read_whole
from kvcore.backends.objects.reader import FIRST_BYTES
from kvcore.backends.objects.spans import RESUMES
from kvcore.errors import KeyNotFound, StoreError, StoreTimeout
from kvcore.testing.contract.fixtures import blob
from tests.backends.objects.scripted import ScriptedSource
from tests.soak import count

LARGE = blob(10 * FIRST_BYTES + 7)


def by_get(source: ScriptedSource) -> bytes:
    return read_whole(source).data


def by_file(source: ScriptedSource) -> bytes:
    file = io.BytesIO()
    copy_whole(source, file)
    return file.getvalue()


def by_reader(source: ScriptedSource) -> bytes:
    with open_reader(source) as reader:
        return reader.read()


def by_blocks(source: ScriptedSource) -> bytes:
    with open_reader(source) as reader:
        return b"".join(iter(lambda: reader.read(70_001), b""))


Read = Callable[[ScriptedSource], bytes]
WHOLE: list[Read] = [by_get, by_file]
WAYS: list[Read] = [*WHOLE, by_reader, by_blocks]


@pytest.mark.parametrize("read", WAYS)
@pytest.mark.parametrize("size", [0, 1, FIRST_BYTES - 1, FIRST_BYTES, FIRST_BYTES + 1, len(LARGE)])
def test_every_byte_is_read(read: Read, size: int) -> None:
    """Whatever the size, and no connection stays open."""
    source = ScriptedSource(LARGE[:size], crumb=100_000)
    assert read(source) == LARGE[:size]
    assert source.open_bodies == 0


@pytest.mark.parametrize("read", WAYS)
def test_a_small_value_costs_one_request(read: Read) -> None:
    """It is in memory after the first."""
    source = ScriptedSource(LARGE[:FIRST_BYTES])
    read(source)
    assert len(source.asked) == 1


@pytest.mark.parametrize("read", WHOLE)
def test_a_value_read_whole_costs_one_request(read: Read) -> None:
    """However large it is."""
    source = ScriptedSource(LARGE)
    read(source)
    assert source.asked == [(0, None)]


def test_reading_on_costs_few_requests() -> None:
    """The first bytes, then all the rest."""
    source = ScriptedSource(bytes(40 * 1024 * 1024))
    with open_reader(source) as reader:
        while reader.read(1000):
            pass
    assert source.asked == [(0, FIRST_BYTES), (FIRST_BYTES, 40 * 1024 * 1024)]


def test_large_and_small_reads_and_seeks_give_the_same_bytes() -> None:
    """Blocks that pass by the buffer leave it where it belongs; against a file in memory."""
    rng = random.Random(3)
    source, plain = ScriptedSource(LARGE, crumb=300_000), io.BytesIO(LARGE)
    with open_reader(source) as reader:
        for _ in range(300):
            size = rng.choice((1, 1000, FIRST_BYTES - 1, FIRST_BYTES, FIRST_BYTES + 1, 700_000))
            if rng.random() < 0.4:
                offset = rng.randrange(-300_000, 300_000)
                place = max(0, min(len(LARGE), plain.tell() + offset))
                assert reader.seek(place) == plain.seek(place)
            assert reader.read(size) == plain.read(size)
            assert reader.tell() == plain.tell()


def test_a_look_at_the_beginning_fetches_little() -> None:
    """Ten bytes of a large value do not ask for all of it."""
    source = ScriptedSource(LARGE)
    with open_reader(source) as reader:
        assert reader.read(10) == LARGE[:10]
    assert source.asked == [(0, FIRST_BYTES)]
    assert source.open_bodies == 0


def test_many_small_reads_and_seeks_within_the_buffer_are_free() -> None:
    """A format that jumps about in its header costs one request."""
    source = ScriptedSource(LARGE)
    with open_reader(source) as reader:
        for position in [9, 5000, 3, FIRST_BYTES - 1, 0, 77_777]:
            reader.seek(position)
            assert reader.read(1) == LARGE[position : position + 1]
    assert len(source.asked) == 1


def test_a_short_way_forward_is_read_not_asked_for() -> None:
    """A seek of some bytes within what is on its way costs no request."""
    source = ScriptedSource(LARGE)
    with open_reader(source) as reader:
        reader.read(FIRST_BYTES + 1)
        asked = len(source.asked)
        for _ in range(5):
            reader.seek(300_000, io.SEEK_CUR)
            place = reader.tell()
            assert reader.read(1) == LARGE[place : place + 1]
    assert len(source.asked) == asked


def test_the_end_of_a_value_costs_one_request_more() -> None:
    """As a zip file is opened: a seek to the end fetches the end alone."""
    source = ScriptedSource(LARGE)
    with open_reader(source) as reader:
        reader.seek(-22, io.SEEK_END)
        assert reader.read() == LARGE[-22:]
        assert reader.read() == b""
        reader.seek(10**12)
        assert reader.read() == b""
    assert source.asked == [(0, FIRST_BYTES), (len(LARGE) - 22, len(LARGE))]


@pytest.mark.parametrize("read", WAYS)
@pytest.mark.parametrize("how", ["end", "error"])
def test_a_body_that_breaks_off_is_resumed(read: Read, how: str) -> None:
    """From where it stands, as often as it goes on between."""
    source = ScriptedSource(LARGE, repeat((how, 99_991)))
    assert read(source) == LARGE
    starts = [start for start, _ in source.asked]
    assert starts == sorted(starts)
    assert source.open_bodies == 0


@pytest.mark.parametrize("read", WAYS)
@pytest.mark.parametrize("how", ["end", "error"])
def test_a_body_that_does_not_go_on_is_an_error(read: Read, how: str) -> None:
    """After a bounded number of requests; the error says how far it came."""
    source = ScriptedSource(LARGE, iter([(how, 1000), *[(how, 0)] * 99]))
    with pytest.raises(StoreError, match=r"broke off after 1000 of \d+ bytes.*'key'"):
        read(source)
    assert len(source.asked) == 2 + RESUMES - 1
    assert source.open_bodies == 0


@pytest.mark.parametrize("read", WAYS)
def test_a_body_that_stalls_is_a_timeout(read: Read) -> None:
    """It had its deadline: no second one."""
    source = ScriptedSource(LARGE, iter([("stall", 1000)]))
    with pytest.raises(StoreTimeout, match=r"nothing came in time.*'key'"):
        read(source)
    assert len(source.asked) == 1
    assert source.open_bodies == 0


@pytest.mark.parametrize("new", [LARGE[::-1], b"short", None])
@pytest.mark.parametrize("read", WAYS)
def test_a_value_that_is_replaced_is_never_mixed(read: Read, new: "bytes | None") -> None:
    """What broke off is not gone on with in another version, nor in none."""
    source = ScriptedSource(LARGE, iter([("error", 1000)]))
    ask = source.ask

    def ask_then_replace(*args: Any) -> Any:
        answer = ask(*args)
        source.replace(new)
        return answer

    source.ask = ask_then_replace  # type: ignore[method-assign]
    with pytest.raises(StoreError, match=r"replaced or deleted while it was read.*'key'"):
        read(source)
    assert source.open_bodies == 0


def test_a_seek_in_a_replaced_value_is_an_error() -> None:
    """What has been fetched can still be read; the rest is gone."""
    source = ScriptedSource(LARGE)
    with open_reader(source) as reader:
        reader.read(10)
        source.replace(LARGE[::-1])
        assert reader.read(10) == LARGE[10:20]
        reader.seek(-5, io.SEEK_END)
        with pytest.raises(StoreError, match="replaced or deleted"):
            reader.read(1)
        reader.seek(5)
        assert reader.read(5) == LARGE[5:10]


def test_a_missing_value_is_not_found() -> None:
    """At the first request, as such."""
    source = ScriptedSource(b"")
    source.replace(None)
    for read in WAYS:
        with pytest.raises(KeyNotFound):
            read(source)


@pytest.mark.parametrize("read", WAYS)
def test_without_an_etag_nothing_is_resumed(read: Read) -> None:
    """A value that cannot be pinned is read by one request, or not at all."""
    source = ScriptedSource(LARGE)
    source.tells_etag = False
    assert read(source) == LARGE
    source = ScriptedSource(
        LARGE, iter([None, ("error", 1000)] if read in WAYS[2:] else [("error", 1000)])
    )
    source.tells_etag = False
    with pytest.raises(StoreError, match="no etag to go on with"):
        read(source)
    assert source.open_bodies == 0


def test_a_service_without_ranges_is_read_all_the_same() -> None:
    """What it sends before is skipped, what it sends behind is left."""
    source = ScriptedSource(LARGE)
    source.knows_ranges = False
    with open_reader(source) as reader:
        reader.seek(len(LARGE) // 2)
        assert reader.read(100) == LARGE[len(LARGE) // 2 :][:100]
        reader.seek(3)
        assert reader.read(3) == LARGE[3:6]


def test_another_part_of_the_value_is_an_error() -> None:
    """A service that answers with other bytes than those asked for is not believed."""
    source = ScriptedSource(LARGE)
    source.shift = 1
    with pytest.raises(StoreError, match="another part"):
        read_whole(source)
    assert source.open_bodies == 0


@pytest.mark.parametrize("read", WAYS[:3])
@pytest.mark.parametrize("cuts", [[], [("error", 7)]])
def test_a_checksum_is_compared(read: Read, cuts: Any) -> None:
    """Of every value that is read whole, resumed or not; a wrong one is an error."""
    data = LARGE[: FIRST_BYTES - 1]
    for flaw in (0, 1):
        source = ScriptedSource(data, iter(cuts))
        source.checksum = zlib.crc32(data) ^ flaw
        if not flaw:
            assert read(source) == data
            continue
        with pytest.raises(StoreError, match=r"checksum.*'key'"):
            read(source)
        assert source.open_bodies == 0


def test_a_file_that_takes_no_more_lets_go_of_the_connection() -> None:
    """The caller's error passes, nothing stays open."""

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "no space left")

    source = ScriptedSource(LARGE)
    with pytest.raises(OSError, match="no space"):
        copy_whole(source, Full())
    assert source.open_bodies == 0


STEPS = st.one_of(
    st.tuples(st.just("read"), st.integers(0, 700_000)),
    st.tuples(st.just("read1"), st.integers(0, 700_000)),
    st.tuples(st.just("seek"), st.integers(0, 3_000_000)),
    st.tuples(st.just("forward"), st.integers(-400_000, 400_000)),
    st.tuples(st.just("from_end"), st.integers(-3_000_000, 5)),
    st.tuples(st.just("line"), st.just(0)),
)
CUTS = st.none() | st.tuples(st.sampled_from(["end", "error"]), st.integers(1, 500_000))


@hypothesis.settings(max_examples=count(60, 5000))
@hypothesis.given(
    size=st.sampled_from([0, 10, FIRST_BYTES, FIRST_BYTES + 1, len(LARGE)]),
    steps=st.lists(STEPS, max_size=30),
    cuts=st.lists(CUTS, max_size=30),
    crumb=st.sampled_from([1000, 65_536, 10**9]),
    all_ranges=st.booleans(),
)
def test_a_reader_is_a_file(
    size: int, steps: list[tuple[str, int]], cuts: list[Any], crumb: int, all_ranges: bool
) -> None:
    """In any order of reads and seeks, over connections that break anywhere."""
    model = io.BytesIO(LARGE[:size])
    source = ScriptedSource(LARGE[:size], iter(cuts), crumb)
    if not cuts:  # such a service has to send all of it again
        source.knows_ranges = all_ranges
    with open_reader(source) as reader:
        for what, number in steps:
            if what == "read":
                assert reader.read(number) == model.read(number)
            elif what == "read1":
                block = reader.read1(number)
                assert block == model.read(len(block))
                assert block or not number or model.tell() >= size
            elif what == "seek":
                assert reader.seek(number) == model.seek(number)
            elif what == "forward":
                place = max(0, model.tell() + number)
                assert reader.seek(place - reader.tell(), io.SEEK_CUR) == model.seek(place)
            elif what == "from_end":
                place = max(0, size + number)
                assert reader.seek(place - size, io.SEEK_END) == model.seek(place)
            else:
                assert reader.readline(5000) == model.readline(5000)
            assert reader.tell() == model.tell()
        assert reader.read() == model.read()
    assert source.open_bodies == 0
