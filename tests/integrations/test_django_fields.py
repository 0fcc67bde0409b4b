"""Fields of models over `KVStorage`, and the keys that `generate_key` makes for them."""

import io
import pickle
import re
from pathlib import Path

import pytest
from django import forms
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.core.management import call_command
from django.db import models, transaction
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import MigrationWriter
from kvcore_django import generate_key
from kvcore_django.storage import KVStorage
from PIL import Image
from pytest_django import Settings

from kvcore import ConfigError, DictStore, KeyValueStore
from tests.integrations.django_app.models import Document

GIF = b"GIF89a" + bytes(range(256)) * 4000
HTML = b"<html><script>alert(1)</script>"


@pytest.fixture
def store(any_store: KeyValueStore, settings: Settings) -> KeyValueStore:
    """That of the default storage."""
    settings.KVCORE_STORES = {"default": any_store}
    return any_store.with_keys("path")


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "PNG")
    return file.getvalue()


# Generated keys


def test_a_field_gets_generated_keys() -> None:
    """Neither the name nor the extension of a client's file gets where it could do harm."""
    make = generate_key("pictures/{id}{ext}")
    assert re.fullmatch(r"pictures/[0-9a-z]{26}\.jpg", make(None, "My Cat.JPEG"))
    assert re.fullmatch(r"pictures/[0-9a-z]{26}\.bin", make(None, "../../evil.html"))
    assert make(None, "a.png") != make(None, "a.png")


@pytest.mark.parametrize("temporary", [False, True])
@pytest.mark.parametrize(
    ("content", "extension"),
    [(GIF, ".gif"), (b"GIF89a", ".gif"), (HTML, ".bin"), (b"plain", ".txt"), (b"", ".txt")],
)
def test_the_bytes_tell_the_extension(
    store: KeyValueStore, content: bytes, extension: str, temporary: bool
) -> None:
    """Whatever the client called its file; no matter where Django put the upload meanwhile."""
    storage = KVStorage()
    name = storage.generate_filename(generate_key("a/{id}{ext}")(None, "evil.png"))
    with TemporaryUploadedFile("evil.png", "image/png", len(content), None) as upload:
        upload.write(content)
        upload.seek(0)
        saved = storage.save(name, upload if temporary else ContentFile(content))
    assert saved == f"{name.removesuffix('.png')}{extension}"
    assert store.get(saved) == content


def test_content_in_crumbs_tells_its_type_as_well(store: KeyValueStore) -> None:
    """A file may give fewer bytes at a time than the type needs; none is lost."""

    class Crumbs(ContentFile):
        def chunks(self, chunk_size: int | None = None) -> object:
            self.seek(0)
            while crumb := self.read(3):
                yield crumb
                yield b""

    saved = KVStorage().save(generate_key()(None, "x"), Crumbs(GIF[:10_000]))
    assert saved.endswith(".gif")
    assert store.get(saved) == GIF[:10_000]


def test_other_storages_get_a_harmless_extension() -> None:
    """They do not ask for more than the name, so that of the client's file counts, or `.bin`."""
    storage = InMemoryStorage()
    make = generate_key("a/{id}{ext}")
    for told, extension in (("x.PNG", ".png"), ("x.html", ".bin"), ("x", ".bin")):
        name = storage.generate_filename(make(None, told))
        saved = storage.save(name, ContentFile(GIF))
        assert re.fullmatch(r"a/[0-9a-z]{26}\.[a-z]{3}", saved)
        assert saved.endswith(extension)


def test_an_id_is_never_cut(store: KeyValueStore) -> None:
    """Where a field has no room for the longest of its names, that is told; a part may collide."""
    name = generate_key("{id}{ext}")(None, "x.png")
    assert name.longest == 26 + len(".webm")
    with pytest.raises(SuspiciousFileOperation, match="up to 31 characters"):
        KVStorage().save(name, ContentFile(b""), max_length=30)
    assert store.keys() == []
    assert KVStorage().save(name, ContentFile(b""), max_length=31)


def test_no_type_has_a_longer_extension_than_expected(store: KeyValueStore) -> None:
    """Keys of a field stay within what `generate_key` promised."""
    from kvcore import mime

    types = [content_type for _, content_type in mime._SIGNATURES]
    types += ["video/webm", "audio/flac", "video/quicktime", "text/plain", "image/webp"]
    longest = max(len(mime.extension_for(content_type)) for content_type in types)
    assert longest == len(".webm")


@pytest.mark.parametrize(
    "template",
    [
        "fixed",
        "{id}/{name}",
        "a" * 70 + "{id}{ext}",
        "{unknown}{id}",
        "../{id}",
        "/{id}",
        "a//{id}",
    ],
)
def test_templates_that_cannot_serve_a_field_are_told(template: str) -> None:
    """When the model is loaded: no id, unknown places, too long for a field, no legal key."""
    with pytest.raises((ConfigError, ValueError), match="template"):
        generate_key(template)


# Migrations


def test_generated_keys_stand_in_migrations() -> None:
    """As a call that gives an equal object, so no new migration is made for nothing."""
    text, imports = MigrationWriter.serialize(generate_key("p/{id}{ext}"))
    assert (text, imports) == (
        "kvcore_django.uploads.generate_key('p/{id}{ext}')",
        {"import kvcore_django.uploads"},
    )
    assert generate_key("p/{id}") == generate_key("p/{id}")
    assert generate_key("p/{id}") != generate_key("q/{id}")
    assert len({generate_key("p/{id}"), generate_key("p/{id}")}) == 1


@pytest.mark.django_db
def test_an_app_has_all_its_migrations() -> None:
    """What the models say is what the migrations make: no migration is wanted for nothing."""
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_a_change_of_key_or_storage_is_noticed() -> None:
    """The same field gives no migration; another template, location or option does."""

    def told(template: str, **options: object) -> object:
        storage = KVStorage(**options)
        field = models.FileField(upload_to=generate_key(template), storage=storage)
        return MigrationAutodetector(ProjectState(), ProjectState()).deep_deconstruct(field)

    assert told("a/{id}", location="media") == told("a/{id}", location="media")
    assert told("a/{id}") == told("a/{id}", store="default")
    others = [
        told("b/{id}"),
        told("a/{id}", location="media"),
        told("a/{id}", store="media"),
        told("a/{id}", allow_overwrite=True),
        told("a/{id}", base_url="/m/"),
        told("a/{id}", url="memory://"),
    ]
    assert all(other != told("a/{id}") for other in others)


# Fields


@pytest.mark.django_db
def test_a_file_field_lives_in_a_store(store: KeyValueStore) -> None:
    """Saved through the model, through the field, read again, opened, deleted."""
    document = Document(file=SimpleUploadedFile("My Cat.png", GIF))
    document.save()
    document.refresh_from_db()
    assert re.fullmatch(r"documents/[0-9a-z]{26}\.gif", document.file.name)
    assert store.get(document.file.name) == GIF
    assert document.file.size == len(GIF)
    assert document.file.url == f"/media/{document.file.name}"
    with document.file.open() as file:
        assert file.read(6) == b"GIF89a"
        with file.open("rb") as again:
            assert b"".join(again.chunks()) == GIF
    assert document.file.closed

    first = document.file.name
    document.file.save("other.txt", ContentFile("text"))
    assert re.fullmatch(r"documents/[0-9a-z]{26}\.txt", document.file.name)
    assert set(store.keys()) == {first, document.file.name}
    document.file.delete()
    document.refresh_from_db()
    assert not document.file
    assert store.keys() == [first]


@pytest.mark.django_db
def test_a_file_of_a_field_is_read_and_written(store: KeyValueStore) -> None:
    """In crumbs, anew, through a pickle, as Django's documentation does it."""
    empty = Document()
    assert empty.file.name == ""
    with pytest.raises(ValueError, match="no file associated"):
        _ = empty.file.size
    document = Document.objects.create(named=SimpleUploadedFile("a.txt", b"content"))
    document.named.open()
    assert document.named.read(3) == b"con"
    assert document.named.read() == b"tent"
    assert list(document.named.chunks(chunk_size=4)) == [b"cont", b"ent"]
    document.named.close()
    with document.named as file:
        file.open("wb")
        file.write(b"updated")
    document.refresh_from_db()
    assert document.named.read() == b"updated"
    document.named.close()
    copy = pickle.loads(pickle.dumps(document))
    with copy.named as file:
        assert file.read() == b"updated"
    assert store.keys() == ["named/a.txt"]


@pytest.mark.django_db
def test_a_field_with_names_of_its_own(store: KeyValueStore) -> None:
    """Names stay what the client said, made harmless, as long as the column, and never shared."""
    first = Document(named=SimpleUploadedFile("my cat.png", b"1"))
    second = Document(named=SimpleUploadedFile("my cat.png", b"2"))
    long = Document(named=SimpleUploadedFile("c" * 90 + ".png", b"3"))
    for document in (first, second, long):
        document.save()
    assert first.named.name == "named/my_cat.png"
    assert re.fullmatch(r"named/my_cat_\w{7}\.png", second.named.name)
    assert len(long.named.name) == 40
    assert {store.get(document.named.name) for document in (first, second, long)} == {
        b"1",
        b"2",
        b"3",
    }


@pytest.mark.django_db
def test_a_picture_tells_its_measures(store: KeyValueStore) -> None:
    """When it is assigned, and again when they are asked for; the reader is closed each time."""
    document = Document(picture=SimpleUploadedFile("cat.png", png(30, 20)))
    assert (document.width, document.height) == (30, 20)
    document.save()
    document.refresh_from_db()
    assert (document.picture.width, document.picture.height) == (30, 20)
    assert store.keys() == [f"media/{document.picture.name}"]
    assert document.picture.url == f"/media/media/{document.picture.name}"
    document.picture.delete()
    assert (document.width, document.height) == (None, None)
    assert store.keys() == []


class DocumentForm(forms.ModelForm):
    """As a site would write it; `ClearableFileInput` is Django's default widget."""

    class Meta:
        """All files."""

        model = Document
        fields = ("file", "named", "picture")


@pytest.mark.django_db
def test_a_form_uploads_shows_and_clears(store: KeyValueStore) -> None:
    """With the widget that Django has for it, which links to the present file."""
    uploads = {
        "file": SimpleUploadedFile("a.txt", b"text"),
        "picture": SimpleUploadedFile("cat.png", png(3, 2)),
    }
    form = DocumentForm({}, uploads)
    assert form.is_valid(), form.errors
    document = form.save()
    assert store.get(document.file.name) == b"text"
    assert f'<a href="/media/{document.file.name}">' in str(DocumentForm(instance=document))
    form = DocumentForm({"file-clear": "on"}, {}, instance=document)
    assert form.is_valid()
    document = form.save()
    document.refresh_from_db()
    assert not document.file
    assert document.picture
    form = DocumentForm({}, {"picture": SimpleUploadedFile("cat.png", HTML)}, instance=document)
    assert not form.is_valid()


@pytest.mark.django_db
def test_an_upload_on_disk_is_moved_and_stays_readable(tmp_path: Path, settings: Settings) -> None:
    """No byte is copied into a folder, and what comes after the save may still use the upload."""
    settings.KVCORE_STORES = {"default": f"fs://{tmp_path}/files"}
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    with TemporaryUploadedFile("a.gif", "image/gif", len(GIF), None) as upload:
        upload.write(GIF)
        upload.write(b"tail")  # which is not flushed
        inode = Path(upload.temporary_file_path()).stat().st_ino
        document = Document(file=upload)
        document.save()
        assert Path(document.file.path).stat().st_ino == inode
        assert Path(document.file.path).read_bytes() == GIF + b"tail"
        upload.seek(0)
        assert upload.read() == GIF + b"tail"
        another = Document(file=upload)
        another.save()
    for saved in (document, another):
        with saved.file.open() as file:
            assert file.read() == GIF + b"tail"


@pytest.mark.django_db
def test_a_refused_save_leaves_row_and_store_as_they_were(settings: Settings) -> None:
    """A store that fails makes the save of the model fail, loudly, before the row is written."""

    class Full(DictStore):
        def put(self, *args: object, **options: object) -> str:
            raise OSError(28, "no space left")

    settings.KVCORE_STORES = {"default": Full()}
    with pytest.raises(OSError, match="no space left"), transaction.atomic():
        Document(file=SimpleUploadedFile("a.txt", b"text")).save()
    assert Document.objects.count() == 0
