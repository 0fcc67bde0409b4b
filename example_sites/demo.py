"""``make demo``: the three sites on free ports of 127.0.0.1, until Ctrl-C or SIGTERM.

Their pictures go to a new folder, or to the store whose URL is in ``KVCORE_DEMO_STORE``.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from wsgiref.types import WSGIApplication

from kvcore import StoreConfig
from kvcore.config import StorePlan, redacted

HOST = "127.0.0.1"


def main() -> None:
    """Run the demo."""
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    folder = Path(tempfile.mkdtemp(prefix="kvcore-demo-"))
    url = os.environ.get("KVCORE_DEMO_STORE") or f"fs://{folder.as_posix()}/pictures"
    shown = redacted(url, StorePlan.from_config(url).recipe)
    with ExitStack() as stack:
        for name, start in SITES.items():
            # Each site has a part of the store: what one shows is not for the others to delete.
            prefix = {"prefix": f"{name.lower()}-"}
            port, stop = start({"default": {"url": url, "decorators": [prefix]}}, folder)
            stack.callback(stop)
            print(f"{name:>9}  http://{HOST}:{port}/", flush=True)
        print(f"The pictures go to {shown}\nCtrl-C stops all three.", flush=True)
        stopped.wait()
    print(f"\nStopped. The pictures are in {shown}\n{folder} may be deleted.", flush=True)


def start_django(stores: dict[str, StoreConfig], folder: Path) -> tuple[int, Callable[[], None]]:
    """Django, with a database in ``folder``."""
    import django
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    os.environ["DJANGO_SETTINGS_MODULE"] = "example_sites.django_site.settings"
    os.environ["KVCORE_STORES"] = json.dumps(stores)
    os.environ["SHELF_DATABASE"] = str(folder / "django.sqlite3")
    django.setup()
    call_command("migrate", verbosity=0)
    return serve_wsgi(get_wsgi_application())


def start_flask(stores: dict[str, StoreConfig], folder: Path) -> tuple[int, Callable[[], None]]:
    """Flask."""
    from example_sites.flask_site import create_app

    return serve_wsgi(create_app({"KVCORE_STORES": stores}))


def start_starlette(stores: dict[str, StoreConfig], folder: Path) -> tuple[int, Callable[[], None]]:
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


def serve_wsgi(app: WSGIApplication) -> tuple[int, Callable[[], None]]:
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
