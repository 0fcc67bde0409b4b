"""``python -m benchmarks.s3_server LARGE_BYTES KEYS``: an S3 that does as little as it can.

It prints its port, takes whatever is put and forgets it, gives `LARGE_BYTES` zeros for every key
but ``small``, and lists the same keys in pages that are ready. So what is measured against it is
the client.
"""

import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer
from subprocess import PIPE, Popen

HOST = "127.0.0.1"
PAGE_KEYS = 1000
SMALL_BYTES = 64 * 1024
_BLOCK = bytes(1024 * 1024)
_ETAG = '"0123456789abcdef0123456789abcdef"'
_HEAD = (
    f"ETag: {_ETAG}\r\nLast-Modified: Fri, 02 Jan 2026 03:04:05 GMT\r\n"
    "Content-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n"
)


def key_of(number: int) -> str:
    """One of the keys in the list."""
    return f"some/prefix/{number:026x}.bin"


def page(number: int, keys: int) -> bytes:
    """A page of the list, as S3 writes it."""
    first, last = number * PAGE_KEYS, min((number + 1) * PAGE_KEYS, keys)
    entries = "".join(
        f"<Contents><Key>{key_of(n)}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
        f"<ETag>&quot;{n:032x}&quot;</ETag><Size>{n}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
        for n in range(first, last)
    )
    more = last < keys
    token = f"<NextContinuationToken>{number + 1}</NextContinuationToken>" if more else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>'
        f"<EncodingType>url</EncodingType><KeyCount>{last - first}</KeyCount>"
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{entries}</ListBucketResult>"
    ).encode()


class Handler(StreamRequestHandler):
    """A connection."""

    rbufsize = 1024 * 1024
    wbufsize = 0
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer until the client goes."""
        try:
            while line := self.rfile.readline():
                self.serve(line.decode("latin-1"))
        except ConnectionError:
            return

    def serve(self, line: str) -> None:
        method, target, _ = line.split(" ", 2)
        headers = dict[str, str]()
        while (header := self.rfile.readline()) not in {b"\r\n", b""}:
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("expect"):
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        left = int(headers.get("content-length", 0))
        while left:
            left -= len(self.rfile.read1(min(left, len(_BLOCK))))
        self.answer(method, target, headers)

    def answer(self, method: str, target: str, headers: dict[str, str]) -> None:
        if "list-type=2" in target:
            found = re.search(r"continuation-token=(\d+)", target)
            self.send(PAGES[int(found[1]) if found else 0])
        elif method == "POST":
            self.send(
                b"<R><UploadId>1</UploadId><ETag>&quot;1-1&quot;</ETag></R>"
                if "uploadId" in target
                else b"<R><UploadId>1</UploadId></R>"
            )
        elif method in {"GET", "HEAD"}:
            size, first = SMALL_BYTES if target.endswith("/small") else LARGE_BYTES, 0
            status, extra = "200 OK", ""
            if found := re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", "")):
                first = int(found[1])
                last = min(int(found[2]), size - 1) if found[2] else size - 1
                status, extra = "206 P", f"Content-Range: bytes {first}-{last}/{size}\r\n"
                size = last + 1 - first
            self.wfile.write(
                f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{_HEAD}{extra}\r\n".encode()
            )
            while method == "GET" and size:
                block = memoryview(_BLOCK)[:size]
                self.wfile.write(block)
                size -= len(block)
        elif method == "DELETE":
            self.wfile.write(b"HTTP/1.1 204 N\r\n\r\n")
        else:
            self.send(b"")

    def send(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{_HEAD}\r\n"
        self.wfile.write(head.encode() + body)


class Server(ThreadingTCPServer):
    """Threads that end with the process."""

    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        """With small buffers a large body would arrive in many pieces."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * len(_BLOCK))
        super().server_bind()


@contextmanager
def serving(large_bytes: int, keys: int = 1) -> Iterator[str]:
    """The endpoint of a server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.s3_server", str(large_bytes), str(keys)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://{HOST}:{process.stdout.readline().strip()}"
        process.terminate()


if __name__ == "__main__":
    LARGE_BYTES, count = map(int, sys.argv[1:])
    PAGES = [page(number, count) for number in range(-(-count // PAGE_KEYS))]
    with Server((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()  # until whoever started it is gone
