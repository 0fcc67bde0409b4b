"""The contract: verbs for users (`store`), hooks for authors (`hooks`), and their values."""

from kvcore.contract.callers_files import Path as Path
from kvcore.contract.mixins import CopyMixin as CopyMixin
from kvcore.contract.mixins import TimeToLiveMixin as TimeToLiveMixin
from kvcore.contract.mixins import UrlKeyValueStore as UrlKeyValueStore
from kvcore.contract.mixins import UrlMixin as UrlMixin
from kvcore.contract.store import KeyValueStore as KeyValueStore
from kvcore.contract.streams import Readable as Readable
from kvcore.contract.streams import Reader as Reader
from kvcore.contract.streams import Source as Source
from kvcore.contract.streams import Writable as Writable
from kvcore.contract.values import PLAIN as PLAIN
from kvcore.contract.values import Capabilities as Capabilities
from kvcore.contract.values import Fetched as Fetched
from kvcore.contract.values import Fingerprint as Fingerprint
from kvcore.contract.values import PostOptions as PostOptions
from kvcore.contract.values import PresignedPost as PresignedPost
from kvcore.contract.values import PresignedPut as PresignedPut
from kvcore.contract.values import Stat as Stat
from kvcore.contract.values import UrlOptions as UrlOptions
from kvcore.contract.values import WriteOptions as WriteOptions
from kvcore.contract.writer import Writer as Writer
