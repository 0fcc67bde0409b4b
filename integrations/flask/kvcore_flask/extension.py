"""`KVCore`: the extension. It reads ``KVCORE_STORES`` and holds the stores of each app."""

from __future__ import annotations

import os
from typing import IO, Any

from flask import Flask, Request, current_app
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import (
    BadRequest,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)

from kvcore import ConfigError, KeyValueStore, Stores, UploadRefused
from kvcore.uploads import http_status
from kvcore_flask.commands import add_commands
from kvcore_flask.sessions import current_sessions, keep_sessions_in

SETTING = "KVCORE_STORES"
SESSION_STORE = "KVCORE_SESSION_STORE"


class KVCore:
    """Gives an app the stores that its config names in ``KVCORE_STORES``.

    Each entry is checked now and built when first used. ``KVCore(app)``, or ``init_app(app)`` in
    an application factory; one object may serve several apps, each has its own stores, a `Stores`
    in ``app.extensions["kvcore"]``. Where the config has none, the environment variable
    ``KVCORE_STORES`` is read as JSON.

    A refused upload that no view and no error handler of the app takes care of is answered with
    413 (too large), 415 (another type) or 400 (no file), as the app shows these errors.

    With ``KVCORE_SESSION_STORE``, the name of a store (or a store), the app's sessions are kept
    there: see `KVSessionExtension`.

    ``flask kvcore`` is kvcore's command line for the stores of the app.

    >>> from kvcore_flask import current_store
    >>> app = Flask("example")
    >>> app.config["KVCORE_STORES"] = {"default": "memory://"}
    >>> kvcore = KVCore(app)
    >>> with app.app_context():
    ...     current_store().put("pictures/cat.png", b"...")
    'pictures/cat.png'
    """

    def __init__(self, app: Flask | None = None) -> None:
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the app's config. Raises `kvcore.ConfigError` for an entry that is wrong."""
        if "kvcore" in app.extensions:
            # Two sets of stores would be two memories, and the first set never closed.
            raise RuntimeError("this app has its stores already: call KVCore(app) or init_app once")
        configs = app.config.get(SETTING)
        if configs is None and SETTING in os.environ:
            app.extensions["kvcore"] = Stores.from_env(SETTING, keys="path")
        else:
            app.extensions["kvcore"] = Stores({} if configs is None else configs, keys="path")
        _keep_sessions(app, app.extensions["kvcore"])
        app.request_class = _closing(app.request_class)
        if UploadRefused not in app.error_handler_spec[None][None]:
            app.register_error_handler(UploadRefused, _answer_refused)
        add_commands(app, current_sessions)


def _keep_sessions(app: Flask, stores: Stores) -> None:
    store = app.config.get(SESSION_STORE)
    if store is None:
        return
    if not isinstance(store, str | KeyValueStore):
        raise ConfigError(f"{SESSION_STORE} is the name of a store, or a store")
    if isinstance(store, str) and store not in stores:
        names = ", ".join(map(repr, stores))
        raise ConfigError(f"{SESSION_STORE} names no store of {SETTING}: {store!r}; there: {names}")
    keep_sessions_in(app, lambda: stores[store] if isinstance(store, str) else store)


_ANSWERS = {answer.code: answer for answer in (RequestEntityTooLarge, UnsupportedMediaType)}


def _answer_refused(error: UploadRefused) -> ResponseReturnValue:
    answer = _ANSWERS.get(http_status(error), BadRequest)
    return current_app.handle_user_exception(answer(error.message))


def _closing(kind: type[Request]) -> type[Request]:
    """A class of requests that also close what they received of an upload that broke off.

    Werkzeug closes files of forms that came whole; the others are held by a traceback that is part
    of a cycle, and stay on the disk until the garbage is collected, some time.
    """

    class ClosingRequest(kind):  # type: ignore[valid-type,misc]  # the app's own may be any
        def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
            stream: IO[bytes] = super()._get_file_stream(*args, **kwargs)
            self.__dict__.setdefault("_kvcore_streams", []).append(stream)
            return stream

        def close(self) -> None:
            """Called by Flask when the request is over."""
            super().close()
            for stream in self.__dict__.get("_kvcore_streams", ()):
                stream.close()

    return ClosingRequest
