"""The sessions of clients that we make: time-outs that hold, and a pool of the right size."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

from google.auth.exceptions import TransportError
from google.auth.transport.requests import AuthorizedSession, Request
from requests import PreparedRequest, Session
from requests.adapters import HTTPAdapter

from kvcore.backends.gcs.objects import Credentials, Response

_PIECE_BYTES = 256 * 1024


class PiecesAdapter(HTTPAdapter):
    """Sends bodies in pieces.

    A time-out of Python's sockets is for all that one call sends, and urllib3 sends a body of bytes
    by one: eight megabytes would have to be gone within the seconds for a connect.
    """

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Have files read in pieces."""
        super().init_poolmanager(*args, blocksize=_PIECE_BYTES, **kwargs)

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # as it is called
        timeout: Any = None,  # noqa: ANN401  # as in the base
        verify: bool | str = True,
        cert: Any = None,  # noqa: ANN401
        proxies: dict[str, str] | None = None,
    ) -> Response:
        """Send a request."""
        body = request.body
        if isinstance(body, bytes) and len(body) > _PIECE_BYTES:
            request.body = io.BytesIO(body)  # a file is as good
        response = super().send(
            request, stream=stream, timeout=timeout, verify=verify, cert=cert, proxies=proxies
        )
        if response.encoding is None:  # to guess it from a page of errors takes a second
            response.encoding = "utf-8"
        return response


class _Call(threading.local):
    ends: float | None = None


call: _Call = _Call()
"""The call that this thread makes: what asks for its token has to end with it."""


class TokenRequest(Request):
    """Asks for tokens, within the time of the call that needs one."""

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: Any = None,  # noqa: ANN401  # as in the base
        headers: Any = None,  # noqa: ANN401
        timeout: Any = None,  # noqa: ANN401
        **kwargs: Any,
    ) -> Response:
        """Make a request."""
        if call.ends is not None:
            left = call.ends - time.monotonic()
            if left <= 0:
                cause = TimeoutError("no time was left to ask for a token")
                raise TransportError(cause)  # type: ignore[no-untyped-call]
            timeout = left
        return super().__call__(  # type: ignore[no-untyped-call]
            url, method=method, body=body, headers=headers, timeout=timeout, **kwargs
        )


def make_session(credentials: Credentials, pool_size: int) -> AuthorizedSession:
    """A session that signs with these credentials and keeps ``pool_size`` connections."""
    ask = TokenRequest(Session())
    session = AuthorizedSession(credentials, auth_request=ask)  # type: ignore[no-untyped-call]
    session.max_redirects = 0  # the service has none; a proxy may have
    adapter = PiecesAdapter(pool_connections=pool_size, pool_maxsize=pool_size)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session
