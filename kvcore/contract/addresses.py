"""The verbs that say where others get a value, or bring one, without its bytes passing here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import final

from kvcore.contract.values import PostOptions, PresignedPost, PresignedPut, UrlOptions
from kvcore.contract.writing import WritingVerbs

_READING = frozenset({"GET", "HEAD"})
_WRITING = frozenset({"PUT"})
_FITS: Mapping[str, frozenset[str]] = {
    "filename": _READING,
    "content_type": _READING | _WRITING,
    "content_length": _WRITING,
    "sha256": _WRITING,
    "if_absent": _WRITING,
    "public": _READING,
}
_FOR_ALL = frozenset({"expires"})
_SHA256 = re.compile("[0-9a-fA-F]{64}")


class AddressVerbs(WritingVerbs):
    """A third part of `KeyValueStore`, which see."""

    @final
    def url_for(
        self,
        key: str,
        expires: float | None = None,
        method: str = "GET",
        filename: str | None = None,
        content_type: str | None = None,
        *,
        content_length: int | None = None,
        sha256: str | bytes | None = None,
        if_absent: bool = False,
        public: bool = False,
    ) -> str:
        """A URL that lets whoever has it do one thing with one key; no request is made for it.

        ``expires``: seconds for which it works (default: the store's).

        With ``method`` ``"GET"`` or ``"HEAD"``: the answer is a download called ``filename``, and
        of ``content_type``; or the URL is ``public``, that is without a signature.

        With ``"PUT"``: the request has to carry ``Content-Type: content_type``, exactly
        ``content_length`` bytes, bytes with this ``sha256`` (hexadecimal, or the digest itself),
        and with ``if_absent`` ``If-None-Match: *``; the storage refuses any other.

        Raises ``ValueError`` for options that do not go together, `Unsupported` for a method that
        is not in ``capabilities.url_methods`` or an option not in ``capabilities.url_options``.
        """
        self._check_key(key)
        hexadecimal = sha256.hex() if isinstance(sha256, bytes) else sha256
        options = UrlOptions(
            expires,
            method,
            filename,
            content_type,
            content_length,
            hexadecimal,
            bool(if_absent),
            bool(public),
        )
        return self._checked_url_for(key, options)

    @final
    def presign_put(
        self,
        key: str,
        expires: float | None = None,
        content_type: str | None = None,
        *,
        content_length: int | None = None,
        sha256: str | bytes | None = None,
        if_absent: bool = False,
    ) -> PresignedPut:
        """What ``url_for`` with ``method="PUT"`` gives, and the headers that the request needs.

        They have other names in other services; ``Content-Length`` every client sends by itself.
        Raises ``ValueError``, `ReadOnly`, and `Unsupported` without ``"PUT"`` in
        ``capabilities.url_methods``.
        """
        self._check_key(key)
        hexadecimal = sha256.hex() if isinstance(sha256, bytes) else sha256
        options = UrlOptions(
            expires,
            "PUT",
            content_type=content_type,
            content_length=content_length,
            sha256=hexadecimal,
            if_absent=bool(if_absent),
        )
        return self._checked_presign_put(key, options)

    @final
    def presign_post(
        self,
        key: str,
        max_bytes: int,
        content_type: str | None = None,
        expires: float | None = None,
    ) -> PresignedPost:
        """What a browser's form needs to upload one value of at most ``max_bytes`` under this key.

        ``content_type`` is the one that the form has to send, without it the form sends none;
        ``expires``: seconds for which it works (default: the store's). The storage refuses whatever
        differs. No request is made for it.

        Raises `Unsupported` without ``capabilities.presign_post``.
        """
        self._check_key(key)
        return self._checked_presign_post(key, PostOptions(max_bytes, content_type, expires))

    @final
    def local_path(self, key: str) -> str:
        """The path of the file that holds the value: to be read only, for fast serving.

        Raises `KeyNotFound`, and `Unsupported` without ``capabilities.local_path``.
        """
        self._check_key(key)
        if not self.capabilities.local_path:
            raise self._cannot("this store has no local files", key)
        return self._local_path(key)

    # The entries that decorators call, so that options pass whole through a stack.

    @final
    def _checked_url_for(self, key: str, options: UrlOptions) -> str:
        self._check_key(key)
        return self._url_for(key, self._checked(key, options))

    @final
    def _checked_presign_put(self, key: str, options: UrlOptions) -> PresignedPut:
        self._check_key(key)
        self._check_writable(key)
        return self._presign_put(key, self._checked(key, options))

    def _checked(self, key: str, options: UrlOptions) -> UrlOptions:
        can = self.capabilities
        if options.method not in can.url_methods:
            raise self._cannot(f"no URLs for {options.method} here", key)
        _check_expires(options.expires)
        asked = options.asked
        if not asked <= _FOR_ALL:
            options = _check_options(options, asked)
        if not asked <= can.url_options:
            names = " or ".join(sorted(asked - can.url_options))
            raise self._cannot(f"URLs here take no {names}", key)
        return options

    @final
    def _checked_presign_post(self, key: str, options: PostOptions) -> PresignedPost:
        self._check_key(key)
        self._check_writable(key)
        if not self.capabilities.presign_post:
            raise self._cannot("no uploads by a form here", key)
        _check_count("max_bytes", options.max_bytes)
        _check_content_type(options.content_type)
        _check_expires(options.expires)
        return self._presign_post(key, options)


def _check_options(options: UrlOptions, asked: frozenset[str]) -> UrlOptions:
    """The same with ``sha256`` in lower case; ``ValueError`` if they do not go together."""
    method, filename, sha256 = options.method, options.filename, options.sha256
    for name in sorted(asked - _FOR_ALL):
        if method not in _FITS[name]:
            fitting = " and ".join(sorted(_FITS[name]))
            raise ValueError(f"{name} is for URLs to {fitting}, not for {method}")
    if options.public and asked != {"public"}:
        others = " and no ".join(sorted(asked - {"public"}))
        raise ValueError(f"a public URL is not signed, so it can have no {others}")
    if filename is not None and not isinstance(filename, str):
        raise TypeError(f"filename is a str, not {type(filename).__name__}")
    _check_content_type(options.content_type)
    if options.content_length is not None:
        _check_count("content_length", options.content_length)
    if sha256 is not None:
        if not isinstance(sha256, str):
            raise TypeError(f"sha256 is a str or bytes, not {type(sha256).__name__}")
        if not _SHA256.fullmatch(sha256):
            raise ValueError("sha256 is 64 hexadecimal digits or 32 bytes")
        if not sha256.islower():
            options = options._replace(sha256=sha256.lower())
    return options


def _check_expires(expires: float | None) -> None:
    if expires is not None and not expires > 0:
        raise ValueError("expires is a number of seconds > 0")


def _check_count(name: str, count: int) -> None:
    if not isinstance(count, int) or isinstance(count, bool):
        raise TypeError(f"{name} is an int, not {type(count).__name__}")
    if count < 0:
        raise ValueError(f"{name} is a number of bytes >= 0")


def _check_content_type(content_type: str | None) -> None:
    # It becomes a header or part of a signature, where other characters have many spellings.
    if content_type is None:
        return
    ok = isinstance(content_type, str) and content_type.isascii() and content_type.isprintable()
    if not ok or content_type != content_type.strip() or not content_type:
        raise ValueError("content_type is a line of ASCII text such as 'image/png'")
