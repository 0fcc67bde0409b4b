"""A WSGI app whose store has connections before its workers are forked."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from kvcore import store_from_url

store = store_from_url(os.environ["STORE"])
store.put("before-the-fork", b"1")


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Puts and gets a value of its own, and tells by which process."""
    key = environ["PATH_INFO"].strip("/").replace("/", "-")
    store.put(key, key.encode())
    body = b"%s %d" % (store.get(key), os.getpid())
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
