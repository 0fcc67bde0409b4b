"""The kit for authors of backends and for tests of applications.

`StoreContract` and `StoreMachine` decide what a store is; `FaultyStore`, `DribblingFile` and
`Clock` let an application meet what a network does; ``kvcore.testing.plugin`` gives fixtures.
Names load on use: only the contract needs pytest, only the machine needs hypothesis.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

EXTRA = "testing"

if TYPE_CHECKING:
    from kvcore.testing.blocking import BlockingStore as BlockingStore
    from kvcore.testing.clock import Clock as Clock
    from kvcore.testing.clock import WaitingClock as WaitingClock
    from kvcore.testing.contract import ReadingContract as ReadingContract
    from kvcore.testing.contract import StoreContract as StoreContract
    from kvcore.testing.faults import Fault as Fault
    from kvcore.testing.faults import FaultyStore as FaultyStore
    from kvcore.testing.files import DribblingFile as DribblingFile
    from kvcore.testing.machine import StoreMachine as StoreMachine

_HOME = {
    "BlockingStore": "blocking",
    "Clock": "clock",
    "DribblingFile": "files",
    "Fault": "faults",
    "FaultyStore": "faults",
    "ReadingContract": "contract",
    "StoreContract": "contract",
    "StoreMachine": "machine",
    "WaitingClock": "clock",
}

# A failing assert of the kit then shows its values, as one in the author's own module does.
if "pytest" in sys.modules:
    _asserting = [f"{__name__}.{name}" for name in ("contract", "machine", "model")]
    sys.modules["pytest"].register_assert_rewrite(*_asserting)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
