"""The same few verbs on raw files, on kvcore and on the libraries beside it.

Each client has a folder of its own, unless told to share one. A library that is not installed is
left out.
"""

import os
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from benchmarks.measure import OURS, RAW
from benchmarks.places import Place
from kvcore import FilesystemStore


class Client(NamedTuple):
    """How one contestant does things; ``named`` is what its calls take for a key."""

    put: Callable[[str, bytes], object]
    get: Callable[[str], object]
    has: Callable[[str], object]
    delete: Callable[[str], object]
    keys: Callable[[], Iterable[str]] | None = None
    named: Callable[[str], str] = str


def raw(place: Place, folder: str = RAW, *, levels: int = 0) -> Client:
    """Plain calls on paths that are ready."""
    path = place.folder(folder, levels=levels)
    return Client(
        write_file,
        read_file,
        os.stat,
        os.unlink,
        lambda: os.listdir(path),
        lambda name: os.path.join(path, name),
    )


def write_file(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def read_file(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def kvcore(
    place: Place, folder: str = OURS, *, keys: str = "strict", durability: str = "atomic"
) -> Client:
    """Without syncs unless asked, as all the others."""
    store = FilesystemStore(place.folder(folder), keys=keys, durability=durability)
    return Client(store.put, store.get, store.__contains__, store.delete, store.keys)


def minimalkv(place: Place, folder: str = "minimalkv") -> Client:
    """Its store for keys with a "/"."""
    from minimalkv._mixins import ExtendedKeyspaceMixin
    from minimalkv.fs import FilesystemStore

    class HFilesystemStore(ExtendedKeyspaceMixin, FilesystemStore):
        """As minimalkv has it; importing its own would import all its stores."""

    store = HFilesystemStore(place.folder(folder))
    return Client(store.put, store.get, store.__contains__, store.delete, store.keys)


def django(place: Place, folder: str = "django") -> Client:
    """Replacing as the others do, not looking for a free name."""
    from django.conf import settings
    from django.core.files.base import ContentFile
    from django.core.files.storage import FileSystemStorage

    if not settings.configured:
        settings.configure()
    storage = FileSystemStorage(place.folder(folder), allow_overwrite=True)

    def get(name: str) -> bytes:
        with storage.open(name) as file:
            return file.read()

    return Client(
        lambda name, data: storage.save(name, ContentFile(data)),
        get,
        storage.exists,
        storage.delete,
        lambda: storage.listdir("")[1],
    )


def cachelib(place: Place, folder: str = "cachelib") -> Client:
    """Without the counting and pruning that a cache is for."""
    from cachelib import FileSystemCache

    cache = FileSystemCache(place.folder(folder), threshold=0, default_timeout=0)
    return Client(cache.set, cache.get, cache.has, cache.delete)


def diskcache(place: Place, folder: str = "diskcache") -> Client:
    """SQLite, with larger values in files."""
    from diskcache import Cache

    cache = Cache(place.folder(folder))
    place.at_the_end(cache.close)
    return Client(cache.set, cache.get, cache.__contains__, cache.delete)


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
    """All clients, for names below as many directories."""
    return {
        RAW: raw(place, levels=levels),
        OURS: kvcore(place, keys="path" if levels else "strict"),
        **{name: PEERS[name](place) for name in versions()},
    }
