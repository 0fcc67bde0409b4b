"""`StoreDep`: the default store as a parameter of FastAPI's endpoints."""

from typing import Annotated, TypeAlias

from fastapi import Depends

from kvcore import AsyncKeyValueStore
from kvcore_starlette.dependencies import NamedStore

EXTRA = "fastapi"

StoreDep: TypeAlias = Annotated[AsyncKeyValueStore, Depends(NamedStore("default"))]
"""``store: StoreDep`` in an endpoint or dependency is the store ``"default"``."""
