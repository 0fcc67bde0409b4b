"""What every test gets: bounded Hypothesis examples and a summary of what was missing."""

from collections.abc import Iterator

import hypothesis
import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.object_servers.fixtures import bucket as bucket
from tests.object_servers.fixtures import ceph_bucket as ceph_bucket
from tests.object_servers.fixtures import ceph_folder as ceph_folder
from tests.object_servers.fixtures import fake_gcs as fake_gcs
from tests.object_servers.fixtures import gcs_bucket as gcs_bucket
from tests.object_servers.fixtures import heedless as heedless
from tests.object_servers.fixtures import heedless_bucket as heedless_bucket
from tests.object_servers.fixtures import moto as moto
from tests.object_servers.fixtures import radosgw as radosgw
from tests.object_servers.fixtures import s3_environment as s3_environment
from tests.redis_servers import RedisServer, running
from tests.services import MISSING
from tests.soak import SOAK

hypothesis.settings.register_profile("bounded", max_examples=50, deadline=None)
hypothesis.settings.register_profile("soak", max_examples=20_000, deadline=None)
hypothesis.settings.load_profile("soak" if SOAK else "bounded")


@pytest.fixture(scope="session", autouse=True)
def connections_stay_open() -> Iterator[None]:
    """A response that ends lets a database connection be that another test of the process made.

    Django would look at it, and pytest-django forbids that to tests without a database.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseWrapper, "close_if_unusable_or_obsolete", lambda _self: None)
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the services that this run went without."""
    if MISSING:
        terminalreporter.section("not tested here")
        for name, hint in sorted(MISSING.items()):
            terminalreporter.line(f"{name}: {hint}")


@pytest.fixture(scope="session")
def valkey() -> Iterator[RedisServer]:
    """A Valkey server for the whole run, or for one of its processes; see `empty_valkey`."""
    with running("valkey") as server:
        yield server


@pytest.fixture
def empty_valkey(valkey: RedisServer) -> RedisServer:
    """The server, emptied."""
    valkey.flush()
    return valkey
