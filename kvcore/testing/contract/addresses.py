"""The verbs that give addresses: ``url_for``, ``presign_put``, ``presign_post``, ``local_path``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kvcore.contract import KeyValueStore, PresignedPost, PresignedPut
from kvcore.errors import KeyNotFound, Unsupported
from kvcore.testing.contract.fixtures import StoreFixtures, declared, for_each

URL_OPTIONS: Mapping[str, tuple[Any, set[str]]] = {
    "expires": (60, {"GET", "HEAD", "PUT", "DELETE"}),
    "filename": ("näme.txt", {"GET", "HEAD"}),
    "content_type": ("text/plain", {"GET", "HEAD", "PUT"}),
    "content_length": (5, {"PUT"}),
    "sha256": (bytes(32), {"PUT"}),
    "if_absent": (True, {"PUT"}),
    "public": (True, {"GET", "HEAD"}),
}
"""Options of ``url_for``: a good value for each, and the methods that it fits."""

NOT_TOGETHER: Mapping[str, Mapping[str, Any]] = {
    "a length to read": {"content_length": 5},
    "a digest to read": {"sha256": bytes(32)},
    "an absent one to read": {"if_absent": True},
    "a name to write": {"method": "PUT", "filename": "a"},
    "public, to write": {"method": "PUT", "public": True},
    "a type to delete": {"method": "DELETE", "content_type": "text/plain"},
    "public, for a time": {"public": True, "expires": 60},
    "public, with a name": {"public": True, "filename": "a"},
    "a negative length": {"method": "PUT", "content_length": -1},
    "no digest": {"method": "PUT", "sha256": "0" * 63},
    "a short digest": {"method": "PUT", "sha256": bytes(31)},
    "a header more": {"content_type": "text/plain\r\nX: y"},
    "no time": {"expires": 0},
    "a time before": {"expires": -1},
    "no number": {"expires": float("nan")},
}
"""Options that no store takes."""


class AddressTests(StoreFixtures):
    """``url_for``, ``presign_post`` and ``local_path`` answer or are refused."""

    def test_urls_of_declared_methods(self, store: KeyValueStore) -> None:
        """A URL is made for the methods in ``capabilities.url_methods``, and no others."""
        self.fill(store, "key", b"value")
        methods = store.capabilities.url_methods
        for method in {"GET", "PUT", "HEAD", "DELETE", "POST", "get", ""} - methods:
            with pytest.raises(Unsupported):
                store.url_for("key", method=method)
        for method in methods:
            url = store.url_for("key", method=method)
            assert isinstance(url, str)
            assert url
            assert store.url_for("another", method=method) != url

    @for_each(URL_OPTIONS)
    def test_urls_with_declared_options(
        self, store: KeyValueStore, option: tuple[Any, set[str]]
    ) -> None:
        """What is asked shows in the URL, or it is refused: no option is ignored."""
        value, fitting = option
        (name,) = (name for name, case in URL_OPTIONS.items() if case is option)
        for method in store.capabilities.url_methods & fitting:
            if name not in store.capabilities.url_options:
                with pytest.raises(Unsupported, match=name):
                    store.url_for("key", method=method, **{name: value})
                continue
            url = store.url_for("key", method=method, **{name: value})
            assert url
            if name != "public":  # other URLs may be so, too
                assert url != store.url_for("key", method=method)

    @for_each(NOT_TOGETHER)
    def test_options_that_do_not_go_together(
        self, store: KeyValueStore, options: Mapping[str, Any]
    ) -> None:
        """They are told before anything else is (where there are no URLs: Unsupported)."""
        wanted: Any = ValueError
        if options.get("method", "GET") not in store.capabilities.url_methods:
            wanted = Unsupported
        with pytest.raises(wanted):
            store.url_for("key", **options)

    def test_puts_are_told_what_they_need(self, store: KeyValueStore) -> None:
        """Where URLs to put to are declared, their headers come with them, as texts."""
        can = store.capabilities
        if "PUT" not in can.url_methods:
            with pytest.raises(Unsupported):
                store.presign_put("key")
            return
        put = store.presign_put("key")
        assert isinstance(put, PresignedPut)
        assert put.url
        for name in {"content_type", "content_length", "sha256", "if_absent"} - can.url_options:
            with pytest.raises(Unsupported, match=name):
                store.presign_put("key", **{name: URL_OPTIONS[name][0]})
        if "content_type" in can.url_options:
            headers = store.presign_put("key", content_type="text/plain").headers
            assert {name.lower(): value for name, value in headers.items()}["content-type"]
            assert all(isinstance(value, str) for value in headers.values())

    def test_forms_for_uploads(self, store: KeyValueStore) -> None:
        """Where it is declared, a form has an address and fields, others for another key."""
        with declared(store, "presign_post"):
            post = store.presign_post("key", 1000, "text/plain", expires=60)
            assert isinstance(post, PresignedPost)
            assert post.url
            assert dict(post.fields)
            assert store.presign_post("another", 1000, "text/plain", expires=60) != post
            assert store.presign_post("key", 1001, "text/plain", expires=60) != post

    def test_forms_that_never_work_are_refused(self, store: KeyValueStore) -> None:
        """``max_bytes`` is not negative, ``expires`` more than 0."""
        wanted: Any = ValueError if store.capabilities.presign_post else Unsupported
        wrong: list[tuple[Any, ...]] = [(-1,), (1, "a\nb"), (1, None, 0), (1, None, float("nan"))]
        for arguments in wrong:
            with pytest.raises(wanted):
                store.presign_post("key", *arguments)

    def test_a_local_path_holds_the_value(self, store: KeyValueStore) -> None:
        """Where it is declared, the path names a file with the bytes of the value."""
        data = self.large
        self.fill(store, "key", data)
        with declared(store, "local_path"):
            path = store.local_path("key")
            assert os.path.isabs(path)
            assert Path(path).read_bytes() == data
            with pytest.raises(KeyNotFound):
                store.local_path("missing")
