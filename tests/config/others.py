"""Distributions of others, made in a folder: real entry points, found as installed ones are."""

import sys
from pathlib import Path

import pytest

# A network store as somebody else would write it, with user info and a secret, on a dict.
VAULT = '''
from kvcore import DictStore
from kvcore.recipe import KEYS, Option, StoreRecipe, integer, secret_text, text, url_text


def read_address(address):
    server = address.server()
    found = {"host": server.host, "port": server.port, "shelf": server.path}
    if server.user is not None:
        found["user"] = server.user
    if server.password is not None:
        found["password"] = server.password
    return found


def check(arguments):
    if arguments.get("retries") == 0 and arguments.get("user") == "patient":
        raise ValueError("the patient user needs retries")


class VaultStore(DictStore):
    _recipe = StoreRecipe(
        options={
            "keys": KEYS,
            "user": Option(text, "who"),
            "password": Option(secret_text, "the password", secret=True),
            "retries": Option(integer(0, 10), "how often to try again"),
        },
        address=read_address,
        check=check,
    )

    def __init__(self, host, port, shelf, *, user=None, password=None, keys="strict", retries=2):
        super().__init__(keys=keys)
        if password == "refused":
            raise ValueError(f"the server does not take {password}")
        self.host, self.port, self.shelf, self.retries = host, port, shelf, retries
        self.user, self.password = user, password
        self.closed = 0

    def _close(self):
        self.closed += 1

    def _url(self):
        return url_text("vault", f"{self.host}:{self.port}/{self.shelf}", {})


class NeedyStore(VaultStore):
    _recipe = VaultStore._recipe._replace(
        requires={"json": "the-standard-library", "no_such_client.part": "acme-vault[client]"}
    )


class FakeMemory(DictStore):
    """Would like to stand behind memory://."""


NOTHING = "not a class"
'''

STAMP = """
from kvcore import StoreDecorator
from kvcore.recipe import DecoratorRecipe, Option, integer, secret_text


class StampDecorator(StoreDecorator):
    _recipe = DecoratorRecipe(
        options={
            "number": Option(integer(0, 9), "the number", required=True),
            "password": Option(secret_text, "the password", secret=True),
        },
        main="number",
    )

    def __init__(self, store, number, password=None):
        super().__init__(store)
        if number == 9:
            raise ValueError(f"nine does not go with {password}")
        self.number = number


class PlainDecorator(StoreDecorator):
    pass
"""

ENTRY_POINTS = """
[kvcore.backends]
vault = acme_vault:VaultStore
needy = acme_vault:NeedyStore
fs = acme_vault:FakeMemory
hfs = acme_vault:FakeMemory
memory = acme_vault:FakeMemory
nothing = acme_vault:NOTHING
gone = acme_vault:Gone
lost = acme_lost:Gone
twice = acme_vault:VaultStore
[kvcore.decorators]
stamp = acme_stamp:StampDecorator
plain = acme_stamp:PlainDecorator
readonly = acme_stamp:PlainDecorator
"""


def install(folder: Path) -> None:
    """Write the distributions ``acme`` and ``other``."""
    (folder / "acme_vault.py").write_text(VAULT)
    (folder / "acme_stamp.py").write_text(STAMP)
    for name, points in {
        "acme": ENTRY_POINTS,
        "other": "[kvcore.backends]\ntwice = acme_vault:NeedyStore\n",
    }.items():
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(points)


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the distributions of others, on the path of this process."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    install(folder)
    monkeypatch.syspath_prepend(folder)
    for name in ("acme_vault", "acme_stamp"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder
