"""The threads of `AsyncStore`: few, on demand, in any event loop, gone when not needed."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import traceback
import weakref
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import NoReturn

import pytest
from asgiref.sync import async_to_sync

from kvcore import AsyncStore, DictStore, KeyNotFound
from kvcore.aio.crew import Call
from kvcore.aio.threads import Threads
from tests.aio.gated import Gate, GatedStore
from tests.soak import count

_others: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def other_threads() -> None:
    """Those of earlier tests that are still idle do not count."""
    _others.clear()
    _others.update(threading.enumerate())


def ours() -> list[threading.Thread]:
    """The threads that `AsyncStore` started in this test and that have not ended."""
    return [t for t in threading.enumerate() if t.name == "kvcore-aio" and t not in _others]


def test_no_thread_before_the_first_call_and_none_after_the_last() -> None:
    """A store that is not used costs nothing; ``aclose`` ends the threads, a later call begins."""

    async def main() -> None:
        store = AsyncStore(DictStore({"key": b"value"}))
        store._driver = Threads(4, idle_secs=3600)  # they do not end by themselves
        assert ours() == []
        assert await store.get("key") == b"value"
        assert len(ours()) == 1
        await store.aclose()
        for thread in ours():
            await asyncio.to_thread(thread.join, 60)
        assert ours() == []
        await store.aclose()
        assert await store.get("key") == b"value"
        await store.aclose()

    asyncio.run(main())


def test_calls_one_after_another_need_one_thread() -> None:
    """A thread is started only when a call would have to wait for one."""

    async def main() -> None:
        async with AsyncStore(DictStore({"key": b"value"})) as store:
            for _ in range(100):
                await store.get("key")
                assert len(ours()) == 1

    asyncio.run(main())


def test_a_call_after_closing_does_not_wait_for_one_before() -> None:
    """The thread that is still busy ends after its call; the new call gets a new one."""
    gate = Gate("get")

    async def main() -> None:
        store = AsyncStore(GatedStore(DictStore({"key": b"value"}), gate))
        busy = asyncio.create_task(store.get("key"))
        await gate.awaited()
        await store.aclose()
        for _ in range(10):
            assert await store.contains("key")
        gate.opened.set()
        assert await busy == b"value"
        await store.aclose()

    asyncio.run(main())


def test_a_call_at_the_moment_of_closing_is_made() -> None:
    """Another event loop closes the store just then: the call goes to the threads that follow."""

    async def main() -> None:
        driver = Threads(1)
        old = driver._crew
        driver.close()
        assert not old.submit(Call(len))

        class Closing:
            def submit(self, call: object) -> bool:
                driver._crew = old.anew()
                return False

        driver._crew = Closing()  # type: ignore[assignment]  # for this one moment
        assert await driver.run(len, "four") == 4
        driver.close()

    asyncio.run(main())


def test_idle_threads_end() -> None:
    """After a burst they go by themselves."""

    async def main() -> None:
        driver = Threads(8, idle_secs=0.01)
        barrier = threading.Barrier(8)
        await asyncio.gather(*(driver.run(barrier.wait, 60) for _ in range(8)))
        for thread in ours():
            await asyncio.to_thread(thread.join, 60)
        assert ours() == []
        assert await driver.run(len, "four") == 4  # and come back

    asyncio.run(main())


def test_there_are_never_more_threads_than_allowed() -> None:
    """With ``threads=3`` the fourth call waits, and all are answered."""
    running = []
    most = []
    lock = threading.Lock()
    full = threading.Barrier(3)

    def call(number: int) -> int:
        with lock:
            running.append(number)
            most.append(len(running))
        if number < 3:
            full.wait(60)
        with lock:
            running.remove(number)
        return number

    async def main() -> None:
        driver = Threads(3)
        calls = [driver.run(call, number) for number in range(50)]
        assert await asyncio.gather(*calls) == list(range(50))
        assert len(ours()) == 3
        driver.close()

    asyncio.run(main())
    assert max(most) == 3


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, None, "4"])
def test_a_wrong_number_of_threads_is_refused(threads: object) -> None:
    """At once, and not when the first request comes."""
    with pytest.raises(ValueError, match="int of at least 1"):
        AsyncStore(DictStore(), threads=threads)  # type: ignore[arg-type]  # that is the test


def test_a_thread_that_cannot_start_fails_its_call_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system has no thread left: the error says so; when it has, all goes on."""

    def refuse(thread: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        async with AsyncStore(DictStore({"key": b"value"})) as store:
            with monkeypatch.context() as patch:
                patch.setattr(threading.Thread, "start", refuse)
                with pytest.raises(RuntimeError, match="can't start new thread"):
                    await store.get("key")
            assert await store.get("key") == b"value"

    asyncio.run(main())


def test_several_event_loops_share_a_store_at_once() -> None:
    """Each task is woken in its own loop, with its own answer."""
    store = AsyncStore(DictStore(), threads=4)
    start = threading.Barrier(4)
    errors: list[BaseException] = []

    async def work(name: str) -> None:
        async def one(number: int) -> None:
            key = f"{name}-{number}"
            await store.put(key, key.encode())
            assert await store.get(key) == key.encode()

        for _ in range(count(5, 500)):
            await asyncio.gather(*(one(number) for number in range(20)))

    def loop(name: str) -> None:
        start.wait(60)
        try:
            asyncio.run(work(name))
        except BaseException as error:  # noqa: BLE001  # asserted below
            errors.append(error)

    threads = [threading.Thread(target=loop, args=[f"loop{n}"]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    asyncio.run(store.aclose())


def test_event_loops_one_after_another_share_a_store() -> None:
    """Django's ``async_to_sync`` makes a loop for every call; no loop is kept alive."""
    store = AsyncStore(DictStore({"key": b"value"}))
    loops = []

    async def main() -> bytes:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        return await store.get("key")

    for _ in range(20):
        assert async_to_sync(main)() == b"value"
        assert asyncio.run(main()) == b"value"
    asyncio.run(store.aclose())
    gc.collect()
    assert [loop for loop in loops if loop() is not None] == []


def test_context_variables_are_seen() -> None:
    """A call sees what its caller set (a request id, say); what it sets itself stays there."""
    request = contextvars.ContextVar("request", default="none")

    def call() -> str:
        seen = request.get()
        request.set("changed")
        return seen

    async def main() -> None:
        driver = Threads(2)
        for name in ["one", "two"]:
            request.set(name)
            assert await driver.run(call) == name
            assert request.get() == name
        driver.close()

    asyncio.run(main())


def test_an_error_keeps_its_traceback() -> None:
    """It shows where the store raised it, as well as who awaited it."""

    async def main() -> None:
        async with AsyncStore(DictStore()) as store:
            with pytest.raises(KeyNotFound) as caught:
                await store.get("missing")
        names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert names[0] == "main"
        assert names[-1] == "_note"  # where DictStore looks up

    asyncio.run(main())


def raises(error: BaseException) -> Callable[[], NoReturn]:
    def call() -> NoReturn:
        raise error

    return call


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError()])
def test_any_error_reaches_the_caller(error: BaseException) -> None:
    """Also one that is no ``Exception``: nothing ends or silences a thread."""

    async def main() -> None:
        driver = Threads(1)
        try:
            await driver.run(raises(error))
        except BaseException as caught:  # noqa: BLE001  # which one is the question
            assert caught is error
        else:
            raise AssertionError("it was lost")
        assert await driver.run(len, "it goes on") == 10
        driver.close()

    asyncio.run(main())


def test_a_stop_iteration_is_not_lost() -> None:
    """No future takes one, so it could hang for ever; it becomes what a coroutine makes of it."""
    stop = StopIteration("the end")

    async def main() -> None:
        driver = Threads(1)
        with pytest.raises(RuntimeError, match="StopIteration") as caught:
            await driver.run(raises(stop))
        assert caught.value.__cause__ is stop
        driver.close()

    asyncio.run(main())


def test_an_idle_thread_keeps_no_value() -> None:
    """What a call took and gave is freed as soon as the caller lets go of it, without the gc."""

    class Value:
        pass

    async def main() -> None:
        driver = Threads(1)
        failing, given = Value(), Value()
        with pytest.raises(TypeError):
            await driver.run(int, failing)  # type: ignore[arg-type]  # that is the test
        answered = await driver.run(lambda value: (value, Value())[1], given)
        refs = [weakref.ref(value) for value in (failing, given, answered)]
        del failing, given, answered
        for _ in range(100_000):  # the thread may not have come to rest yet
            if all(ref() is None for ref in refs):
                break
            await asyncio.sleep(0)
        assert [ref for ref in refs if ref() is not None] == []
        driver.close()

    gc.collect()
    gc.disable()
    try:
        asyncio.run(main())
    finally:
        gc.enable()


def test_an_error_that_nobody_can_receive_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    """The loop was closed while the call ran: asyncio logs the error."""
    gate = Gate("get")
    store = AsyncStore(GatedStore(DictStore(), gate))
    loop = asyncio.new_event_loop()
    call = store.get("missing")
    task = loop.create_task(call)
    loop.run_until_complete(gate.awaited())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    gate.opened.set()
    asyncio.run(store.aclose())
    for thread in ours():
        thread.join(60)
    assert "there is no value under this key" in caplog.text
    caplog.clear()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio warns of it, rightly
    call.close()


def test_a_store_travels_without_its_threads() -> None:
    """A pickled one starts threads of its own."""

    async def main() -> None:
        async with AsyncStore(DictStore({"key": b"value"}), threads=3) as store:
            await store.get("key")
            copy = ForkingPickler.loads(ForkingPickler.dumps(store))
            assert isinstance(copy, AsyncStore)
            assert repr(copy) == repr(store)
            async with copy:
                assert await copy.get("key") == b"value"

    asyncio.run(main())


def test_trio_is_told_what_to_use() -> None:
    """Where no event loop of asyncio runs, the error says what works there."""
    with pytest.raises(RuntimeError, match=r"trio is not supported.*InlineStore with run_inline"):
        AsyncStore(DictStore()).get("key").send(None)
