"""What tests look for in stores."""

from kvcore import KeyValueStore


def values(store: KeyValueStore) -> dict[str, bytes]:
    """All that is stored, by key."""
    paths = store.with_keys("path")
    return {key: paths.get(key) for key in paths}
