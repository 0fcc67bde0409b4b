"""`copy_store`: lists the source, gives its keys to workers, and adds up what they report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from threading import Event
from typing import cast

from kvcore.contract import KeyValueStore, Stat
from kvcore.copying.destination import Destination
from kvcore.copying.places import Apart
from kvcore.copying.report import CopyReport
from kvcore.copying.transfer import Asked, Transfer
from kvcore.errors import KvcoreError, ReadOnly, Unsupported

WORKERS = 4
_SMALL_BYTES = 64 * 1024  # larger values are streamed, one by one
_BATCH_KEYS = 128
_BATCH_BYTES = 1024 * 1024
_JOBS_PER_WORKER = 2  # that wait, so that nobody is idle and little is in memory
_PROGRESS_SECS = 0.25


def copy_store(
    source: KeyValueStore,
    dest: KeyValueStore,
    prefix: str = "",
    *,
    workers: int = WORKERS,
    verify: bool = False,
    skip_existing: bool = False,
    dry_run: bool = False,
    on_progress: Callable[[CopyReport], object] | None = None,
) -> CopyReport:
    """Copy the values whose keys begin with ``prefix`` from one store to another, keys unchanged.

    A value of the destination is replaced by that of the source, unless it has the same bytes, or
    with ``skip_existing`` in any case (decided by the store itself where it has ``if_absent``).
    Expiry and content type go along where both stores have a place for them. Every value appears
    whole or not at all, so a copy that was interrupted is completed by doing it again.

    ``workers`` threads share the work; each holds about 1 MiB of small values, or a block of a
    large one. ``verify`` reads every copied value back and compares it. ``dry_run`` writes nothing
    and reports what would be done. ``on_progress`` is called in this thread, a few times a second,
    with the report as it stands.

    A key that cannot be copied is reported in ``errors`` and the others go on: one that is not
    legal in the destination (`InvalidKey`), one that cannot be read or written (`StoreError`), one
    that is another when it is read back (`VerificationError`).

    Raises ``ValueError`` if the copies would turn up in the source, `Unsupported` if it cannot be
    listed, `ReadOnly`; and `StoreError` if the listing fails or a store cannot be reached any more.
    What was copied until then is there, whole.

    >>> from kvcore import DictStore
    >>> source, dest = DictStore({"a": b"1", "b": b"2"}), DictStore({"b": b"2"})
    >>> report = copy_store(source, dest)
    >>> report.copied, report.same, report.ok
    (1, 1, True)
    """
    if workers < 1:
        raise ValueError(f"workers is a number from 1 on, not {workers!r}")
    for store in (source, dest):
        if not isinstance(store, KeyValueStore):
            raise TypeError(f"a copy is from store to store, not {type(store).__name__}")
    if not source.capabilities.list:
        raise Unsupported("a store that does not list its keys cannot be copied", store=source)
    if not (dest.capabilities.write or dry_run):
        raise ReadOnly(store=dest)
    apart = Apart(source, dest, prefix)
    stop = Event()
    destination = Destination(dest, prefix)
    asked = Asked(verify, skip_existing, dry_run)
    transfer = Transfer(source, destination, apart, asked, stop)
    jobs = _jobs(transfer, source._iter_sizes(prefix))
    total = CopyReport(errors={})

    def tell() -> None:
        if on_progress is not None:
            on_progress(total._replace(copied_bytes=total.copied_bytes + transfer.half_way_bytes))

    with ThreadPoolExecutor(workers, thread_name_prefix="kvcore-copy") as pool:
        pending: set[Future[CopyReport]] = set()
        try:
            more = True
            while more or pending:
                while more and len(pending) < workers * _JOBS_PER_WORKER:
                    job = next(jobs, None)
                    if job is None:
                        more = False
                    else:
                        pending.add(pool.submit(job))
                done, pending = wait(pending, _PROGRESS_SECS, FIRST_COMPLETED)
                for future in done:
                    total = _added(total, future.result())
                tell()
        except BaseException:
            stop.set()
            for future in pending:
                future.cancel()
            raise
    return total


def _jobs(
    transfer: Transfer, listing: Iterable[tuple[str, Stat]]
) -> Iterator[Callable[[], CopyReport]]:
    batch: list[str] = []
    size = 0
    for key, stat in listing:
        if stat.size > _SMALL_BYTES:
            yield partial(transfer.one, key)
            continue
        batch.append(key)
        size += stat.size
        if len(batch) == _BATCH_KEYS or size >= _BATCH_BYTES:
            yield partial(transfer.many, batch)
            batch, size = [], 0
    if batch:
        yield partial(transfer.many, batch)


def _added(total: CopyReport, part: CopyReport) -> CopyReport:
    """The sum; errors are gathered in one dict, as there may be many."""
    cast("dict[str, KvcoreError | OSError]", total.errors).update(part.errors)
    return CopyReport(
        copied=total.copied + part.copied,
        copied_bytes=total.copied_bytes + part.copied_bytes,
        same=total.same + part.same,
        skipped=total.skipped + part.skipped,
        vanished=total.vanished + part.vanished,
        made_lasting=total.made_lasting + part.made_lasting,
        errors=total.errors,
    )
