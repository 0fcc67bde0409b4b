"""Typed usage of copies, for type checkers: checked by pyright, never run."""

from collections.abc import Mapping
from typing import assert_type

from kvcore import CopyReport, DictStore, FilesystemStore, KvcoreError, copy_store


def show(report: CopyReport) -> None:
    assert_type(report.copied, int)
    assert_type(report.errors, Mapping[str, KvcoreError | OSError])
    assert_type(report.ok, bool)


def copied(source: FilesystemStore, dest: DictStore) -> CopyReport:
    copy_store(source, dest, verify="yes")  # pyright: ignore[reportArgumentType] # no bool
    copy_store(source, dest, "a/", 4)  # pyright: ignore[reportCallIssue] # workers by name only
    return copy_store(source, dest, "a/", workers=2, dry_run=True, on_progress=show)
