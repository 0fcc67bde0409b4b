"""The hooks for many keys: by default those for one, key by key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from kvcore.contract.hooks import Hooks
from kvcore.contract.values import Fetched, WriteOptions
from kvcore.errors import KeyNotFound, KvcoreError, PartialFailure, StoreError, StoreTimeout

_T = TypeVar("_T")


class HooksForMany(Hooks):
    """A second part of the author's side of `KeyValueStore`."""

    def _get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        return _those_there(keys, self._get)

    def _fetch_many(self, keys: Iterable[str]) -> dict[str, Fetched]:
        """The values that are there, each of one version with its expiry; it may lack the etag."""
        return _those_there(keys, self._fetch)

    def _put_many(self, items: Mapping[str, bytes], options: WriteOptions) -> object:
        def put(key: str) -> None:
            self._call_writing(self._put, key, items[key], options)

        self._try_each(items, put, "put")
        return None

    def _put_each(self, items: Mapping[str, tuple[bytes, WriteOptions]]) -> object:
        """As `_put_many`, with options for each key; nobody asks for ``if_match`` of many."""
        groups: dict[WriteOptions, dict[str, bytes]] = {}
        for key, (data, options) in items.items():
            groups.setdefault(options, {})[key] = data
        errors: dict[str, KvcoreError] = {}
        for options, group in groups.items():
            if any(isinstance(error, StoreTimeout) for error in errors.values()):
                errors |= {key: self._not_tried(key) for key in group}
                continue
            try:
                self._put_many(group, options)
            except PartialFailure as failure:
                errors |= failure.errors
        self._report(errors, "put")
        return None

    def _delete_many(self, keys: Iterable[str]) -> object:
        self._try_each(keys, self._delete, "deleted")
        return None

    def _try_each(self, keys: Iterable[str], call: Callable[[str], object], done: str) -> None:
        """Call it for each key, until one times out: the next would wait as long."""
        errors: dict[str, KvcoreError] = {}
        rest = iter(keys)
        for key in rest:
            try:
                call(key)
            except KvcoreError as error:
                errors[key] = error
                if isinstance(error, StoreTimeout):
                    errors |= {left: self._not_tried(left) for left in rest}
        self._report(errors, done)

    def _not_tried(self, key: str) -> StoreError:
        return StoreError(
            "not tried, as the storage did not answer in time for a key before", key=key, store=self
        )

    def _report(self, errors: dict[str, KvcoreError], done: str) -> None:
        """Raise `PartialFailure` if there are errors."""
        if errors:
            keys = "1 key" if len(errors) == 1 else f"{len(errors)} keys"
            raise PartialFailure(
                f"{keys} could not be {done}: see .errors, which names each",
                store=self,
                errors=errors,
            ) from next(iter(errors.values()))


def _those_there(keys: Iterable[str], get: Callable[[str], _T]) -> dict[str, _T]:
    found = {}
    for key in keys:
        try:
            found[key] = get(key)
        except KeyNotFound:
            continue
    return found
