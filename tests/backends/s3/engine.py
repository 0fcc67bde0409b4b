"""What S3 does with objects and uploads, in a few dictionaries; see `scripted`."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import threading
import zlib
from collections.abc import Callable, Mapping
from email.utils import formatdate
from itertools import count
from typing import NamedTuple
from urllib.parse import quote, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

BUCKET = "bucket"
_CHECKSUMS: Mapping[str, Callable[[bytes], bytes]] = {
    "crc32": lambda data: struct.pack(">I", zlib.crc32(data)),
    "sha1": lambda data: hashlib.sha1(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}


class Asked(NamedTuple):
    """A request; names of headers are in lower case."""

    operation: str
    method: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What is sent back."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    cut_after: int | None = None
    """Bytes of the body after which the connection ends."""
    reset: bool = False
    """The connection is reset instead."""
    gate: threading.Event | None = None
    """Wait for this before anything is sent."""


class Kept(NamedTuple):
    """An object."""

    data: bytes
    headers: Mapping[str, str]

    @property
    def etag(self) -> str:
        return self.headers["ETag"].strip('"')


def error(status: int, code: str, message: str = "so it was told") -> Answer:
    """As a service reports an error."""
    text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(status, _xml(text), {"Content-Type": "application/xml"})


class Engine:
    """Keeps ``objects`` by key and ``uploads`` by id; ``do`` answers a request."""

    def __init__(self) -> None:
        self.objects: dict[str, Kept] = {}
        self.uploads: dict[str, tuple[str, dict[int, bytes], Mapping[str, str]]] = {}
        self.page_size = 1000
        self._ids = count()

    def keep(self, key: str, data: bytes, **headers: str) -> Kept:
        """Put an object there without a request; ``Content_Type="text/plain"``."""
        kept = Kept(
            data,
            {
                "Content-Type": "binary/octet-stream",
                **{name.replace("_", "-"): value for name, value in headers.items()},
                "ETag": f'"{hashlib.md5(data).hexdigest()}"',
                "Last-Modified": formatdate(usegmt=True),
            },
        )
        self.objects[key] = kept
        return kept

    def do(self, asked: Asked) -> Answer:
        """What the request is answered with."""
        refused = _checked(asked)
        if refused is None:
            answer: Answer = getattr(self, f"_{asked.operation}")(asked)
            return answer
        return refused

    def _HeadBucket(self, _asked: Asked) -> Answer:  # noqa: N802
        return Answer()

    def _CreateBucket(self, _asked: Asked) -> Answer:  # noqa: N802
        return Answer()

    def _PutObject(self, asked: Asked) -> Answer:  # noqa: N802
        refused = self._refused(asked)
        if refused is not None:
            return refused
        kept = self.keep(asked.key, asked.body, **_kept_headers(asked.headers))
        return Answer(headers={"ETag": kept.headers["ETag"], **_checksums(kept.headers)})

    def _GetObject(self, asked: Asked) -> Answer:  # noqa: N802
        kept = self.objects.get(asked.key)
        if kept is None:
            return error(404, "NoSuchKey")
        wanted = asked.headers.get("if-match")
        if wanted is not None and wanted.strip('"') != kept.etag:
            return error(412, "PreconditionFailed")
        headers = dict(kept.headers)
        if asked.headers.get("x-amz-checksum-mode") != "ENABLED":
            headers = {
                name: kept.headers[name] for name in headers if name not in _checksums(headers)
            }
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.headers.get("range", ""))
        if found is None:
            return Answer(200, kept.data, headers)
        size, first = len(kept.data), int(found[1])
        last = min(int(found[2]), size - 1) if found[2] else size - 1
        if first >= size:
            return error(416, "InvalidRange")
        headers = {name: headers[name] for name in headers if not name.startswith("x-amz-checksum")}
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        return Answer(206, kept.data[first : last + 1], headers)

    _HeadObject = _GetObject

    def _DeleteObject(self, asked: Asked) -> Answer:  # noqa: N802
        refused = self._refused(asked)
        if refused is not None:
            return refused
        self.objects.pop(asked.key, None)
        return Answer(204)

    def _DeleteObjects(self, asked: Asked) -> Answer:  # noqa: N802
        root = ET.fromstring(asked.body)
        done = ""
        for found in root.iterfind("{*}Object/{*}Key"):
            key = found.text or ""
            self.objects.pop(key, None)
            done += f"<Deleted><Key>{escape(key)}</Key></Deleted>"
        quiet = root.findtext("{*}Quiet") == "true"
        return Answer(200, _xml(f"<DeleteResult>{'' if quiet else done}</DeleteResult>"))

    def _CopyObject(self, asked: Asked) -> Answer:  # noqa: N802
        source = self._source(asked)
        if source is None:
            return error(404, "NoSuchKey")
        refused = self._refused(asked)
        if refused is not None:
            return refused
        headers = _kept_headers(asked.headers)
        if asked.headers.get("x-amz-metadata-directive") != "REPLACE":
            headers = {"Content_Type": source.headers["Content-Type"]}
        kept = self.keep(asked.key, source.data, **headers)
        return Answer(200, _copied("CopyObjectResult", kept.headers["ETag"]))

    def _ListObjectsV2(self, asked: Asked) -> Answer:  # noqa: N802
        query = asked.query
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token") or query.get("start-after", "")
        most = min(int(query.get("max-keys", self.page_size)), self.page_size)
        entries, groups, last, more = "", dict[str, None](), after, False
        for key in sorted(self.objects, key=lambda key: key.encode()):
            group = ""
            if delimiter and key.startswith(prefix):
                head, found, _ = key[len(prefix) :].partition(delimiter)
                group = prefix + head + delimiter if found else ""
            place = group or key
            if not key.startswith(prefix) or place.encode() <= after.encode() or place in groups:
                continue
            if entries.count("<Contents>") + len(groups) == most:
                more = True
                break
            last = place
            if group:
                groups[group] = None
            else:
                kept = self.objects[key]
                entries += (
                    f"<Contents><Key>{quote(key, safe='/')}</Key>"
                    "<LastModified>2026-01-02T03:04:05.000Z</LastModified>"
                    f"<ETag>&quot;{kept.etag}&quot;</ETag><Size>{len(kept.data)}</Size>"
                    "<StorageClass>STANDARD</StorageClass></Contents>"
                )
        shared = "".join(
            f"<CommonPrefixes><Prefix>{quote(group, safe='/')}</Prefix></CommonPrefixes>"
            for group in groups
        )
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if more else ""
        text = (
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{BUCKET}</Name><Prefix>{quote(prefix, safe='/')}</Prefix>"
            f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{token}{entries}{shared}</ListBucketResult>"
        )
        return Answer(200, _xml(text), {"Content-Type": "application/xml"})

    def _CreateMultipartUpload(self, asked: Asked) -> Answer:  # noqa: N802
        upload = f"upload-{next(self._ids)}"
        self.uploads[upload] = asked.key, {}, _kept_headers(asked.headers)
        begun = f"<Bucket>{BUCKET}</Bucket><UploadId>{upload}</UploadId>"
        root = "InitiateMultipartUploadResult"
        return Answer(200, _xml(f"<{root}>{begun}</{root}>"))

    def _UploadPart(self, asked: Asked) -> Answer:  # noqa: N802
        return self._part(asked, asked.body)

    def _UploadPartCopy(self, asked: Asked) -> Answer:  # noqa: N802
        source = self._source(asked)
        if source is None:
            return error(404, "NoSuchKey")
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers.get("x-amz-copy-source-range", ""))
        data = source.data if found is None else source.data[int(found[1]) : int(found[2]) + 1]
        answer = self._part(asked, data)
        if answer.status != 200:
            return answer
        return Answer(200, _copied("CopyPartResult", answer.headers["ETag"]))

    def _part(self, asked: Asked, data: bytes) -> Answer:
        found = self.uploads.get(asked.query["uploadId"])
        if found is None:
            return error(404, "NoSuchUpload")
        found[1][int(asked.query["partNumber"])] = data
        headers = {"ETag": f'"{hashlib.md5(data).hexdigest()}"'}
        sent = _kept_headers(asked.headers).items()
        return Answer(
            headers=headers | {n.replace("_", "-"): v for n, v in sent if "checksum" in n}
        )

    def _CompleteMultipartUpload(self, asked: Asked) -> Answer:  # noqa: N802
        upload = self.uploads.get(asked.query["uploadId"])
        if upload is None:
            return error(404, "NoSuchUpload")
        refused = self._refused(asked)
        if refused is not None:
            return refused
        key, parts, headers = upload
        numbers = [
            int(n.text or "")
            for n in ET.fromstring(asked.body).iter()
            if n.tag.endswith("PartNumber")
        ]
        if not numbers or any(number not in parts for number in numbers):
            return error(400, "InvalidPart")
        chosen = [parts[number] for number in numbers]
        kept = self.keep(key, b"".join(chosen), **headers)
        whole = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in chosen)).hexdigest()
        etag = f'"{whole}-{len(chosen)}"'
        self.objects[key] = Kept(kept.data, {**kept.headers, "ETag": etag})
        del self.uploads[asked.query["uploadId"]]
        return Answer(200, _copied("CompleteMultipartUploadResult", etag))

    def _AbortMultipartUpload(self, asked: Asked) -> Answer:  # noqa: N802
        if self.uploads.pop(asked.query["uploadId"], None) is None:
            return error(404, "NoSuchUpload")
        return Answer(204)

    def _ListMultipartUploads(self, _asked: Asked) -> Answer:  # noqa: N802
        found = "".join(
            f"<Upload><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
            "<Initiated>2026-01-02T03:04:05.000Z</Initiated></Upload>"
            for upload, (key, _, _) in self.uploads.items()
        )
        root = "ListMultipartUploadsResult"
        return Answer(200, _xml(f"<{root}><IsTruncated>false</IsTruncated>{found}</{root}>"))

    def _ListParts(self, asked: Asked) -> Answer:  # noqa: N802
        if asked.query["uploadId"] not in self.uploads:
            return error(404, "NoSuchUpload")
        return Answer(200, _xml("<ListPartsResult></ListPartsResult>"))

    def _source(self, asked: Asked) -> Kept | None:
        bucket_and_key = unquote(asked.headers["x-amz-copy-source"]).lstrip("/")
        return self.objects.get(bucket_and_key.partition("/")[2].partition("?")[0])

    def _refused(self, asked: Asked) -> Answer | None:
        kept = self.objects.get(asked.key)
        if kept is not None and asked.headers.get("if-none-match") == "*":
            return error(412, "PreconditionFailed")
        wanted = asked.headers.get("if-match")
        if wanted is None or (kept is not None and wanted.strip('"') in (kept.etag, "*")):
            return None
        return error(404, "NoSuchKey") if kept is None else error(412, "PreconditionFailed")


def crc32_of(data: bytes) -> str:
    """As S3 writes it."""
    return base64.b64encode(_CHECKSUMS["crc32"](data)).decode()


def _checked(asked: Asked) -> Answer | None:
    """An error if the body is not what its checksum says."""
    for name, compute in _CHECKSUMS.items():
        sent = asked.headers.get(f"x-amz-checksum-{name}")
        if sent is not None and base64.b64decode(sent) != compute(asked.body):
            return error(400, "BadDigest")
    sent = asked.headers.get("content-md5")
    if sent is not None and base64.b64decode(sent) != hashlib.md5(asked.body).digest():
        return error(400, "BadDigest")
    return None


def _kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of a put that come back with the object."""
    found = {}
    for name, value in headers.items():
        kept = name in {"content-type", "cache-control", "content-disposition"}
        if kept or (name.startswith(("x-amz-checksum-", "x-amz-meta-"))):
            found["Content_Type" if name == "content-type" else name] = value
    return found


def _checksums(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in headers if name.startswith("x-amz-checksum-")}


def _copied(root: str, etag: str) -> bytes:
    return _xml(
        f"<{root}><ETag>{escape(etag)}</ETag>"
        f"<LastModified>2026-01-02T03:04:05.000Z</LastModified></{root}>"
    )


def _xml(text: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
