"""A view that serves a value of a store, safely: see `kvcore.serving`."""

from __future__ import annotations

from typing import Self

from asgiref.sync import sync_to_async
from django.core.files.storage import Storage
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase

from kvcore import InvalidKey, KeyNotFound, KeyValueStore
from kvcore.serving import PRIVATE, InlineBody, open_response_inline
from kvcore_django.stores import current_store


def serve(
    request: HttpRequest,
    key: str,
    store: str | KeyValueStore | Storage = "default",
    *,
    filename: str | None = None,
    as_attachment: bool = False,
    cache_control: str = PRIVATE,
) -> HttpResponseBase:
    """Answer with a value: whoever knows the key may have it.

    To let only some people, call it from a view of your own that asks them first. ``store`` is a
    name in ``KVCORE_STORES``, a store or a `KVStorage`, ``filename`` what a download is called (the
    last part of the key by default), ``cache_control`` who may keep a copy, for how long. A missing
    key is ``Http404``.
    """
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    try:
        plan, body = open_response_inline(
            current_store(store),
            key,
            request.method,
            request.headers.get,
            filename=filename,
            as_attachment=as_attachment,
            cache_control=cache_control,
        )
    except (KeyNotFound, InvalidKey) as error:
        raise Http404("There is nothing under this key.") from error
    response: HttpResponseBase
    if body is None:
        response = HttpResponse(status=plan.status, headers=plan.headers)
    elif isinstance(request, ASGIRequest):
        response = StreamingHttpResponse(_Awaited(body), status=plan.status, headers=plan.headers)
    else:
        response = StreamingHttpResponse(body, status=plan.status, headers=plan.headers)
    if "Content-Type" not in plan.headers:
        del response.headers["Content-Type"]  # Django's guess, text/html
    return response


class _Awaited:
    """Under ASGI Django would collect all that a plain iterator gives before it sends any."""

    def __init__(self, body: InlineBody) -> None:
        self._read = sync_to_async(lambda: next(body, b""), thread_sensitive=False)
        self.close = body.close

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        block = await self._read()
        if not block:
            raise StopAsyncIteration
        return block
