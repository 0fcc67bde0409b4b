"""The scripted server of a test."""

from collections.abc import Iterator

import pytest

from tests.backends.s3.scripted import ScriptedS3
from tests.backends.s3.verbs import VALUE


@pytest.fixture
def server(s3_environment: None) -> Iterator[ScriptedS3]:
    """An empty one, in this process; it writes down what it is asked."""
    with ScriptedS3() as server:
        yield server


@pytest.fixture
def two_values(server: ScriptedS3) -> None:
    """It has them under ``key`` and ``other``."""
    for key in ("key", "other"):
        server.keep(key, VALUE)
