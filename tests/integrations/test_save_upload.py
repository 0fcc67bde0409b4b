"""`save_upload` has the same words and the same rules in all three frameworks."""

import asyncio
import inspect
import io
import os
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import kvcore_django
import kvcore_flask
import kvcore_starlette
import pytest
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile
from starlette.datastructures import UploadFile
from werkzeug.datastructures import FileStorage

from kvcore import (
    AsyncStore,
    FilesystemStore,
    KeyValueStore,
    UploadRefused,
    UploadTooLarge,
    UploadTypeRefused,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100
MIB = 1024 * 1024
Save = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path) -> KeyValueStore:
    return FilesystemStore(tmp_path / "store")


def in_django(file: io.BufferedIOBase, name: str, store: KeyValueStore, **rules: Any) -> str:
    size = file.seek(0, io.SEEK_END)
    if size < MIB:
        upload = InMemoryUploadedFile(file, None, name, "text/html", size, None)
        return kvcore_django.save_upload(upload, store=store, **rules)
    with TemporaryUploadedFile(name, "text/html", size, None) as upload:
        file.seek(0)
        while block := file.read(MIB):
            upload.write(block)
        return kvcore_django.save_upload(upload, store=store, **rules)


def in_flask(file: io.BufferedIOBase, name: str, store: KeyValueStore, **rules: Any) -> str:
    return kvcore_flask.save_upload(
        FileStorage(file, name, content_type="text/html"), store=store, **rules
    )


def in_starlette(file: io.BufferedIOBase, name: str, store: KeyValueStore, **rules: Any) -> str:
    async def save() -> str:
        with SpooledTemporaryFile(max_size=MIB) as spooled:
            file.seek(0)
            while block := file.read(MIB):
                spooled.write(block)
            upload = UploadFile(spooled, filename=name)
            return await kvcore_starlette.save_upload(upload, store=AsyncStore(store), **rules)

    return asyncio.run(save())


@pytest.fixture(params=[in_django, in_flask, in_starlette])
def save(request: pytest.FixtureRequest) -> Save:
    """Each framework's own, given a file as that framework receives it."""
    found: Save = request.param
    return found


MODULES = (kvcore_django, kvcore_flask, kvcore_starlette)


def words(function: Callable[..., object]) -> dict[str, tuple[object, object]]:
    """What a function takes: names, kinds and defaults."""
    parameters = inspect.signature(function).parameters
    return {name: (taken.kind, taken.default) for name, taken in parameters.items()}


def test_the_words_are_the_same() -> None:
    """Who knows one knows all; only the asynchronous one asks for the request."""
    django, flask, starlette = (words(module.save_upload) for module in MODULES)
    assert django == flask
    assert starlette.pop("request") == (inspect.Parameter.KEYWORD_ONLY, None)
    assert starlette == flask
    django, flask, starlette = (words(module.current_store) for module in MODULES)
    assert django == flask == {"name": (inspect.Parameter.POSITIONAL_OR_KEYWORD, "default")}
    assert starlette.pop("connection")
    assert starlette == flask


def test_an_upload_is_stored_under_a_generated_key(save: Save, store: KeyValueStore) -> None:
    """By the bytes, whatever name and type the client gave."""
    key = save(io.BytesIO(PNG), "evil/../page.html", store)
    assert re.fullmatch(r"[0-9a-z]{26}\.png", key)
    assert store.get(key) == PNG


def test_templates_may_have_folders_and_names(save: Save, store: KeyValueStore) -> None:
    """Also on a store with strict keys: uploads see it with keys as paths."""
    key = save(io.BytesIO(PNG), "my cat.png", store, template="pictures/{name}-{id}{ext}")
    assert re.fullmatch(r"pictures/my-cat-[0-9a-z]{26}\.png", key)
    assert store.with_keys("path").get(key) == PNG


def test_the_whole_upload_is_stored_wherever_it_was_read(save: Save, store: KeyValueStore) -> None:
    """Somebody may have looked at its first bytes before."""
    file = io.BytesIO(PNG)
    file.read(10)
    assert store.get(save(file, "cat.png", store)) == PNG


@pytest.mark.parametrize("size", [2000, 3 * MIB])
def test_rules_hold_and_leave_nothing(
    save: Save, store: KeyValueStore, tmp_path: Path, size: int
) -> None:
    """The same errors, and neither a value nor a temporary file in the store."""
    with pytest.raises(UploadTooLarge) as too_large:
        save(io.BytesIO(bytes(size)), "x", store, max_bytes=size - 1)
    assert too_large.value.max_bytes == size - 1
    with pytest.raises(UploadTypeRefused) as refused:
        save(io.BytesIO(b"<svg/>" + b" " * size), "x.png", store, content_types={"image/*"})
    assert refused.value.content_type == "image/svg+xml"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_field_that_was_left_empty_stores_nothing(save: Save, store: KeyValueStore) -> None:
    """A form without a chosen file is refused; a file that is empty has at least a name."""
    if save is not in_django:  # which drops such a field, and refuses a file of that name
        with pytest.raises(UploadRefused, match="no file was chosen"):
            save(io.BytesIO(), "", store)
    assert store.keys() == []
    assert store.get(save(io.BytesIO(), "empty.txt", store)) == b""


def test_fifty_mebibytes_take_little_memory(
    save: Save, store: KeyValueStore, tmp_path: Path
) -> None:
    """An upload is passed on in blocks: less than 16 MiB more, the framework's part included."""
    size = 50 * MIB
    path = tmp_path / "upload"
    with path.open("wb") as file:
        file.write(PNG)
        for _ in range(50):
            file.write(os.urandom(MIB))
        file.truncate(size)
    save(io.BytesIO(PNG), "warm.png", store)  # what is imported and made once
    with path.open("rb") as file:
        tracemalloc.start()
        try:
            key = save(file, "large.png", store)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert store.stat(key).size == size
    assert peak < 16 * MIB


def test_a_form_field_without_a_file_is_explained() -> None:
    """In Starlette it is a str: the form was sent without its files."""
    with pytest.raises(TypeError, match="multipart/form-data"):
        asyncio.run(kvcore_starlette.save_upload("cat.png"))  # type: ignore[arg-type]
