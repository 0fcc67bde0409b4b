"""moto's server, whose writes take turns: by itself it asks for a condition first and writes then,
and of two that race both may win.
"""

import sys
from collections.abc import Callable
from functools import wraps
from threading import RLock
from typing import Any

from moto.s3.responses import S3Response
from moto.server import main

_turn = RLock()


def in_turn(method: Callable[..., Any]) -> Callable[..., Any]:
    """The same, one at a time."""

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _turn:
            return method(*args, **kwargs)

    return call


for _name in ("put_object", "delete_object", "_key_response_post", "copy_object"):
    setattr(S3Response, _name, in_turn(getattr(S3Response, _name)))

if __name__ == "__main__":
    main(sys.argv[1:])
