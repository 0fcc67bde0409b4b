"""Addresses of values (``url_for``, ``presign_put``, …): what is checked before a hook is asked."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from kvcore import (
    AsyncStore,
    Capabilities,
    DictStore,
    FilesystemStore,
    HashDecorator,
    InlineStore,
    InvalidKey,
    PostOptions,
    PrefixDecorator,
    PresignedPost,
    PresignedPut,
    ReadOnly,
    ReadOnlyDecorator,
    StoreError,
    Unsupported,
    UrlMixin,
    UrlOptions,
    WebFilesystemStore,
    run_inline,
)
from kvcore.testing import BlockingStore, FaultyStore
from tests.contract.minimal import FourMethods

DIGEST = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


class Signing(DictStore):
    """Its addresses are what its hooks were asked."""

    _declared = DictStore._declared._replace(
        url_methods=frozenset({"GET", "HEAD", "PUT", "DELETE"}),
        url_options=frozenset(UrlOptions._fields) - {"method"},
        presign_post=True,
        local_path=True,
    )

    def _url_for(self, key: str, options: UrlOptions) -> str:
        return json.dumps({"key": key} | options._asdict())

    def _presign_put(self, key: str, options: UrlOptions) -> PresignedPut:
        return PresignedPut(self._url_for(key, options), {"X-Put": key})

    def _presign_post(self, key: str, options: PostOptions) -> PresignedPost:
        return PresignedPost(f"post:{key}", json.loads(json.dumps(options._asdict())))

    def _local_path(self, key: str) -> str:
        return f"/srv/{key}"


def asked(url: str) -> dict[str, Any]:
    """What was asked of the hook, without defaults."""
    given = json.loads(url)
    return {
        name: value
        for name, value in given.items()
        if name == "key" or value != UrlOptions()._asdict()[name]
    }


def test_urls_and_local_paths_go_to_their_hooks() -> None:
    """With the options in one tuple, once the capability is declared."""
    store = Signing()
    url = store.url_for("key", 60, filename="a.png", content_type="image/png")
    assert asked(url) == {
        "key": "key",
        "expires": 60,
        "filename": "a.png",
        "content_type": "image/png",
    }
    assert store.local_path("key") == "/srv/key"
    with pytest.raises(InvalidKey):
        store.local_path("..")


def test_everything_that_a_put_can_be_bound_to() -> None:
    """A digest comes to the hook in lower case, however it was given."""
    for digest in (DIGEST, DIGEST.upper(), bytes.fromhex(DIGEST)):
        url = Signing().url_for(
            "key",
            method="PUT",
            content_type="image/png",
            content_length=0,
            sha256=digest,
            if_absent=True,
        )
        assert asked(url) == {
            "key": "key",
            "method": "PUT",
            "content_type": "image/png",
            "content_length": 0,
            "sha256": DIGEST,
            "if_absent": True,
        }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"content_length": 1}, "content_length is for URLs to PUT, not for GET"),
        ({"sha256": DIGEST, "method": "DELETE"}, "sha256 is for URLs to PUT, not for DELETE"),
        ({"if_absent": True}, "if_absent is for URLs to PUT"),
        ({"filename": "a", "method": "PUT"}, "filename is for URLs to GET and HEAD, not for PUT"),
        ({"public": True, "method": "DELETE"}, "public is for URLs to GET and HEAD"),
        ({"content_type": "a/b", "method": "DELETE"}, "content_type is for URLs to GET and HEAD"),
        ({"public": True, "expires": 9}, "a public URL is not signed, so it can have no expires"),
        ({"public": True, "filename": "a", "expires": 9}, "no expires and no filename"),
        ({"content_length": -1, "method": "PUT"}, "content_length is a number of bytes >= 0"),
        ({"sha256": "0", "method": "PUT"}, "sha256 is 64 hexadecimal digits or 32 bytes"),
        ({"sha256": b"", "method": "PUT"}, "sha256 is 64 hexadecimal digits or 32 bytes"),
        ({"sha256": DIGEST + "\n", "method": "PUT"}, "sha256 is 64 hexadecimal digits"),
        ({"content_type": "a\r\nX: y"}, "content_type is a line of ASCII text"),
        ({"content_type": ""}, "content_type is a line of ASCII text"),
        ({"content_type": " a/b"}, "content_type is a line of ASCII text"),
        ({"content_type": "ä"}, "content_type is a line of ASCII text"),
        ({"expires": 0}, "expires is a number of seconds > 0"),
        ({"expires": float("nan")}, "expires is a number of seconds > 0"),
    ],
)
def test_options_that_no_url_can_have(options: dict[str, Any], told: str) -> None:
    """The error names what does not fit."""
    with pytest.raises(ValueError, match=told):
        Signing().url_for("key", **options)


@pytest.mark.parametrize(
    "options",
    [
        {"filename": b"a"},
        {"content_length": "1", "method": "PUT"},
        {"content_length": True, "method": "PUT"},
        {"sha256": 1, "method": "PUT"},
    ],
)
def test_options_of_another_type(options: dict[str, Any]) -> None:
    """A number, text or digest is one."""
    with pytest.raises(TypeError):
        Signing().url_for("key", **options)


def test_false_asks_for_nothing() -> None:
    """What is not asked for fits every method, and needs no capability."""
    store = Signing()
    for method in ("GET", "PUT", "HEAD", "DELETE"):
        assert asked(store.url_for("key", method=method, public=False, if_absent=False))


class Plain(UrlMixin, FourMethods):
    """URLs as minimalkv's stores make them."""

    def _url_for(self, key: str, options: UrlOptions) -> str:
        return f"https://host/{key}"


@pytest.mark.parametrize(
    "options",
    [
        {"expires": 60},
        {"filename": "a"},
        {"content_type": "text/plain"},
        {"public": True},
    ],
)
def test_what_is_not_declared_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    """A hook that knows nothing of an option is never asked for it, so nothing is ignored."""
    (name,) = options
    for store in (Plain(), FilesystemStore(tmp_path)):
        assert store.url_for("key")
        with pytest.raises(Unsupported, match=f"URLs here take no {name}"):
            store.url_for("key", **options)
        with pytest.raises(Unsupported, match="no URLs for PUT"):
            store.url_for("key", method="PUT")


def test_urls_of_a_web_server_are_public(tmp_path: Path) -> None:
    """Which may be said, and changes nothing."""
    store = WebFilesystemStore(tmp_path, "https://host/")
    assert store.url_for("a+b", public=True) == store.url_for("a+b") == "https://host/a%2Bb"
    with pytest.raises(Unsupported, match="no expires"):
        store.url_for("a", expires=60)


def test_a_put_without_headers_is_its_url() -> None:
    """A store that needs none writes nothing for it."""

    class Bare(FourMethods):
        _declared = Capabilities(url_methods=frozenset({"PUT"}))

        def _url_for(self, key: str, options: UrlOptions) -> str:
            return f"https://host/{key}"

    assert Bare().presign_put("key") == PresignedPut("https://host/key", {})
    with pytest.raises(Unsupported, match="no URLs for PUT"):
        DictStore().presign_put("key")
    with pytest.raises(ValueError, match="content_length"):
        Signing().presign_put("key", content_length=-1)


def test_a_form_goes_to_its_hook() -> None:
    """With all that was asked; the value travels as JSON and as a pickle."""
    post = Signing().presign_post("key", 1000, "image/png", expires=60)
    assert post.url == "post:key"
    assert post.fields == {"max_bytes": 1000, "content_type": "image/png", "expires": 60}
    assert pickle.loads(pickle.dumps(post)) == post  # our own
    assert json.loads(json.dumps(post._asdict())) == post._asdict()


def test_forms_that_are_refused() -> None:
    """Bad keys, bad limits, and stores that have no forms."""
    store = Signing()
    with pytest.raises(InvalidKey):
        store.presign_post("..", 1)
    for wrong in ("1", 1.5, None, True):
        with pytest.raises(TypeError, match="max_bytes"):
            store.presign_post("key", wrong)  # type: ignore[arg-type]  # the point of it
    with pytest.raises(ValueError, match="max_bytes"):
        store.presign_post("key", -1)
    with pytest.raises(ValueError, match="expires"):
        store.presign_post("key", 1, expires=0)
    with pytest.raises(ValueError, match="content_type"):
        store.presign_post("key", 1, "")
    with pytest.raises(Unsupported, match="no uploads by a form"):
        DictStore().presign_post("key", 1)


def test_decorators_hand_addresses_on() -> None:
    """With the key as it is inside, and every option."""
    for decorated in (
        PrefixDecorator("p-", Signing()),
        HashDecorator(PrefixDecorator("p-", Signing())),
        FaultyStore(PrefixDecorator("p-", Signing())),
        BlockingStore(AsyncStore(PrefixDecorator("p-", Signing()))),
    ):
        url = decorated.url_for("key", 5, "PUT", content_length=7, sha256=DIGEST, if_absent=True)
        assert asked(url) == {
            "key": "p-key",
            "expires": 5,
            "method": "PUT",
            "content_length": 7,
            "sha256": DIGEST,
            "if_absent": True,
        }
        assert asked(decorated.url_for("key", public=True)) == {"key": "p-key", "public": True}
        put = decorated.presign_put(
            "key", 5, "a/b", content_length=7, sha256=DIGEST, if_absent=True
        )
        assert asked(put.url) == {
            "key": "p-key",
            "expires": 5,
            "method": "PUT",
            "content_type": "a/b",
            "content_length": 7,
            "sha256": DIGEST,
            "if_absent": True,
        }
        assert put.headers == {"X-Put": "p-key"}
        post = decorated.presign_post("key", 9, "a/b", expires=5)
        assert post == ("post:p-key", {"max_bytes": 9, "content_type": "a/b", "expires": 5})
        decorated.close()


def test_a_view_that_only_reads() -> None:
    """It has URLs to read from with all that they can have, and no forms."""
    store = ReadOnlyDecorator(Signing())
    assert store.capabilities.url_methods == {"GET", "HEAD"}
    assert asked(store.url_for("key", filename="a")) == {"key": "key", "filename": "a"}
    with pytest.raises(ReadOnly):
        store.presign_post("key", 1)
    with pytest.raises(ReadOnly):
        store.presign_put("key")


def test_awaited() -> None:
    """The same, by the same names."""
    store = InlineStore(Signing())
    url = run_inline(store.url_for("key", method="PUT", content_length=1))
    assert asked(url) == {"key": "key", "method": "PUT", "content_length": 1}
    assert run_inline(store.presign_put("key")).headers == {"X-Put": "key"}
    assert run_inline(store.presign_post("key", 1)).url == "post:key"
    with pytest.raises(ValueError, match="public"):
        run_inline(store.url_for("key", 60, public=True))


def test_an_application_can_be_tried_without_addresses() -> None:
    """The store for faults fails these verbs, too."""
    store = FaultyStore(Signing())
    store.fail_next("presign_post")
    with pytest.raises(StoreError):
        store.presign_post("key", 1)
    store.fail_next("presign_put")
    with pytest.raises(StoreError):
        store.presign_put("key")
    store.fail_next("url_for")
    with pytest.raises(StoreError):
        store.url_for("key")


def test_nothing_is_declared_by_default() -> None:
    """A store that says nothing has neither URLs nor forms."""
    can = Capabilities()
    assert (can.url_methods, can.url_options, can.presign_post) == (frozenset(), frozenset(), False)
