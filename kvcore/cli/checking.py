"""``check`` and ``gc``: whether a store works, and clearing away what killed writers left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import click

from kvcore.cli.group import KEYS_FAILED, NO_STORE, store_argument
from kvcore.cli.output import duration, plain, write_json
from kvcore.contract import Capabilities, KeyValueStore
from kvcore.errors import KeyExists, KvcoreError, PreconditionFailed
from kvcore.ids import random_id

EXTRA = "cli"

ABILITIES = {
    "write": "put and delete values",
    "list": "list its keys",
    "if_absent": "put only where nothing is, with exactly one winner",
    "if_present": "put only where something is",
    "if_match": "put only in place of a certain version",
    "delete_if_match": "delete only a certain version",
    "ttl": "let values expire",
    "touch": "change the expiry of a value",
    "copy": "copy and move values by itself",
    "content_type": "keep the content type of values",
    "pinned_reads": "stream one version of a value while it is replaced",
    "presign_post": "take uploads by a browser's form",
    "local_path": "give the path of a local file",
    "native_async": "be awaited without threads",
    "fast": "answer in microseconds",
    "local": "answer without a network",
}
"""What a capability is good for, in the order in which they are shown; those of URLs besides."""


class Probe(NamedTuple):
    """Something that was tried on a store."""

    what: str
    millisecs: float
    problem: str | None


@click.command()
@store_argument()
@click.option("--write", is_flag=True, help="Also put, read and delete a value of a random key.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")
def check(store: KeyValueStore, write: bool, as_json: bool) -> None:
    """Tell what STORE can do, and try whether it works."""
    can = store.capabilities
    if write and not can.write:
        raise click.UsageError(f"{store!r} is read-only: check it without --write")
    if not as_json:
        click.echo(f"{plain(repr(store))}\n")
        click.echo("\n".join(_table(can)) + "\n")
    probes: list[Probe] = []

    def tell(probe: Probe) -> None:
        probes.append(probe)
        if not as_json:
            outcome = "ok" if probe.problem is None else f"FAILED: {plain(probe.problem)}"
            click.echo(f"{probe.what:40} {probe.millisecs:8.2f} ms  {outcome}")

    notes = try_out(store, write=write, tell=tell)
    if as_json:
        urls = {"url_methods": sorted(can.url_methods), "url_options": sorted(can.url_options)}
        write_json(
            {
                "store": repr(store),
                "capabilities": {**can._asdict(), **urls},
                "probes": [probe._asdict() for probe in probes],
            }
        )
    for advice in notes:
        click.echo(f"\n{plain(advice)}", err=as_json)
    if probes[0].problem is not None:
        click.get_current_context().exit(NO_STORE)
    if any(probe.problem is not None for probe in probes):
        click.get_current_context().exit(KEYS_FAILED)


def _table(can: Capabilities) -> Iterator[str]:
    for name, meaning in ABILITIES.items():
        yield f"{'yes' if getattr(can, name) else ' - '}  {name:16} {meaning}"
    methods = ", ".join(sorted(can.url_methods))
    taken = ", ".join(sorted(can.url_options))
    urls = f"make URLs{methods and f' for {methods}'}{taken and f' with {taken}'}"
    yield f"{'yes' if methods else ' - '}  {'url_for':16} {urls}"


def try_out(store: KeyValueStore, *, write: bool, tell: Callable[[Probe], object]) -> list[str]:
    """Try what the store should be able to do, first of all whether it can be reached.

    Returns what is worth to be said of its options.

    >>> from kvcore import DictStore
    >>> store, probes = DictStore(), []
    >>> try_out(store, write=True, tell=probes.append)
    []
    >>> [probe.what for probe in probes if probe.problem]
    []
    >>> store.keys()
    []
    """
    key = f"kvcore-check-{random_id()}"
    first = _probe("look for a key", lambda: key not in store)
    tell(first)
    notes: list[str] = []
    if first.problem is not None:
        return notes
    if store.capabilities.list:
        tell(_probe("list the first key", lambda: next(store.iter_keys(), "")))
    if write:
        try:
            for what, attempt in _attempts(store, key):
                tell(_probe(what, attempt))
        finally:
            tell(_probe("delete the value", lambda: store.delete(key)))
            tell(_probe("see that it is gone", lambda: key not in store))

        def ask() -> None:
            advice = store._advice(f"{key}-options")
            if advice is not None:
                notes.append(advice)

        tell(_probe("see whether the options fit", ask))
    return notes


def _attempts(store: KeyValueStore, key: str) -> Iterator[tuple[str, Callable[[], object]]]:
    can, value = store.capabilities, b"\0kvcore check\xff\r\n"

    def refused(error: type[PreconditionFailed], **condition: object) -> bool:
        try:
            store.put(key, b"wrong", **condition)  # type: ignore[arg-type]
        except error:
            return store.get(key) == value
        return False

    yield "put a value", lambda: store.put(key, value) == key
    yield "get it", lambda: store.get(key) == value
    yield "get a part of it", lambda: store.get_range(key, 1, 6) == value[1:7]
    yield "tell its size", lambda: store.stat(key).size == len(value)
    if can.list:
        yield "find it in the list", lambda: store.keys(key) == [key]
    if can.if_absent:
        yield "refuse to overwrite it (if_absent)", lambda: refused(KeyExists, if_absent=True)
    if can.if_match:
        yield (
            "refuse for another version (if_match)",
            lambda: refused(PreconditionFailed, if_match="kvcore-no-such-etag"),
        )
        yield (
            "replace this version (if_match)",
            lambda: store.put(key, value, if_match=store.stat(key).etag),
        )
    if can.ttl:
        yield "let it expire in an hour", lambda: store.put(key, value, 3600)
        yield "tell when", lambda: store.stat(key).expires is not None


def _probe(what: str, attempt: Callable[[], object]) -> Probe:
    start = time.perf_counter()
    try:
        problem = "the outcome is not the expected one" if attempt() is False else None
    except KvcoreError as error:
        problem = str(error)
    return Probe(what, round((time.perf_counter() - start) * 1000, 3), problem)


@click.command()
@store_argument()
@click.option(
    "--older-than",
    type=duration,
    default="1d",
    show_default=True,
    help="Leave alone what was written to since: seconds, or 12h, 7d.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")
def gc(store: KeyValueStore, older_than: float, as_json: bool) -> None:
    """Remove what writers that were killed left unfinished in STORE.

    No value is touched. A writer that is slower than --older-than would lose its work.
    """
    number = store._sweep(older_than)
    if as_json:
        write_json({"removed": number})
    elif number is None:
        click.echo("this store leaves nothing behind")
    else:
        click.echo(f"removed {number:,} unfinished file{'' if number == 1 else 's'}")
