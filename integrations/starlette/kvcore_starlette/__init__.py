"""kvcore for Starlette, FastAPI and other ASGI frameworks: named stores, uploads, sessions."""

from typing import TYPE_CHECKING

from kvcore import AsyncStores as AsyncStores
from kvcore.sessions import VisitSession as KVSession
from kvcore_starlette.dependencies import NamedStore as NamedStore
from kvcore_starlette.middleware import StoreMiddleware as StoreMiddleware
from kvcore_starlette.middleware import current_store as current_store
from kvcore_starlette.responses import StoreResponse as StoreResponse
from kvcore_starlette.sessions import SessionMiddleware as SessionMiddleware
from kvcore_starlette.sessions import current_session as current_session
from kvcore_starlette.sessions import current_sessions as current_sessions
from kvcore_starlette.uploads import save_upload as save_upload

if TYPE_CHECKING:
    from kvcore_starlette.fastapi import SessionDep as SessionDep
    from kvcore_starlette.fastapi import StoreDep as StoreDep

__all__ = [
    "AsyncStores",
    "KVSession",
    "NamedStore",
    "SessionDep",
    "SessionMiddleware",
    "StoreDep",
    "StoreMiddleware",
    "StoreResponse",
    "current_session",
    "current_sessions",
    "current_store",
    "save_upload",
]


def __getattr__(name: str) -> object:
    """`StoreDep` and `SessionDep` need FastAPI, which Starlette's users do not have (PEP 562)."""
    if name not in ("SessionDep", "StoreDep"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kvcore_starlette import fastapi

    globals()[name] = found = getattr(fastapi, name)
    return found
