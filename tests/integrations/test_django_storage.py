"""`KVStorage` is a storage as Django's documentation and its own storages have them.

The cases follow those of Django's tests for `FileSystemStorage` (tests/file_storage).
"""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from threading import Barrier

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, default_storage, storages
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db.migrations.writer import MigrationWriter
from django.utils.functional import lazy
from kvcore_django.storage import KVStorage
from pytest_django import Settings

from kvcore import ConfigError, DictStore, FilesystemStore, KeyExists, KeyValueStore, Unsupported
from tests.config.others import others as others


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> KeyValueStore:
    return DictStore() if request.param == "memory" else FilesystemStore(tmp_path / "files")


@pytest.fixture
def storage(store: KeyValueStore) -> KVStorage:
    return KVStorage(store)


def values(store: KeyValueStore) -> dict[str, bytes]:
    paths = store.with_keys("path")
    return {key: paths.get(key) for key in paths}


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


def test_an_existing_file_is_never_overwritten(storage: KVStorage, store: KeyValueStore) -> None:
    """A second save gets another name, with the same extensions."""
    assert storage.save("a/x.tar.gz", ContentFile(b"1")) == "a/x.tar.gz"
    other = storage.save("a/x.tar.gz", ContentFile(b"2"))
    assert other != "a/x.tar.gz"
    assert other.startswith("a/x_")
    assert other.endswith(".tar.gz")
    assert values(store) == {"a/x.tar.gz": b"1", other: b"2"}


@pytest.mark.parametrize("temporary", [False, True])
def test_many_savers_of_one_name_lose_nothing(
    storage: KVStorage, store: KeyValueStore, temporary: bool
) -> None:
    """Threads that find the name free at the same time still get a file each."""
    ready = Barrier(8)

    class Racing(KVStorage):
        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            found = super().get_available_name(name, max_length)
            ready.wait(30)  # everybody has seen that the name is free
            return found

    def save(number: int) -> str:
        data = b"%d" % number
        if not temporary:
            return Racing(store).save("name.txt", ContentFile(data))
        with TemporaryUploadedFile("name.txt", "text/plain", 1, None) as upload:
            upload.write(data)
            upload.seek(0)
            return Racing(store).save("name.txt", upload)

    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(save, range(8)))
    assert len(set(names)) == 8
    assert values(store) == {name: b"%d" % number for number, name in enumerate(names)}


def test_content_that_is_read_once_is_not_saved_empty(storage: KVStorage) -> None:
    """If another was faster and the content cannot be read again, that is an error."""

    class Pipe(BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError("a pipe")

    class Late(KVStorage):
        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            return name

    storage.save("name", ContentFile(b"first"))
    with pytest.raises((KeyExists, OSError)):
        Late(storage.store).save("name", File(Pipe(b"second"), name="name"))
    assert storage.listdir("") == ([], ["name"])
    assert content_of(storage, "name") == b"first"


def test_a_file_bars_the_way_of_a_directory(tmp_path: Path) -> None:
    """`a` is a file, so `a/b` cannot be one in a folder; nothing is lost, nothing waits."""
    storage = KVStorage(FilesystemStore(tmp_path))
    storage.save("a", ContentFile(b"file"))
    content = CountedContent(b"below")
    with pytest.raises(FileExistsError):
        storage.save("a/b", content)
    assert content.reads <= 1
    assert content_of(storage, "a") == b"file"


class CountedContent(ContentFile):
    """Counts how often it is read from its start."""

    reads = 0

    def chunks(self, chunk_size: int | None = None) -> object:
        self.reads += 1
        return super().chunks(chunk_size)


def test_other_names_are_made_of_the_wanted_one(tmp_path: Path) -> None:
    """However often somebody else is faster: one ending of random characters, not several."""
    tried = []

    class Taken(DictStore):
        def put(self, key: str, *args: object, **options: object) -> str:
            tried.append(key)
            if len(tried) < 5:
                raise KeyExists(key=key)
            return super().put(key, *args, **options)

    name = KVStorage(Taken(keys="path")).save("a/name.txt", ContentFile(b"1"))
    assert tried[-1] == name
    assert [len(key) for key in tried] == [len("a/name.txt")] + [len("a/name_1234567.txt")] * 4


def test_a_failing_source_leaves_nothing(storage: KVStorage, store: KeyValueStore) -> None:
    """What the content raises is passed on, and no part of it is there."""

    class Failing(ContentFile):
        def chunks(self, chunk_size: int | None = None) -> object:
            yield b"part"
            raise ConnectionResetError("the client has gone")

    with pytest.raises(ConnectionResetError):
        storage.save("name", Failing(b""))
    assert values(store) == {}


def test_the_length_of_names_is_kept(storage: KVStorage) -> None:
    """`max_length` of the field holds for alternative names, too."""
    assert storage.save("a" * 20 + ".txt", ContentFile(b"1"), max_length=24) == "a" * 20 + ".txt"
    other = storage.save("a" * 20 + ".txt", ContentFile(b"2"), max_length=24)
    assert len(other) <= 24
    with pytest.raises(SuspiciousFileOperation):
        storage.save("a.txt" * 10, ContentFile(b""), max_length=5)


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/passwd", "a/..", "..\\x", "\\x"],
)
def test_names_cannot_lead_out(storage: KVStorage, store: KeyValueStore, name: str) -> None:
    """Every operation refuses them as Django does, by `SuspiciousFileOperation`."""
    for operation in (storage.open, storage.exists, storage.size, storage.delete, storage.listdir):
        with pytest.raises(SuspiciousFileOperation):
            operation(name)
    with pytest.raises(SuspiciousFileOperation):
        storage.save(name, ContentFile(b""))
    assert values(store) == {}


@pytest.mark.parametrize("name", ["a\0b", ".kvcore-x", "a\nb", "a/.kvcore-x/b"])
def test_what_cannot_be_a_name_does_not_exist(storage: KVStorage, name: str) -> None:
    """Asked for, it is not there; to use it is refused as Django refuses suspicious names."""
    assert not storage.exists(name)
    for operation in (storage.open, storage.size, storage.delete):
        with pytest.raises(SuspiciousFileOperation):
            operation(name)
    with pytest.raises(SuspiciousFileOperation):
        storage.save(name, ContentFile(b""))


def test_names_of_many_bytes_are_cut(tmp_path: Path) -> None:
    """A folder takes 255 bytes; 200 characters may be 800. The extension and all files stay."""
    storage = KVStorage(FilesystemStore(tmp_path))
    names = [storage.save("a/" + "写" * 200 + ".png", ContentFile(b"%d" % i)) for i in range(3)]
    assert len(set(names)) == 3
    for i, name in enumerate(names):
        assert name.startswith("a/写写写")
        assert name.endswith(".png")
        assert len(name.encode()) <= 2 + 255
        assert content_of(storage, name) == b"%d" % i


def test_names_are_normalised_as_paths(storage: KVStorage, store: KeyValueStore) -> None:
    """`./a//b`, a `Path` and a backslash mean what they mean to Django."""
    storage.save("a/b", ContentFile(b""))
    assert storage.exists("./a//b")
    assert storage.exists("a\\b")
    assert storage.exists(Path("a") / "b")
    assert list(values(store)) == ["a/b"]


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


# Addresses


def test_urls_stand_below_media_url(settings: Settings) -> None:
    """Quoted, below `MEDIA_URL` or the storage's own `base_url`, which may be lazy."""
    settings.MEDIA_URL = "/media/"
    assert KVStorage(DictStore()).url("a/ü b#?.png") == "/media/a/%C3%BC%20b%23%3F.png"
    assert KVStorage(DictStore(), base_url="https://cdn.example/x").url("a") == (
        "https://cdn.example/x/a"
    )
    lazy_url = lazy(lambda: "/lazy/", str)()
    assert KVStorage(DictStore(), base_url=lazy_url).url("a") == "/lazy/a"
    assert KVStorage(DictStore()).url(None) == "/media/"
    with pytest.raises(ValueError, match="not accessible"):
        KVStorage(DictStore(), base_url="").url("a")


@pytest.mark.parametrize("media_url", ["", "/"])
def test_an_unset_media_url_is_told(settings: Settings, media_url: str) -> None:
    """Django makes `/` of its default; a link there is dead. The root is what `base_url` says."""
    settings.MEDIA_URL = media_url
    with pytest.raises(ValueError, match="set MEDIA_URL or base_url"):
        KVStorage(DictStore()).url("a")
    assert KVStorage(DictStore(), base_url="/").url("a") == "/a"


def test_a_store_with_urls_of_its_own_gives_them(tmp_path: Path, settings: Settings) -> None:
    """A web folder knows its address; a path on this machine is none for a browser."""
    settings.MEDIA_URL = "/media/"
    web = KVStorage(url=f"webfs://{tmp_path}/web?url_prefix=https://files.example/")
    assert web.url("a b.png") == "https://files.example/a%20b.png"
    assert KVStorage(FilesystemStore(tmp_path)).url("a") == "/media/a"


def test_local_files_have_a_path(tmp_path: Path) -> None:
    """Third-party packages ask for one, and expect `NotImplementedError` where there is none."""
    storage = KVStorage(FilesystemStore(tmp_path), location="media")
    storage.save("a/b.txt", ContentFile(b"text"))
    assert Path(storage.path("a/b.txt")).read_bytes() == b"text"
    assert storage.path("a/b.txt") == str(tmp_path / "media/a/b.txt")
    with pytest.raises(FileNotFoundError, match="'nope'"):
        storage.path("nope")
    with pytest.raises(SuspiciousFileOperation):
        storage.path("../b.txt")
    remote = KVStorage(DictStore())
    remote.save("a", ContentFile(b""))
    for name in ("a", "nope"):
        with pytest.raises(NotImplementedError):
            remote.path(name)


def test_a_store_that_cannot_create_only_says_so(tmp_path: Path) -> None:
    """Without `if_absent` a save could overwrite somebody's file, so there is none."""

    class Plain(DictStore):
        @property
        def capabilities(self):
            return super().capabilities._replace(if_absent=False)

    with pytest.raises(Unsupported, match="if_absent"):
        KVStorage(Plain()).save("name", ContentFile(b""))
