"""Where the files of a `KVStorage` are for others: URLs, and paths of this machine."""

from pathlib import Path

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.utils.functional import lazy
from kvcore_django.storage import KVStorage
from pytest_django import Settings

from kvcore import DictStore, FilesystemStore
from tests.config.others import others as others


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


@pytest.mark.parametrize("media_url", ["", "/", None])
def test_an_unset_media_url_is_told(settings: Settings, media_url: str | None) -> None:
    """Django makes `/` of its default; a link there is dead. The root is what `base_url` says."""
    settings.MEDIA_URL = media_url
    with pytest.raises(ValueError, match="set MEDIA_URL or base_url"):
        KVStorage(DictStore()).url("a")
    assert KVStorage(DictStore(), base_url="/").url("a") == "/a"


def test_a_name_that_is_no_key_has_an_address(tmp_path: Path, settings: Settings) -> None:
    """A page that shows an old row does not fail, on any store; there is just nothing there."""
    settings.MEDIA_URL = "/media/"
    for url in ("memory://", f"fs://{tmp_path}"):
        storage = KVStorage(url=url)
        assert storage.url("/old/cat.png") == "/media/old/cat.png"


def test_a_store_with_urls_of_its_own_gives_them(tmp_path: Path, settings: Settings) -> None:
    """A web folder knows its address; a path on this machine is none for a browser."""
    settings.MEDIA_URL = "/media/"
    web = KVStorage(url=f"webfs://{tmp_path}/web?url_prefix=https://files.example/")
    assert web.url("a b.png") == "https://files.example/a%20b.png"
    assert KVStorage(FilesystemStore(tmp_path)).url("a") == "/media/a"


def test_files_in_a_bucket_have_signed_urls(settings: Settings, s3_environment: None) -> None:
    """Of the location and the bucket's prefix; or those of a CDN."""
    settings.MEDIA_URL = "/media/"
    bucket = "s3://bucket/in/?region=eu-central-1&addressing=path"
    signing = KVStorage(url=bucket, location="a")
    with signing.store:
        url = signing.url("b c.png")
        assert url.startswith("https://s3.eu-central-1.amazonaws.com/bucket/in/a/b%20c.png?X-Amz-")
    cdn = KVStorage(url=f"{bucket}&base_url=https://cdn.example/in", location="a")
    assert cdn.url("b c.png") == "https://cdn.example/in/a/b%20c.png"


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
    with pytest.raises(NotImplementedError):
        storage.path("")
    remote = KVStorage(DictStore())
    remote.save("a", ContentFile(b""))
    for name in ("a", "nope"):
        with pytest.raises(NotImplementedError):
            remote.path(name)


def test_urls_of_a_location(settings: Settings, tmp_path: Path) -> None:
    """`MEDIA_URL` is where all of the store is served, `base_url` where this storage is."""
    settings.MEDIA_URL = "/media/"
    store = DictStore()
    assert KVStorage(store, location="a/b/").url("c d") == "/media/a/b/c%20d"
    assert KVStorage(store, location="a/b", base_url="/x/").url("c") == "/x/c"
    assert KVStorage(store, location="a/b").url(None) == "/media/a/b/"
    web = f"webfs://{tmp_path}/web?url_prefix=https://files.example/"
    assert KVStorage(url=web, location="a").url("b") == "https://files.example/a/b"
