r"""`KeyValueStore`: the contract. Users call verbs, authors write hooks.

A verb checks key, value and options, asks the capabilities, then calls one hook.

====================================  ==========================  ==================================
verb                                  hook                        default
====================================  ==========================  ==================================
``open``                              ``_open``                   none: to be written
``put_file`` with a file              ``_put_file``               none: to be written
``delete``                            ``_delete``                 none: to be written
``iter_keys``, ``keys``, iteration    ``iter_keys`` itself        none: to be written
``get``, ``fetch``, ``get_range``     ``_get _fetch _get_range``  reads ``_open``
``get_file`` to a file, to a path     ``_get_file                 copies ``_open``; beside the path,
                                      _get_filename``             then replaced
``in``, ``stat``                      ``_has_key _stat``          tries ``_open``; reads it
``put``, ``put_many``                 ``_put _put_many``          ``_put_file``; one by one
``put_file`` with a path              ``_put_filename             opens it; also removes it
                                      _move_filename``
``open_write``                        ``_open_write``             spools, then ``_put_file``
``delete(if_match=)``                 ``_delete_if_match``        needs ``delete_if_match``
``copy``, ``move``                     ``_copy _move``             reads and writes; also deletes
``touch``, ``increment``              ``_touch _increment``       needs ``touch``; compare and swap
``iter_prefixes``, ``iter_stats``     ``_iter_prefixes            from ``iter_keys``
                                      _iter_stats``
``get_many``, ``delete_many``         ``_get_many _delete_many``  one by one
``url_for``, ``presign_put``,         ``_url_for _presign_put     needs the capability
``presign_post``                      _presign_post``
``local_path``                        ``_local_path``             needs the capability
``close``                             ``_close``                  nothing
``copy_store``, ``kvcore gc``         ``_place _sweep``           the URL; nothing is left behind
``kvcore check``                      ``_advice``                 there is none
``copy_store``: many at a time        ``_iter_sizes _fetch_many   ``iter_stats``; one by one;
                                      _put_each``                 ``_put_many``
``copy_store``: the same bytes?       ``_fingerprint``            reads them
sessions: a swap after a ``get``      ``_etag_of``                they ``fetch``
====================================  ==========================  ==================================

A store that declares an option capability (``if_absent``, ``if_present``, ``if_match``, ``ttl``,
``content_type``) gets a `WriteOptions` as third argument of ``_put``, ``_put_file`` and
``_put_filename``; one that declares none gets two, exactly as in minimalkv.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, final

from kvcore.contract.addresses import AddressVerbs
from kvcore.keys import KeySpace


class KeyValueStore(AddressVerbs):
    """String keys, values of bytes of any size.

    Safe to share between threads. Every verb that takes a key raises `InvalidKey` for one that is
    not in ``keyspace``, and `StoreError` when the storage fails.
    """

    _brings: Mapping[str, Any] = {}  # what a mixin adds to the declared capabilities

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in reversed(cls.__mro__):
            for name, value in base.__dict__.get("_brings", {}).items():
                value |= getattr(cls._declared, name)
                cls._declared = cls._declared._replace(**{name: value})
        cls._hooks_take_options |= cls._declared.takes_options
        own = cls.__dict__.get("default_ttl_secs")  # as minimalkv's users set it
        cls._settles_plain |= own is not None and not isinstance(own, property)

    @property
    def keyspace(self) -> KeySpace:
        """The keys that this store takes."""
        return self._keyspace

    @property
    def ttl_support(self) -> bool:
        """Whether ``ttl_secs`` takes numbers here: ``capabilities.ttl``."""
        return self.capabilities.ttl

    def with_keys(self, keys: str | KeySpace) -> Self:
        """A view of this store that takes other keys: ``"strict"``, ``"path"`` or a `KeySpace`.

        The view shares everything with the store; closing one closes both.
        """
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._use_keyspace(self._space(keys) if isinstance(keys, str) else keys)
        return view

    def with_deadline(self, secs: float) -> Self:
        """A view of this store whose calls end within ``secs``, where it waits for a network.

        Where it does not, and where the time-outs are those of a client that was passed in, the
        store itself. The view shares everything but connections; closing the store closes both.
        """
        return self

    def _use_keyspace(self, space: KeySpace) -> None:
        self._keyspace = space
        self._check_key = space.check_outside
        self._check_new_key = space.check_new_outside

    @final
    def close(self) -> None:
        """Let go of what this store opened (not of a client passed in). Twice is no error."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        url = self._url()
        return f"<{type(self).__name__} {url}>" if url else f"<{type(self).__name__}>"
