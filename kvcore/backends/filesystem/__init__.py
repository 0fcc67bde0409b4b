"""Values as files in a folder.

`store` holds the stores, `tree` what must be atomic, `folder` the platform's few calls (`posix`,
`portable`), `listing` the walk, `transfer` the copying of bytes, `locks` the locks.
"""

from kvcore.backends.filesystem.store import FilesystemStore as FilesystemStore
from kvcore.backends.filesystem.store import WebFilesystemStore as WebFilesystemStore
