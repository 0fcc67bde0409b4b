"""Values as files in a folder.

`store` and `web` hold the stores, `tree` what must be atomic, `directories` those above a key,
`folder` the platform's few calls (`posix`, `portable`), `files` what is read and written,
`adopting` a caller's file that is moved in, `listing` the walk, `transfer` the copying of bytes,
`locks` the locks, `windows` the names there, `urls` the recipe of a URL.
"""

from kvcore.backends.filesystem.store import FilesystemStore as FilesystemStore
from kvcore.backends.filesystem.web import WebFilesystemStore as WebFilesystemStore
