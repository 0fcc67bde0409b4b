"""The object stores of the tests start, keep objects, differ as we think, and end."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.object_servers import s3
from tests.object_servers.gcs import GcsBucket
from tests.object_servers.s3 import Bucket, S3Server

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(params=["moto", "radosgw", "rclone", "juicefs"])
def any_bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    """A bucket on each kind of server."""
    with contextlib.ExitStack() as stack:
        if request.param in ("moto", "radosgw"):
            server: S3Server = request.getfixturevalue(request.param)
        else:
            server = stack.enter_context(s3.running(request.param))
        yield stack.enter_context(server.bucket())


def test_a_bucket_keeps_objects(any_bucket: Bucket) -> None:
    """Each server stores, lists and removes."""
    any_bucket.put("a/b", b"value")
    any_bucket.put("other", b"")
    assert (any_bucket.get("a/b"), any_bucket.keys()) == (b"value", ["a/b", "other"])
    any_bucket.empty()
    assert any_bucket.keys() == []


def test_an_upload_of_parts_is_seen(any_bucket: Bucket) -> None:
    """Until it is aborted: what the tests of unfinished uploads rely on."""
    begun = any_bucket.direct.create_multipart_upload(Bucket=any_bucket.name, Key="key")
    if any_bucket.server.kind != "rclone":  # it has no list of them
        assert any_bucket.uploads() == [("key", begun["UploadId"])]
    assert any_bucket.keys() == []
    any_bucket.direct.abort_multipart_upload(
        Bucket=any_bucket.name, Key="key", UploadId=begun["UploadId"]
    )
    assert any_bucket.uploads() == []


def test_conditions(any_bucket: Bucket) -> None:
    """moto and Ceph keep them, rclone and juicefs overwrite: what they are here for."""
    any_bucket.put("key", b"old")
    heeds = any_bucket.server.kind in ("moto", "radosgw")
    with (
        pytest.raises(ClientError, match="PreconditionFailed")
        if heeds
        else contextlib.nullcontext()
    ):
        any_bucket.put("key", b"new", IfNoneMatch="*")
    assert any_bucket.get("key") == (b"old" if heeds else b"new")


def test_signatures(any_bucket: Bucket) -> None:
    """All but moto refuse a wrong secret: no test of a signature is one on moto."""
    wrong = any_bucket.server.client(secret_key="wrong")
    refused = pytest.raises(ClientError, match="SignatureDoesNotMatch")
    try:
        with contextlib.nullcontext() if any_bucket.server.kind == "moto" else refused:
            wrong.list_objects_v2(Bucket=any_bucket.name)
    finally:
        wrong.close()


def test_a_bucket_of_google_keeps_objects(gcs_bucket: GcsBucket) -> None:
    """fake-gcs-server stores and lists."""
    gcs_bucket.put("a/b", b"value")
    assert (gcs_bucket.get("a/b"), gcs_bucket.keys()) == (b"value", ["a/b"])


_USER = """
import pathlib, sys
from tests.object_servers import ceph
with ceph.running(pathlib.Path(sys.argv[1])) as server:
    print(server.endpoint, flush=True)
    sys.stdin.read()
"""


def test_processes_of_a_run_share_ceph(radosgw: S3Server, ceph_folder: Path) -> None:
    """A second one finds the same gateway, and its death ends nothing for the first."""
    command = [sys.executable, "-c", _USER, str(ceph_folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{radosgw.endpoint}\n"
        process.kill()
    with radosgw.bucket() as bucket:
        assert bucket.keys() == []
