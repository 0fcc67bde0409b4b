"""`Upload`: a value on its way in parts, published whole or taken back whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

from kvcore.backends.s3.bodies import Halted
from kvcore.backends.s3.errors import code_of, failures, is_missing, said
from kvcore.backends.s3.objects import Answer
from kvcore.errors import StoreError

if TYPE_CHECKING:
    from kvcore.backends.s3.store import S3Store
    from kvcore.backends.s3.uploading import Put

MOST_PARTS = 10_000
_ABORT_TRIES = 3


class Upload:
    """A value on its way in parts. Ends with `complete` or `abort`, else parts stay behind.

    At most ``at_once`` parts are on their way; who sends another one waits.
    """

    def __init__(self, put: Put, params: dict[str, Answer], at_once: int) -> None:
        self._put = put
        self._where = put.store._request(put.key)
        self._parts: dict[int, dict[str, Answer]] = {}
        self._error: BaseException | None = None
        self._lock = Lock()
        self._sent = 0
        self._slots = BoundedSemaphore(at_once)
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="kvcore-s3")
        try:
            answer = put.store._client().create_multipart_upload(**params)
        except failures() as error:
            raise put.told(error) from error
        self._where["UploadId"] = said(answer, "UploadId", put.key, put.store)

    def halted(self) -> bool:
        """Whether the upload is given up."""
        return self._error is not None

    def send(self, operation: str, **params: Answer) -> None:
        """Send the next part, in a thread; raises what a part before met."""
        self._sent += 1
        if self._sent > MOST_PARTS:
            raise StoreError(
                f"a value goes in at most {MOST_PARTS} parts: set a larger part_size",
                key=self._put.key,
                store=self._put.store,
            )
        self._slots.acquire()  # released by the thread
        try:
            if self._error is not None:
                raise self._error
            self._pool.submit(self._send, operation, self._sent, params)
        except BaseException:
            self._slots.release()
            raise

    def _send(self, operation: str, number: int, params: dict[str, Answer]) -> None:
        try:
            if self._error is None:
                call = getattr(self._put.store._client(), operation)
                answer = call(**self._where, PartNumber=number, **params)
                found = answer.get("CopyPartResult", answer)
                said(found, "ETag", self._put.key, self._put.store)
                self._parts[number] = _part(number, found)
        except BaseException as error:  # noqa: BLE001  # raised by `send` or `complete`
            self._fail(error, params.get("Body"))
        finally:
            self._slots.release()

    def _fail(self, error: BaseException, body: object) -> None:
        if isinstance(error, failures()):
            cause, error = error, self._put.told(error, body)
            error.__cause__ = None if error is cause else cause
        with self._lock:
            if self._error is None and not isinstance(error, Halted):
                self._error = error

    def wait(self) -> None:
        """Wait until all parts have arrived; raises what one of them met."""
        self._pool.shutdown()
        if self._error is not None:
            raise self._error

    def complete(self) -> None:
        """Publish the value, once all parts have arrived."""
        self.wait()
        put = self._put
        parts = {"Parts": [self._parts[number] for number in sorted(self._parts)]}

        def send(conditions: dict[str, Answer]) -> None:
            try:
                answer = put.store._client().complete_multipart_upload(
                    **self._where, MultipartUpload=parts, **conditions
                )
            except failures() as error:
                raise put.told(error) from error
            said(answer, "ETag", put.key, put.store)

        put.on_condition(send)

    def abort(self, reason: BaseException | None = None) -> None:
        """Give up: wait for the parts that are on their way, then have all of them removed."""
        with self._lock:
            if self._error is None:
                self._error = Halted()
        self._pool.shutdown(cancel_futures=True)  # a part that comes after the abort would stay
        where = self._where
        try:
            abort(self._put.store, where["Key"], where["UploadId"])
        except StoreError as error:
            if reason is None:
                raise
            reason.add_note(f"what was sent of it stays in the bucket: {error}")


def abort(store: S3Store, name: str, upload_id: str) -> None:
    """Remove the parts of an upload. Raises `StoreError` if that fails again and again."""
    for number in range(1, _ABORT_TRIES + 1):
        try:
            store._client().abort_multipart_upload(
                Bucket=store._bucket, Key=name, UploadId=upload_id
            )
        except failures() as error:
            if code_of(error) == "NoSuchUpload" or is_missing(error):
                return
            if number == _ABORT_TRIES:
                raise StoreError(
                    f"the parts of an unfinished upload of {name!r} could not be removed"
                    f" ({error}); `kvcore gc` does it",
                    store=store,
                ) from error
        else:
            return


def _part(number: int, found: Answer) -> dict[str, Answer]:
    """What completing an upload says of a part."""
    checksums = {name: found[name] for name in found if name in _PART_CHECKSUMS}
    return {"PartNumber": number, "ETag": found["ETag"], **checksums}


_PART_CHECKSUMS = frozenset(
    f"Checksum{name}" for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
)
