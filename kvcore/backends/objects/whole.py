"""Values read whole: every byte that the service told of, and none that it did not mean."""

from __future__ import annotations

import io
from typing import IO

from kvcore.backends.objects.source import BehindTheEnd, Source
from kvcore.backends.objects.spans import Span
from kvcore.contract import Fetched, Stat
from kvcore.contract.streams import BLOCK_BYTES, write_all
from kvcore.errors import StoreError

_COPIED_BYTES = 1024 * 1024  # at a time: each read passes through several layers of a client


def read_whole(source: Source) -> Fetched:
    """A value in memory and its stat, by one request."""
    span = Span(source)
    return Fetched(rest_of(span), span.stat)


def copy_whole(source: Source, file: IO[bytes]) -> Stat:
    """Copy a value into a file, by one request; returns its stat."""
    span = Span(source)
    try:
        while block := span.read(_COPIED_BYTES):
            if span.checksum is not None:
                span.checksum.update(block)
            write_all(file, block)
    finally:
        span.close()
    _verify(span)
    return span.stat


def read_part(source: Source, start: int, stop: int | None) -> bytes:
    """The bytes from ``start`` to before ``stop``; none behind the end."""
    try:
        span = Span(source, start, stop)
    except BehindTheEnd:
        return b""
    return rest_of(span)


def rest_of(span: Span) -> bytes:
    """What a span has, in memory; verified if that is the whole value."""
    try:
        data = span.read(BLOCK_BYTES)  # as a rule all there is
        if span.position < span.stop:
            # Grows in place, and hands out its bytes without a copy.
            whole = io.BytesIO()
            whole.write(data)
            while block := span.read(BLOCK_BYTES):
                whole.write(block)
            data = whole.getvalue()
    finally:
        span.close()
    if span.checksum is not None and len(data) == span.stat.size:
        span.checksum.update(data)
        _verify(span)
    return data


def _verify(span: Span) -> None:
    if span.checksum is not None and not span.checksum.matches():
        raise span.error(
            StoreError,
            "the bytes that arrived are not those that the service has a checksum of; read again",
        )
