"""One subject a file: how each row is done, and at the end all rows with what they are to reach."""

from types import ModuleType

from benchmarks.topics import (
    aio,
    copying,
    decorators,
    django,
    django_sessions,
    gcs,
    get,
    large,
    look,
    memory,
    put,
    redis,
    s3,
    serving,
    sessions,
    signing,
    starlette_sessions,
    start,
)

TOPICS: tuple[ModuleType, ...] = (
    put,
    get,
    look,
    large,
    memory,
    decorators,
    aio,
    redis,
    s3,
    gcs,
    django,
    django_sessions,
    serving,
    sessions,
    starlette_sessions,
    signing,
    copying,
    start,
)
"""In the order in which they are shown."""
