"""Decorators that make the key: ``put(None, data)`` stores under a new id and returns it.

A key that is given is used as it is; the template is for generated ids only. These decorators
stand outermost: only their own ``put`` and ``put_file`` take ``None``.
"""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from kvcore.contract import KeyValueStore, Path, Source, WriteOptions
from kvcore.contract.callers_files import remove_source
from kvcore.contract.streams import as_bytes, as_source, read_blocks
from kvcore.decorators.base import StoreDecorator
from kvcore.errors import KeyExists
from kvcore.ids import Template, content_hash, random_id, uuid4
from kvcore.keys import KeySpace
from kvcore.recipe import HASHFUNC, DecoratorRecipe, Option, secret_bytes, text
from kvcore.signing import HashFunc, Secret
from kvcore.ttl import TtlSecs

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_TRIES = 5
_TEMPLATE = Option(text, "the key around the id, such as `avatars/{id}` (default `{}`: the id)")


class IdDecorator(StoreDecorator):
    """Base of those that make the key; ``template`` is checked against the store's key space.

    With ``None`` as key a value is new: ``if_present`` and ``if_match`` are a ``ValueError``.
    """

    _recipe = DecoratorRecipe(options={"template": _TEMPLATE}, main="template", outermost=True)
    _native_async = True

    def __init__(self, store: KeyValueStore, template: str = "{}") -> None:
        self._template = Template(template)
        super().__init__(store)

    def _outer_space(self, inside: KeySpace) -> KeySpace:
        self._template.check(inside, id=self._sample_id())
        return inside

    def put(
        self,
        key: str | None,
        data: Buffer,
        ttl_secs: TtlSecs = None,
        *,
        if_absent: bool = False,
        if_present: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
    ) -> str:
        """As ``put`` of every store; for ``None`` under a key of our own, which is returned."""
        options = WriteOptions(ttl_secs, if_absent, if_present, if_match, content_type)
        if key is not None:
            return self._checked_put(key, data, options)
        return self._put_new(as_bytes(data), self._for_new(options))

    def put_file(
        self,
        key: str | None,
        file: Path | Source,
        ttl_secs: TtlSecs = None,
        *,
        move: bool = False,
        if_absent: bool = False,
        if_present: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
    ) -> str:
        """As ``put_file`` of every store; for ``None`` under a key of our own."""
        options = WriteOptions(ttl_secs, if_absent, if_present, if_match, content_type)
        if key is not None:
            return self._checked_put_file(key, file, options, move=move)
        options = self._for_new(options)
        if isinstance(file, str | os.PathLike):
            return self._put_new_path(os.fspath(file), options, move=move)
        if move:
            raise TypeError("move=True takes a path: a file object cannot be consumed")
        return self._put_new_file(as_source(file), options)

    def _for_new(self, options: WriteOptions) -> WriteOptions:
        if options.if_present or options.if_match is not None:
            raise ValueError("a value without a key is new: if_present and if_match need a key")
        return self._settle(options)

    @abstractmethod
    def _sample_id(self) -> str:
        """An id like those to come, to try the template with."""

    @abstractmethod
    def _put_new(self, data: bytes, options: WriteOptions) -> str:
        """Store under a key of our own and return it."""

    @abstractmethod
    def _put_new_path(self, path: str, options: WriteOptions, *, move: bool) -> str: ...

    @abstractmethod
    def _put_new_file(self, file: IO[bytes], options: WriteOptions) -> str: ...

    def _arguments(self) -> str:
        return f"{self._template.text!r} "


class RandomIdDecorator(IdDecorator):
    """New keys are 26 characters that nobody can guess, in a template.

    They are written with ``if_absent`` where the store can, else only after a look that nothing is
    there; a key that is taken is never overwritten, another is drawn.

    >>> from kvcore import DictStore
    >>> store = RandomIdDecorator(DictStore(keys="path"), "avatars/{id}")
    >>> key = store.put(None, b"a picture")
    >>> key  # doctest: +SKIP
    'avatars/5f7w1kz9m9y3hn0q8e2c4rjxtd'
    >>> store.get(key)
    b'a picture'
    """

    @staticmethod
    def _new_id() -> str:
        return random_id()

    def _sample_id(self) -> str:
        return self._new_id()

    def _put_new(self, data: bytes, options: WriteOptions) -> str:
        return self._under_new_id(
            lambda key, options: self._inner._checked_put(key, data, options), options
        )

    def _put_new_path(self, path: str, options: WriteOptions, *, move: bool) -> str:
        return self._under_new_id(
            lambda key, options: self._inner._checked_put_file(key, path, options, move=move),
            options,
        )

    def _put_new_file(self, file: IO[bytes], options: WriteOptions) -> str:
        seekable = getattr(file, "seekable", None)
        if seekable is None or not seekable():  # read once, so there is one try
            start, tries = 0, 1
        else:
            start, tries = file.tell(), _TRIES

        def put(key: str, options: WriteOptions) -> str:
            if tries > 1:
                file.seek(start)
            return self._inner._checked_put_file(key, file, options)

        return self._under_new_id(put, options, tries)

    def _under_new_id(
        self, put: Callable[[str, WriteOptions], str], options: WriteOptions, tries: int = _TRIES
    ) -> str:
        creates = self._inner.capabilities.if_absent
        if creates:
            options = options._replace(if_absent=True)
        key = None
        taken: KeyExists | None = None
        for _ in range(tries):
            key = self._template.fill(id=self._new_id())
            if not creates and key in self._inner:
                continue
            try:
                return put(key, options)
            except KeyExists as error:
                taken = error
        raise KeyExists(
            "no new id was free, which chance cannot explain; nothing was stored",
            key=key,
            store=self,
        ) from taken


class UUIDDecorator(RandomIdDecorator):
    """New keys are random UUIDs (version 4), in a template.

    (minimalkv's are version 1, which tells machine and time and can be guessed.)

    >>> from kvcore import DictStore
    >>> UUIDDecorator(DictStore(), "job-{}").put(None, b"to do")
    'job-...'
    """

    @staticmethod
    def _new_id() -> str:
        return uuid4()


class HashDecorator(IdDecorator):
    """New keys are the hash of the value, in a template: equal values share one key.

    A stream is read once and published under the name known at its end. Putting the same content
    again is a put to the same key like any other: the last one decides on ``ttl_secs`` and content
    type. With ``if_absent=True`` it is `KeyExists`, whose ``key`` is the key. Whoever deletes a
    key deletes it for all who put that content.

    Without ``secret`` anybody who has a file can work out its key; see `kvcore.ids.content_hash`.

    >>> from kvcore import DictStore
    >>> HashDecorator(DictStore(), template="{id}.txt").put(None, b"hello")
    '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824.txt'
    """

    _recipe = DecoratorRecipe(
        options={
            "hashfunc": HASHFUNC,
            "secret": Option(secret_bytes, "keys the hash, so nobody can work it out", secret=True),
            "template": _TEMPLATE,
        },
        main="template",
        outermost=True,
    )

    def __init__(
        self,
        store: KeyValueStore,
        hashfunc: HashFunc = hashlib.sha256,
        template: str = "{}",
        *,
        secret: Secret | None = None,
    ) -> None:
        self._hashfunc = hashfunc
        self._secret = secret
        super().__init__(store, template)

    def _sample_id(self) -> str:
        return content_hash(hashfunc=self._hashfunc, secret=self._secret).hexdigest()

    def _put_new(self, data: bytes, options: WriteOptions) -> str:
        running = content_hash(hashfunc=self._hashfunc, secret=self._secret)
        running.update(data)
        key = self._template.fill(id=running.hexdigest())
        return self._inner._checked_put(key, data, options)

    def _put_new_path(self, path: str, options: WriteOptions, *, move: bool) -> str:
        with open(path, "rb", buffering=0) as file:
            source = os.lstat(path)
            key = self._put_new_file(file, options)
        if move:
            remove_source(path, source, key, self)
        return key

    def _put_new_file(self, file: IO[bytes], options: WriteOptions) -> str:
        running = content_hash(hashfunc=self._hashfunc, secret=self._secret)
        with self._inner._checked_open_write(None, options) as writer:
            for block in read_blocks(file):
                running.update(block)
                writer.write(block)
            writer.key = self._template.fill(id=running.hexdigest())
        return writer.key
