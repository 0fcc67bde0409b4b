"""`StoreResponse`: a value as a response, safely: see `kvcore.serving`."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.background import BackgroundTask
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from kvcore import AsyncKeyValueStore, InvalidKey, KeyNotFound, StoreError
from kvcore.serving import PRIVATE, Presentation, open_response
from kvcore_starlette.middleware import find_store


class StoreResponse(Response):
    """Answers with a value; a missing key is a 404.

    ``store`` is a store, or a name among those of `StoreMiddleware`; ``filename`` is what a
    download is called (the last part of the key by default), ``cache_control`` who may keep a copy,
    for how long. ``headers``, and what is set on the response later, go before our own. Whether
    the user may have the value is for the endpoint to ask, before.

    The status follows from the request: 200, 206, 304 or 416. ``status_code`` is there for FastAPI
    only, which describes a ``response_class`` by its default.
    """

    def __init__(
        self,
        store: str | AsyncKeyValueStore,
        key: str,
        *,
        filename: str | None = None,
        as_attachment: bool = False,
        cache_control: str = PRIVATE,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
        status_code: int = 200,
    ) -> None:
        if status_code != 200:
            raise ValueError("the status of a StoreResponse follows from the request")
        super().__init__(background=background)
        self._store, self._key = store, key
        self._shown = Presentation(filename, as_attachment, cache_control)
        self.raw_headers: list[tuple[bytes, bytes]] = []  # the rest follows from the request
        self.headers.update(headers or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        try:
            plan, body = await open_response(
                find_store(self._store, scope),
                self._key,
                scope["method"],
                Headers(scope=scope).get,
                self._shown,
            )
        except (KeyNotFound, InvalidKey) as error:
            raise HTTPException(404) from error
        response: Response
        if body is None:
            response = Response(status_code=plan.status, headers=plan.headers)
        else:
            response = StreamingResponse(body, plan.status, plan.headers)
        set_by_caller = {name for name, _ in self.raw_headers}
        response.raw_headers = self.raw_headers + [
            header for header in response.raw_headers if header[0] not in set_by_caller
        ]
        try:
            await response(scope, receive, send)
        except ClientDisconnect as error:
            # Starlette takes every OSError for that; one of the storage is to be told.
            if isinstance(error.__context__, StoreError):
                raise error.__context__ from None
            raise
        finally:
            if body is not None:
                await body.close()
        if self.background is not None:
            await self.background()
