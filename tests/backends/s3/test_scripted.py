"""The scripted server answers boto3 as S3 does, and fails as it is told."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    FlexibleChecksumError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.response import StreamingBody

from tests.backends.s3 import scripted
from tests.backends.s3.scripted import BUCKET, ScriptedS3, error
from tests.object_servers.s3 import S3Server

MIB = 1024 * 1024


@pytest.fixture
def client(server: ScriptedS3) -> Iterator[Any]:
    """boto3's client, with checksums and no second tries."""
    made = S3Server("scripted", server.endpoint).client(
        request_checksum_calculation="when_supported",
        response_checksum_validation="when_supported",
        retries={"total_max_attempts": 1},
        read_timeout=0.5,
    )
    yield made
    made.close()


def read(body: StreamingBody) -> bytes:
    with body:
        return body.read()


def test_it_keeps_objects(server: ScriptedS3, client: Any) -> None:
    """What was put is got, headed, listed, copied and deleted, and each request written down."""
    client.put_object(Bucket=BUCKET, Key="a/ü +%", Body=b"value", ContentType="text/x")
    got = client.get_object(Bucket=BUCKET, Key="a/ü +%")
    assert (read(got["Body"]), got["ContentType"]) == (b"value", "text/x")
    assert client.head_object(Bucket=BUCKET, Key="a/ü +%")["ContentLength"] == 5
    source = {"Bucket": BUCKET, "Key": "a/ü +%"}
    client.copy_object(Bucket=BUCKET, Key="copy", CopySource=source)
    listed = client.list_objects_v2(Bucket=BUCKET)
    assert [found["Key"] for found in listed["Contents"]] == ["a/ü +%", "copy"]
    client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "copy"}]})
    client.delete_object(Bucket=BUCKET, Key="a/ü +%")
    assert server.objects == {}
    assert server.operations == [
        *("PutObject", "GetObject", "HeadObject", "CopyObject", "ListObjectsV2"),
        *("DeleteObjects", "DeleteObject"),
    ]


def test_it_lists_in_pages_and_by_delimiter(server: ScriptedS3, client: Any) -> None:
    """As S3 does, a group counts as one entry."""
    server.page_size = 2
    for key in ("a", "b/1", "b/2", "c/1", "d"):
        server.keep(key, b"")
    pages = client.get_paginator("list_objects_v2")
    assert [
        found["Key"] for page in pages.paginate(Bucket=BUCKET) for found in page["Contents"]
    ] == ["a", "b/1", "b/2", "c/1", "d"]
    found = [
        (
            [c["Key"] for c in page.get("Contents", [])],
            [p["Prefix"] for p in page.get("CommonPrefixes", [])],
        )
        for page in pages.paginate(Bucket=BUCKET, Delimiter="/")
    ]
    assert found == [(["a"], ["b/"]), (["d"], ["c/"])]


def test_it_takes_parts(server: ScriptedS3, client: Any) -> None:
    """An upload becomes an object when it is completed, and nothing when it is aborted."""
    for done in (True, False):
        begun = client.create_multipart_upload(Bucket=BUCKET, Key=f"key-{done}")
        where = {"Bucket": BUCKET, "Key": f"key-{done}", "UploadId": begun["UploadId"]}
        parts = []
        for number, data in enumerate([b"1" * MIB, b"2"], 1):
            sent = client.upload_part(**where, PartNumber=number, Body=data)
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        listed = client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
        assert [found["UploadId"] for found in listed] == [begun["UploadId"]]
        if done:
            client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
        else:
            client.abort_multipart_upload(**where)
    assert server.objects["key-True"].data == b"1" * MIB + b"2"
    assert (list(server.objects), server.uploads) == (["key-True"], {})


def test_it_decides_conditions(server: ScriptedS3, client: Any) -> None:
    """Of puts and gets."""
    server.keep("key", b"1")
    for verb, condition in [
        (client.put_object, {"IfNoneMatch": "*"}),
        (client.put_object, {"IfMatch": '"other"'}),
        (client.get_object, {"IfMatch": '"other"'}),
    ]:
        with pytest.raises(ClientError, match="PreconditionFailed"):
            verb(Bucket=BUCKET, Key="key", **condition)
    client.put_object(Bucket=BUCKET, Key="key", Body=b"2", IfMatch=server.objects["key"].etag)
    assert server.objects["key"].data == b"2"


def test_it_fails_as_told(server: ScriptedS3, client: Any) -> None:
    """As often as told, and then no more."""
    server.keep("key", b"value")
    server.fail("Get.*|Head.*", error(503, "SlowDown"), times=2)
    with pytest.raises(ClientError, match="SlowDown"):
        client.get_object(Bucket=BUCKET, Key="key")
    with pytest.raises(ClientError, match="503"):
        client.head_object(Bucket=BUCKET, Key="key")
    assert read(client.get_object(Bucket=BUCKET, Key="key")["Body"]) == b"value"


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (scripted.reset, ConnectionClosedError),
        (scripted.lose_the_answer, ConnectionClosedError),
        (scripted.hang, ReadTimeoutError),
        (scripted.cut, ResponseStreamingError),
        (scripted.flip, FlexibleChecksumError),
    ],
)
def test_it_breaks_what_it_sends(
    fault: scripted.Fault, raised: type[BotoCoreError], server: ScriptedS3, client: Any
) -> None:
    """Answers that are reset, late, cut or flipped are noticed by boto3."""
    client.put_object(Bucket=BUCKET, Key="key", Body=b"value")
    server.fail("GetObject", fault)
    with pytest.raises((raised, ConnectionError)):
        read(client.get_object(Bucket=BUCKET, Key="key")["Body"])


def test_it_notices_what_was_broken_on_its_way(server: ScriptedS3, client: Any) -> None:
    """A body that is not what its checksum says is refused."""
    server.fail("PutObject", scripted.flip)
    with pytest.raises(ClientError, match="BadDigest"):
        client.put_object(Bucket=BUCKET, Key="key", Body=b"value")
    assert server.objects == {}
