"""A caller's file that is moved in through a decorator."""

from pathlib import Path

import pytest

from kvcore import FilesystemStore, HashDecorator, HMACDecorator, KeyValueStore


@pytest.fixture
def store(tmp_path: Path) -> FilesystemStore:
    return FilesystemStore(tmp_path / "root", durability="atomic")


def test_signing_a_folder_in_place(store: FilesystemStore) -> None:
    """A file that is the key's own is signed where it lies, and not removed afterwards."""
    store.put("key", b"value")
    signed = HMACDecorator("secret", store)
    signed.put_file("key", f"{store.root}/key", move=True)
    assert signed.get("key") == b"value"


def test_hashing_a_folder_in_place(store: FilesystemStore) -> None:
    """A file that has its hash as name stays when it is put under that very key."""
    hashed = HashDecorator(store)
    key = hashed.put(None, b"value")
    assert hashed.put_file(None, f"{store.root}/{key}", move=True) == key
    assert store.get(key) == b"value"


@pytest.mark.parametrize("change", ["replace", "append"])
def test_a_source_that_is_newer_stays(store: FilesystemStore, tmp_path: Path, change: str) -> None:
    """What was written to the source while it was stored is not removed unread."""
    source = tmp_path / "source"
    source.write_bytes(b"first")

    class Slow(HMACDecorator):
        def _put_filename(self, key: str, path: object, options: object = None) -> None:
            super()._put_filename(key, path, options)  # type: ignore[arg-type]
            if change == "replace":
                (tmp_path / "new").write_bytes(b"second")
                (tmp_path / "new").replace(source)
            else:
                with source.open("ab") as file:
                    file.write(b"second")

    signed: KeyValueStore = Slow("secret", store)
    signed.put_file("key", source, move=True)
    assert signed.get("key") == b"first"
    assert source.read_bytes().endswith(b"second")
