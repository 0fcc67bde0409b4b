"""What configuration looks like, for type checkers: `StoreConfig` and `AnyConfig`."""

# No postponed annotations: `Required` has to be seen when the class is made.
from collections.abc import Callable, Mapping, Sequence
from typing import Required, TypeAlias, TypedDict

from kvcore.contract import KeyValueStore
from kvcore.ttl import TtlSecs


class StoreConfig(TypedDict, total=False):
    """The dict form: the URL, decorators, and options as in the URL (those of our own backends).

    Values may be text, as in a URL, or have the type that is meant.
    """

    url: Required[str]
    decorators: Sequence[str | Mapping[str, object]]
    """Applied innermost first: names, or ``{name: value}``, or ``{name: {option: value}}``."""
    ca_file: str
    cert_file: str
    connect_timeout: float | str
    create_if_missing: bool | str
    db: int | str
    deadline: float | str
    default_ttl_secs: TtlSecs | str
    durability: str
    key_file: str
    keys: str
    max_connections: int | str
    password: str
    perm: int | str
    url_prefix: str
    username: str


AnyConfig: TypeAlias = (
    str | StoreConfig | Mapping[str, object] | KeyValueStore | Callable[[], KeyValueStore]
)
"""What names a store: a URL, a dict, a ready store, or a callable that makes one."""
