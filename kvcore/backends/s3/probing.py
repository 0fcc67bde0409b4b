"""Which conditions a service decides, found out by trying: for ``kvcore check --write``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kvcore.backends.s3.conditions import ALL, NONE
from kvcore.backends.s3.errors import failures, is_missing, is_refused, said, told
from kvcore.backends.s3.objects import Answer, Boto
from kvcore.backends.s3.parts import abort
from kvcore.backends.s3.providers import COMPLETE, COPY, DECIDED, DELETE, PUT
from kvcore.errors import KvcoreError, StoreError

if TYPE_CHECKING:
    from kvcore.backends.s3.store import S3Store

_NO_ETAG = "0" * 32
_OLD, _NEW = b"kvcore check: old", b"kvcore check: new"


class Probe:
    """Tries conditions at a key that is free, and at another beside it; removes what it put."""

    def __init__(self, store: S3Store, key: str) -> None:
        self._store = store
        self._where = store._request(key)
        self._beside = store._request(f"{key}-beside")
        self._etag = ""
        self.quoted: bool = True
        """Whether ``If-Match`` takes the etag in quotes, once `decided` has found out."""

    def decided(self) -> frozenset[str]:
        """Those of `DECIDED` whose conditions hold here."""
        try:
            return self._tried(self._store._client())
        except KvcoreError:
            raise
        except failures() as error:
            raise told(error, None, self._store) from error

    def _tried(self, client: Boto) -> frozenset[str]:
        try:
            answer = client.put_object(**self._where, Body=_OLD)
            self._etag = said(answer, "ETag", None, self._store).strip('"')
            tries = {
                PUT: self._put,
                COMPLETE: self._complete,
                COPY: self._copy,
                DELETE: self._delete,
            }
            found = frozenset(name for name, attempt in tries.items() if attempt())
        finally:
            for where in (self._where, self._beside):
                client.delete_object(**where)
        return found if PUT in found else frozenset()

    def _refuses(self, call: Callable[..., object], **params: Answer) -> bool:
        """Whether the condition among the parameters is asked for, and told not to hold."""
        try:
            call(**params)
        except failures() as error:
            return is_refused(error) or ("IfMatch" in params and is_missing(error))
        return False

    def _put(self) -> bool:
        put = self._store._client().put_object
        params = {**self._where, "Body": _NEW}
        refuses = (
            self._refuses(put, **params, IfNoneMatch="*")
            and self._refuses(put, **params, IfMatch=f'"{_NO_ETAG}"')
            and self._refuses(put, **self._beside, Body=_NEW, IfMatch=f'"{_NO_ETAG}"')
        )
        if not refuses:
            return False
        for quoted in (True, False):
            etag = f'"{self._etag}"' if quoted else self._etag
            try:
                put(**{**params, "Body": _OLD}, IfMatch=etag)
            except failures() as error:
                if not is_refused(error):
                    return False
            else:
                self.quoted = quoted
                return True
        return False

    def _complete(self) -> bool:
        return self._upload_refuses(IfNoneMatch="*") and self._upload_refuses(
            IfMatch=self._matching(_NO_ETAG)
        )

    def _upload_refuses(self, **condition: str) -> bool:
        client = self._store._client()
        begun = client.create_multipart_upload(**self._where)
        where = {**self._where, "UploadId": said(begun, "UploadId", None, self._store)}
        try:
            part = client.upload_part(**where, PartNumber=1, Body=_NEW)
            etag = said(part, "ETag", None, self._store)
            parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
            return self._refuses(
                client.complete_multipart_upload, **where, MultipartUpload=parts, **condition
            )
        finally:
            abort(self._store, where["Key"], where["UploadId"])

    def _copy(self) -> bool:
        client = self._store._client()
        client.put_object(**self._beside, Body=_NEW)
        return self._refuses(
            client.copy_object, **self._where, CopySource=self._beside, IfNoneMatch="*"
        )

    def _delete(self) -> bool:
        return self._refuses(
            self._store._client().delete_object, **self._where, IfMatch=self._matching(_NO_ETAG)
        )

    def _matching(self, etag: str) -> str:
        return f'"{etag}"' if self.quoted else etag


def advice(store: S3Store, key: str) -> str | None:
    """What to set so that the store uses what the service decides; ``None`` if nothing.

    Raises `StoreError` where conditions are trusted that the service ignores.
    """
    probe = Probe(store, key)
    found = probe.decided()
    trusted = store._conditions.decided
    wanted = ALL if found == set(DECIDED) else ",".join(n for n in DECIDED if n in found) or NONE
    option = f"conditional={wanted}"
    if found and not probe.quoted:
        option += "&quoted_etags=false"
    if trusted - found:
        names = " and ".join(name for name in DECIDED if name in trusted - found)
        raise StoreError(
            f"the service ignores conditions on {names}, which would overwrite or delete silently:"
            f" set {option}",
            store=store,
        )
    if PUT in trusted and store._conditions.quoted != probe.quoted:
        raise StoreError(f"the service takes etags in another form: set {option}", store=store)
    if found - trusted:
        names = " and ".join(name for name in DECIDED if name in found - trusted)
        return f"the service decides conditions on {names}: set {option} to use them"
    return None
