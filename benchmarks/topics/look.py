"""Look, list, delete"""

import os

from benchmarks.clients import PEERS, Client, everyone, kvcore, raw, versions, write_file
from benchmarks.measure import OURS, RAW, Contest, Sample, timed
from benchmarks.places import DISK, TMPFS, Place
from benchmarks.row import Row
from benchmarks.topics.put import VALUE, sync_folder_of
from kvcore import FilesystemStore


def contains(place: Place) -> Contest:
    def looking(client: Client) -> Sample:
        for name in client.names:
            client.put(name, b"")
        return timed(client.has, client.names)

    return {name: looking(client) for name, client in everyone(place).items()}


def stat(place: Place) -> Contest:
    store, names = FilesystemStore(place.folder("all"), durability="atomic"), place.names()
    for name in names:
        store.put(name, b"")
    return {
        RAW: timed(os.stat, [store.local_path(name) for name in names]),
        OURS: timed(store.stat, names),
    }


def keys(place: Place) -> Contest:
    """Of one folder that all can list; the caches keep theirs in another form."""
    ways = {RAW: raw, OURS: kvcore, **PEERS}
    able = [RAW, OURS, *(name for name in ("minimalkv", "Django") if name in versions())]
    clients = {name: ways[name](place, place.names(), "all") for name in able}
    for path in clients[RAW].names:
        write_file(path, b"")
    return {name: timed(lambda listed: listed(), [client.keys]) for name, client in clients.items()}


def delete(place: Place) -> Contest:
    return {name: _deleting(client) for name, client in everyone(place).items()}


def delete_synced(place: Place) -> Contest:
    """Without the peers: none of them syncs."""
    names = place.names()
    unsynced, synced = kvcore(place, names), kvcore(place, names, durability="full")
    return {
        RAW: _deleting(raw(place, names)._replace(delete=_unlink_synced)),
        OURS: _deleting(unsynced._replace(delete=synced.delete)),
    }


def _deleting(client: Client) -> Sample:
    def fill() -> None:
        for name in client.names:
            client.put(name, VALUE)

    return timed(client.delete, client.names, before=fill)


def _unlink_synced(path: str) -> None:
    os.unlink(path)
    sync_folder_of(path)


ROWS = (
    Row("key in store", contains, {TMPFS: 1.5, DISK: 1.5}, "os.stat"),
    Row("stat", stat, {TMPFS: None, DISK: None}, "os.stat"),
    Row("keys of 100,000 files", keys, {TMPFS: 1.8, DISK: 1.8}, "os.listdir", operations=100_000),
    Row("delete", delete, {TMPFS: 2.0, DISK: 1.5}, "os.unlink"),
    Row("delete, durability full", delete_synced, {DISK: None}, "os.unlink, fsync", operations=300),
)
