"""The same few verbs on raw files, on kvcore and on the libraries beside it.

Each client has a folder of its own, unless told to share one. A library that is not installed is
left out.
"""

import os
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from benchmarks.django_project import set_up
from benchmarks.measure import OURS, RAW
from benchmarks.places import Place
from kvcore import FilesystemStore

_SHARE_OF_PEERS = 4  # they do a quarter of the operations: some take long, and they only stand by


class Client(NamedTuple):
    """How one contestant does things."""

    names: list[str]
    """The keys, as its calls take them."""
    put: Callable[[str, bytes], object]
    get: Callable[[str], object]
    has: Callable[[str], object]
    delete: Callable[[str], object]
    clear: Callable[[], object]
    """Deletes all values, as fast as it goes."""
    keys: Callable[[], Iterable[str]] | None = None


def raw(place: Place, names: list[str], folder: str = RAW) -> Client:
    """Plain calls on paths that are ready."""
    root = place.folder(folder)
    paths = [os.path.join(root, name) for name in names]
    os.makedirs(os.path.dirname(paths[0]), exist_ok=True)
    clear, keys = partial(remove_files, root), partial(os.listdir, root)
    return Client(paths, write_file, read_file, os.stat, os.unlink, clear, keys)


def write_file(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def read_file(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def remove_files(root: str) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            os.unlink(os.path.join(folder, name))


def kvcore(
    place: Place, names: list[str], folder: str = OURS, *, durability: str = "atomic"
) -> Client:
    """Without syncs unless asked, as all the others."""
    root, keys = place.folder(folder), "path" if "/" in names[0] else "strict"
    store = FilesystemStore(root, keys=keys, durability=durability)
    clear = partial(remove_files, root)
    return Client(names, store.put, store.get, store.__contains__, store.delete, clear, store.keys)


def minimalkv(place: Place, names: list[str], folder: str = "minimalkv") -> Client:
    """Its store for keys with a "/"."""
    from minimalkv._mixins import ExtendedKeyspaceMixin
    from minimalkv.fs import FilesystemStore

    class HFilesystemStore(ExtendedKeyspaceMixin, FilesystemStore):
        """As minimalkv has it; importing its own would import all its stores."""

    root = place.folder(folder)
    store, clear = HFilesystemStore(root), partial(remove_files, root)
    return Client(names, store.put, store.get, store.__contains__, store.delete, clear, store.keys)


def django(place: Place, names: list[str], folder: str = "django") -> Client:
    """Replacing as the others do, not looking for a free name."""
    from django.core.files.base import ContentFile
    from django.core.files.storage import FileSystemStorage

    set_up()
    root = place.folder(folder)
    storage = FileSystemStorage(root, allow_overwrite=True)

    def put(name: str, data: bytes) -> None:
        storage.save(name, ContentFile(data))

    def get(name: str) -> bytes:
        with storage.open(name) as file:
            return file.read()

    def keys() -> list[str]:
        return storage.listdir("")[1]

    clear = partial(remove_files, root)
    return Client(names, put, get, storage.exists, storage.delete, clear, keys)


def cachelib(place: Place, names: list[str], folder: str = "cachelib") -> Client:
    """Without the counting and pruning that a cache is for."""
    from cachelib import FileSystemCache

    root = place.folder(folder)
    cache = FileSystemCache(root, threshold=0, default_timeout=0)
    clear = partial(remove_files, root)
    return Client(names, cache.set, cache.get, cache.has, cache.delete, clear)


def diskcache(place: Place, names: list[str], folder: str = "diskcache") -> Client:
    """SQLite, with larger values in files."""
    from diskcache import Cache

    cache = Cache(place.folder(folder))
    place.at_the_end(cache.close)
    return Client(names, cache.set, cache.get, cache.__contains__, cache.delete, cache.clear)


PEERS = {
    "minimalkv": minimalkv,
    "Django": django,
    "cachelib": cachelib,
    "diskcache": diskcache,
}


def versions() -> dict[str, str]:
    """The peers that are installed."""
    found = {}
    for name in PEERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def everyone(place: Place, levels: int = 0) -> dict[str, Client]:
    """All clients, with keys below as many directories."""
    names = place.names(levels)
    fewer = names[::_SHARE_OF_PEERS]
    return {
        RAW: raw(place, names),
        OURS: kvcore(place, names),
        **{name: PEERS[name](place, fewer) for name in versions()},
    }
