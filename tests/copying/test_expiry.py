"""Expiry and content type, which go along where both stores have a place for them."""

from pathlib import Path

import pytest

from kvcore import (
    DictStore,
    FilesystemStore,
    copy_store,
)
from tests.copying.stores import (
    BOTH,
)


@BOTH
def test_expiry_and_content_type_go_along(size: int) -> None:
    """Where both stores have a place for them."""
    source, dest = DictStore(), DictStore()
    source.put("both", b"a" * size, 1000, content_type="image/png")
    source.put("none", b"a" * size)
    assert copy_store(source, dest, verify=True).copied == 2
    left = dest.stat("both").remaining_secs()
    assert left is not None
    assert 900 < left <= 1000
    assert dest.stat("both").content_type == "image/png"
    assert dest.stat("none")[3:] == (None, None)


@BOTH
@pytest.mark.parametrize(
    ("ours", "theirs"), [(None, 1000.0), (1000.0, None), (1000.0, 2000.0), (1000.0, 1000.0)]
)
def test_another_expiry_is_another_value(
    size: int, ours: float | None, theirs: float | None
) -> None:
    """Equal bytes that would be gone at another time are copied again."""
    source, dest = DictStore(), DictStore()
    source.put("key", b"a" * size, ours)
    dest.put("key", b"a" * size, theirs)
    assert copy_store(source, dest).same == (ours == theirs)
    assert (dest.stat("key").expires is None) == (ours is None)


def test_a_lasting_value_does_not_get_the_default_expiry() -> None:
    """What lasts in a store that knows of expiry lasts in the copy."""
    dest = DictStore()
    dest.default_ttl_secs = 10
    copy_store(DictStore({"key": b"1"}), dest)
    assert dest.stat("key").expires is None


def test_values_without_expiry_get_the_default_one(tmp_path: Path) -> None:
    """From a store that knows of none, a copy is a put like any other."""
    source, dest = FilesystemStore(tmp_path), DictStore()
    source.put("key", b"1")
    dest.default_ttl_secs = 10
    copy_store(source, dest)
    assert dest.stat("key").expires is not None


def test_an_expiry_that_cannot_be_kept_is_reported(tmp_path: Path) -> None:
    """Files do not expire: whoever copies sessions to them should know."""
    source = DictStore()
    source.put("session", b"1", 1000)
    source.put("lasting", b"2")
    report = copy_store(source, FilesystemStore(tmp_path))
    assert (report.copied, report.made_lasting) == (2, 1)


def test_stamps_of_the_same_moment_are_alike() -> None:
    """An expiry that two stores round differently is not another one."""
    source, dest = DictStore(), DictStore()
    source.put("key", b"1", 1000.0)
    dest.put("key", b"1", 1001.5)
    assert copy_store(source, dest).same == 1
