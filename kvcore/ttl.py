"""Time to live: how long a value is kept, in seconds.

`FOREVER` asks for no expiry, `NOT_SET` leaves it to the backend, ``None`` means the store's
``default_ttl_secs``. A number is finite and greater than 0.
"""

from __future__ import annotations

import math
from typing import Final, Literal, TypeAlias

FOREVER: Final = "forever"
"""Keep the value until it is deleted."""
NOT_SET: Final = "not_set"
"""Leave the time to live to the backend (for all of ours: keep the value)."""

TtlSecs: TypeAlias = float | Literal["forever", "not_set"] | None
"""What ``ttl_secs=`` takes: seconds, one of the two constants, or ``None`` for the default."""


def check_ttl(ttl_secs: TtlSecs) -> None:
    """Raise ``ValueError`` unless ``ttl_secs`` is a finite number > 0, a constant or ``None``.

    >>> check_ttl(0.5)
    >>> check_ttl(0)
    Traceback (most recent call last):
        ...
    ValueError: ttl_secs is a finite number of seconds > 0, FOREVER, NOT_SET or None, not 0
    """
    if type(ttl_secs) is float and 0 < ttl_secs < math.inf:
        return
    if ttl_secs is None or (isinstance(ttl_secs, str) and ttl_secs in {FOREVER, NOT_SET}):
        return
    if isinstance(ttl_secs, int | float) and not isinstance(ttl_secs, bool):
        try:
            if ttl_secs > 0 and math.isfinite(ttl_secs):
                return
        except OverflowError:  # an int beyond every float
            pass
    raise ValueError(
        "ttl_secs is a finite number of seconds > 0, FOREVER, NOT_SET or None,"
        f" not {ttl_secs if isinstance(ttl_secs, int | float) else repr(ttl_secs)}"
    )
