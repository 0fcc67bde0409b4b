"""Values that tell what they are, so that a torn or a foreign one is seen at once."""

import hashlib

_LINE = 64


def value(name: str, version: int, size: int) -> bytes:
    """``size`` bytes (a multiple of 64) that name their key and version in every line."""
    text = f"{version} {name} "
    line = text + hashlib.sha256(text.encode()).hexdigest()
    return line[:_LINE].ljust(_LINE).encode() * (size // _LINE)


def version_of(data: bytes, name: str, size: int) -> int:
    """The version of a value that is whole; ``ValueError`` for any other bytes."""
    try:
        version = int(data[: data.index(b" ")])
    except ValueError:
        raise ValueError(f"not a value: {data[:80]!r} × {len(data)}") from None
    if data != value(name, version, size):
        raise ValueError(f"torn: {data[:80]!r} × {len(data)}")
    return version
