"""Which conditions are trusted, and how they are written."""

from __future__ import annotations

import re
from typing import NamedTuple

from kvcore.backends.s3.objects import Answer
from kvcore.backends.s3.providers import DECIDED, PUT, Provider
from kvcore.contract import WriteOptions
from kvcore.errors import PreconditionFailed

ALL, NONE = "all", "none"
_ETAG = re.compile(r"[A-Za-z0-9+/=_.:-]{1,255}")


class Conditions(NamedTuple):
    """What the service decides itself; all else is not asked of it.

    A service that ignores a condition overwrites silently, so one that is not known gets none.
    """

    decided: frozenset[str]
    """Some of `DECIDED`."""
    quoted: bool
    """Whether ``If-Match`` holds the etag in quotes."""

    @classmethod
    def of(cls, service: Provider, asked: str | None, *, quoted: bool | None) -> Conditions:
        """Those of a service, unless the options ``conditional`` and ``quoted_etags`` say more."""
        decided = service.conditional if asked is None else read_conditional(asked)
        return cls(decided, service.quoted_etags if quoted is None else quoted)

    def matching(self, etag: str) -> str:
        """``If-Match`` for this etag. Raises `PreconditionFailed` for what no service gives.

        It is no mere formality: ``*`` would match every version, and a comma makes a list.
        """
        if not _ETAG.fullmatch(etag):
            raise PreconditionFailed
        return f'"{etag}"' if self.quoted else etag

    def of_put(self, options: WriteOptions) -> dict[str, Answer]:
        """The parameters that ask for ``if_absent`` or ``if_match``."""
        if options.if_absent:
            return {"IfNoneMatch": "*"}
        if options.if_match is not None:
            return {"IfMatch": self.matching(options.if_match)}
        return {}

    @property
    def on_put(self) -> bool:
        """Whether a put may be conditional."""
        return PUT in self.decided


def read_conditional(text: str) -> frozenset[str]:
    """The option ``conditional``: ``all``, ``none``, or some of `DECIDED` joined by commas.

    Raises ``ValueError`` with what it takes.

    >>> sorted(read_conditional("put,complete"))
    ['complete', 'put']
    """
    if text == ALL:
        return frozenset(DECIDED)
    words = frozenset() if text == NONE else frozenset(text.split(","))
    if not words <= set(DECIDED):
        raise ValueError(f"takes 'all', 'none', or some of {', '.join(DECIDED)}, joined by commas")
    if words and PUT not in words:
        raise ValueError("takes no 'complete', 'copy' or 'delete' without 'put'")
    return words
