"""``make demo``: the three sites on free ports of 127.0.0.1, until Ctrl-C or SIGTERM.

Their pictures go to a folder, or to the store whose URL is in ``KVCORE_DEMO_STORE``; so do their
sessions, unless ``KVCORE_DEMO_SESSION_STORE`` names another store.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from threading import Event, Thread
from wsgiref.types import WSGIApplication

from kvcore import KeyValueStore, store_from_url
from kvcore.config import StorePlan, redacted

HOST = "127.0.0.1"
FOLDER = "fs://build/demo"

Stores = Mapping[str, KeyValueStore]
Stop = Callable[[], None]


def main() -> None:
    """Run the demo."""
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    url = os.environ.get("KVCORE_DEMO_STORE") or FOLDER
    shown = redacted(url, StorePlan.from_config(url).recipe)
    sessions_url = os.environ.get("KVCORE_DEMO_SESSION_STORE")
    with store_from_url(url) as store, ExitStack() as stack:
        # One store object for all, so that even memory:// is one shelf.
        stores = {"default": store}
        if sessions_url:
            stores["sessions"] = stack.enter_context(store_from_url(sessions_url))
        for name, start in SITES.items():
            port, stop = start(stores)
            stack.callback(stop)
            print(f"{name:>9}  http://{HOST}:{port}/", flush=True)
        print(f"One shelf for all three: {shown}\nCtrl-C stops them.", flush=True)
        stopped.wait()
    print(f"\nStopped. The pictures are in {shown}", flush=True)


def start_django(stores: Stores) -> tuple[int, Stop]:
    """Django."""
    import django
    from django.core.wsgi import get_wsgi_application

    from example_sites.shelf import settings

    settings.STORES = stores
    os.environ["DJANGO_SETTINGS_MODULE"] = "example_sites.django_site.settings"
    django.setup()
    return serve_wsgi(get_wsgi_application())


def start_flask(stores: Stores) -> tuple[int, Stop]:
    """Flask."""
    from example_sites.flask_site import create_app

    return serve_wsgi(create_app({"KVCORE_STORES": stores}))


def start_starlette(stores: Stores) -> tuple[int, Stop]:
    """Starlette."""
    import uvicorn

    from example_sites.starlette_site import create_app

    # Seconds for requests that are running when it is stopped.
    config = uvicorn.Config(create_app(stores), log_level="warning", timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    listener = socket.create_server((HOST, 0))
    thread = Thread(target=server.run, args=([listener],), name="starlette")
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join()
        listener.close()

    return listener.getsockname()[1], stop


def serve_wsgi(app: WSGIApplication) -> tuple[int, Stop]:
    """Serve an app on a free port by the development server that comes with Flask."""
    from werkzeug.serving import make_server

    server = make_server(HOST, 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    return server.server_port, stop


SITES = {"Django": start_django, "Flask": start_flask, "Starlette": start_starlette}

if __name__ == "__main__":
    main()
