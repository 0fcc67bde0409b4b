"""`WebFilesystemStore`: a folder that a web server serves."""

from __future__ import annotations

from collections.abc import Callable

from kvcore.backends.filesystem import urls
from kvcore.backends.filesystem.store import Durability, FilesystemStore
from kvcore.contract import KeyValueStore, Path, UrlOptions
from kvcore.recipe import url_text


class WebFilesystemStore(FilesystemStore):
    """A folder that a web server serves under ``url_prefix``, so `url_for` gives public URLs.

    ``url_prefix`` goes before the quoted key; or it is called with the store and the key.

    >>> store = WebFilesystemStore("/srv/media", "https://media.example/")
    >>> store.url_for("a+b.png")
    'https://media.example/a%2Bb.png'
    """

    _recipe = urls.WEBFS
    _declared = FilesystemStore._declared._replace(url_options=frozenset({"public"}))

    def __init__(
        self,
        root: Path,
        url_prefix: str | Callable[[KeyValueStore, str], str],
        perm: int | None = None,
        *,
        keys: str = "strict",
        durability: Durability = "full",
    ) -> None:
        super().__init__(root, perm, keys=keys, durability=durability)
        self.url_prefix = url_prefix

    def _url_for(self, key: str, options: UrlOptions) -> str:
        from urllib.parse import quote

        prefix = self.url_prefix
        return (prefix if isinstance(prefix, str) else prefix(self, key)) + quote(key)

    def _url(self) -> str:
        prefix = {"url_prefix": self.url_prefix} if isinstance(self.url_prefix, str) else {}
        address = urls.address(self._tree.path)
        return url_text("webfs", address, {**prefix, **self._url_options()})
