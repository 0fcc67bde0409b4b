"""What a session holds, as bytes: JSON with tags for the types that JSON does not have."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from kvcore.errors import SessionNotSerializable

EXTRA = "sessions"


class Serializer(Protocol):
    """Makes bytes of the content of a session, and back. Equal contents make equal bytes."""

    def dumps(self, content: Mapping[str, Any], /) -> bytes:
        """The bytes. Raises `SessionNotSerializable`."""
        ...

    def loads(self, data: bytes, /) -> dict[str, Any]:
        """The content. Raises ``ValueError`` for whatever is not readable; never runs code."""
        ...


class TaggedJSON:
    """Flask's tagged JSON: also tuples, bytes, ``Markup``, UUIDs and datetimes.

    Two things are more exact than in Flask: a datetime comes back as it was, with its
    microseconds, and without a zone if it had none; and keys of dicts may be numbers.

    >>> serializer = TaggedJSON()
    >>> serializer.dumps({"cart": {7: ("red", 2)}})
    b'{"cart":{" k":[[7,{" t":["red",2]}]]}}'
    >>> serializer.loads(_)
    {'cart': {7: ('red', 2)}}
    """

    def dumps(self, content: Mapping[str, Any], /) -> bytes:
        """The bytes. Raises `SessionNotSerializable`, naming the key at the top."""
        try:
            return _encode(content if is_plain(content) else _tagged_dict(dict(content))).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise _explained(content, error) from error

    def loads(self, data: bytes, /) -> dict[str, Any]:
        """The content. Raises ``ValueError`` for whatever is not readable."""
        text = data.decode()
        decode = _decode_tags if '{" ' in text else _decode
        try:
            content, end = decode(text)
        except (TypeError, AttributeError, RecursionError) as error:
            raise ValueError("a session holds a value that is not readable") from error
        if not isinstance(content, dict) or end != len(text):
            raise ValueError("a session is a JSON object, and nothing else")
        return content


_PLAIN = frozenset({str, int, float, bool, type(None)})


def _new_encoder() -> Callable[[Any], str]:
    """The ``encode`` of a `json.JSONEncoder`, without what it makes anew for each value.

    That takes longer than to encode a session.
    """
    encoder = json.JSONEncoder(separators=(",", ":"))
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # written in C, it is not everywhere
        return encoder.encode
    escape = json.encoder.encode_basestring_ascii
    sort_keys, skipkeys, allow_nan = False, False, True
    encode = make(None, encoder.default, escape, None, ":", ",", sort_keys, skipkeys, allow_nan)
    return lambda value: "".join(encode(value, 0))


_encode = _new_encoder()
_decode = json.JSONDecoder().raw_decode
_TEXT = frozenset({str})


def is_plain(content: Mapping[str, Any]) -> bool:
    """Whether it is JSON as it is, and flat, as most sessions are; a quick look."""
    return (
        type(content) is dict
        and _PLAIN.issuperset(map(type, content.values()))
        and _TEXT.issuperset(map(type, content))
        and (len(content) != 1 or _FROM_TAG.keys().isdisjoint(content))
    )


def _tagged(value: Any) -> Any:  # noqa: ANN401  # whatever a session may hold
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, dict):
        return _tagged_dict(value)
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    if isinstance(value, tuple):
        return {" t": [_tagged(item) for item in value]}
    if isinstance(value, bytes):
        return {" b": b64encode(value).decode()}
    if callable(html := getattr(value, "__html__", None)):
        return {" m": str(html())}
    if isinstance(value, UUID):
        return {" u": value.hex}
    if isinstance(value, datetime):
        return {" d": value.isoformat()}
    if isinstance(value, str | int | float):  # such as an enumeration's
        return value
    raise TypeError(f"a {kind.__name__}")


def _tagged_dict(value: dict[Any, Any]) -> dict[str, Any]:
    if len(value) == 1:
        [(key, item)] = value.items()
        if isinstance(key, str) and key in _FROM_TAG:
            return {" di": {f"{key}__": _tagged(item)}}
    if all(isinstance(key, str) for key in value):
        return {key: _tagged(item) for key, item in value.items()}
    return {" k": [[_tagged(key), _tagged(item)] for key, item in value.items()]}


def _untagged(value: dict[str, Any]) -> Any:  # noqa: ANN401  # whatever a session may hold
    if len(value) != 1:
        return value
    [(key, item)] = value.items()
    read = _FROM_TAG.get(key)
    return value if read is None else read(item)


def _markup(text: str) -> str:
    from markupsafe import Markup  # only who stores some needs it

    return Markup(text)  # noqa: S704  # it was one when it was stored


_FROM_TAG: Mapping[str, Callable[[Any], Any]] = {
    " b": b64decode,
    " d": datetime.fromisoformat,
    " di": lambda value: {key[:-2]: item for key, item in value.items()},
    " k": dict,
    " m": _markup,
    " t": tuple,
    " u": UUID,
}

_decode_tags = json.JSONDecoder(object_hook=_untagged).raw_decode


def _explained(content: Mapping[str, Any], error: Exception) -> SessionNotSerializable:
    """The error, with the key at the top that it is about; the value itself is not shown."""
    for key, value in content.items():
        try:
            _encode(_tagged(value))
        except TypeError as found:
            what = f"holds what is no JSON: {found}"
        except (ValueError, RecursionError):
            what = "refers to itself, or is too deep or too long a number"
        else:
            continue
        return SessionNotSerializable(
            f"session[{key!r}] {what}; store text, numbers, lists, dicts, tuples, bytes,"
            " UUIDs and datetimes, or a key of the store where the value is"
        )
    return SessionNotSerializable(f"the session cannot be stored: {error}")
