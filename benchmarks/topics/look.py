"""Look, list, delete"""

import os

from benchmarks.clients import PEERS, Client, everyone, kvcore, raw, versions, write_file
from benchmarks.measure import OURS, RAW, Contest, Sample, timed
from benchmarks.places import DISK, TMPFS, Place
from benchmarks.row import Row
from benchmarks.topics.put import sync_folder_of
from kvcore import FilesystemStore


def contains(place: Place) -> Contest:
    names = place.names()

    def looking(client: Client) -> Sample:
        keys = [client.named(name) for name in names]
        for key in keys:
            client.put(key, b"")
        return timed(client.has, keys)

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
    clients = {RAW: raw(place, "all"), OURS: kvcore(place, "all")}
    clients |= {
        name: PEERS[name](place, "all") for name in ("minimalkv", "Django") if name in versions()
    }
    for number in range(place.size(100_000)):
        write_file(clients[RAW].named(f"{number:026x}"), b"")
    return {name: timed(lambda listed: listed(), [client.keys]) for name, client in clients.items()}


def delete(place: Place) -> Contest:
    return {name: _deleting(client, place.names()) for name, client in everyone(place).items()}


def delete_synced(place: Place) -> Contest:
    """Without the peers: none of them syncs."""
    return {
        RAW: _deleting(raw(place)._replace(delete=_unlink_synced), place.names()),
        OURS: _deleting(kvcore(place, durability="full"), place.names()),
    }


def _deleting(client: Client, names: list[str]) -> Sample:
    keys = [client.named(name) for name in names]

    def fill() -> None:
        for key in keys:
            client.put(key, b"")

    return timed(client.delete, keys, before=fill)


def _unlink_synced(path: str) -> None:
    os.unlink(path)
    sync_folder_of(path)


ROWS = (
    Row("key in store", contains, {TMPFS: 1.5, DISK: 1.5}, "os.stat"),
    Row("stat", stat, {TMPFS: None, DISK: None}, "os.stat"),
    Row("keys of 100,000 files", keys, {TMPFS: 1.8, DISK: 1.8}, "os.listdir"),
    Row("delete", delete, {TMPFS: 2.0, DISK: 1.5}, "os.unlink"),
    Row("delete, durability full", delete_synced, {DISK: None}, "os.unlink, folder synced"),
)
