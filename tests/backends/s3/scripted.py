"""A small S3 in this process that writes down what it is asked, and fails as it is told.

Without faults it keeps objects and uploads, lists them, and decides conditions; it checks bodies
against their checksums, and no signature.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tests.backends.s3.engine import BUCKET, Answer, Asked, Engine
from tests.backends.s3.engine import crc32_of as crc32_of
from tests.backends.s3.engine import error as error

HOST = "127.0.0.1"
_HANG_SECS = 60.0  # the most that an answer waits for its gate


Do = Callable[[Asked], Answer]
Fault = Callable[[Asked, Do], Answer]
"""Gets a request and what would be done without it."""


def always(answer: Answer) -> Fault:
    """Answer this, and do nothing."""
    return lambda _asked, _do: answer


def reset(_asked: Asked, _do: Do) -> Answer:
    """Reset the connection before anything is done."""
    return Answer(reset=True)


def lose_the_answer(asked: Asked, do: Do) -> Answer:
    """Do what was asked, and reset the connection."""
    do(asked)
    return Answer(reset=True)


def hang(asked: Asked, do: Do) -> Answer:
    """Answer nothing, until the server is closed."""
    return Answer(gate=threading.Event())


def cut(asked: Asked, do: Do) -> Answer:
    """Do it, and end the connection half way through the body of the answer."""
    answer = do(asked)
    return answer._replace(cut_after=len(answer.body) // 2)


def flip(asked: Asked, do: Do) -> Answer:
    """One bit changes on its way, there and back."""
    if asked.body:
        asked = asked._replace(body=_flipped(asked.body))
    answer = do(asked)
    return answer._replace(body=_flipped(answer.body)) if asked.method == "GET" else answer


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else data


class ScriptedS3(Engine):
    """The server; use it in ``with``.

    ``objects`` and ``uploads`` are what is stored, ``asked`` the requests so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Asked] = []
        self.connections = 0
        self._faults: list[tuple[re.Pattern[str], Fault, Iterator[object]]] = []
        self._lock = threading.RLock()
        self._closing = threading.Event()
        owner = self

        class Handler(_Handler):
            server_of = owner

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        """Such as ``http://127.0.0.1:40123``."""
        return f"http://{HOST}:{self.port}"

    def url(self, prefix: str = "", **options: object) -> str:
        """The URL of a store here."""
        shown = {"endpoint": self.endpoint, "region": "us-east-1", **options}
        query = urlencode({name: str(value) for name, value in shown.items()})
        return f"s3://{BUCKET}/{quote(prefix)}?{query}"

    def fail(self, operations: str, fault: Fault | Answer, times: int | None = None) -> None:
        """Let the next requests fail whose operation matches the regular expression.

        ``"GetObject"``, ``"Put.*"``; ``times`` is how many, ``None``: all from now on.
        """
        do = always(fault) if isinstance(fault, Answer) else fault
        left: Iterator[object] = iter(range(times)) if times is not None else count()
        self._faults.append((re.compile(operations), do, left))

    def heal(self) -> None:
        """Forget all faults."""
        self._faults.clear()

    @property
    def operations(self) -> list[str]:
        """The names of the operations that were asked, as in Amazon's reference."""
        return [asked.operation for asked in self.asked]

    def answer(self, asked: Asked) -> Answer:
        """What the request is answered with, faults included."""
        with self._lock:
            self.asked.append(asked)
            for pattern, fault, left in self._faults:
                if pattern.fullmatch(asked.operation) and next(left, None) is not None:
                    return fault(asked, self.do)
            return self.do(asked)

    def wait_for(self, gate: threading.Event) -> None:
        """Until it opens or the server is closed."""
        for _ in range(int(_HANG_SECS / 0.05)):
            if gate.wait(0.05) or self._closing.is_set():
                return


class _Handler(BaseHTTPRequestHandler):
    server_of: ScriptedS3
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one piece

    def setup(self) -> None:
        super().setup()
        self.server_of.connections += 1

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, ValueError):  # the client has gone, which it may
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (ConnectionError, ValueError):
            return

    def handle_expect_100(self) -> bool:
        """Let the client send the body now; it waits a second for this."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def _serve(self) -> None:
        asked = self._read()
        if asked is None:  # the client is gone: what came of the value is none
            self.close_connection = True
            return
        owner = self.server_of
        answer = owner.answer(asked)
        if answer.gate is not None:
            owner.wait_for(answer.gate)
            if not answer.gate.is_set():
                answer = answer._replace(reset=True)
        if answer.reset:
            # No FIN but RST: what is still to be sent is dropped.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("x-amz-request-id", "scripted")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: answer.cut_after])
        self.wfile.flush()
        if answer.cut_after is not None:
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815

    def _read(self) -> Asked | None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        key = unquote(parts.path).removeprefix(f"/{BUCKET}").removeprefix("/")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body, _ = _unchunked(self.rfile.readline, self.rfile.read)
        else:
            size = int(headers.get("content-length", 0))
            body = self.rfile.read(size)
            if len(body) < size:
                return None
        if "aws-chunked" in headers.get("content-encoding", ""):
            lines = _Lines(body)
            body, trailers = _unchunked(lines.readline, lines.read)
            headers |= trailers
        operation = _operation(self.command, key, query, headers)
        return Asked(operation, self.command, key, query, headers, body)


class _Lines:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def readline(self) -> bytes:
        return self.read(self._data.index(b"\n", self._at) + 1 - self._at)

    def read(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        return self._data[start : self._at]


def _unchunked(
    readline: Callable[[], bytes], read: Callable[[int], bytes]
) -> tuple[bytes, dict[str, str]]:
    blocks, trailers = [], {}
    while size := int(readline().partition(b";")[0], 16):
        blocks.append(read(size))
        readline()
    while line := readline().strip():
        name, _, value = line.decode().partition(":")
        trailers[name.strip().lower()] = value.strip()
    return b"".join(blocks), trailers


def _operation(method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """What the request is called in Amazon's reference."""
    copies = "Copy" if "x-amz-copy-source" in headers else ""
    in_bucket = {
        "GET": "ListMultipartUploads" if "uploads" in query else "ListObjectsV2",
        "HEAD": "HeadBucket",
        "PUT": "CreateBucket",
        "POST": "DeleteObjects",
    }
    of_upload = {
        "GET": "ListParts",
        "PUT": f"UploadPart{copies}",
        "POST": "CompleteMultipartUpload",
        "DELETE": "AbortMultipartUpload",
    }
    of_object = {
        "GET": "GetObject",
        "HEAD": "HeadObject",
        "PUT": "CopyObject" if copies else "PutObject",
        "POST": "CreateMultipartUpload",
        "DELETE": "DeleteObject",
    }
    table = in_bucket if not key else of_upload if "uploadId" in query else of_object
    return table[method]
