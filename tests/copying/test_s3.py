"""A folder goes to S3: many values at a time, none fetched again to be compared."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvcore import CopyReport, FilesystemStore, VerificationError, copy_store, store_from_url
from tests.backends.s3.scripted import Answer, Asked, Do, ScriptedS3
from tests.backends.s3.verbs import MIB, OPTIONS
from tests.object_servers.gcs import GcsBucket
from tests.object_servers.s3 import Bucket
from tests.servers import within

ROOT = Path(__file__).resolve().parents[2]
SMALL = 150


@pytest.fixture
def server(s3_environment: None) -> Iterator[ScriptedS3]:
    """An empty server."""
    with ScriptedS3() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> FilesystemStore:
    """Small values, one that goes in one request though it is streamed, one that goes in parts."""
    folder = FilesystemStore(tmp_path / "folder", durability="atomic")
    folder.put_many({f"key{n}": os.urandom(n * 7) for n in range(SMALL)})
    folder.put("medium", os.urandom(MIB))
    folder.put("large", os.urandom(11 * MIB))
    return folder


def contents(store: Any) -> dict[str, bytes]:
    return {key: store.get(key) for key in store}


def test_what_was_put_is_verified_by_its_etag(server: ScriptedS3, folder: FilesystemStore) -> None:
    """One put for each value and one HEAD, of values in parts, too."""
    with store_from_url(server.url(**OPTIONS)) as dest:
        report = copy_store(folder, dest, verify=True)
    assert (report.ok, report.copied) == (True, SMALL + 2)
    assert Counter(server.operations) == {
        "ListObjectsV2": 1,
        "PutObject": SMALL + 1,
        "CreateMultipartUpload": 1,
        "UploadPart": 3,
        "CompleteMultipartUpload": 1,
        "HeadObject": SMALL + 2,
        **_looks(server),
    }
    assert {key: kept.data for key, kept in server.objects.items()} == contents(folder)


def test_what_is_there_is_known_by_the_listing(server: ScriptedS3, folder: FilesystemStore) -> None:
    """A copy that is done again asks for nothing but the list."""
    with store_from_url(server.url(**OPTIONS)) as dest:
        copy_store(folder, dest)
        server.asked.clear()
        assert copy_store(folder, dest) == CopyReport(same=SMALL + 2)
        assert set(server.operations) <= {"ListObjectsV2", "HeadObject", "HeadBucket"}
        assert server.operations.count("ListObjectsV2") == 1
        assert "GetObject" not in server.operations


def _looks(server: ScriptedS3) -> dict[str, int]:
    """What is asked once: whether there is a bucket at all."""
    return {name: 1 for name in ("HeadBucket",) if name in server.operations}


@pytest.mark.parametrize("key", ["key9", "large"])
def test_what_was_changed_on_its_way_is_reported(
    key: str, server: ScriptedS3, folder: FilesystemStore
) -> None:
    """The service has other bytes than were sent, and says that all is well."""

    def corrupt(asked: Asked, do: Do) -> Answer:
        if asked.key == key and asked.body:
            asked = asked._replace(body=bytes([asked.body[0] ^ 1]) + asked.body[1:])
        return do(asked)

    server.fail("PutObject|UploadPart", corrupt)
    with store_from_url(server.url(**OPTIONS)) as dest:
        report = copy_store(folder, dest, verify=True)
    assert (list(report.errors), report.copied) == ([key], SMALL + 1)
    assert isinstance(report.errors[key], VerificationError)


def test_a_copy_that_is_killed_goes_on(server: ScriptedS3, folder: FilesystemStore) -> None:
    """What is there is whole and stays; the same command brings the rest."""
    values = contents(folder)
    command = [sys.executable, "-m", "kvcore.cli", "cp", f"fs://{folder.root}"]
    command += [server.url(**OPTIONS), "--workers", "4"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        assert within(60, lambda: len(server.objects) > 20)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    there = {key: kept.data for key, kept in server.objects.items()}
    assert there == {key: values[key] for key in there}
    assert 20 < len(there) < len(values)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    copied = re.match(r"copied (\d+) values \(.*\); (\d+) were there already", done.stdout)
    assert copied is not None, done.stdout
    assert (int(copied[1]), int(copied[2])) == (len(values) - len(there), len(there))
    assert {key: kept.data for key, kept in server.objects.items()} == values


def test_there_and_back(bucket: Bucket, gcs_bucket: GcsBucket, folder: FilesystemStore) -> None:
    """Folder, S3, Google, folder: nothing is lost on the way, and the types come along."""
    folder.put("a.png", b"picture")
    back = FilesystemStore(f"{folder.root}-2", durability="atomic")
    with (
        store_from_url(bucket.url("some/pre-")) as s3,
        store_from_url(gcs_bucket.url("other/")) as google,
    ):
        for source, dest in ((folder, s3), (s3, google), (google, back)):
            report = copy_store(source, dest, workers=8, verify=True)
            assert (report.ok, report.copied) == (True, SMALL + 3)
        assert s3.stat("a.png").content_type == google.stat("a.png").content_type == "image/png"
    assert contents(back) == contents(folder)
