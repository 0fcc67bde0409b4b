"""Two tiny apps, one for each protocol, that tell of their process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

_held: list[object] = []


def answer(path: str) -> bytes:
    """``/env/NAME`` is an environment variable; ``/hold/NAME`` opens the file it names."""
    _, verb, *names = path.split("/")
    content = os.environ.get(names[0], "") if names else ""
    if verb == "hold":
        _held.append(open(content))  # noqa: SIM115  # held open is the point
    return content.encode()


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """For gunicorn."""
    body = answer(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi(
    scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
) -> None:
    """For uvicorn."""
    assert scope["type"] == "http", scope
    body = answer(scope["path"])
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
