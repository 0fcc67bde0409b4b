"""Writers that are killed at random moments, judged by an oracle outside the store."""

import json
import os
import random
import select
import signal
import tempfile
import time
from collections.abc import Callable
from typing import Any

from kvcore import FilesystemStore, KeyNotFound
from tests.backends.filesystem.values import value, version_of
from tests.backends.filesystem.variants import files_below, new_store
from tests.faults.children import fork

SIZE = 1 << 20
KEYS = ("flat", "dir/nested", "dir/deeper/nested", "gone/and/back")
LONGEST_LIFE_SECS = 0.06


def _write(store: FilesystemStore, versions: dict[str, int], report: Callable[..., None]) -> None:
    """Put and delete for ever, reporting before and after each, until killed."""
    chance = random.Random(os.getpid())
    while True:
        key = chance.choice(KEYS)
        versions[key] = version = versions[key] + 1
        data = value(key, version, SIZE)
        verb = chance.choice(("put", "put", "put_file", "open_write", "copy", "move", "delete"))
        if verb == "delete":
            report(key, 0)
            store.delete(key)
        else:
            report(key, version)
            if verb == "put":
                store.put(key, data)
            elif verb == "put_file":
                store.put_file(key, iter([data[: SIZE // 3], data[SIZE // 3 :]]))
            elif verb == "open_write":
                with store.open_write(key) as writer:
                    writer.write(data)
            else:
                store.put("spare", data)
                getattr(store, verb)("spare", key)
        report("", 0)


class Oracle:
    """Which version each key must have: the last one acknowledged, or the one under way."""

    def __init__(self) -> None:
        self.acknowledged = dict.fromkeys(KEYS, 0)  # 0: no value
        self.highest = dict.fromkeys(KEYS, 0)
        self.under_way: tuple[str, int] | None = None

    def hear(self, key: str, version: int) -> None:
        if key:
            self.under_way = key, version
            self.highest[key] = max(self.highest[key], version)
        elif self.under_way:
            self.acknowledged[self.under_way[0]] = self.under_way[1]
            self.under_way = None

    def judge(self, store: FilesystemStore) -> list[str]:
        wrong = []
        for key, expected in self.acknowledged.items():
            allowed = {expected}
            if self.under_way and self.under_way[0] == key:
                allowed.add(self.under_way[1])
            try:
                found = version_of(store.get(key), key, SIZE)
            except KeyNotFound:
                found = 0
            except ValueError as error:
                wrong.append(f"{key}: {error}")
                continue
            if found not in allowed:
                wrong.append(f"{key}: version {found}, expected one of {allowed}")
            self.acknowledged[key] = found
        self.under_way = None
        return wrong


def kill_writers(variant: str, durability: str, kills: int, seed: int) -> Any:
    """Kill that many writers; returns what was wrong, and how much they did and left behind."""
    chance = random.Random(seed)
    oracle, wrong, done, leftovers = Oracle(), [], 0, 0
    with tempfile.TemporaryDirectory() as root:
        store = new_store(variant, root, durability=durability)
        for _ in range(kills):
            reading, writing = os.pipe()

            def report(key: str, version: int, to: int = writing) -> None:
                os.write(to, json.dumps([key, version]).encode() + b"\n")

            pid = fork(lambda report=report: _write(store, dict(oracle.highest), report))
            os.close(writing)
            lines = _listen(reading, chance.uniform(0, LONGEST_LIFE_SECS))
            os.kill(pid, signal.SIGKILL)
            if os.waitpid(pid, 0)[1] != signal.SIGKILL:
                wrong.append("a writer ended by itself")
            lines += _listen(reading, None)
            os.close(reading)
            for line in lines.splitlines():
                oracle.hear(*json.loads(line))
                done += 1
            wrong += oracle.judge(store)
            left = files_below(root) - set(KEYS) - {"spare"}
            leftovers = max(leftovers, len(left))
            if not all(os.path.basename(name).startswith(".kvcore-tmp-") for name in left):
                wrong.append(f"left behind: {left}")
            if listed := set(store) - set(KEYS) - {"spare"}:
                wrong.append(f"listed: {listed}")
        swept = store.sweep(older_than_secs=-1)
        if swept != leftovers or files_below(root) - set(KEYS) - {"spare"}:
            wrong.append(f"{swept} of {leftovers} leftovers were swept")
        for key in KEYS:  # nor do directories bar anything
            store.put(key, b"again")
    return {"wrong": wrong, "done": done // 2, "leftovers": leftovers}


def _listen(reading: int, secs: float | None) -> bytes:
    """What comes for so long; ``None``: to the end."""
    heard, deadline = b"", None if secs is None else time.monotonic() + secs
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([reading], [], [], left)[0]:
            return heard
        if not (block := os.read(reading, 65536)):
            return heard
        heard += block
        if deadline is not None and time.monotonic() >= deadline:
            return heard
