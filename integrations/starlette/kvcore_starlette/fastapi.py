"""`StoreDep` and `SessionDep`: the default store and the session as parameters of endpoints."""

from typing import Annotated, TypeAlias

from fastapi import Depends

from kvcore import AsyncKeyValueStore
from kvcore.sessions import VisitSession as KVSession
from kvcore_starlette.dependencies import NamedStore, loaded_session

EXTRA = "fastapi"

StoreDep: TypeAlias = Annotated[AsyncKeyValueStore, Depends(NamedStore("default"))]
"""``store: StoreDep`` in an endpoint or dependency is the store ``"default"``."""

SessionDep: TypeAlias = Annotated[KVSession, Depends(loaded_session)]
"""``session: SessionDep`` is ``request.session``, loaded, whatever the mode of the middleware."""
