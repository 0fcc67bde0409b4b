"""Figures in words: seconds, MiB, MB/s, three digits each."""

from collections.abc import Callable

MIB = 1024 * 1024


def digits(figure: float) -> str:
    """Three of them, without an exponent."""
    return f"{figure:#.3g}".rstrip(".") if abs(figure) < 1000 else f"{figure:.0f}"


def ratio(figure: float) -> str:
    """``0.83`` or ``12.5``."""
    return f"{figure:.2f}" if figure < 10 else f"{figure:.1f}"


def seconds(secs: float) -> str:
    """``36.1 µs`` or ``1.20 ms``."""
    return f"{digits(secs * 1e6)} µs" if abs(secs) < 1e-3 else f"{digits(secs * 1e3)} ms"


def mebibytes(number: float) -> str:
    """``1.5 MiB``."""
    return f"{number:.1f} MiB"


def rate(size: int) -> Callable[[float], str]:
    """How fast ``size`` bytes are done in the seconds that are to be shown: ``512 MB/s``."""
    return lambda secs: f"{digits(size / secs / 1e6)} MB/s" if secs > 0 else "free"
