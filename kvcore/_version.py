"""The version, in its one place: the build, the docs and ``kvcore.__version__`` read it here."""

__version__ = "0.1.0"
