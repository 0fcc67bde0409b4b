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
    access_key: str
    acl: str
    addressing: str
    anonymous: bool | str
    base_url: str
    bucket_creation_location: str
    ca_file: str
    cert_file: str
    checksums: str
    concurrency: int | str
    conditional: str
    connect_timeout: float | str
    create_if_missing: bool | str
    credentials: str
    credentials_json: str
    db: int | str
    deadline: float | str
    default_ttl_secs: TtlSecs | str
    durability: str
    encryption: str
    endpoint: str
    external_id: str
    force_bucket_suffix: bool | str
    headers: Mapping[str, str] | str
    is_secure: bool | str
    key_file: str
    keys: str
    kms_key: str
    location: str
    max_connections: int | str
    multipart_threshold: int | str
    part_size: int | str
    password: str
    perm: int | str
    pool_size: int | str
    profile: str
    project: str
    provider: str
    public_endpoint: str
    quoted_etags: bool | str
    read_timeout: float | str
    region: str
    region_name: str
    retries: int | str
    role: str
    role_session_name: str
    secret_key: str
    session_token: str
    sign_as: str
    storage_class: str
    url_expires: float | str
    url_prefix: str
    user_project: str
    username: str


AnyConfig: TypeAlias = (
    str | StoreConfig | Mapping[str, object] | KeyValueStore | Callable[[], KeyValueStore]
)
"""What names a store: a URL, a dict, a ready store, or a callable that makes one."""
