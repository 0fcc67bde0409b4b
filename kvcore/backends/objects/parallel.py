"""The same call for many keys, by a few threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from kvcore.errors import KvcoreError, StoreTimeout

_T = TypeVar("_T")


def call_each(
    keys: Iterable[str],
    call: Callable[[str], _T],
    *,
    threads: int,
    not_tried: Callable[[str], KvcoreError],
) -> tuple[dict[str, _T], dict[str, KvcoreError]]:
    """What the call returns for each key, and the errors of kvcore that it raises for others.

    After a `StoreTimeout` no further key is tried: the next would wait as long. Any other exception
    ends it all, and is raised once the calls that run have ended. This thread works, too.
    """
    rest = list(dict.fromkeys(keys))
    rest.reverse()
    results: dict[str, _T] = {}
    errors: dict[str, KvcoreError] = {}
    lock = Lock()
    stopped = False

    def work() -> None:
        nonlocal stopped
        while True:
            with lock:
                if stopped or not rest:
                    return
                key = rest.pop()
            try:
                results[key] = call(key)
            except KvcoreError as error:
                errors[key] = error
                stopped |= isinstance(error, StoreTimeout)
            except BaseException:
                stopped = True
                raise

    helpers = min(threads, len(rest)) - 1
    if helpers < 1:
        work()
    else:
        with ThreadPoolExecutor(helpers, thread_name_prefix="kvcore-many") as pool:
            waiting = [pool.submit(work) for _ in range(helpers)]
            work()
        for one in waiting:
            one.result()
    errors |= {key: not_tried(key) for key in reversed(rest)}
    return results, errors
