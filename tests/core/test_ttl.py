"""Time to live: what is one, and what is not."""

import pytest

from kvcore import FOREVER, NOT_SET, DictStore, Unsupported
from kvcore.testing.contract.ttl import NO_TTL
from kvcore.ttl import check_ttl


@pytest.mark.parametrize(
    "ttl_secs", [None, FOREVER, NOT_SET, 1, 0.001, 5e-324, 10**300, 1.7e308, 2**63]
)
def test_what_is_one(ttl_secs: object) -> None:
    """A finite number > 0, however small or large, and the constants."""
    assert check_ttl(ttl_secs) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("ttl_secs", NO_TTL, ids=range(len(NO_TTL)))
def test_what_is_none(ttl_secs: object) -> None:
    """Everything else is a ValueError that shows it."""
    with pytest.raises(ValueError, match="a finite number of seconds > 0, FOREVER, NOT_SET or"):
        check_ttl(ttl_secs)  # type: ignore[arg-type]


def test_the_constants_are_the_seeds() -> None:
    """minimalkv's words, so that its users' settings go on."""
    assert (FOREVER, NOT_SET) == ("forever", "not_set")


def test_a_refused_default_changes_nothing() -> None:
    """The old default stays."""
    store = DictStore()
    store.default_ttl_secs = 60
    with pytest.raises(ValueError, match="not -1"):
        store.default_ttl_secs = -1
    assert store.default_ttl_secs == 60
    store.default_ttl_secs = None
    assert store.default_ttl_secs == NOT_SET


def test_a_number_is_refused_before_anything_happens() -> None:
    """Where values do not expire, as option and as default."""

    class Lasting(DictStore):
        capabilities = DictStore._declared._replace(ttl=False, touch=False)

    store = Lasting()
    with pytest.raises(Unsupported, match="no time to live"):
        store.put("key", b"value", 60)
    with pytest.raises(Unsupported, match="no time to live"):
        store.default_ttl_secs = 60
    assert store.d == {}
