"""kvcore: one key-value blob store contract for web apps.

Public names come from here and load on use, so ``import kvcore`` costs next to nothing and pulls
in no client library and no framework.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers take it for typing's, which would cost 10 ms here
if TYPE_CHECKING:
    from kvcore._version import __version__ as __version__
    from kvcore.aio import AsyncKeyValueStore as AsyncKeyValueStore
    from kvcore.aio import AsyncReader as AsyncReader
    from kvcore.aio import AsyncStore as AsyncStore
    from kvcore.aio import AsyncWriter as AsyncWriter
    from kvcore.aio import InlineStore as InlineStore
    from kvcore.aio import async_store as async_store
    from kvcore.aio import run_inline as run_inline
    from kvcore.backends.filesystem import FilesystemStore as FilesystemStore
    from kvcore.backends.filesystem import WebFilesystemStore as WebFilesystemStore
    from kvcore.backends.gcs import GoogleCloudStore as GoogleCloudStore
    from kvcore.backends.memory import DictStore as DictStore
    from kvcore.backends.redis import RedisStore as RedisStore
    from kvcore.backends.s3 import S3Store as S3Store
    from kvcore.config import AnyConfig as AnyConfig
    from kvcore.config import StoreConfig as StoreConfig
    from kvcore.config import StorePlan as StorePlan
    from kvcore.config import Stores as Stores
    from kvcore.config import store_from_config as store_from_config
    from kvcore.config import store_from_url as store_from_url
    from kvcore.config.awaited import AsyncStores as AsyncStores
    from kvcore.contract import PLAIN as PLAIN
    from kvcore.contract import Capabilities as Capabilities
    from kvcore.contract import CopyMixin as CopyMixin
    from kvcore.contract import Fetched as Fetched
    from kvcore.contract import KeyValueStore as KeyValueStore
    from kvcore.contract import PostOptions as PostOptions
    from kvcore.contract import PresignedPost as PresignedPost
    from kvcore.contract import PresignedPut as PresignedPut
    from kvcore.contract import Reader as Reader
    from kvcore.contract import Stat as Stat
    from kvcore.contract import TimeToLiveMixin as TimeToLiveMixin
    from kvcore.contract import UrlKeyValueStore as UrlKeyValueStore
    from kvcore.contract import UrlMixin as UrlMixin
    from kvcore.contract import UrlOptions as UrlOptions
    from kvcore.contract import WriteOptions as WriteOptions
    from kvcore.contract import Writer as Writer
    from kvcore.copying import CopyReport as CopyReport
    from kvcore.copying import copy_store as copy_store
    from kvcore.decorators.base import StoreDecorator as StoreDecorator
    from kvcore.decorators.hmac import HMACDecorator as HMACDecorator
    from kvcore.decorators.ids import HashDecorator as HashDecorator
    from kvcore.decorators.ids import RandomIdDecorator as RandomIdDecorator
    from kvcore.decorators.ids import UUIDDecorator as UUIDDecorator
    from kvcore.decorators.keys import KeyTransformingDecorator as KeyTransformingDecorator
    from kvcore.decorators.prefix import PrefixDecorator as PrefixDecorator
    from kvcore.decorators.readonly import ReadOnlyDecorator as ReadOnlyDecorator
    from kvcore.decorators.urlencode import URLEncodeKeysDecorator as URLEncodeKeysDecorator
    from kvcore.decorators.values import ValueTransformingDecorator as ValueTransformingDecorator
    from kvcore.errors import ConfigError as ConfigError
    from kvcore.errors import InvalidKey as InvalidKey
    from kvcore.errors import InvalidValue as InvalidValue
    from kvcore.errors import KeyExists as KeyExists
    from kvcore.errors import KeyNotFound as KeyNotFound
    from kvcore.errors import KvcoreError as KvcoreError
    from kvcore.errors import MissingDependency as MissingDependency
    from kvcore.errors import PartialFailure as PartialFailure
    from kvcore.errors import PreconditionFailed as PreconditionFailed
    from kvcore.errors import ReadOnly as ReadOnly
    from kvcore.errors import SessionError as SessionError
    from kvcore.errors import SessionNotLoaded as SessionNotLoaded
    from kvcore.errors import SessionNotSerializable as SessionNotSerializable
    from kvcore.errors import SessionTooLarge as SessionTooLarge
    from kvcore.errors import SessionTooLate as SessionTooLate
    from kvcore.errors import SessionUnavailable as SessionUnavailable
    from kvcore.errors import StoreError as StoreError
    from kvcore.errors import StoreTimeout as StoreTimeout
    from kvcore.errors import Unsupported as Unsupported
    from kvcore.errors import UploadRefused as UploadRefused
    from kvcore.errors import UploadTooLarge as UploadTooLarge
    from kvcore.errors import UploadTypeRefused as UploadTypeRefused
    from kvcore.errors import VerificationError as VerificationError
    from kvcore.ids import Template as Template
    from kvcore.ids import content_hash as content_hash
    from kvcore.ids import content_id as content_id
    from kvcore.ids import random_id as random_id
    from kvcore.ids import uuid4 as uuid4
    from kvcore.ids import uuid7 as uuid7
    from kvcore.keys import PATH as PATH
    from kvcore.keys import STRICT as STRICT
    from kvcore.keys import VALID_KEY_RE as VALID_KEY_RE
    from kvcore.keys import VALID_KEY_REGEXP as VALID_KEY_REGEXP
    from kvcore.keys import KeySpace as KeySpace
    from kvcore.sessions import AsyncSessions as AsyncSessions
    from kvcore.sessions import CookiePolicy as CookiePolicy
    from kvcore.sessions import Session as Session
    from kvcore.sessions import SessionPolicy as SessionPolicy
    from kvcore.sessions import Sessions as Sessions
    from kvcore.ttl import FOREVER as FOREVER
    from kvcore.ttl import NOT_SET as NOT_SET
    from kvcore.ttl import TtlSecs as TtlSecs
    from kvcore.uploads import AsyncUploader as AsyncUploader
    from kvcore.uploads import StoredFile as StoredFile
    from kvcore.uploads import Uploader as Uploader

# Where each public name lives; a test holds this against the imports above.
_HOMES = {
    "kvcore._version": ("__version__",),
    "kvcore.aio": (
        "AsyncKeyValueStore",
        "AsyncReader",
        "AsyncStore",
        "AsyncWriter",
        "InlineStore",
        "async_store",
        "run_inline",
    ),
    "kvcore.backends.filesystem": ("FilesystemStore", "WebFilesystemStore"),
    "kvcore.backends.gcs": ("GoogleCloudStore",),
    "kvcore.backends.memory": ("DictStore",),
    "kvcore.backends.redis": ("RedisStore",),
    "kvcore.backends.s3": ("S3Store",),
    "kvcore.config": (
        "AnyConfig",
        "StoreConfig",
        "StorePlan",
        "Stores",
        "store_from_config",
        "store_from_url",
    ),
    "kvcore.config.awaited": ("AsyncStores",),
    "kvcore.contract": (
        "PLAIN",
        "Capabilities",
        "CopyMixin",
        "Fetched",
        "KeyValueStore",
        "PostOptions",
        "PresignedPost",
        "PresignedPut",
        "Reader",
        "Stat",
        "TimeToLiveMixin",
        "UrlKeyValueStore",
        "UrlMixin",
        "UrlOptions",
        "WriteOptions",
        "Writer",
    ),
    "kvcore.copying": ("CopyReport", "copy_store"),
    "kvcore.decorators.base": ("StoreDecorator",),
    "kvcore.decorators.hmac": ("HMACDecorator",),
    "kvcore.decorators.ids": ("HashDecorator", "RandomIdDecorator", "UUIDDecorator"),
    "kvcore.decorators.keys": ("KeyTransformingDecorator",),
    "kvcore.decorators.prefix": ("PrefixDecorator",),
    "kvcore.decorators.readonly": ("ReadOnlyDecorator",),
    "kvcore.decorators.urlencode": ("URLEncodeKeysDecorator",),
    "kvcore.decorators.values": ("ValueTransformingDecorator",),
    "kvcore.errors": (
        "ConfigError",
        "InvalidKey",
        "InvalidValue",
        "KeyExists",
        "KeyNotFound",
        "KvcoreError",
        "MissingDependency",
        "PartialFailure",
        "PreconditionFailed",
        "ReadOnly",
        "SessionError",
        "SessionNotLoaded",
        "SessionNotSerializable",
        "SessionTooLarge",
        "SessionTooLate",
        "SessionUnavailable",
        "StoreError",
        "StoreTimeout",
        "Unsupported",
        "UploadRefused",
        "UploadTooLarge",
        "UploadTypeRefused",
        "VerificationError",
    ),
    "kvcore.ids": ("Template", "content_hash", "content_id", "random_id", "uuid4", "uuid7"),
    "kvcore.keys": ("PATH", "STRICT", "VALID_KEY_RE", "VALID_KEY_REGEXP", "KeySpace"),
    "kvcore.sessions": ("AsyncSessions", "CookiePolicy", "Session", "SessionPolicy", "Sessions"),
    "kvcore.ttl": ("FOREVER", "NOT_SET", "TtlSecs"),
    "kvcore.uploads": ("AsyncUploader", "StoredFile", "Uploader"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "__all__":
        return list(_HOME)
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'kvcore' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(home), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
