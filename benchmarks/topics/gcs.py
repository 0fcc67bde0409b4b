"""Google Cloud Storage: a session that only pretends"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, TypeAlias

from benchmarks.measure import OURS, Contest, difference, timed
from benchmarks.places import ANY, Missing, Place
from benchmarks.row import Row
from kvcore import GoogleCloudStore

Google: TypeAlias = Any  # google-cloud-storage has no types

BUCKET = "bucket"
SMALL = bytes(100)
_META = (
    b'{"kind": "storage#object", "name": "key", "bucket": "bucket", "generation": "1",'
    b' "size": "100", "contentType": "application/octet-stream", "etag": "CAE=",'
    b' "updated": "2026-01-02T03:04:05.000Z"}'
)


class _Body:
    """What a response of requests reads from."""

    def __init__(self, data: bytes) -> None:
        self._left = data
        self.headers = dict[str, str]()
        self.status = 200

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self.read()]

    def read(self, amt: int | None = None, **_: object) -> bytes:
        block, self._left = self._left, b""
        return block

    read1 = read

    def close(self) -> None:
        """Nothing is open."""

    release_conn = close


class Pretending:
    """A session of requests whose answers are ready."""

    is_mtls = False

    def request(self, method: str, url: str, **_: object) -> Google:
        from requests import Response

        answer = Response()
        answer.status_code = 204 if method == "DELETE" else 200
        is_media = method == "GET" and ("alt=media" in url or "/download/" in url)
        data = SMALL if is_media else b"" if method == "DELETE" else _META
        answer.raw = _Body(data)
        answer.headers.update({"Content-Length": str(len(data)), "Content-Type": "text/plain"})
        if is_media:
            answer.headers.update(
                {
                    "X-Goog-Generation": "1",
                    "X-Goog-Stored-Content-Length": str(len(SMALL)),
                    "Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT",
                }
            )
        return answer

    def get(self, url: str, **options: object) -> Google:
        return self.request("GET", url, **options)

    def close(self) -> None:
        """Nothing is open."""


def added(place: Place, verb: str) -> Contest:
    """What a verb costs beyond the client's own call."""
    if find_spec("google.cloud.storage") is None:
        raise Missing("google-cloud-storage is not installed")
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    client = Client("project", credentials=AnonymousCredentials(), _http=Pretending())
    store, names, bucket = (
        GoogleCloudStore(BUCKET, client=client),
        place.names(),
        client.bucket(BUCKET),
    )
    bare: dict[str, Callable[[str], object]] = {
        "put": lambda name: bucket.blob(name).upload_from_string(SMALL, "text/plain"),
        "get": lambda name: bucket.blob(name).download_as_bytes(),
        "stat": lambda name: bucket.blob(name).reload(),
        "delete": lambda name: bucket.blob(name).delete(),
    }
    ours: dict[str, Callable[[str], object]] = {
        "put": lambda name: store.put(name, SMALL),
        "get": store.get,
        "stat": store.stat,
        "delete": store.delete,
    }
    assert store.get("key") == SMALL
    return {
        OURS: difference(timed(ours[verb], names), timed(bare[verb], names)),
        "google-cloud-storage": timed(bare[verb], names),
    }


ROWS = tuple(
    Row(
        f"Google: {verb} 100 B, added to the client's call", partial(added, verb=verb), {ANY: 20e-6}
    )
    for verb in ("put", "get", "stat", "delete")
)
