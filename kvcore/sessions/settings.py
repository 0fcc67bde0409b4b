"""`policy_from`: a `SessionPolicy` from the settings of a framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvcore.errors import ConfigError
from kvcore.recipe import nearest
from kvcore.sessions.policy import SessionOptions, SessionPolicy


def policy_from(
    options: object, setting: str, elsewhere: Mapping[str, str], **own: Any
) -> SessionPolicy:
    """The policy that a setting of this name asks for; ``own`` is what the framework says.

    ``elsewhere`` names options that have settings of their own there. Raises `ConfigError`.

    >>> policy_from({"max_bytes": 4096}, "KVCORE_SESSION_POLICY", {}).max_bytes
    4096
    >>> policy_from({"idle": 60}, "KVCORE_SESSION_POLICY", {"idle": "SESSION_COOKIE_AGE"})
    Traceback (most recent call last):
        ...
    kvcore.errors.ConfigError: instead of 'idle' in KVCORE_SESSION_POLICY set SESSION_COOKIE_AGE
    """
    if not isinstance(options, Mapping):
        raise ConfigError(f"{setting} is a dict such as {{'absolute_secs': 86400}}")
    known = SessionOptions.__annotations__.keys() - elsewhere.keys()
    for name in options:
        if name in elsewhere:
            raise ConfigError(f"instead of {name!r} in {setting} set {elsewhere[name]}")
        if name not in known:
            raise ConfigError(f"{setting} has no option {name!r}{nearest(str(name), known)}")
    return SessionPolicy(**{**own, **options})
