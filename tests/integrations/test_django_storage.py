"""`KVStorage` is a storage as Django's documentation and its own storages have them.

The cases follow those of Django's tests for `FileSystemStorage` (tests/file_storage).
"""

import io
import os
import pickle
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, default_storage, storages
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.db.migrations.writer import MigrationWriter
from kvcore_django.storage import KVStorage
from pytest_django import Settings

from kvcore import ConfigError, DictStore, FilesystemStore, KeyValueStore
from tests.config.others import others as others
from tests.integrations.stored import values


def content_of(storage: Storage, name: str, mode: str = "rb") -> bytes | str:
    with storage.open(name, mode) as file:
        return file.read()


# What it is


def test_it_is_configured_by_settings(settings: Settings, tmp_path: Path) -> None:
    """`STORAGES` names the class, its options name a store; `default_storage` is it."""
    settings.KVCORE_STORES = {"default": "memory://", "media": f"fs://{tmp_path}/media"}
    settings.STORAGES = {
        "default": {"BACKEND": "kvcore_django.storage.KVStorage", "OPTIONS": {"store": "media"}},
        "scratch": {
            "BACKEND": "kvcore_django.storage.KVStorage",
            "OPTIONS": {"url": f"fs://{tmp_path}/scratch"},
        },
    }
    assert default_storage.save("a/b.txt", ContentFile(b"media")) == "a/b.txt"
    assert storages["scratch"].save("a/b.txt", ContentFile(b"scratch")) == "a/b.txt"
    assert (tmp_path / "media/a/b.txt").read_bytes() == b"media"
    assert (tmp_path / "scratch/a/b.txt").read_bytes() == b"scratch"


def test_a_change_of_settings_is_seen(settings: Settings) -> None:
    """What a test overrides holds at once, also for a storage that was made before."""
    storage = KVStorage()
    settings.KVCORE_STORES = {"default": "memory://"}
    storage.save("name", ContentFile(b"one"))
    settings.KVCORE_STORES = {"default": "memory://"}
    assert not storage.exists("name")


def test_a_wrong_configuration_is_told(settings: Settings) -> None:
    """A misspelt name names the right one; a wrong URL fails when the storage is made."""
    settings.KVCORE_STORES = {"default": "memory://"}
    with pytest.raises(ConfigError, match="default"):
        KVStorage("defualt").exists("name")
    with pytest.raises(ConfigError):
        KVStorage(url="memry://")
    with pytest.raises(ImproperlyConfigured, match="not both"):
        KVStorage("media", url="memory://")


def test_it_is_neither_empty_nor_callable(storage: KVStorage) -> None:
    """Django 5.2 takes a false storage for none at all, and calls a callable one."""
    assert bool(storage)
    assert not hasattr(storage, "__len__")
    assert not callable(storage)
    assert isinstance(storage, Storage)


def test_a_migration_cannot_hold_a_store_object(storage: KVStorage) -> None:
    """A `DictStore` would be written down with all its values; a name does."""
    with pytest.raises(ImproperlyConfigured, match="name it in KVCORE_STORES"):
        storage.deconstruct()
    with pytest.raises(ImproperlyConfigured, match="migration"):
        MigrationWriter.serialize(storage)


@pytest.mark.usefixtures("others")
def test_migrations_write_it_down_without_secrets() -> None:
    """By its arguments, those that differ from the defaults; a password never."""
    assert KVStorage().deconstruct() == ("kvcore_django.storage.KVStorage", [], {})
    storage = KVStorage("media", base_url="/m/")
    text, imports = MigrationWriter.serialize(storage)
    assert text == "kvcore_django.storage.KVStorage(base_url='/m/', store='media')"
    assert imports == {"import kvcore_django.storage"}
    storage = KVStorage(url="vault://vault.example/shelf?retries=3&password=hunter2")
    text, _ = MigrationWriter.serialize(storage)
    assert "hunter2" not in text
    assert "vault://vault.example/shelf?retries=3" in text


def test_a_storage_can_be_pickled(settings: Settings, tmp_path: Path) -> None:
    """By its arguments; each side opens the store for itself."""
    settings.KVCORE_STORES = {"default": f"fs://{tmp_path}/named"}
    for storage in (
        KVStorage(location="a", allow_overwrite=True),
        KVStorage(url=f"fs://{tmp_path}/own", base_url="/x/"),
        KVStorage(FilesystemStore(tmp_path / "given")),
    ):
        storage.save("b.txt", ContentFile(b"text"))
        copy = pickle.loads(pickle.dumps(storage))
        assert content_of(copy, "b.txt") == b"text"
        assert copy.allow_overwrite == storage.allow_overwrite
        assert copy.url("b.txt") == storage.url("b.txt")


# Saving


@pytest.mark.parametrize(
    ("content", "stored"),
    [
        (ContentFile(b"bytes"), b"bytes"),
        (ContentFile("text ü"), "text ü".encode()),
        (BytesIO(b"a plain file"), b"a plain file"),
        (StringIO("plain text"), b"plain text"),
        (ContentFile(b""), b""),
        (File(BytesIO(b"x" * 1_000_000), name="x"), b"x" * 1_000_000),
    ],
)
def test_what_is_saved_is_there(
    storage: KVStorage, store: KeyValueStore, content: File, stored: bytes
) -> None:
    """Bytes and text, Django's files and plain ones; the name is returned, the content open."""
    assert storage.save("dir/name.txt", content) == "dir/name.txt"
    assert values(store) == {"dir/name.txt": stored}
    assert storage.size("dir/name.txt") == len(stored)
    assert not content.closed


def test_content_need_not_be_more_than_django_asks(
    storage: KVStorage, store: KeyValueStore, tmp_path: Path
) -> None:
    """`chunks` without a size, a file in text mode, an answer that can be read only once."""

    class Slow(ContentFile):
        def chunks(self) -> object:
            return super().chunks(2)

    class Answer(io.RawIOBase):
        rest = [b"one ", b"two"]

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return self.rest.pop(0) if self.rest else b""

    (tmp_path / "text").write_text("ü\n", encoding="utf-8")
    with (tmp_path / "text").open(encoding="utf-8") as text:
        storage.save("text", text)
    storage.save("slow", Slow(b"12345"))
    storage.save("answer", File(Answer()))
    assert values(store) == {"text": "ü\n".encode(), "slow": b"12345", "answer": b"one two"}


def test_the_type_is_that_of_the_bytes(storage: KVStorage, store: KeyValueStore) -> None:
    """Where a store keeps one; what the client said of its upload is not believed."""
    page = SimpleUploadedFile("cat.png", b"<html><script>", content_type="image/png")
    cat = SimpleUploadedFile("cat.html", b"GIF89a", content_type="text/html")
    for upload, found in ((page, "text/html"), (cat, "image/gif")):
        stat = store.with_keys("path").stat(storage.save(upload.name, upload))
        assert stat.content_type == (found if store.capabilities.content_type else None)


def test_content_is_saved_from_its_start(storage: KVStorage, store: KeyValueStore) -> None:
    """A validator may have read it before."""
    content = ContentFile(b"content")
    content.read(4)
    storage.save("name", content)
    assert values(store) == {"name": b"content"}


def test_an_uploaded_file_is_consumed(storage: KVStorage, store: KeyValueStore) -> None:
    """As with Django's storages, the temporary file of an upload is gone, and closing is safe."""
    with TemporaryUploadedFile("big.bin", "application/octet-stream", 3, None) as upload:
        upload.write(b"abc")
        upload.seek(0)
        path = upload.temporary_file_path()
        assert storage.save("big.bin", upload) == "big.bin"
        assert not os.path.exists(path)
    assert values(store) == {"big.bin": b"abc"}


def test_a_failing_source_leaves_nothing(storage: KVStorage, store: KeyValueStore) -> None:
    """What the content raises is passed on, and no part of it is there."""

    class Failing(ContentFile):
        def chunks(self, chunk_size: int | None = None) -> object:
            yield b"part"
            raise ConnectionResetError("the client has gone")

    with pytest.raises(ConnectionResetError):
        storage.save("name", Failing(b""))
    assert values(store) == {}


# Reading


def test_opened_files_are_files(storage: KVStorage) -> None:
    """Read, seek, size, chunks, lines, text; opened again after a close."""
    storage.save("name.txt", ContentFile("one\nü\n"))
    with storage.open("name.txt") as file:
        assert isinstance(file, File)
        assert file.name == "name.txt"
        assert (file.size, len(file), bool(file)) == (7, 7, True)
        assert file.read(3) == b"one"
        assert file.seek(0) == 0
        assert b"".join(file.chunks(2)) == "one\nü\n".encode()
        assert list(file) == [b"one\n", "ü\n".encode()]
        assert file.open() is file
        assert file.read() == "one\nü\n".encode()
        storage.delete("name.txt")
        storage.save("name.txt", ContentFile("another"))
        assert file.size == 7, "the version that is read"
        storage.delete("name.txt")
        storage.save("name.txt", ContentFile("one\nü\n"))
    assert file.closed
    file.close()
    assert file.open("r").read() == "one\nü\n"
    file.close()


def test_a_missing_file_is_file_not_found(storage: KVStorage) -> None:
    """The error that users of Django's storages expect; deleting it is none."""
    for operation in (storage.open, storage.size, storage.get_modified_time):
        with pytest.raises(FileNotFoundError, match="'nope'"):
            operation("nope")
    storage.delete("nope")
    with pytest.raises(ValueError, match="must be given"):
        storage.delete("")


def test_exists_means_files_and_directories(storage: KVStorage) -> None:
    """A directory is there as long as something is in it."""
    storage.save("a/b/c", ContentFile(b""))
    assert storage.exists("a/b/c")
    assert storage.exists("a/b")
    assert storage.exists("a")
    assert not storage.exists("a/b/c/d")
    assert not storage.exists("b")
    assert storage.exists("a/")
    storage.delete("a/b/c")
    assert not storage.exists("a")


def test_listdir_lists_one_level(storage: KVStorage) -> None:
    """Directories and files apart, by their base names."""
    for name in ("x", "a/y", "a/b/z", "ab"):
        storage.save(name, ContentFile(b""))
    assert sorted(map(sorted, storage.listdir(""))) == [["a"], ["ab", "x"]]
    assert storage.listdir("a") == (["b"], ["y"])
    assert storage.listdir(Path("a/b")) == ([], ["z"])
    assert storage.listdir("nope") == ([], [])


@pytest.mark.parametrize("use_tz", [True, False])
def test_times_follow_the_setting(storage: KVStorage, settings: Settings, use_tz: bool) -> None:
    """Aware (UTC) with `USE_TZ`, else naive in the zone of the system."""
    settings.USE_TZ = use_tz
    settings.TIME_ZONE = "Asia/Tokyo"
    storage.save("name", ContentFile(b""))
    if storage.store.stat("name").modified is None:  # Redis keeps no time
        with pytest.raises(NotImplementedError, match="does not know when"):
            storage.get_modified_time("name")
        return
    found = storage.get_modified_time("name")
    now = datetime.now(UTC) if use_tz else datetime.now()  # noqa: DTZ005  # as Django gives it
    assert (found.tzinfo is not None) == use_tz
    assert abs(now - found) < timedelta(minutes=5)
    with pytest.raises(FileNotFoundError, match="'nope'"):
        storage.get_modified_time("nope")


@pytest.mark.parametrize("use_tz", [True, False])
def test_local_files_have_more_times(tmp_path: Path, settings: Settings, use_tz: bool) -> None:
    """When a file was made and read is the system's knowledge; other stores say they have none."""
    settings.USE_TZ = use_tz
    now = datetime.now(UTC) if use_tz else datetime.now()  # noqa: DTZ005  # as Django gives it
    local, remote = KVStorage(FilesystemStore(tmp_path)), KVStorage(DictStore())
    for storage in (local, remote):
        storage.save("name", ContentFile(b""))
    for ask in ("get_created_time", "get_accessed_time"):
        found = getattr(local, ask)("name")
        assert (found.tzinfo is not None) == use_tz
        assert abs(now - found) < timedelta(minutes=5)
        with pytest.raises(FileNotFoundError, match="'nope'"):
            getattr(local, ask)("nope")
        with pytest.raises(NotImplementedError):
            getattr(remote, ask)("name")


# Writing through open


def test_a_file_opened_for_writing_is_published_by_close(storage: KVStorage) -> None:
    """Until then nobody sees anything; then all of it."""
    file = storage.open("name", "wb")
    file.write(b"one ")
    assert not storage.exists("name")
    file.write(b"two")
    assert file.size == 7
    file.close()
    assert content_of(storage, "name") == b"one two"
    with storage.open("name", "w") as file:
        file.write("ü")
        with pytest.raises(TypeError, match="takes str"):
            file.write(b"bytes")
    assert content_of(storage, "name", "r") == "ü"


def test_an_exception_publishes_nothing(storage: KVStorage) -> None:
    """Half a file is never seen; the old one stays."""
    storage.save("name", ContentFile(b"old"))
    with pytest.raises(ZeroDivisionError), storage.open("name", "wb") as file:
        file.write(b"half")
        1 / 0  # noqa: B018
    assert content_of(storage, "name") == b"old"


def test_exclusive_creation(storage: KVStorage) -> None:
    """Mode x creates, and leaves what is there."""
    with storage.open("name", "xb") as file:
        file.write(b"mine")
    file = storage.open("name", "xb")
    file.write(b"yours")
    with pytest.raises(FileExistsError):
        file.close()
    assert content_of(storage, "name") == b"mine"


@pytest.mark.parametrize("mode", ["a", "r+", "rb+", "ab", "", "rw"])
def test_other_modes_are_refused(storage: KVStorage, mode: str) -> None:
    """A value is replaced whole: there is no appending. Told before anything happens."""
    storage.save("name", ContentFile(b"old"))
    with pytest.raises(ValueError, match="modes"):
        storage.open("name", mode)
    assert content_of(storage, "name") == b"old"
