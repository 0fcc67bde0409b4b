"""Names of files in `KVStorage`: none leads out, none is taken twice, whoever saves at once."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from threading import Barrier

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import TemporaryUploadedFile
from kvcore_django.storage import KVStorage

from kvcore import (
    DictStore,
    FilesystemStore,
    KeyExists,
    KeyValueStore,
    store_from_url,
)
from tests.integrations.stored import values
from tests.soak import count


def test_an_existing_file_is_never_overwritten(storage: KVStorage, store: KeyValueStore) -> None:
    """A second save gets another name, with the same extensions."""
    assert storage.save("a/x.tar.gz", ContentFile(b"1")) == "a/x.tar.gz"
    other = storage.save("a/x.tar.gz", ContentFile(b"2"))
    assert other != "a/x.tar.gz"
    assert other.startswith("a/x_")
    assert other.endswith(".tar.gz")
    assert values(store) == {"a/x.tar.gz": b"1", other: b"2"}


@pytest.mark.parametrize("kind", ["small", "large", "temporary"])
def test_many_savers_of_one_name_lose_nothing(store: KeyValueStore, kind: str) -> None:
    """Threads that find the name free at the same time still get a file each, and all of it."""
    ready = Barrier(8)
    times = 1 if kind == "small" else 300_000

    class Racing(KVStorage):
        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            found = super().get_available_name(name, max_length)
            ready.wait(30)  # everybody has seen that the name is free
            return found

    def save(number: int) -> str:
        data = b"%d" % number * times
        if kind != "temporary":
            return Racing(store).save("name.txt", ContentFile(data))
        with TemporaryUploadedFile("name.txt", "text/plain", times, None) as upload:
            upload.write(data)
            upload.seek(0)
            return Racing(store).save("name.txt", upload)

    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(save, range(8)))
    assert len(set(names)) == 8
    assert values(store) == {name: b"%d" % number * times for number, name in enumerate(names)}


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
    assert values(storage.store)["name"] == b"first"


@pytest.mark.parametrize("size", [5, 300_000])
def test_a_file_bars_the_way_of_a_directory(
    storage: KVStorage, store: KeyValueStore, size: int
) -> None:
    """`q.txt` is a file, so in a folder no `q.txt/x` can be: another directory is made for it.

    Whatever name one store takes, every store saves it, under another one at worst.
    """
    storage.save("a/q.txt", ContentFile(b"file"))
    below = ContentFile(b"x" * size)
    name = storage.save("a/q.txt/b/x.txt", below, max_length=25)
    if isinstance(store, FilesystemStore):
        assert re.fullmatch(r"a/q_\w{7}\.txt/b/x\.txt", name)
    else:
        assert name == "a/q.txt/b/x.txt"
    assert values(store) == {"a/q.txt": b"file", name: b"x" * size}


def test_a_file_in_the_way_counts_for_the_length(tmp_path: Path) -> None:
    """The directory's other name is as short as the field wants."""
    storage = KVStorage(FilesystemStore(tmp_path))
    storage.save("directory", ContentFile(b"file"))
    name = storage.save("directory/x.txt", ContentFile(b"below"), max_length=15)
    assert re.fullmatch(r"d_\w{7}/x\.txt", name)
    with pytest.raises(SuspiciousFileOperation, match="at most 21 characters"):
        storage.save(f"{name}/x.txt", ContentFile(b""), max_length=21)
    assert values(storage.store) == {"directory": b"file", name: b"below"}


@pytest.mark.parametrize(("size", "asked"), [(10, []), (1_000_000, ["name.txt"])])
def test_before_a_small_file_nobody_asks(size: int, asked: list[str]) -> None:
    """To send a few bytes costs as much as to ask whether the name is free; many cost more."""
    looked = []

    class Watched(DictStore):
        def _has_key(self, key: str) -> bool:
            looked.append(key)
            return super()._has_key(key)

    storage = KVStorage(Watched(keys="path"))
    assert storage.save("name.txt", ContentFile(b"x" * size)) == "name.txt"
    assert looked == asked
    assert storage.save("name.txt", ContentFile(b"y" * size)) != "name.txt"
    assert storage.size("name.txt") == size


def test_whoever_decides_about_names_is_asked(storage: KVStorage) -> None:
    """Methods of Django's that somebody overrides are called for each save."""

    class Deleting(KVStorage):
        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            self.delete(name)
            return name

    class Refusing(KVStorage):
        def is_name_available(self, name: str, max_length: int | None = None) -> bool:
            return name != "x" and super().is_name_available(name, max_length)

    for content in (b"old", b"new"):
        assert Deleting(storage.store).save("name", ContentFile(content)) == "name"
    assert values(storage.store) == {"name": b"new"}
    assert Refusing(storage.store).save("x", ContentFile(b"")) != "x"


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
        assert values(storage.store)[name] == b"%d" % i


def test_names_are_normalised_as_paths(storage: KVStorage, store: KeyValueStore) -> None:
    """`./a//b`, a `Path` and a backslash mean what they mean to Django."""
    storage.save("a/b", ContentFile(b""))
    assert storage.exists("./a//b")
    assert storage.exists("a\\b")
    assert storage.exists(Path("a") / "b")
    assert list(values(store)) == ["a/b"]


SAVER = """
import sys
from django.conf import settings
settings.configure(KVCORE_STORES={"default": sys.argv[1]})
from django.core.files.base import ContentFile
from kvcore_django.storage import KVStorage
storage = KVStorage()
print("ready", flush=True)
sys.stdin.readline()
for turn in range(int(sys.argv[2])):
    content = f"{sys.argv[3]} {turn}"
    print(storage.save("dir/name.txt", ContentFile(content.encode())), content, sep=":", flush=True)
"""


def test_processes_that_save_one_name_lose_nothing(shared_url: str) -> None:
    """Four at once, as the workers of a server are: a file for each content, each as told."""
    turns = count(10, 1000)
    command = [sys.executable, "-W", "error", "-c", SAVER, shared_url, str(turns)]
    pipe = subprocess.PIPE
    savers = [
        subprocess.Popen([*command, str(number)], stdin=pipe, stdout=pipe, text=True)
        for number in range(4)
    ]
    for saver in savers:
        assert saver.stdout is not None
        assert saver.stdout.readline() == "ready\n"
    for saver in savers:
        assert saver.stdin is not None
        saver.stdin.write("go\n")
        saver.stdin.flush()
    told = {}
    for saver in savers:
        printed, _ = saver.communicate(timeout=200)
        assert saver.returncode == 0
        told.update(line.split(":") for line in printed.splitlines())
    assert len(told) == 4 * turns
    with store_from_url(shared_url) as store:
        assert values(store) == {name: content.encode() for name, content in told.items()}


@pytest.mark.parametrize("url", ["memory://", "fs"])
def test_other_names_are_as_short_as_the_field_wants(url: str, tmp_path: Path) -> None:
    """Also one that is made because somebody was faster: a column of a table takes no more."""
    storage = KVStorage(url=url if url == "memory://" else f"fs://{tmp_path}")

    class Late(KVStorage):
        def is_name_available(self, name: str, max_length: int | None = None) -> bool:
            return not max_length or len(name) <= max_length

    late = Late(storage.store)
    storage.save("a/name.txt", ContentFile(b"first"))
    other = late.save("a/name.txt", ContentFile(b"second"), max_length=15)
    assert (len(other), other[:2], other[-4:]) == (15, "a/", ".txt")
    with pytest.raises(SuspiciousFileOperation, match="at most 10 characters"):
        late.save("a/name.txt", ContentFile(b"third"), max_length=10)
    assert values(storage.store) == {"a/name.txt": b"first", other: b"second"}


def test_a_directory_of_that_name_is_left_alone(storage: KVStorage, store: KeyValueStore) -> None:
    """In a folder no file can stand there, so it gets another name; elsewhere both can be."""
    storage.save("a/b.txt", ContentFile(b"below"))
    name = storage.save("a", ContentFile(b"beside"))
    assert (name == "a") == (not isinstance(store, FilesystemStore))
    assert values(store) == {"a/b.txt": b"below", name: b"beside"}


def test_names_are_made_as_django_makes_them(storage: KVStorage) -> None:
    """Its documented methods: a valid name, an alternative, the name to save under."""
    assert storage.get_valid_name("my cat (1).png") == "my_cat_1.png"
    assert re.fullmatch(r"cat_\w{7}\.png", storage.get_alternative_name("cat", ".png"))
    assert storage.generate_filename("a/./b/my cat.png") == "a/b/my_cat.png"
    assert storage.generate_filename(Path("a") / "cat.png") == "a/cat.png"
    assert storage.get_available_name("a\\cat.png") == "a/cat.png"
    assert storage.get_available_name(Path("a/cat.png")) == "a/cat.png"
    for wrong in ("../cat.png", "a/../../cat.png", "", "a/", ".."):
        with pytest.raises(SuspiciousFileOperation):
            storage.generate_filename(wrong)
        with pytest.raises(SuspiciousFileOperation):
            storage.get_available_name(wrong)
