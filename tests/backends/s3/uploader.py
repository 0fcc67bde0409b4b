"""A child process that uploads a large value without end; see `test_recovery`."""

import signal
import sys
from collections.abc import Iterator
from types import FrameType

from kvcore import store_from_url
from tests.backends.s3.verbs import MIB


def _blocks() -> Iterator[bytes]:
    for number in range(1000):
        if number == 20:
            print("under way", flush=True)
        yield bytes(MIB)


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(3)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    with store_from_url(sys.argv[1]) as store:
        store.put_file("key", _blocks())
