"""Options of `KVStorage`: names that may be overwritten, and a part of a store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import TemporaryUploadedFile
from kvcore_django import generate_key
from kvcore_django.storage import KVStorage

from kvcore import (
    Capabilities,
    DictStore,
    FilesystemStore,
    KeyValueStore,
    PrefixDecorator,
    Unsupported,
)
from tests.integrations.stored import values


def test_overwriting_changes_no_name(tmp_path: Path) -> None:
    """A file in the way of a directory is an error then, told at the first try."""
    storage = KVStorage(FilesystemStore(tmp_path), allow_overwrite=True)
    storage.save("a", ContentFile(b"file"))
    content = CountedContent(b"below")
    with pytest.raises(FileExistsError):
        storage.save("a/b", content)
    assert content.reads <= 1
    assert values(storage.store) == {"a": b"file"}


class CountedContent(ContentFile):
    """Counts how often it is read from its start."""

    reads = 0

    def chunks(self, chunk_size: int | None = None) -> object:
        self.reads += 1
        return super().chunks(chunk_size)


# Overwriting


@pytest.mark.parametrize("temporary", [False, True])
def test_overwriting_is_allowed_by_an_option(store: KeyValueStore, temporary: bool) -> None:
    """As that of Django's storage since 5.1: the name stays, the content is the new one."""
    storage = KVStorage(store, allow_overwrite=True)
    for content in (b"old, and longer", b"new"):
        with TemporaryUploadedFile("x", "text/plain", len(content), None) as upload:
            upload.write(content)
            upload.seek(0)
            saved = storage.save("a/x.txt", upload if temporary else ContentFile(content))
        assert saved == "a/x.txt"
    assert values(store) == {"a/x.txt": b"new"}
    with pytest.raises(SuspiciousFileOperation):
        storage.save("a/x.txt", ContentFile(b""), max_length=5)
    assert values(store) == {"a/x.txt": b"new"}


def test_overwriting_is_done_in_one_step(storage: KVStorage, store: KeyValueStore) -> None:
    """Whoever reads meanwhile sees the old file or the new one; a failure leaves the old one."""
    replacing = KVStorage(store, allow_overwrite=True)
    replacing.save("x", ContentFile(b"old"))

    class Failing(ContentFile):
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            yield b"n" * 1_000_000
            assert values(store) == {"x": b"old"}
            yield b"e" * 1_000_000
            raise ConnectionResetError("the client has gone")

    with storage.open("x") as reader:
        assert reader.read(1) == b"o"
        with pytest.raises(ConnectionResetError):
            replacing.save("x", Failing(b""))
        replacing.save("x", ContentFile(b"new"))
        assert reader.read() == b"ld"
    assert values(store) == {"x": b"new"}


def test_a_store_that_cannot_create_only(any_store: KeyValueStore) -> None:
    """Without `if_absent` a save could overwrite another's file: refused, unless that is allowed.

    A generated name is nobody else's, so it needs no such promise of the store.
    """
    plain = WithoutIfAbsent(any_store)
    with pytest.raises(Unsupported, match="if_absent"):
        KVStorage(plain).save("name", ContentFile(b""))
    assert values(any_store) == {}
    assert KVStorage(plain, allow_overwrite=True).save("name", ContentFile(b"1")) == "name"
    generated = generate_key("{id}{ext}")(None, "cat.png")
    assert KVStorage(plain).save(generated, ContentFile(b"GIF89a")) == f"{generated[:-4]}.gif"


class WithoutIfAbsent(PrefixDecorator):
    """Hides that the store inside can create only."""

    def __init__(self, store: KeyValueStore) -> None:
        super().__init__("p-", store)

    @property
    def capabilities(self) -> Capabilities:
        return super().capabilities._replace(if_absent=False)


# A part of a store


def test_a_location_is_all_that_a_storage_sees(store: KeyValueStore) -> None:
    """Names are relative to it; what lies beside it can neither be seen nor reached."""
    whole = KVStorage(store)
    whole.save("private/secret.txt", ContentFile(b"secret"))
    storage = KVStorage(store, location="media/public/")
    assert storage.save("a/cat.png", ContentFile(b"cat")) == "a/cat.png"
    assert values(store) == {"private/secret.txt": b"secret", "media/public/a/cat.png": b"cat"}
    assert storage.listdir("") == (["a"], [])
    assert not storage.exists("private/secret.txt")
    with storage.open("a/cat.png") as file:
        assert file.read() == b"cat"
    for name in ("../../private/secret.txt", "/private/secret.txt"):
        with pytest.raises(SuspiciousFileOperation):
            storage.open(name)
    storage.delete("a/cat.png")
    assert values(store) == {"private/secret.txt": b"secret"}


@pytest.mark.parametrize(
    "location", ["/", "/media", "../media", "a//b", "a\\b", ".kvcore-x", "a\n"]
)
def test_a_wrong_location_is_told(location: str) -> None:
    """When the storage is made; nothing would be found there later."""
    with pytest.raises(ImproperlyConfigured, match="location"):
        KVStorage(DictStore(), location=location)
