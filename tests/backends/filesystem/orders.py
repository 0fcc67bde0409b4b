"""The order of system calls, as the shim sees them."""

import os
import tempfile
from typing import Any

from tests.backends.filesystem.variants import new_store
from tests.faults.shim import Shim


def journal(variant: str, verb: str) -> Any:
    """Kind and name of each call that one put makes; the name is "draft" for what is unseen."""
    with tempfile.TemporaryDirectory() as base:
        base = os.path.realpath(base)
        root, source = f"{base}/root", f"{base}/source"
        store = new_store(variant, root, durability="full", perm=0o640)
        store.put("a/old", b"old")
        with open(source, "wb") as file:
            file.write(b"source")
        shim = Shim(base)
        shim.arm()
        match verb:
            case "put":
                store.put("a/new", b"new")
            case "put over":
                store.put("a/old", b"new")
            case "put nested":
                store.put("b/c/new", b"new")
            case "put_file":
                store.put_file("a/new", source)
            case "put_file move":
                store.put_file("a/new", source, move=True)
            case "copy":
                store.copy("a/old", "a/new")
        shim.disarm()
        return [
            (kind, "draft" if path.startswith(f"{root}/#") else os.path.relpath(path, base))
            for kind, path in shim.journal
        ]
