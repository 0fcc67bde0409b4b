"""How the stores of folders are made from ``fs://`` and ``webfs://`` URLs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kvcore.errors import ConfigError
from kvcore.recipe import (
    KEYS,
    Address,
    Option,
    StoreRecipe,
    absolute_path,
    boolean,
    choice,
    file_mode,
    text,
)

if TYPE_CHECKING:
    from kvcore.contract import KeyValueStore


def address(path: str) -> str:
    """An absolute path as it stands in a URL, also that of a drive of Windows."""
    path = path.replace(os.sep, "/")
    return path if path.startswith("/") else f"/{path}"


def _read_address(address: Address) -> Mapping[str, object]:
    return {"root": absolute_path(address.path())}


def _build(
    cls: Callable[..., KeyValueStore], *, root: str, create_if_missing: bool = True, **options: Any
) -> KeyValueStore:
    if not create_if_missing and not os.path.isdir(root):
        raise ConfigError(f"the folder {root!r} is not there, and create_if_missing is false")
    return cls(root, **options)


_OPTIONS = {
    "create_if_missing": Option(
        boolean, "`false`: the folder must be there when the store is built (default `true`)"
    ),
    "durability": Option(
        choice("full", "atomic"),
        "`full` (default): what was put survives a power cut; `atomic`: faster, not synced",
    ),
    "keys": KEYS,
    "perm": Option(
        file_mode, "mode of files, octal: `640` (default: the umask)", show="{:o}".format
    ),
}

FS = StoreRecipe(options=_OPTIONS, address=_read_address, path_address=True, build=_build)
"""``fs://relative/path`` or ``fs:///absolute/path``."""

WEBFS = FS._replace(
    options={
        **_OPTIONS,
        "url_prefix": Option(text, "what `url_for` puts before the key", required=True),
    }
)
"""As `FS`, for a folder that a web server serves."""
