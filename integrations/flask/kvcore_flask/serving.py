"""`send_from_store`: a value as a response, safely: see `kvcore.serving`."""

from __future__ import annotations

from flask import Response, request
from werkzeug.exceptions import NotFound

from kvcore import InvalidKey, KeyNotFound, KeyValueStore
from kvcore.serving import PRIVATE, Presentation, open_response_inline, wsgi_headers
from kvcore_flask.stores import current_store


def send_from_store(
    store: str | KeyValueStore,
    key: str,
    *,
    filename: str | None = None,
    as_attachment: bool = False,
    cache_control: str = PRIVATE,
) -> Response:
    """Answer the current request with a value; a missing key is a 404.

    ``store`` is a name in ``KVCORE_STORES`` or a store, ``filename`` what a download is called
    (the last part of the key by default), ``cache_control`` who may keep a copy, for how long.
    Whether the user may have the value is for the view to ask, before.
    """
    environ = request.environ
    try:
        plan, body = open_response_inline(
            current_store(store),
            key,
            request.method,
            wsgi_headers(environ),
            Presentation(filename, as_attachment, cache_control),
        )
    except (KeyNotFound, InvalidKey) as error:
        raise NotFound from error
    response = Response(
        None if body is None else body.for_wsgi(environ),
        status=plan.status,
        headers=list(plan.headers.items()),
        direct_passthrough=True,
    )
    if "Content-Type" not in plan.headers:
        del response.headers["Content-Type"]  # Flask's guess, text/html
    return response
