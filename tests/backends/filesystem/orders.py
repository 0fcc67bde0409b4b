"""The order of system calls, as the shim sees them."""

import os
import tempfile
from typing import Any

from tests.backends.filesystem.variants import new_store
from tests.faults.shim import Shim

VERBS = (
    *("put", "put over", "put nested", "put again", "put after another", "put root"),
    *("put_file", "put_file move", "copy", "move", "delete"),
)


def journals(variant: str) -> Any:
    """For each verb kind and name of the calls that it makes; "draft" for a nameless file."""
    return {verb: _journal(variant, verb) for verb in VERBS}


def _journal(variant: str, verb: str) -> list[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as base:
        base = os.path.realpath(base)
        root, source = f"{base}/root", f"{base}/source"
        store = new_store(variant, root, durability="full", perm=0o640)
        store.put("a/old", b"old")
        with open(source, "wb") as file:
            file.write(b"source")
        if verb == "put again":
            store.put("b/c/new", b"new")
            store.delete("b/c/new")
        elif verb == "put after another":
            store.put("b/c/new", b"new")
            store = new_store(variant, root, durability="full")
        elif verb == "put root":
            store = new_store(variant, f"{base}/new/site", durability="full")
        shim = Shim(base)
        shim.arm()
        match verb:
            case "put":
                store.put("a/new", b"new")
            case "put over":
                store.put("a/old", b"new")
            case "put nested" | "put again" | "put after another" | "put root":
                store.put("b/c/new", b"new")
            case "delete":
                store.delete("a/old")
            case "move":
                store.move("a/old", "b/new")
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
