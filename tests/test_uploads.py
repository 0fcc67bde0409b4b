"""An upload is counted, typed, hashed and stored in one pass, and a refused one leaves nothing."""

import asyncio
import hashlib
import io
import os
import re
from pathlib import Path

import pytest

from kvcore import (
    AsyncStore,
    AsyncUploader,
    ConfigError,
    DictStore,
    FilesystemStore,
    KeyExists,
    KeyValueStore,
    PrefixDecorator,
    ReadOnly,
    ReadOnlyDecorator,
    StoredFile,
    Uploader,
    UploadRefused,
    UploadTooLarge,
    UploadTypeRefused,
)
from kvcore.uploads import http_status

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


class Crumbs:
    """A file that gives at most ``size`` bytes at a time, and no way back."""

    def __init__(self, data: bytes, size: int = 1, error_at: int | None = None) -> None:
        self._file, self._size, self._error_at = io.BytesIO(data), size, error_at

    def read(self, size: int, /) -> bytes:
        if self._error_at is not None and self._file.tell() >= self._error_at:
            raise ConnectionResetError("the client has gone")
        return self._file.read(min(size, self._size))


class Awaited:
    """The same, awaited."""

    def __init__(self, data: bytes, size: int = 10_000, error_at: int | None = None) -> None:
        self._file = Crumbs(data, size, error_at)

    async def read(self, size: int, /) -> bytes:
        await asyncio.sleep(0)
        return self._file.read(size)


@pytest.fixture
def store(tmp_path: Path) -> KeyValueStore:
    return FilesystemStore(tmp_path / "store")


def nothing_in(path: Path) -> bool:
    """Neither a value nor a temporary file lies below ``path``."""
    return not [found for found in path.rglob("*") if found.is_file()]


def test_a_stored_upload_is_described(store: KeyValueStore) -> None:
    """Key, cleaned name, size, real type and hash, all of the very bytes that were stored."""
    stored = Uploader(store).save(io.BytesIO(PNG), name="../my cat.JPEG")
    assert stored == StoredFile(
        stored.key, "my cat.JPEG", len(PNG), "image/png", hashlib.sha256(PNG).hexdigest()
    )
    assert len(stored.key) == 30
    assert stored.key.endswith(".png")
    assert store.get(stored.key) == PNG


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 256 * 1024, 256 * 1024 + 1, 1_000_000])
@pytest.mark.parametrize("block", [1000, 4096, 10**9])
def test_every_byte_is_stored(store: KeyValueStore, size: int, block: int) -> None:
    """Only `b""` ends an upload, whatever the sizes of its blocks."""
    data = os.urandom(size)
    stored = Uploader(store).save(Crumbs(data, block))
    assert store.get(stored.key) == data
    assert (stored.size, stored.sha256) == (size, hashlib.sha256(data).hexdigest())


def test_the_type_is_told_from_crumbs(store: KeyValueStore) -> None:
    """A source that gives one byte at a time is typed as any other."""
    assert Uploader(store).save(Crumbs(PNG, 1)).content_type == "image/png"


def test_the_file_is_read_from_where_it_stands_and_left_open(store: KeyValueStore) -> None:
    """As with `put_file`: what was read before is not part of the upload."""
    file = io.BytesIO(b"skip" + PNG)
    file.seek(4)
    assert store.get(Uploader(store).save(file).key) == PNG
    assert not file.closed


@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("{id}{ext}", r"[0-9a-z]{26}\.png"),
        ("{}", r"[0-9a-z]{26}"),
        ("pictures/{id}{ext}", r"pictures/[0-9a-z]{26}\.png"),
        ("{name}-{id}{ext}", r"My-Hölidäy-[0-9a-z]{26}\.png"),
    ],
)
def test_keys_follow_the_template(store: KeyValueStore, template: str, pattern: str) -> None:
    """Generated parts, the extension of the real type, and the client's name only if asked."""
    stored = Uploader(store, template=template).save(io.BytesIO(PNG), name="My Hölidäy.html")
    assert re.fullmatch(pattern, stored.key)
    assert store.with_keys("path").get(stored.key) == PNG


@pytest.mark.parametrize(
    "template", ["fixed", "{id}/{unknown}", "../{id}", "/{id}", "{id", "a//{id}"]
)
def test_a_bad_template_is_told_at_once(store: KeyValueStore, template: str) -> None:
    """Before any upload: what cannot make keys, or would make one key for all."""
    with pytest.raises((ConfigError, ValueError), match="template"):
        Uploader(store, template=template)


def test_bad_rules_are_told_at_once(store: KeyValueStore) -> None:
    """A string is no collection of types, and nothing has a negative size."""
    with pytest.raises(TypeError, match="collection"):
        Uploader(store, content_types="image/png")
    with pytest.raises(ValueError, match="max_bytes"):
        Uploader(store, max_bytes=-1)


@pytest.mark.parametrize(
    ("data", "rules", "error"),
    [
        (PNG, {"max_bytes": len(PNG) - 1}, UploadTooLarge),
        (PNG * 100, {"max_bytes": 300_000}, UploadTooLarge),
        (b"x", {"max_bytes": 0}, UploadTooLarge),
        (b"<svg onload='alert(1)'/>", {"content_types": {"image/*"}}, UploadTypeRefused),
        (b"<html>", {"content_types": {"text/*", "image/png"}}, UploadTypeRefused),
        (PNG, {"content_types": set()}, UploadTypeRefused),
    ],
)
def test_a_refused_upload_leaves_nothing(
    tmp_path: Path, store: KeyValueStore, data: bytes, rules: dict[str, object], error: type
) -> None:
    """No value, no temporary file; the error tells what was wrong."""
    with pytest.raises(error) as raised:
        Uploader(store, **rules).save(io.BytesIO(data))
    assert isinstance(raised.value, UploadRefused)
    assert nothing_in(tmp_path)
    if isinstance(raised.value, UploadTooLarge):
        assert raised.value.max_bytes == rules["max_bytes"]
    else:
        assert isinstance(raised.value, UploadTypeRefused)
        assert raised.value.content_type in str(raised.value)


def test_a_field_that_was_left_empty_is_refused(tmp_path: Path, store: KeyValueStore) -> None:
    """Browsers send it as a file without a name and without a byte; one of the two is a file."""
    with pytest.raises(UploadRefused, match="no file was chosen") as raised:
        Uploader(store).save(io.BytesIO(), name="")
    assert http_status(raised.value) == 400
    assert nothing_in(tmp_path)
    assert Uploader(store).save(io.BytesIO(), name="empty.txt").size == 0
    assert Uploader(store).save(io.BytesIO()).size == 0
    assert Uploader(store).save(io.BytesIO(PNG), name="").size == len(PNG)


def test_the_limit_itself_is_allowed(store: KeyValueStore) -> None:
    """`max_bytes` is the most that is taken."""
    assert Uploader(store, max_bytes=len(PNG)).save(io.BytesIO(PNG)).size == len(PNG)


def test_a_large_upload_is_not_read_beyond_the_limit(store: KeyValueStore) -> None:
    """Somebody who sends without end is stopped soon after the limit."""

    class Endless:
        given = 0

        def read(self, size: int, /) -> bytes:
            self.given += size
            return b"\x00" * size

    endless = Endless()
    with pytest.raises(UploadTooLarge):
        Uploader(store, max_bytes=1_000_000).save(endless)
    assert endless.given < 2_000_000


@pytest.mark.parametrize("error_at", [0, 10, 5000, 600_000])
def test_an_upload_that_breaks_off_leaves_nothing(
    tmp_path: Path, store: KeyValueStore, error_at: int
) -> None:
    """What the source raises is passed on as it is, and nothing was stored."""
    with pytest.raises(ConnectionResetError, match="the client has gone"):
        Uploader(store).save(Crumbs(PNG * 100, 2500, error_at))
    assert nothing_in(tmp_path)


def test_an_existing_key_is_never_overwritten(store: KeyValueStore) -> None:
    """Ids of one's own may collide: the second upload is refused, the first stays."""
    uploader = Uploader(store, ids=lambda: "same")
    first = uploader.save(io.BytesIO(PNG))
    with pytest.raises(KeyExists):
        uploader.save(io.BytesIO(PNG + b"other"))
    assert store.get(first.key) == PNG


def test_decorated_stores_take_uploads(store: KeyValueStore) -> None:
    """The key is that of the outermost store; a read-only one says so."""
    media = PrefixDecorator("media-", store)
    stored = Uploader(media, template="a/{id}{ext}").save(io.BytesIO(PNG))
    assert media.with_keys("path").get(stored.key) == PNG
    assert store.with_keys("path").keys() == [f"media-{stored.key}"]
    with pytest.raises(ReadOnly):
        Uploader(ReadOnlyDecorator(store)).save(io.BytesIO(PNG))


def test_awaited_uploads_follow_the_same_rules(tmp_path: Path, store: KeyValueStore) -> None:
    """`AsyncUploader` stores, describes and refuses as `Uploader` does."""

    async def upload() -> None:
        async with AsyncStore(store) as awaited:
            stored = await AsyncUploader(awaited).save(Awaited(PNG), name="cat.png")
            assert stored[1:] == Uploader(store).save(io.BytesIO(PNG), name="cat.png")[1:]
            assert await awaited.get(stored.key) == PNG
            store.delete_many(store.keys())
            with pytest.raises(UploadTooLarge):
                await AsyncUploader(awaited, max_bytes=100_000).save(Awaited(PNG * 100))
            with pytest.raises(UploadTypeRefused):
                await AsyncUploader(awaited, content_types={"image/*"}).save(Awaited(b"<svg/>"))
            with pytest.raises(ConnectionResetError):
                await AsyncUploader(awaited).save(Awaited(PNG * 100, error_at=500_000))

    asyncio.run(upload())
    assert nothing_in(tmp_path)


class CancelsItsTask(Awaited):
    """Cancels the task that reads it, at the given read."""

    def __init__(self, data: bytes, reads: int) -> None:
        super().__init__(data, 20_000)
        self._left = reads

    async def read(self, size: int, /) -> bytes:
        self._left -= 1
        if not self._left:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        return await super().read(size)


@pytest.mark.parametrize("reads", [1, 2, 14, 15, 16, 40, 90, 103])
def test_a_cancelled_upload_leaves_nothing(
    tmp_path: Path, store: KeyValueStore, reads: int
) -> None:
    """Wherever its task is cancelled: no value, no temporary file, nothing left open."""

    async def upload() -> None:
        async with AsyncStore(store) as awaited:
            await AsyncUploader(awaited).save(CancelsItsTask(PNG * 200, reads))

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(upload())
    assert nothing_in(tmp_path)


def test_the_type_is_handed_to_a_store_that_keeps_it() -> None:
    """A store with a place for content types gets the real one, not the client's."""
    store = DictStore()
    stored = Uploader(store).save(io.BytesIO(PNG), name="page.html")
    assert store.capabilities.content_type
    assert store.stat(stored.key).content_type == "image/png"
