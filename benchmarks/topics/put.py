"""Put 100 bytes"""

import os
from functools import partial

from benchmarks.clients import Client, everyone, kvcore, raw
from benchmarks.measure import OURS, RAW, Contest, Sample, nothing, timed
from benchmarks.places import DISK, TMPFS, Place
from benchmarks.row import Row

VALUE = bytes(100)


def put_new(place: Place, levels: int = 0) -> Contest:
    return _contest(everyone(place, levels), is_new=True)


def replace(place: Place) -> Contest:
    clients = everyone(place)
    clients[RAW] = clients[RAW]._replace(put=replace_file)
    return _contest(clients, is_new=False)


def put_synced(place: Place, *, is_new: bool) -> Contest:
    """Without the peers: none of them syncs."""
    names = place.names()
    clients = {
        RAW: raw(place, names)._replace(put=replace_file_synced),
        OURS: kvcore(place, names, durability="full"),
    }
    return _contest(clients, is_new=is_new)


def replace_file(path: str, data: bytes) -> None:
    temporary = path + ".tmp"
    with open(temporary, "wb") as file:
        file.write(data)
    os.replace(temporary, path)


def replace_file_synced(path: str, data: bytes) -> None:
    temporary = path + ".tmp"
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder_of(path)


def sync_folder_of(path: str) -> None:
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _contest(clients: dict[str, Client], *, is_new: bool) -> Contest:
    return {name: _putting(client, is_new=is_new) for name, client in clients.items()}


def _putting(client: Client, *, is_new: bool) -> Sample:
    put = client.put
    if not is_new:
        for name in client.names:
            put(name, VALUE)
    after = client.clear if is_new else nothing
    return timed(lambda name: put(name, VALUE), client.names, after=after)


WRITE = "open, write, close"
REPLACE = f"{WRITE}, os.replace"
SYNC = f"{REPLACE}, 2 fsyncs"
new_synced, again_synced = partial(put_synced, is_new=True), partial(put_synced, is_new=False)

ROWS = (
    Row("put, new", put_new, {TMPFS: 1.3, DISK: 1.2}, WRITE),
    Row("put, new, in a directory", partial(put_new, levels=1), {TMPFS: 1.6, DISK: 1.3}, WRITE),
    Row("put, replacing", replace, {TMPFS: 2.2, DISK: 1.3}, REPLACE),
    Row("put, new, durability full", new_synced, {DISK: 1.2}, SYNC, operations=300),
    Row("put, replacing, durability full", again_synced, {DISK: None}, SYNC, operations=300),
)
