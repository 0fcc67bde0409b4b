"""Views that serve the values of a store, safely: see `kvcore.serving`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutinefunction
from typing import Self

from asgiref.sync import sync_to_async
from django.core.exceptions import PermissionDenied
from django.core.files.storage import Storage
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase

from kvcore import InvalidKey, KeyNotFound, KeyValueStore
from kvcore.aio import Threads
from kvcore.serving import (
    PRIVATE,
    InlineBody,
    Presentation,
    ResponsePlan,
    open_response_inline,
    wsgi_headers,
)
from kvcore_django.stores import current_store

Permission = Callable[[HttpRequest, str], bool]
"""Whether a request may have the value of a key."""
AsyncPermission = Callable[[HttpRequest, str], Awaitable[bool]]

_threads = Threads(32)  # for what all downloads under ASGI read at a time


def serve(
    request: HttpRequest,
    key: str,
    store: str | KeyValueStore | Storage = "default",
    *,
    permission: Permission | None = None,
    filename: str | None = None,
    as_attachment: bool = False,
    cache_control: str = PRIVATE,
) -> HttpResponseBase:
    """Answer with a value, or a part of it: GET and HEAD, conditions and ranges.

    ``store`` is a name in ``KVCORE_STORES``, a store or a `KVStorage`. ``permission`` is asked
    first, before anybody looks whether there is such a key; without it, whoever knows the key may
    have the value. ``filename`` is what a download is called (the last part of the key by
    default), ``cache_control`` who may keep a copy, for how long.

    Raises ``PermissionDenied`` (403) where ``permission`` gives false, which may also raise what it
    likes, and ``Http404`` for a missing key.

    >>> from django.test import RequestFactory
    >>> from kvcore import DictStore
    >>> response = serve(RequestFactory().get("/"), "a.txt", DictStore({"a.txt": b"hello"}))
    >>> response["Content-Type"], b"".join(response)
    ('text/plain; charset=utf-8', b'hello')
    """
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if permission is not None:
        _check(permission(request, key))
    shown = Presentation(filename, as_attachment, cache_control)
    plan, body = _opened(request, key, store, shown)
    return _response(request, plan, body)


async def aserve(
    request: HttpRequest,
    key: str,
    store: str | KeyValueStore | Storage = "default",
    *,
    permission: Permission | AsyncPermission | None = None,
    filename: str | None = None,
    as_attachment: bool = False,
    cache_control: str = PRIVATE,
) -> HttpResponseBase:
    """`serve` as an asynchronous view; nothing in it blocks the event loop.

    A ``permission`` that is no coroutine function is called in the thread where Django's database
    connections are.
    """
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if permission is not None:
        answer: object
        if iscoroutinefunction(permission):
            answer = await permission(request, key)
        else:
            answer = await sync_to_async(lambda: permission(request, key))()
            if isawaitable(answer):  # of an object that is called, say
                answer = await answer
        _check(answer)
    shown = Presentation(filename, as_attachment, cache_control)
    plan, body = await _threads.acquire(_let_go, _opened, request, key, store, shown)
    return _response(request, plan, body)


def _check(answer: object) -> None:
    if isawaitable(answer):
        close = getattr(answer, "close", None)
        if close is not None:
            close()  # it will never be awaited
        # A coroutine is true: everybody would be let in.
        raise TypeError("this permission is to be awaited: use kvcore_django.views.aserve")
    if not answer:
        raise PermissionDenied("This file is not for you.")


def _opened(
    request: HttpRequest,
    key: str,
    store: str | KeyValueStore | Storage,
    shown: Presentation,
) -> tuple[ResponsePlan, InlineBody | None]:
    try:
        return open_response_inline(
            current_store(store), key, str(request.method), wsgi_headers(request.META), shown
        )
    except (KeyNotFound, InvalidKey) as error:
        raise Http404("There is nothing under this key.") from error


def _let_go(opened: tuple[ResponsePlan, InlineBody | None]) -> None:
    if opened[1] is not None:
        opened[1].close()


def _response(
    request: HttpRequest, plan: ResponsePlan, body: InlineBody | None
) -> HttpResponseBase:
    response: HttpResponseBase
    if body is None:
        response = HttpResponse(status=plan.status, headers=plan.headers)
    elif isinstance(request, ASGIRequest):
        response = StreamingHttpResponse(_Awaited(body), status=plan.status, headers=plan.headers)
    elif body.is_file:
        response = _LocalFile(body, status=plan.status, headers=plan.headers)
    else:
        response = StreamingHttpResponse(body, status=plan.status, headers=plan.headers)
    if "Content-Type" not in plan.headers:
        del response.headers["Content-Type"]  # Django's guess, text/html
    if plan.status == 206:
        # Or GZipMiddleware would compress a part, and the range be that of something else.
        response.headers["Content-Encoding"] = "identity"
    return response


class _LocalFile(FileResponse):
    """A value that is a file: Django offers it to the server's ``wsgi.file_wrapper`` (PEP 3333)."""

    block_size = 256 * 1024

    def set_headers(self, filelike: object) -> None:
        """Those of the plan are there already."""


class _Awaited:
    """Under ASGI Django would collect all that a plain iterator gives before it sends any."""

    def __init__(self, body: InlineBody) -> None:
        self._body = body
        self.close = body.close

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        block = await _threads.run(self._body.read)
        if not block:
            raise StopAsyncIteration
        return block
