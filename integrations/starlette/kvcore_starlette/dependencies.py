"""What FastAPI's endpoints depend on; this module does without FastAPI."""

# No postponed annotations: FastAPI cannot look them up in an object that is called.

from starlette.requests import HTTPConnection

from kvcore import AsyncKeyValueStore
from kvcore.sessions import VisitSession as KVSession
from kvcore_starlette.middleware import current_store
from kvcore_starlette.sessions import current_session


class NamedStore:
    """A dependency: the store of this name of the request's `StoreMiddleware`.

    ``Annotated[AsyncKeyValueStore, Depends(NamedStore("media"))]``; `StoreDep` is that of
    ``"default"``. Two of one name are equal, so a test puts another store in its place by
    ``app.dependency_overrides[NamedStore("media")] = lambda: store``.

    >>> NamedStore("media") == NamedStore("media")
    True
    """

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, connection: HTTPConnection) -> AsyncKeyValueStore:
        """Look it up. For FastAPI, which fills in the connection."""
        return current_store(connection, self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedStore) and other.name == self.name

    def __hash__(self) -> int:
        return hash((NamedStore, self.name))

    def __repr__(self) -> str:
        return f"NamedStore({self.name!r})"


async def loaded_session(connection: HTTPConnection) -> KVSession:
    """A dependency: the session, read from the store if that was not done; see `SessionDep`."""
    return await current_session(connection).load()
