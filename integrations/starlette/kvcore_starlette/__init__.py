"""kvcore for Starlette, FastAPI and other ASGI frameworks: named stores, uploads, serving them."""

from kvcore_starlette.middleware import AsyncStores as AsyncStores
from kvcore_starlette.middleware import StoreMiddleware as StoreMiddleware
from kvcore_starlette.responses import StoreResponse as StoreResponse
from kvcore_starlette.uploads import save_upload as save_upload
