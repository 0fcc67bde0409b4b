"""`copy_store`: lists the source, gives its keys to workers, and adds up what they report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from threading import Event
from time import perf_counter, thread_time
from typing import NamedTuple, cast

from kvcore.contract import KeyValueStore, Stat
from kvcore.copying.destination import Destination
from kvcore.copying.places import Apart
from kvcore.copying.report import CopyReport
from kvcore.copying.transfer import Asked, Transfer
from kvcore.errors import KvcoreError, ReadOnly, Unsupported

WORKERS = 4
_SMALL_BYTES = 64 * 1024  # larger values are streamed, one by one
_FIRST_KEYS = 8  # doubled from batch to batch: it is soon known how long one takes
_BATCH_KEYS = 128
_BATCH_BYTES = 1024 * 1024
_JOBS_PER_WORKER = 2  # that wait, so that nobody is idle and little is in memory
_PROGRESS_SECS = 0.25
_WAITING = 2.0  # times as long as they compute, and threads are worth their mutual hindrance
_DOUBT_SECS = 0.02  # for which a busy machine may have kept us waiting


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

    ``workers`` threads share the work, where it mostly waits for the stores; each holds about 1 MiB
    of small values, or a block of a large one. ``verify`` reads every copied value back and
    compares it. ``dry_run`` writes nothing and reports what would be done. ``on_progress`` is
    called in this thread, a few times a second, with the report as it stands.

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
    pace = _Pace()
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
                    elif job.is_small and not pace.waits and len(pending) < workers:
                        total = _added(total, pace.run(job.call))
                        tell()
                    else:
                        pending.add(pool.submit(job.call))
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


class _Job(NamedTuple):
    call: Callable[[], CopyReport]
    is_small: bool


class _Pace:
    """Runs small jobs in this thread, and tells when they wait so much that others may go on.

    Where the stores answer at once, several threads take longer than one: Python runs one of them
    at a time, and with each file and each answer they take turns.
    """

    def __init__(self) -> None:
        self._waited = self._worked = 0.0
        self.waits = False

    def run(self, job: Callable[[], CopyReport]) -> CopyReport:
        """The job's report."""
        start, busy = perf_counter(), thread_time()
        report = job()
        worked = thread_time() - busy
        self._worked += worked
        self._waited += perf_counter() - start - worked
        self.waits = self._waited > _WAITING * self._worked + _DOUBT_SECS
        return report


def _jobs(transfer: Transfer, listing: Iterable[tuple[str, Stat]]) -> Iterator[_Job]:
    batch: list[str] = []
    size, most = 0, _FIRST_KEYS
    for key, stat in listing:
        if stat.size > _SMALL_BYTES:
            yield _Job(partial(transfer.one, key), is_small=False)
            continue
        batch.append(key)
        size += stat.size
        if len(batch) == most or size >= _BATCH_BYTES:
            yield _Job(partial(transfer.many, batch), is_small=True)
            batch, size, most = [], 0, min(2 * most, _BATCH_KEYS)
    if batch:
        yield _Job(partial(transfer.many, batch), is_small=True)


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
