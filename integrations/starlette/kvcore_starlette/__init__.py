"""kvcore for Starlette, FastAPI and other ASGI frameworks."""
