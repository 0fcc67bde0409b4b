"""``ls``, ``get``, ``put``, ``rm``: looking at values and changing them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import click

from kvcore.cli.group import KEYS_FAILED, store_argument, usage_errors
from kvcore.cli.output import duration, plain, shown, stat_json, write_json
from kvcore.contract import KeyValueStore, Stat
from kvcore.contract.streams import read_blocks, write_all
from kvcore.decorators.ids import IdDecorator, RandomIdDecorator
from kvcore.errors import InvalidKey, KvcoreError, PartialFailure

EXTRA = "cli"
_BATCH_KEYS = 1000
_JSON_HELP = "Write JSON, for programs."


@click.command()
@store_argument()
@click.option("--prefix", default="", help="Only keys that begin so.")
@click.option("-l", "--long", "is_long", is_flag=True, help="With size, time and content type.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Write a line of JSON for each key.")
def ls(store: KeyValueStore, prefix: str, is_long: bool, limit: int | None, as_json: bool) -> None:
    """List the keys of STORE, in no particular order."""
    if not is_long:
        for key in islice(store.iter_keys(prefix), limit):
            if as_json:
                write_json({"key": key})
            else:
                click.echo(shown(key))
        return
    for key, stat in islice(store._iter_sizes(prefix), limit):
        if as_json:
            write_json({"key": key, **stat_json(stat)})
        else:
            click.echo(_long_line(key, stat))


def _long_line(key: str, stat: Stat) -> str:
    modified = "" if stat.modified is None else f"{stat.modified.astimezone():%Y-%m-%d %H:%M:%S}"
    expires = "" if stat.expires is None else f"  until {stat.expires.astimezone():%F %T}"
    kind = f"  {plain(stat.content_type)}" if stat.content_type else ""
    return f"{stat.size:>14,}  {modified:19}  {shown(key)}{kind}{expires}"


@click.command()
@store_argument()
@click.argument("key")
@click.argument("file", required=False, type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help=_JSON_HELP)
def get(store: KeyValueStore, key: str, file: str | None, as_json: bool) -> None:
    """Write the value of KEY to FILE, whole or not at all.

    Without FILE, or with "-", it goes to standard output.
    """
    if file is not None and file != "-":
        store.get_file(key, file)
        if as_json:
            write_json({"key": key, "file": file, "size": os.path.getsize(file)})
        return
    if as_json:
        raise click.UsageError("with --json the value needs a FILE to go to")
    stdout = getattr(sys.stdout, "buffer", None)
    if stdout is None:
        raise click.UsageError("standard output takes text only here: give a FILE")
    with store.open(key) as reader:
        if file is None and sys.stdout.isatty() and _is_binary(reader.peek(512)[:512]):
            raise click.UsageError(
                "the value is not text, and this is a terminal; give a FILE, or - to see it anyway"
            )
        for block in read_blocks(reader):
            write_all(stdout, block)
    stdout.flush()


def _is_binary(head: bytes) -> bool:
    return any(byte < 32 and byte not in b"\t\n\r" for byte in head)


@click.command()
@store_argument()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.argument("key", required=False)
@click.option(
    "--id",
    "with_id",
    is_flag=True,
    help='Make a key nobody can guess; KEY is then a template, such as "avatars/{id}".',
)
@click.option("--if-absent", is_flag=True, help="Only if there is no value under KEY yet.")
@click.option("--ttl", type=duration, help="How long the value is to live: seconds, or 12h, 7d.")
@click.option("--content-type", metavar="TYPE", help="Such as image/png.")
@click.option("--json", "as_json", is_flag=True, help=_JSON_HELP)
def put(
    store: KeyValueStore,
    file: str,
    key: str | None,
    with_id: bool,
    if_absent: bool,
    ttl: float | None,
    content_type: str | None,
    as_json: bool,
) -> None:
    """Store FILE ("-": standard input) under KEY, and write the key.

    Without KEY it is the name of the file.
    """
    target, name = store, key
    if with_id:
        target, name = _making_ids(store, file, key), None
    elif key is None:
        if file == "-":
            raise click.UsageError("standard input has no name: give a KEY, or --id")
        name = os.path.basename(file)
    # Stores that make the key take None; typed as what all stores take.
    with usage_errors():
        made = target.put_file(
            name,  # type: ignore[arg-type]
            sys.stdin.buffer if file == "-" else file,
            ttl,
            if_absent=if_absent,
            content_type=content_type,
        )
    if as_json:
        write_json({"key": made})
    else:
        click.echo(shown(made))


def _making_ids(store: KeyValueStore, file: str, template: str | None) -> KeyValueStore:
    if template is None:
        if isinstance(store, IdDecorator):
            return store
        _, ext = os.path.splitext(file)
        template = "{id}" + (ext if ext[1:].isalnum() and ext.isascii() else "")
    try:
        return RandomIdDecorator(store, template)
    except ValueError as error:
        raise click.UsageError(f"{template!r} is no template for keys here: {error}") from error


@click.command()
@store_argument()
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--prefix", metavar="TEXT", help="Every key that begins so; asks first.")
@click.option("--all", "everything", is_flag=True, help="Every key of the store; asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help=_JSON_HELP)
def rm(
    store: KeyValueStore,
    keys: Sequence[str],
    prefix: str | None,
    everything: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove the values of KEYs, or with --prefix of all keys that begin so."""
    if sum((bool(keys), prefix is not None, everything)) != 1:
        raise click.UsageError("give KEYs, or --prefix, or --all")
    if prefix == "":
        # Mostly the value of a variable that is not set.
        raise click.UsageError("an empty prefix means everything; if so, give --all")
    found = _Removed()
    if keys:
        found.take(store, _present(store, keys, found))
    else:
        begin = prefix or ""
        if not yes:
            _ask(store, begin)
        # A copy of the list: what is removed under a listing may disturb it.
        for batch in _batches(store.keys(begin)):
            found.take(store, batch)
    found.tell(as_json=as_json)


def _ask(store: KeyValueStore, prefix: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to be asked; give --yes to remove without asking")
    number = sum(1 for _ in store.iter_keys(prefix))
    which = f"that begin with {prefix!r} " if prefix else ""
    click.confirm(f"Remove {number:,} values {which}of {store!r}?", abort=True, err=True)


def _batches(keys: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(keys)
    while batch := list(islice(rest, _BATCH_KEYS)):
        yield batch


class _Removed:
    """What became of the keys to be removed."""

    def __init__(self) -> None:
        self.number = 0
        self.missing: list[str] = []
        self.errors: dict[str, KvcoreError] = {}

    def take(self, store: KeyValueStore, keys: list[str]) -> None:
        try:
            store.delete_many(keys)
        except PartialFailure as failure:
            self.errors |= failure.errors
            self.number -= len(failure.errors)
        self.number += len(keys)

    def tell(self, *, as_json: bool) -> None:
        if as_json:
            errors = {key: str(error) for key, error in self.errors.items()}
            write_json({"removed": self.number, "missing": self.missing, "errors": errors})
        else:
            click.echo(f"removed {self.number:,}")
        for key in self.missing:
            click.echo(f"kvcore: {plain(key)!r}: there is no such key", err=True)
        for error in self.errors.values():
            click.echo(f"kvcore: {plain(str(error))}", err=True)
        if self.missing or self.errors:
            click.get_current_context().exit(KEYS_FAILED)


def _present(store: KeyValueStore, keys: Iterable[str], found: _Removed) -> list[str]:
    present = []
    for key in dict.fromkeys(keys):
        try:
            if key in store:
                present.append(key)
            else:
                found.missing.append(key)
        except InvalidKey as error:
            found.errors[key] = error
    return present
