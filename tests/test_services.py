"""The rule for what a test needs from the machine: skipped here, failed in CI, always named."""

import pytest

from tests import services, soak


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The list of missing services, apart from that of this run."""
    names: dict[str, str] = {}
    monkeypatch.setattr(services, "MISSING", names)
    return names


def test_what_is_there_is_no_matter(missing: dict[str, str]) -> None:
    """A test goes on when its service is available."""
    services.require("cc", available=True, hint="apt-get install gcc")
    assert missing == {}


def test_a_missing_service_skips(missing: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a developer's machine the test is skipped, and the summary will name the service."""
    monkeypatch.setattr(services, "REQUIRED", False)
    with pytest.raises(pytest.skip.Exception, match="cc is missing: apt-get install gcc"):
        services.require("cc", available=False, hint="apt-get install gcc")
    assert missing == {"cc": "apt-get install gcc"}


def test_a_missing_service_fails_where_all_are_required(
    missing: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In CI nothing goes untested unnoticed."""
    monkeypatch.setattr(services, "REQUIRED", True)
    with pytest.raises(pytest.fail.Exception, match="cc is missing"):
        services.require("cc", available=False, hint="apt-get install gcc")
    assert missing == {"cc": "apt-get install gcc"}


@pytest.mark.parametrize(("is_soak", "expected"), [(False, 3), (True, 3000)])
def test_counts_follow_the_kind_of_run(
    is_soak: bool, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make test` takes the bounded count, `make soak` the long one."""
    monkeypatch.setattr(soak, "SOAK", is_soak)
    assert soak.count(3, 3000) == expected
