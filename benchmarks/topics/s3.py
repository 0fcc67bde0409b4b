"""S3: a client that only pretends, a server that does next to nothing, moto's server"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from typing import Any, TypeAlias
from xml.etree import ElementTree as ET

from benchmarks.clients import versions
from benchmarks.django_project import set_up
from benchmarks.measure import OURS, RAW, Contest, difference, timed
from benchmarks.places import ANY, CHECKOUT, DISK, TMPFS, Missing, Place
from benchmarks.row import Row
from benchmarks.s3_server import serving
from benchmarks.show import MIB, mebibytes
from kvcore import FilesystemStore, S3Store, copy_store
from tests.object_servers.s3 import ACCESS_KEY, REGION, SECRET_KEY, S3Server, running

Boto: TypeAlias = Any  # boto3 has no types of its own

BUCKET = "bucket"
SMALL = bytes(100)
_WORKERS = 16


class Pretending:
    """A client of boto3 whose calls cost nothing."""

    def __init__(self, real: Boto) -> None:
        self.meta = real.meta
        found = {
            "ContentLength": len(SMALL),
            "ETag": '"0123456789abcdef0123456789abcdef"',
            "LastModified": _now(),
            "ContentType": "application/octet-stream",
            "ResponseMetadata": {"HTTPStatusCode": 200},
        }
        self.put_object = self.delete_object = self.head_object = lambda **_: found
        self.get_object = lambda **_: {**found, "Body": _Body()}


class _Body:
    def __init__(self) -> None:
        self._left = SMALL

    def read(self, amt: int | None = None) -> bytes:
        block, self._left = self._left, b""
        return block

    def close(self) -> None:
        """Nothing is open."""


def _now() -> object:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _need(*names: str) -> None:
    for name in names:
        if find_spec(name) is None:
            raise Missing(f"{name} is not installed")


def _client(place: Place, endpoint: str) -> Boto:
    _need("boto3")
    client = S3Server("bench", endpoint).client(max_pool_connections=32, read_timeout=60)
    place.at_the_end(client.close)
    return client


def added(place: Place, verb: str) -> Contest:
    """What a verb costs beyond the call of boto3 that it makes."""
    client: Any = Pretending(_client(place, "http://127.0.0.1:9"))
    store, names = S3Store(BUCKET, client=client), place.names()
    bare: dict[str, Callable[[str], object]] = {
        "put": lambda name: client.put_object(Bucket=BUCKET, Key=name, Body=SMALL),
        "get": lambda name: client.get_object(Bucket=BUCKET, Key=name)["Body"].read(),
        "stat": lambda name: client.head_object(Bucket=BUCKET, Key=name),
        "in": lambda name: client.head_object(Bucket=BUCKET, Key=name),
        "delete": lambda name: client.delete_object(Bucket=BUCKET, Key=name),
    }
    ours: dict[str, Callable[[str], object]] = {
        "put": lambda name: store.put(name, SMALL),
        "get": store.get,
        "stat": store.stat,
        "in": store.__contains__,
        "delete": store.delete,
    }
    return {OURS: difference(timed(ours[verb], names), timed(bare[verb], names))}


def _served(place: Place, large_bytes: int = 0, keys: int = 1) -> str:
    opened = serving(large_bytes, keys)
    endpoint = opened.__enter__()
    place.at_the_end(lambda: opened.__exit__(None, None, None))
    return endpoint


def _store(place: Place, endpoint: str, **options: Any) -> S3Store:
    keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "region": REGION}
    store = S3Store(BUCKET, endpoint=endpoint, **keys, **options)
    place.at_the_end(store.close)
    return store


def listing(place: Place, *, stats: bool) -> Contest:
    """All keys, in pages of a thousand."""
    endpoint = _served(place, keys=place.operations)
    client, store = _client(place, endpoint), _store(place, endpoint, keys="path")

    def paginated() -> int:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return sum(len(found["Contents"]) for found in pages)

    def ours() -> int:
        return sum(1 for _ in (store.iter_stats() if stats else store.iter_keys()))

    ways: dict[str, Callable[[], int]] = {RAW: partial(_bare_listing, endpoint), OURS: ours}
    if place.effort.share == 1:
        ways["boto3"] = paginated

    def check(way: Callable[[], int]) -> None:
        assert way() == place.operations

    return {name: timed(check, [way]) for name, way in ways.items()}


def _bare_listing(endpoint: str) -> int:
    """Pages by urllib3, parsed by ElementTree."""
    import urllib3

    number, token = 0, "0"
    with urllib3.PoolManager(1) as pool:
        while token:
            url = f"{endpoint}/{BUCKET}?list-type=2&continuation-token={token}"
            root = ET.fromstring(pool.request("GET", url).data)
            space = root.tag.partition("}")[0] + "}"
            number += len([e.findtext(f"{space}Key") for e in root.iter(f"{space}Contents")])
            token = root.findtext(f"{space}NextContinuationToken") or ""
    return number


def put_file(place: Place) -> Contest:
    size = place.size(100) * MIB
    path = os.path.join(place.folder("source"), "file")
    with open(path, "wb") as file:
        file.truncate(size)
    endpoint = _served(place, size)
    client, store = _client(place, endpoint), _store(place, endpoint)

    def put_object(path: str) -> None:
        with open(path, "rb") as file:
            client.put_object(Bucket=BUCKET, Key="key", Body=file)

    ways: dict[str, Callable[[str], object]] = {
        RAW: put_object,
        OURS: partial(store.put_file, "key"),
        "boto3: upload_file": lambda path: client.upload_file(path, BUCKET, "key"),
    }
    return {name: timed(way, [path]) for name, way in ways.items()}


def get_file(place: Place) -> Contest:
    size = place.size(100) * MIB
    path = os.path.join(place.folder("target"), "file")
    endpoint = _served(place, size)
    client, store = _client(place, endpoint), _store(place, endpoint)

    def get_object(path: str) -> None:
        with open(path, "wb") as file, client.get_object(Bucket=BUCKET, Key="key")["Body"] as body:
            while block := body.read(MIB):
                file.write(block)

    ways: dict[str, Callable[[str], object]] = {
        RAW: get_object,
        OURS: partial(store.get_file, "key"),
        "boto3: download_file": lambda path: client.download_file(BUCKET, "key", path),
    }
    remove = partial(os.unlink, path)
    return {name: timed(way, [path], after=remove) for name, way in ways.items()}


def stream(place: Place) -> Contest:
    size = place.size(100) * MIB
    endpoint = _served(place, size)
    client, store = _client(place, endpoint), _store(place, endpoint)

    def get_object() -> Boto:
        return client.get_object(Bucket=BUCKET, Key="key")["Body"]

    def read(opened: Callable[[], Any]) -> None:
        with opened() as body:
            while body.read(MIB):
                pass

    ways = {RAW: get_object, OURS: partial(store.open, "key")}
    return {name: timed(read, [way]) for name, way in ways.items()}


def memory(place: Place, task: str) -> Contest:
    """Of a fresh process, for a value of 1 GiB."""
    if not os.path.exists("/proc/self/clear_refs"):
        raise Missing("only Linux can reset the peak of a process")
    size = place.size(1024) * MIB
    endpoint = _served(place, size)

    def growth() -> float:
        command = [sys.executable, "-m", "benchmarks.peak", "kvcore_s3", task]
        done = subprocess.run(
            [*command, place.folder(OURS), str(size)],
            check=True,
            stdout=subprocess.PIPE,
            cwd=CHECKOUT,
            env={**os.environ, "BENCHMARK_ENDPOINT": endpoint},
        )
        return float(done.stdout)

    return {OURS: growth}


def copy(place: Place) -> Contest:
    """A folder to an empty bucket, by as many workers as threads."""
    _need("moto", "flask_cors")
    source = FilesystemStore(place.folder("files"), durability="atomic")
    names = place.names()
    source.put_many({name: os.urandom(1024) for name in names})
    opened = running("moto")
    server = opened.__enter__()
    place.at_the_end(lambda: opened.__exit__(None, None, None))
    client = _client(place, server.endpoint)
    buckets = _buckets(client)

    def put(bucket: str, name: str) -> None:
        with open(os.path.join(place.folder("files"), name), "rb") as file:
            client.put_object(Bucket=bucket, Key=name, Body=file.read())

    def bare(bucket: str) -> None:
        with ThreadPoolExecutor(_WORKERS) as pool:
            list(pool.map(partial(put, bucket), os.listdir(place.folder("files"))))

    def ours(bucket: str) -> None:
        keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "region": REGION}
        with S3Store(bucket, endpoint=server.endpoint, **keys) as dest:
            assert copy_store(source, dest, workers=_WORKERS).copied == len(names)

    def sample(way: Callable[[str], None]) -> Callable[[], float]:
        return lambda: timed(way, [next(buckets)])() / len(names)

    return {RAW: sample(bare), OURS: sample(ours)}


def _buckets(client: Boto) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        client.create_bucket(Bucket=f"bench-{number}")
        yield f"bench-{number}"


def peers(place: Place, *, get: bool) -> Contest:
    """Small values, whole requests: boto3's own call and what stands on it."""
    endpoint, names = _served(place, len(SMALL)), place.names()
    client, store = _client(place, endpoint), _store(place, endpoint)
    ways: dict[str, Callable[[str], object]]
    if get:
        ways = {
            RAW: lambda name: client.get_object(Bucket=BUCKET, Key=name)["Body"].read(),
            OURS: store.get,
        }
    else:
        ways = {
            RAW: lambda name: client.put_object(Bucket=BUCKET, Key=name, Body=SMALL),
            OURS: lambda name: store.put(name, SMALL),
        }
    if "minimalkv" in versions():
        import boto3
        from minimalkv.net.boto3store import Boto3Store

        session = boto3.session.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)
        bucket = session.resource("s3", endpoint_url=endpoint).Bucket(BUCKET)
        place.at_the_end(bucket.meta.client.close)
        other = Boto3Store(bucket)
        ways["minimalkv"] = other.get if get else lambda name: other.put(name, SMALL)
    if find_spec("storages") is not None:
        ways["django-storages"] = _django_storages(place, endpoint, get=get)
    return {name: timed(way, names) for name, way in ways.items()}


def _django_storages(place: Place, endpoint: str, *, get: bool) -> Callable[[str], object]:
    from django.core.files.base import ContentFile

    set_up()
    from storages.backends.s3 import S3Storage

    storage = S3Storage(
        bucket_name=BUCKET,
        endpoint_url=endpoint,
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        region_name=REGION,
        file_overwrite=True,
    )

    def read(name: str) -> object:
        with storage.open(name) as file:
            return file.read()

    return read if get else lambda name: storage.save(name, ContentFile(SMALL))


_BOTO = "boto3"
ROWS = (
    *(
        Row(f"S3: {verb} 100 B, added to boto3's call", partial(added, verb=verb), {ANY: 15e-6})
        for verb in ("put", "get", "stat", "in", "delete")
    ),
    Row("S3: put 100 B", partial(peers, get=False), {ANY: 1.15}, f"{_BOTO}: put_object", 100),
    Row("S3: get 100 B", partial(peers, get=True), {ANY: 1.15}, f"{_BOTO}: get_object", 100),
    Row(
        "S3: keys of 100,000",
        partial(listing, stats=False),
        {ANY: 2.5},
        "urllib3, ElementTree",
        100_000,
        most_rounds=7,
    ),
    Row(
        "S3: stats of 100,000",
        partial(listing, stats=True),
        {ANY: 3.0},
        "urllib3, ElementTree, keys only",
        100_000,
        most_rounds=7,
    ),
    Row("S3: put_file of 100 MiB", put_file, {TMPFS: 1.0}, f"{_BOTO}: put_object", most_rounds=9),
    Row(
        "S3: get_file of 100 MiB",
        get_file,
        {TMPFS: 1.0},
        f"{_BOTO}: get_object, read, write",
        most_rounds=9,
    ),
    Row(
        "S3: open and read, 100 MiB",
        stream,
        {ANY: 1.0},
        f"{_BOTO}: get_object, read",
        most_rounds=9,
    ),
    *(
        Row(
            f"S3: {name} of 1 GiB, memory",
            partial(memory, task=task),
            {DISK: 24.0},
            most_rounds=1,
            show=mebibytes,
        )
        for name, task in {
            "put_file of a generator": "put_blocks",
            "put_file of a file": "put_file",
            "get_file to a path": "get_file",
            "open and read": "read",
        }.items()
    ),
    Row(
        "S3: copy of 1 KiB files to moto",
        copy,
        {TMPFS: 1 / 0.9},
        f"{_BOTO}: put_object, {_WORKERS} threads",
        2000,
        most_rounds=3,
    ),
)
