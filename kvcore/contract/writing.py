"""The verbs that write, remove, copy and count, and the entries that decorators call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, final

from kvcore.contract.callers_files import Path
from kvcore.contract.reading import ReadingVerbs
from kvcore.contract.streams import Source, as_bytes, as_source
from kvcore.contract.values import PLAIN, Capabilities, WriteOptions
from kvcore.contract.writer import Writer
from kvcore.errors import KeyExists, KeyNotFound, ReadOnly, Unsupported
from kvcore.ttl import FOREVER, NOT_SET, TtlSecs, check_ttl

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_INT64 = range(-(2**63), 2**63)


class WritingVerbs(ReadingVerbs):
    """Another part of `KeyValueStore`, which see."""

    _default_ttl_secs: TtlSecs = NOT_SET
    _settles_plain = False  # whether a put without options has something filled in or refused

    def put(
        self,
        key: str,
        data: Buffer,
        ttl_secs: TtlSecs = None,
        *,
        if_absent: bool = False,
        if_present: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
    ) -> str:
        """Store a bytes-like value, whole or not at all; returns the key.

        ``ttl_secs`` needs ``capabilities.ttl``. At most one condition: ``if_absent`` creates only,
        ``if_present`` replaces only, ``if_match`` replaces the version with that etag.
        ``content_type`` is advice that stores without a place for it ignore.

        Raises `InvalidValue`, `KeyExists`, `PreconditionFailed`, `Unsupported`.
        """
        if ttl_secs is if_match is content_type is None and if_absent is if_present is False:
            return self._checked_put(key, data, PLAIN)
        options = WriteOptions(ttl_secs, if_absent, if_present, if_match, content_type)
        return self._checked_put(key, data, options)

    def put_file(
        self,
        key: str,
        file: Path | Source,
        ttl_secs: TtlSecs = None,
        *,
        move: bool = False,
        if_absent: bool = False,
        if_present: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
    ) -> str:
        """Store a file by path, the rest of a binary file object, or an iterable of bytes.

        The caller's file is never changed; with ``move=True`` (paths only) it is consumed once the
        value is stored, and untouched if anything failed. A file object is read from where it
        stands and left open. What a source raises is passed on, and nothing is stored.

        Options and errors are those of ``put``.
        """
        options = WriteOptions(ttl_secs, if_absent, if_present, if_match, content_type)
        return self._checked_put_file(key, file, options, move=move)

    @final
    def open_write(
        self,
        key: str,
        ttl_secs: TtlSecs = None,
        *,
        if_absent: bool = False,
        if_present: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
    ) -> Writer:
        """A `Writer` for a value that comes piece by piece; published by its ``commit``.

        Options are those of ``put``; a condition is decided at ``commit``.
        """
        options = WriteOptions(ttl_secs, if_absent, if_present, if_match, content_type)
        self._check_new_key(key)
        return self._checked_open_write(key, options)

    @final
    def put_many(
        self, items: Mapping[str, Buffer] | Iterable[tuple[str, Buffer]], ttl_secs: TtlSecs = None
    ) -> None:
        """Store many values; each is atomic, all together are not.

        Keys and values are checked before the first is stored. Raises `PartialFailure` when some
        could not be stored.
        """
        self._check_writable()
        pairs = items.items() if isinstance(items, Mapping) else items
        checked: dict[str, bytes] = {}
        for key, data in pairs:
            self._check_new_key(key)
            checked[key] = as_bytes(data, key)
        self._checked_put_many(checked, WriteOptions(ttl_secs))

    # Removing, copying, counting

    @final
    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Remove the value; a missing one is no error.

        With ``if_match`` only the version with that etag is removed; another one, or none, is
        `PreconditionFailed`. Raises `Unsupported` without ``capabilities.delete_if_match``.
        """
        self._check_key(key)
        if if_match is not None or not self._declared.write:
            self._check_writable(key)
        if if_match is None:
            self._delete(key)
            return
        if not isinstance(if_match, str) or not if_match:
            raise ValueError("if_match takes an etag as stat gives it")
        if not self.capabilities.delete_if_match:
            raise self._cannot("delete takes no if_match here", key)
        self._delete_if_match(key, if_match)

    @final
    def delete_many(self, keys: Iterable[str]) -> None:
        """Remove many values. Raises `PartialFailure`, naming each that could not be."""
        self._check_writable()
        if isinstance(keys, str):
            raise TypeError("delete_many takes an iterable of keys, not one key")
        checked = dict.fromkeys(keys)
        for key in checked:
            self._check_key(key)
        self._delete_many(checked)

    @final
    def copy(self, source: str, dest: str, *, if_absent: bool = False) -> str:
        """Copy a value, its expiry and content type; returns ``dest``.

        Raises `KeyNotFound`; with ``if_absent`` `KeyExists` if ``dest`` is there.
        """
        if self._may_copy(source, dest, if_absent):
            self._copy(source, dest, if_absent=if_absent)
        return dest

    @final
    def move(self, source: str, dest: str, *, if_absent: bool = False) -> str:
        """Rename a value; as ``copy``, then ``source`` is gone.

        Where the store cannot do it in one step (``capabilities.copy``), a value put to ``source``
        meanwhile stays, if the store can tell (``capabilities.delete_if_match``); else it is lost.
        """
        if self._may_copy(source, dest, if_absent):
            self._move(source, dest, if_absent=if_absent)
        return dest

    def _may_copy(self, source: str, dest: str, if_absent: bool) -> bool:
        self._check_key(source)
        self._check_new_key(dest)
        self._check_writable(dest)
        if if_absent and not self.capabilities.if_absent:
            raise self._cannot("copy and move take no if_absent here", dest)
        if source != dest:
            return True
        if not self._has_key(source):
            raise KeyNotFound(key=source, store=self)
        if if_absent:
            raise KeyExists(key=dest, store=self)
        return False

    @final
    def touch(self, key: str, ttl_secs: TtlSecs) -> None:
        """Give a value a new time to live, counted from now; ``None`` means the default.

        Raises `KeyNotFound`, and `Unsupported` without ``capabilities.touch``.
        """
        self._check_key(key)
        self._check_writable(key)
        check_ttl(ttl_secs)
        if not self.capabilities.touch:
            raise self._cannot("values here have no time to live", key)
        self._touch(key, self.default_ttl_secs if ttl_secs is None else ttl_secs)

    @final
    def increment(self, key: str, by: int = 1, ttl_secs: TtlSecs = None) -> int:
        """Add to a counter, atomically; returns its new value.

        A counter is a decimal integer of 64 bits; a missing one counts as 0. ``ttl_secs`` holds
        for a counter that is created; an existing one keeps its expiry. Raises `StoreError` for a
        value that is no counter, `Unsupported` without ``if_absent`` and ``if_match``.
        """
        self._check_new_key(key)
        if not isinstance(by, int) or isinstance(by, bool):
            raise TypeError(f"by is an int, not {type(by).__name__}")
        if by not in _INT64:
            raise ValueError("by has at most 64 bits")
        return self._increment(key, by, self._settle(WriteOptions(ttl_secs), key).ttl_secs)

    @property
    def default_ttl_secs(self) -> TtlSecs:
        """The time to live of values that are put without one."""
        return self._default_ttl_secs

    @default_ttl_secs.setter
    def default_ttl_secs(self, ttl_secs: TtlSecs) -> None:
        self._check_writable()
        check_ttl(ttl_secs)
        if ttl_secs not in (None, NOT_SET, FOREVER) and not self.capabilities.ttl:
            raise Unsupported("values here have no time to live", store=self)
        self._default_ttl_secs = NOT_SET if ttl_secs is None else ttl_secs
        self._settles_plain = True

    # The entries that decorators call, so that options pass whole through a stack.

    @final
    def _checked_put(self, key: str, data: Buffer, options: WriteOptions) -> str:
        self._check_new_key(key)
        if type(data) is not bytes:
            data = as_bytes(data, key)
        if options is not PLAIN or self._settles_plain or not self._declared.write:
            options = self._settle(options, key)
        if self._hooks_take_options or self._declared.takes_options:
            self._put(key, data, options)
        else:
            self._put(key, data)
        return key

    @final
    def _checked_put_file(
        self, key: str, file: Path | Source, options: WriteOptions, *, move: bool = False
    ) -> str:
        self._check_new_key(key)
        options = self._settle(options, key)
        if not isinstance(file, str | os.PathLike):
            if move:
                raise TypeError("move=True takes a path: a file object cannot be consumed")
            self._call_writing(self._put_file, key, as_source(file), options)
        elif move:
            self._move_filename(key, os.fspath(file), options)
        else:
            self._call_writing(self._put_filename, key, os.fspath(file), options)
        return key

    @final
    def _checked_put_many(self, items: Mapping[str, bytes], options: WriteOptions) -> None:
        for key in items:
            self._check_new_key(key)
        self._put_many(items, self._settle(options))

    @final
    def _checked_put_each(self, items: Mapping[str, tuple[bytes, WriteOptions]]) -> None:
        asked = {options for _, options in items.values()}
        settled = {options: self._settle(options) for options in asked}
        for key in items:
            self._check_new_key(key)
        self._put_each({key: (data, settled[options]) for key, (data, options) in items.items()})

    @final
    def _checked_open_write(self, key: str | None, options: WriteOptions) -> Writer:
        """Without a key, for ids that are known at the end only; it is checked at ``commit``."""
        if key is not None:
            self._check_new_key(key)
        writer = self._open_write(key, self._settle(options, key))
        writer._check_key = self._check_new_key
        return writer

    @final
    def _settle(self, options: WriteOptions, key: str | None = None) -> WriteOptions:
        """Check the options, fill in the default, drop advice; `Unsupported` if we cannot."""
        can = self.capabilities
        if not can.write:
            raise ReadOnly(key=key, store=self)
        ttl_secs, if_absent, if_present, if_match, content_type = options
        if ttl_secs is None:
            ttl_secs = self.default_ttl_secs
        check_ttl(ttl_secs)
        if not can.ttl and ttl_secs not in (None, NOT_SET, FOREVER):
            raise self._cannot("values here have no time to live", key)
        if if_match is not None and (not isinstance(if_match, str) or not if_match):
            raise ValueError("if_match takes an etag as stat gives it")
        if if_absent or if_present or if_match is not None:
            self._check_conditions(can, options, key)
        if content_type is not None:
            if not isinstance(content_type, str) or not content_type.isprintable():
                raise ValueError("content_type is a line of text such as 'image/png'")
            if not can.content_type:
                content_type = None
        if ttl_secs is options.ttl_secs and content_type is options.content_type:
            return options
        return options._replace(ttl_secs=ttl_secs, content_type=content_type)

    def _check_conditions(self, can: Capabilities, options: WriteOptions, key: str | None) -> None:
        _, if_absent, if_present, if_match, _ = options
        if bool(if_absent) + bool(if_present) + (if_match is not None) > 1:
            raise ValueError("at most one condition of if_absent, if_present and if_match")
        asked = "if_absent" if if_absent else "if_present" if if_present else "if_match"
        if not getattr(can, asked):
            raise self._cannot(f"a put takes no {asked} here", key)

    def _check_writable(self, key: str | None = None) -> None:
        if not self.capabilities.write:
            raise ReadOnly(key=key, store=self)
