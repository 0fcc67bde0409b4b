"""`StoreRecipe` and `DecoratorRecipe`: what a class says of how it is made from configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from kvcore.errors import ConfigError
from kvcore.recipe.address import Address
from kvcore.recipe.options import Option

if TYPE_CHECKING:
    from kvcore.contract import KeyValueStore


def no_address(address: Address) -> Mapping[str, object]:
    """For a store that needs none: nothing may follow ``://``."""
    if address.text():
        raise ConfigError("this scheme takes no address: nothing follows '://'")
    return {}


def _anything_goes(arguments: Mapping[str, Any]) -> None:
    """Any combination of options is usable."""


def _call(cls: Callable[..., KeyValueStore], **arguments: Any) -> KeyValueStore:
    return cls(**arguments)


class StoreRecipe(NamedTuple):
    """How a store is made from a URL. What it calls to read does no I/O and imports no client."""

    options: Mapping[str, Option]
    """Option name → what it takes; the names are keyword arguments of ``build``."""
    address: Callable[[Address], Mapping[str, object]] = no_address
    """Reads the address into keyword arguments. One that is also an option (a password, say) is
    read and guarded as if it had been given as that option."""
    path_address: bool = False
    """The address is a path: ``@`` has no meaning in it beyond the first segment."""
    requires: Mapping[str, str] = {}
    """Importable module → what pip installs for it, such as ``"kvcore[redis]"``."""
    check: Callable[[Mapping[str, Any]], None] = _anything_goes
    """Raises ``ValueError`` for arguments that cannot be used together; secrets are not in it."""
    build: Callable[..., KeyValueStore] = _call
    """Gets the class and the arguments; by default calls the class."""


class DecoratorRecipe(NamedTuple):
    """How a decorator is made. Its constructor does no I/O: it is tried when configuration is read.

    The class is called with ``store=`` and the options.
    """

    options: Mapping[str, Option] = {}
    main: str | None = None
    """The option that may stand alone: ``{"prefix": "media/"}``."""
    outermost: bool = False
    """It can do more than a store (make keys, say), which is lost if another stands around it."""
    requires: Mapping[str, str] = {}
