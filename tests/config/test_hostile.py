"""Hostile configuration: a clear error or a store, never anything else."""

import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvcore import ConfigError, InvalidKey, KeyValueStore, StorePlan, Stores, store_from_config
from kvcore.registry import BACKENDS, DECORATORS, find_backend
from tests.soak import count

PIECES = st.sampled_from(
    [
        *(f"{scheme}://" for scheme in BACKENDS),
        *(f"h{scheme}" for scheme in BACKENDS),
        *DECORATORS,
        *("keys", "path", "durability", "perm", "url_prefix", "default_ttl_secs", "env:", "file:"),
        *"+:/?#=&%@[]~.\\ \n\0\t",
        *(
            "://",
            "..",
            "%2e",
            "%00",
            "%ff",
            "%",
            "wrap:",
            "#wrap:",
            "640",
            "1e400",
            "\ud800",
            "é",
            "\u202e",
        ),
    ]
)
URLS = st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join) | st.text()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | URLS | st.binary(max_size=8),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(URLS, values, max_size=3),
    max_leaves=8,
)
NAMES = (
    st.sampled_from(sorted({n for s in BACKENDS for n in find_backend(s).recipe.options})) | URLS
)
GOOD_URLS = st.sampled_from(["memory://", "hmemory://x", "fs://x", "webfs://x?url_prefix=/"])
DECORATIONS = st.lists(
    st.sampled_from(sorted(DECORATORS))
    | st.dictionaries(st.sampled_from(sorted(DECORATORS)), VALUES, max_size=1),
    max_size=4,
)
CONFIGS = st.builds(
    lambda url, options, decorators: {"url": url, **options, "decorators": decorators},
    GOOD_URLS | URLS,
    st.dictionaries(NAMES, VALUES, max_size=3),
    DECORATIONS | VALUES,
)


def attempt(config: Any) -> None:
    """Read and build; the store shows itself and closes, an error is of the right kind."""
    try:
        store = store_from_config(config)
    except (ConfigError, InvalidKey) as error:
        message = str(error)
        assert 0 < len(message) < 2000
    else:
        assert isinstance(store, KeyValueStore)
        assert repr(store).isprintable()
        store.close()


@settings(max_examples=count(400, 50_000))
@given(url=URLS)
@example(url="memory://\u202e")
@example(url="fs://[::1")
@example(url="fs:///a?perm=٦٤٠")
def test_a_hostile_url_is_an_error_or_a_store(url: str) -> None:
    """Nothing but ConfigError or InvalidKey is ever raised."""
    attempt(url)


@settings(max_examples=count(150, 50_000))
@given(config=CONFIGS | VALUES)
def test_a_hostile_dict_is_an_error_or_a_store(config: Any) -> None:
    """Whatever JSON can say, and more."""
    attempt(config)


@given(configs=VALUES | st.dictionaries(URLS, CONFIGS, max_size=3))
def test_hostile_named_stores_are_errors_or_stores(configs: Any) -> None:
    """The names are hostile, too."""
    try:
        stores = Stores(configs)
    except ConfigError:
        return
    assert repr(stores)
    stores.close()


MEGABYTE = 2**20
LONG = {
    "scheme": "x" * MEGABYTE,
    "scheme with end": "x" * MEGABYTE + "://",
    "pluses": "memory" + "+a" * (MEGABYTE // 2) + "://",
    "decorators": "memory" + "+readonly" * (MEGABYTE // 9) + "!://",
    "wrapped": "memory://#" + "wrap:" * (MEGABYTE // 5),
    "slashes": "fs://" + "/" * MEGABYTE,
    "dots": "fs://" + "./" * (MEGABYTE // 2) + "..",
    "escapes": "fs://" + "%2e%2e/" * (MEGABYTE // 7),
    "broken escapes": "fs://" + "%2" * (MEGABYTE // 2),
    "escapes of three bytes": "memory://" + "%e2%82%ac" * (MEGABYTE // 9),
    "ats": "redis://" + "@" * MEGABYTE,
    "colons": "redis://" + ":" * MEGABYTE,
    "options": "memory://?" + "a=b&" * (MEGABYTE // 4) + "c=d",
    "same option": "memory://?" + "keys=path&" * (MEGABYTE // 10) + "c=d",
    "empty options": "memory://?" + "&" * MEGABYTE,
    "option name": "memory://?" + "k" * MEGABYTE + "=1",
    "option value": "memory://?keys=" + "p" * MEGABYTE,
    "digits": "memory://?default_ttl_secs=" + "9" * MEGABYTE,
    "spaces": " " * MEGABYTE + "memory://" + " " * MEGABYTE,
    "hashes": "memory://" + "#" * MEGABYTE,
    "equals": "=" * MEGABYTE,
}


@pytest.mark.parametrize("url", LONG.values(), ids=LONG)
def test_a_megabyte_is_refused_in_no_time(url: str) -> None:
    """Work grows with the length, not with its square (which would take hours), nor the message."""
    with pytest.raises(ConfigError) as caught:
        StorePlan.from_config(url)
    assert len(str(caught.value)) < 1000


def test_a_long_path_is_a_path() -> None:
    """A megabyte of valid address is read as what it is."""
    plan = StorePlan.from_config("fs://" + "a/" * (MEGABYTE // 2) + "%20b")
    assert plan.options["root"].endswith("/" + "a/" * (MEGABYTE // 2) + " b")


@given(number=st.floats() | st.integers())
def test_numbers_of_json_are_seconds_or_errors(number: float) -> None:
    """No NaN, infinity or negative number becomes a time to live."""
    try:
        store = store_from_config({"url": "memory://", "default_ttl_secs": number})
    except ConfigError:
        return
    assert isinstance(store.default_ttl_secs, int | float)
    assert 0 < store.default_ttl_secs < math.inf
