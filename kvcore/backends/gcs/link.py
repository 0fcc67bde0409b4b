"""`Link`: a client and the bucket of a store; every request goes through here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from kvcore.backends.gcs import errors, transport
from kvcore.backends.gcs.copying import rewrite
from kvcore.backends.gcs.listing import pages
from kvcore.backends.gcs.media import Media
from kvcore.backends.gcs.objects import Blob, Bucket, GoogleClient, Response, Timeout
from kvcore.backends.gcs.place import Place
from kvcore.backends.gcs.retrying import Pace
from kvcore.backends.gcs.uploads import Target

_T = TypeVar("_T")


class Link:
    """What the verbs of a store ask by; shared by its views and all threads.

    Most requests are made by the methods of the client's ``Blob``. What these cannot do (hand out a
    body as it arrives, take back an upload, copy all that is kept beside an object) is asked of the
    service by its documented addresses, in the session of the client:
    https://cloud.google.com/storage/docs/json_api/v1.
    """

    def __init__(self, client: GoogleClient, place: Place, pace: Pace) -> None:
        self.client = client
        self.bucket: Bucket = client.bucket(place.bucket, user_project=place.user_project)
        self.deadline_secs: float = pace.deadline_secs
        self._pace = pace
        self._kms_key = place.kms_key
        self._pays = f"&userProject={quote(place.user_project)}" if place.user_project else ""
        path = f"storage/v1/b/{quote(place.bucket, safe='')}/o/"
        self._objects = f"{client.api_endpoint}/{path}"
        self._media = f"{client.api_endpoint}/download/{path}"

    def call(self, work: Callable[[Timeout], _T], since: float | None = None) -> _T:
        """Do the work within the time of a call: see `Pace.call`."""
        since = time.monotonic() if since is None else since
        transport.call.ends = since + self.deadline_secs
        try:
            return self._pace.call(work, since)
        finally:
            transport.call.ends = None

    def ask(
        self,
        key: str | None,
        store: object,
        work: Callable[[Timeout], _T],
        since: float | None = None,
        *,
        reads: bool = False,
    ) -> _T:
        """As `call`; what goes wrong is a `StoreError`, but for `Refused`."""
        try:
            return self.call(work, since)
        except errors.ALL as error:
            raise errors.told(error, key, store, reads=reads) from error

    def send(
        self,
        method: str,
        url: str,
        timeout: Timeout,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        stream: bool = False,
        allowed: tuple[int, ...] = (),
    ) -> Response:
        """Send a request; an answer that is neither 2xx nor ``allowed`` is raised."""
        response = self.client._http.request(
            method,
            url,
            headers=headers,
            data=data,
            stream=stream,
            timeout=timeout,
            allow_redirects=False,
            hooks={"response": _take_refusal},
        )
        if 200 <= response.status_code < 300 or response.status_code in allowed:
            return response
        raise errors.answered(response)

    # What the verbs need, one by one.

    def media(self, name: str, key: str, store: object) -> Media:
        """The bytes of an object."""
        return Media(self, name, key, store)

    def target(self, *what: Any) -> Target:
        """Where a value goes; the arguments are the fields of `Target` but for the link."""
        return Target(self, *what)

    pages = pages
    rewrite = rewrite

    def blob(self, name: str) -> Blob:
        """A new handle on an object."""
        return self.bucket.blob(name, kms_key_name=self._kms_key)

    def media_url(self, name: str, generation: str | None) -> str:
        """Where the bytes of an object are, be it of one version alone."""
        version = f"&generation={generation}" if generation is not None else ""
        return f"{self._media}{quote(name, safe='')}?alt=media{version}{self._pays}"

    def rewrite_url(self, source: str, dest: str, query: str) -> str:
        """Where one object is copied to another: ``query`` are further parameters."""
        bucket = quote(self.bucket.name, safe="")
        names = f"{quote(source, safe='')}/rewriteTo/b/{bucket}/o/{quote(dest, safe='')}"
        return f"{self._objects}{names}?{query}{self._pays}"


def _take_refusal(response: Response, **_: object) -> None:
    """Read an answer that says no: a session that asks again for its token would drop it."""
    if response.status_code >= 300:
        response.content  # noqa: B018  # is read by being looked at
