"""Fixtures of the object stores: a server starts with the first test that asks for it."""

import functools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.object_servers import ceph, gcs, s3


@pytest.fixture(scope="session")
def s3_environment() -> Iterator[None]:
    """Clients of AWS find the credentials of the servers of the tests, and look no further."""
    from botocore.loaders import create_loader

    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3.ENVIRONMENT.items():
            patch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        # Each session would read the description of S3 anew: 0.1 s for every store of a test.
        patch.setattr("botocore.session.create_loader", functools.cache(create_loader))
        yield


@pytest.fixture(scope="session")
def moto(s3_environment: None) -> Iterator[s3.S3Server]:
    """moto's server, for the whole run or for one of its processes; see `bucket`."""
    with s3.running("moto") as server:
        yield server


@pytest.fixture
def bucket(moto: s3.S3Server) -> Iterator[s3.Bucket]:
    """A new bucket on moto."""
    with moto.bucket() as bucket:
        yield bucket


@pytest.fixture(scope="session")
def ceph_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the processes of this run find the cluster that they share."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # the folder of the run, not that of this process
    folder = folder / "ceph"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def radosgw(s3_environment: None, ceph_folder: Path) -> Iterator[s3.S3Server]:
    """Ceph's gateway, one for the whole run; see `ceph_bucket`."""
    with ceph.running(ceph_folder) as server:
        yield server


@pytest.fixture
def ceph_bucket(radosgw: s3.S3Server) -> Iterator[s3.Bucket]:
    """A new bucket on Ceph."""
    with radosgw.bucket() as bucket:
        yield bucket


@pytest.fixture(scope="session", params=["rclone", "juicefs"])
def heedless(request: pytest.FixtureRequest, s3_environment: None) -> Iterator[s3.S3Server]:
    """Servers that answer a conditional write as if it had no condition; see `heedless_bucket`."""
    with s3.running(request.param) as server:
        yield server


@pytest.fixture
def heedless_bucket(heedless: s3.S3Server) -> Iterator[s3.Bucket]:
    """A new bucket on a server that ignores conditions."""
    with heedless.bucket() as bucket:
        yield bucket


@pytest.fixture(scope="session")
def fake_gcs() -> Iterator[gcs.GcsServer]:
    """fake-gcs-server, for the whole run or for one of its processes; see `gcs_bucket`."""
    with gcs.running() as server:
        yield server


@pytest.fixture
def gcs_bucket(fake_gcs: gcs.GcsServer) -> Iterator[gcs.GcsBucket]:
    """A new bucket on fake-gcs-server."""
    with fake_gcs.bucket() as bucket:
        yield bucket
