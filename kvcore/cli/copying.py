"""``cp``: copying a store to another one, with a bar that shows how far it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import click

from kvcore.cli.group import KEYS_FAILED, store_argument, usage_errors
from kvcore.cli.output import bytes_text, plain, write_json
from kvcore.contract import KeyValueStore
from kvcore.copying import CopyReport, copy_store
from kvcore.copying.run import WORKERS
from kvcore.errors import KvcoreError, StoreError

EXTRA = "cli"


@click.command()
@store_argument("source", "SRC")
@store_argument("dest", "DST")
@click.option("--prefix", default="", help="Only keys that begin so.")
@click.option("--skip-existing", is_flag=True, help="Leave alone every key that DST has already.")
@click.option("--verify", is_flag=True, help="Read back every copied value and compare it.")
@click.option("--dry-run", is_flag=True, help="Write nothing, only tell what would be done.")
@click.option("--allow-empty", is_flag=True, help="Be content if SRC has nothing to copy.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=WORKERS,
    show_default=True,
    help="How many values or batches are on their way at a time.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")
def cp(
    source: KeyValueStore,
    dest: KeyValueStore,
    prefix: str,
    skip_existing: bool,
    verify: bool,
    dry_run: bool,
    allow_empty: bool,
    workers: int,
    as_json: bool,
) -> None:
    """Copy the values of SRC to DST, under the same keys.

    A value of DST is replaced, unless it has the same bytes already; so a copy that was
    interrupted goes on when it is done again (faster with --skip-existing, which does not read
    what is there). Every value appears whole or not at all. Expiry and content type are taken
    along where both stores keep them. Nothing is removed from either store.

    A SRC without any value is an error, as one whose name is misspelt looks the same.
    """
    last = CopyReport()

    def note(report: CopyReport) -> None:
        nonlocal last
        last = report
        show(report)

    doing = "Comparing" if dry_run else "Copying"
    with usage_errors(), _progress(source, prefix, doing) as show:
        try:
            last = copy_store(
                source,
                dest,
                prefix,
                workers=workers,
                verify=verify,
                skip_existing=skip_existing,
                dry_run=dry_run,
                on_progress=note,
            )
            stopped = None
        except (StoreError, KeyboardInterrupt) as error:
            stopped = error
    _tell(last, dry_run=dry_run, as_json=as_json, stopped=stopped)
    if stopped is not None:
        click.echo("kvcore: not complete; the same command again goes on from here", err=True)
        raise stopped
    if not (last.seen or allow_empty):
        which = f"is no key that begins with {prefix!r}" if prefix else "are no keys"
        message = f"nothing to copy: there {which} in {plain(repr(source))}"
        click.echo(f"kvcore: {message} (--allow-empty, if that is right)", err=True)
    if not last.ok or not (last.seen or allow_empty):
        click.get_current_context().exit(KEYS_FAILED)


def _tell(
    report: CopyReport, *, dry_run: bool, as_json: bool, stopped: BaseException | None
) -> None:
    errors = {key: str(error) for key, error in report.errors.items()}
    if as_json:
        state = {"dry_run": dry_run, "complete": stopped is None}
        write_json({**report._asdict(), "errors": errors, **state})
    else:
        click.echo(summary(report, dry_run=dry_run))
    for key, message in errors.items():
        click.echo(f"kvcore: {plain(key)}: {plain(message)}", err=True)


def summary(report: CopyReport, *, dry_run: bool = False) -> str:
    """The report in a sentence.

    >>> summary(CopyReport(copied=1200, copied_bytes=3 * 2**20, same=1))
    'copied 1,200 values (3.0 MiB); 1 was there already'
    """
    done = "would copy" if dry_run else "copied"
    values = "value" if report.copied == 1 else "values"
    parts = [f"{done} {report.copied:,} {values} ({bytes_text(report.copied_bytes)})"]
    for number, text in (
        (report.same, "there already"),
        (report.skipped, "skipped, as the destination has one"),
        (report.vanished, "gone from the source meanwhile"),
        (report.made_lasting, "copied without the expiry, which the destination cannot keep"),
    ):
        if number:
            parts.append(f"{number:,} {'was' if number == 1 else 'were'} {text}")
    if report.errors:
        parts.append(f"{len(report.errors):,} FAILED")
    return "; ".join(parts)


@contextmanager
def _progress(
    source: KeyValueStore, prefix: str, doing: str
) -> Iterator[Callable[[CopyReport], object]]:
    """What shows a report while it changes: a bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:  # a framework brings click, and maybe not this
        yield lambda _: None
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}{task.fields[of]} values"),
        TextColumn("{task.fields[moved]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    counted = _Count(source, prefix)
    with bar, counted:
        task = bar.add_task(doing, total=None, of="", moved="")

        def show(report: CopyReport) -> None:
            total = counted.number
            moved = bytes_text(report.copied_bytes)
            if report.errors:
                moved += f", {len(report.errors):,} failed"
            bar.update(
                task,
                completed=report.seen,
                total=total,
                of="" if total is None else f" of {total:,}",
                moved=moved,
            )

        yield show


class _Count:
    """Counts the keys of a store beside the copy, since it is nice to know how many there are."""

    def __init__(self, store: KeyValueStore, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._stop = Event()
        self._thread = Thread(target=self._count, name="kvcore-count", daemon=True)
        self.number: int | None = None

    def _count(self) -> None:
        number = 0
        try:
            for _ in self._store.iter_keys(self._prefix):
                if self._stop.is_set():
                    return
                number += 1
        except KvcoreError:
            return  # the copy lists the store, too, and tells its errors
        self.number = number

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
