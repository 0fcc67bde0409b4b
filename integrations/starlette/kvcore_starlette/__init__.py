"""kvcore for Starlette, FastAPI and other ASGI frameworks: named stores, uploads, serving them."""

from typing import TYPE_CHECKING

from kvcore import AsyncStores as AsyncStores
from kvcore_starlette.dependencies import NamedStore as NamedStore
from kvcore_starlette.middleware import StoreMiddleware as StoreMiddleware
from kvcore_starlette.middleware import current_store as current_store
from kvcore_starlette.responses import StoreResponse as StoreResponse
from kvcore_starlette.uploads import save_upload as save_upload

if TYPE_CHECKING:
    from kvcore_starlette.fastapi import StoreDep as StoreDep


def __getattr__(name: str) -> object:
    """`StoreDep` needs FastAPI, which Starlette's users do not have (PEP 562)."""
    if name != "StoreDep":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kvcore_starlette.fastapi import StoreDep

    globals()[name] = StoreDep
    return StoreDep
