"""A front before fake-gcs-server: does what it leaves out, notes requests, and fails as told.

fake-gcs-server ignores the conditions of deletes, copies and uploads in parts, and takes a question
for how far an upload has come as its end. The front decides these as the service is documented:
https://cloud.google.com/storage/docs/request-preconditions,
https://cloud.google.com/storage/docs/performing-resumable-uploads.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

_OBJECT = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)")
_REWRITE = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)/rewriteTo/b/([^/]+)/o/([^/]+)")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


class Request(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def __str__(self) -> str:
        """What kind of request it is, for counting."""
        if self.path.startswith("/upload/"):
            return f"{self.method} {self.query.get('uploadType')}"
        if self.path.startswith("/download/"):
            return f"{self.method} media"
        if self.path.startswith("/batch/"):
            return f"{self.method} batch"
        if _REWRITE.fullmatch(self.path):
            return f"{self.method} rewrite"
        return f"{self.method} {'object' if _OBJECT.fullmatch(self.path) else 'bucket'}"


class Answer(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def error(status: int, message: str = "told to fail") -> Answer:
    """An answer as the service has it for what goes wrong."""
    content = {"error": {"code": status, "message": message, "errors": [{"message": message}]}}
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(content).encode())


class Reset(Exception):
    """Break the connection instead of an answer."""


Send = Callable[[Request], Answer]
Fault = Callable[[Request, Send], "Answer | Cut | None"]
"""Gets a request and what would answer it; ``None`` leaves it to the server. May raise `Reset`."""


class Cut(NamedTuple):
    """An answer that ends after some bytes of its body, or stalls there."""

    answer: Answer
    after: int
    stall: bool = False


class Server(ThreadingHTTPServer):
    """Says nothing of clients that hang up: many tests have them do so."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Front:
    """The front at ``endpoint``. Its attributes may be changed while it serves."""

    def __init__(self, behind: str) -> None:
        self._behind = urlsplit(behind).netloc
        self._lock = threading.RLock()
        self._ends: dict[str, int] = {}
        self._conditions: dict[str, Request] = {}
        self._finished: dict[str, Answer] = {}
        self._idle: list[HTTPConnection] = []
        self.requests: list[Request] = []
        self.fault: Fault | None = None
        self.released = threading.Event()
        """What stalls goes on once this is set."""
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def handle_any(self) -> None:
                front._handle(self)

            def log_message(self, *args: Any) -> None:
                pass

        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            setattr(Handler, f"do_{method}", Handler.handle_any)

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """End it."""
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in self._idle:
            connection.close()

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Have requests fail so."""
        self.fault = fault
        try:
            yield
        finally:
            self.fault = None

    def counted(self) -> list[str]:
        """What was asked for since the last time, in order."""
        found = [str(request) for request in self.requests]
        self.requests.clear()
        return found

    # What happens to a request.

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        size = int(handler.headers.get("Content-Length") or 0)
        request = Request(
            handler.command,
            url.path,
            {name: values[0] for name, values in parse_qs(url.query).items()},
            {name.lower(): value for name, value in handler.headers.items()},
            handler.rfile.read(size),
        )
        self.requests.append(request)
        send = lambda asked: self._send(handler.path, asked)  # noqa: E731
        try:
            found = self.fault(request, send) if self.fault is not None else None
            self._reply(handler, send(request) if found is None else found)
        except (Reset, ConnectionError, TimeoutError):
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.close_connection = True
            handler.connection.close()

    def _reply(self, handler: BaseHTTPRequestHandler, found: Answer | Cut) -> None:
        answer = found.answer if isinstance(found, Cut) else found
        handler.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        if isinstance(found, Cut):
            handler.wfile.write(answer.body[: found.after])
            handler.wfile.flush()
            if found.stall:
                self.released.wait(30)
            handler.close_connection = True
            return
        handler.wfile.write(answer.body)

    def _send(self, target: str, request: Request) -> Answer:
        """What the service would answer."""
        upload = request.query.get("upload_id")
        if upload is not None:
            return self._send_upload(target, request, upload)
        wanted = request.query.get("ifGenerationMatch")
        if request.method == "DELETE" and wanted is not None:
            with self._lock:
                found = self._generation(request.path)
                if found is None:
                    return error(404, "No such object")
                return error(412) if found != wanted else self._pass_on(target, request)
        copy = _REWRITE.fullmatch(request.path)
        if copy is not None:
            with self._lock:
                bucket, source, to_bucket, dest = copy.groups()
                at = f"/storage/v1/b/{bucket}/o/{source}"
                found, asked = self._generation(at), request.query.get("sourceGeneration")
                if found is None or asked not in (None, found):
                    return error(404, "No such object")
                there = self._generation(f"/storage/v1/b/{to_bucket}/o/{dest}")
                if wanted is not None and wanted != (there or "0"):
                    return error(412)
                return self._pass_on(target, request)
        if request.method == "POST" and request.path.startswith("/upload/"):
            with self._lock:  # one winner also against deletes and copies
                if request.query.get("uploadType") != "resumable":
                    return self._pass_on(target, request)
                if not self._holds(request):
                    return error(412)
                answer = self._pass_on(target, request)
                if answer.status == 200:
                    address = {name.lower(): value for name, value in answer.headers.items()}
                    query = parse_qs(urlsplit(address["location"]).query)
                    self._conditions[query["upload_id"][0]] = request
                    # It names itself, not the front.
                    here = urlsplit(self.endpoint).netloc
                    there = address["location"].replace(self._behind, here)
                    answer = answer._replace(headers={**answer.headers, "Location": there})
                return answer
        return self._pass_on(target, request)

    def _send_upload(self, target: str, request: Request, upload: str) -> Answer:
        if request.method == "DELETE":
            self._ends[upload] = -1
            return error(499)
        found = _CONTENT_RANGE.fullmatch(request.headers["content-range"])
        assert found is not None
        end = self._ends.get(upload, 0)
        if end < 0:
            return error(404, "No such upload")
        if upload in self._finished:  # it tells again what it told at the end
            return self._finished[upload]
        first, last, total = found.groups()
        if first is None and total != str(end):
            so_far = {"Range": f"bytes=0-{end - 1}"} if end else {}
            return Answer(308, so_far, b"")
        if first is not None and int(first) != end:
            return error(503, "not where the upload stands")
        with self._lock:
            if total != "*" and not self._holds(self._conditions[upload]):
                return error(412)
            answer = self._pass_on(target, request)
            if total != "*" and answer.status == 200:
                self._finished[upload] = answer
        if first is not None and last is not None and answer.status in (200, 308):
            self._ends[upload] = int(last) + 1
        if answer.status == 308:  # what else fake-gcs-server says there is of no object
            return Answer(308, {"Range": f"bytes=0-{self._ends[upload] - 1}"}, b"")
        return answer

    def _holds(self, begun: Request) -> bool:
        """Whether the condition holds under which an upload began."""
        name = begun.query.get("name") or json.loads(begun.body)["name"]
        bucket = begun.path.split("/b/")[1].split("/")[0]
        found = self._generation(f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}") or "0"
        match, no_match = (begun.query.get(f"ifGeneration{kind}") for kind in ("Match", "NotMatch"))
        return match in (None, found) and no_match != found

    def _generation(self, path: str) -> str | None:
        answer = self._pass_on(path, Request("GET", path, {}, {}, b""))
        if answer.status == 404:
            return None
        return str(json.loads(answer.body)["generation"])

    def _pass_on(self, target: str, request: Request) -> Answer:
        """Ask the server behind."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = HTTPConnection(self._behind, timeout=60)
        try:
            headers = {
                name: value
                for name, value in request.headers.items()
                if name not in {"connection", "content-length"}
            }
            own = {"host", "accept-encoding"} & headers.keys()
            connection.putrequest(
                request.method,
                target,
                skip_host="host" in own,
                skip_accept_encoding="accept-encoding" in own,
            )
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body)
            response: HTTPResponse = connection.getresponse()
            answer = Answer(response.status, dict(response.headers.items()), response.read())
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer


def name_of(request: Request) -> str:
    """The name of the object that a request is for."""
    found = _OBJECT.search(request.path)
    return unquote(found[2]) if found else request.query.get("name", "")
