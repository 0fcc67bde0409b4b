"""`ReadOnlyDecorator`: a store that only reads."""

from __future__ import annotations

from functools import cache
from typing import Any, NoReturn

from kvcore.contract import Capabilities
from kvcore.decorators.base import StoreDecorator
from kvcore.errors import ReadOnly
from kvcore.recipe import DecoratorRecipe

_READING_METHODS = frozenset({"GET", "HEAD"})


class ReadOnlyDecorator(StoreDecorator):
    """Reads, lists and makes URLs to read from; every writing verb raises `ReadOnly`.

    It does so before anything happens, also when another decorator stands outside.

    >>> from kvcore import DictStore
    >>> store = ReadOnlyDecorator(DictStore({"greeting": b"hello"}))
    >>> store.get("greeting")
    b'hello'
    >>> store.delete("greeting")
    Traceback (most recent call last):
        ...
    kvcore.errors.ReadOnly: this store is read-only (key 'greeting' in ...)
    """

    _recipe = DecoratorRecipe()
    _native_async = True

    @property
    def capabilities(self) -> Capabilities:
        """What the inner store can do, less all that writes."""
        return _reading_only(super().capabilities)

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        key = args[0] if args and isinstance(args[0], str) else None
        raise ReadOnly(key=key, store=self)

    # The verbs refuse by the capability; these hold for what comes past them.
    _put = _put_file = _put_filename = _move_filename = _refuse
    _put_many = _put_each = _open_write = _refuse
    _delete = _delete_if_match = _delete_many = _refuse
    _copy = _move = _touch = _increment = _refuse
    _presign_put = _presign_post = _refuse


@cache
def _reading_only(inside: Capabilities) -> Capabilities:
    return Capabilities(
        write=False,
        list=inside.list,
        url_methods=inside.url_methods & _READING_METHODS,
        url_options=inside.url_options,
        pinned_reads=inside.pinned_reads,
        local_path=inside.local_path,
        native_async=inside.native_async,
        fast=inside.fast,
        local=inside.local,
    )
