"""Servers that answer a conditional write as if there were no condition: rclone and juicefs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvcore import Unsupported, store_from_url
from tests.object_servers.s3 import Bucket

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def store(heedless_bucket: Bucket) -> Iterator[Any]:
    """A store on an endpoint of which nothing is known."""
    with store_from_url(heedless_bucket.url(keys="path")) as store:
        yield store


def test_conditions_are_off(store: Any) -> None:
    """What is not known to be decided is refused before anything happens."""
    can = store.capabilities
    assert not any((can.if_absent, can.if_present, can.if_match, can.delete_if_match))
    store.put("key", b"old")
    for condition in ({"if_absent": True}, {"if_present": True}, {"if_match": "0" * 32}):
        with pytest.raises(Unsupported):
            store.put("key", b"new", **condition)
    with pytest.raises(Unsupported):
        store.copy("key", "other", if_absent=True)
    with pytest.raises(Unsupported):
        store.delete("key", if_match="0" * 32)
    assert (store.get("key"), store.keys()) == (b"old", ["key"])


def test_without_conditions_all_is_well(store: Any, tmp_path: Path) -> None:
    """Values of every size come and go."""
    large = bytes(range(256)) * 4096 * 20
    values = {"empty": b"", "a/small": b"1", "a/large": large}
    for key, data in values.items():
        store.put(key, data)
    assert {key: store.get(key) for key in store} == values
    assert store.get_range("a/large", 1000, 10) == large[1000:1010]
    with store.open("a/large") as reader:
        reader.seek(-10, 2)
        assert reader.read() == large[-10:]
    store.get_file("a/large", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == large
    store.copy("a/large", "copy")
    assert store.stat("copy").size == len(large)
    store.delete_many([*values, "copy", "missing"])
    assert store.keys() == []


def check(bucket: Bucket, **options: object) -> subprocess.CompletedProcess[str]:
    """Run `kvcore check --write`."""
    command = [sys.executable, "-m", "kvcore.cli", "check", "--write", bucket.url(**options)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_check_finds_out(heedless_bucket: Bucket) -> None:
    """Who trusts conditions that are ignored is told so; nothing stays of the trial."""
    assert check(heedless_bucket).returncode == 0
    done = check(heedless_bucket, conditional="put")
    assert done.returncode != 0
    assert "refuse to overwrite it (if_absent)" in done.stdout
    assert "FAILED: the outcome is not the expected one" in done.stdout
    assert heedless_bucket.keys() == []
