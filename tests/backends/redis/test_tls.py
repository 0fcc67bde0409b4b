"""``rediss``: who the server is must be shown, and who we are if it asks."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kvcore import StoreError, async_store, store_from_url
from kvcore.aio.native import NativeStore
from kvcore.testing import BlockingStore
from tests import services
from tests.redis_servers import HOST, RedisServer, free_port, running


class Secured(NamedTuple):
    """A server that speaks TLS, and the files that its clients need."""

    server: RedisServer
    port: int
    ca_file: Path
    cert_file: Path
    key_file: Path

    def url(self, host: str = HOST, **options: object) -> str:
        """The URL of a store."""
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"rediss://{host}:{self.port}/0{'?' if query else ''}{query}"


def certificate(folder: Path, name: str, host: str) -> tuple[Path, Path]:
    """A certificate that vouches for itself, and its key."""
    openssl = shutil.which("openssl")
    services.require("openssl", available=openssl is not None, hint="apt-get install openssl")
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        [
            *(str(openssl), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{host}"),
            *("-out", str(cert), "-keyout", str(key)),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Redis itself: the server that comes as a wheel has no TLS."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = certificate(folder, "server", HOST)
    port = free_port()
    options = {
        "--tls-port": str(port),
        "--tls-cert-file": str(cert),
        "--tls-key-file": str(key),
        "--tls-ca-cert-file": str(cert),
        "--tls-auth-clients": "optional",
    }
    with running("redis", *(word for pair in options.items() for word in pair)) as server:
        yield Secured(server, port, cert, cert, key)


@pytest.mark.parametrize("is_native", [False, True], ids=["sync", "native"])
def test_values_go_encrypted(secured: Secured, is_native: bool) -> None:
    """With the certificate of who vouches for the server everything works."""
    store: Any = store_from_url(secured.url(ca_file=secured.ca_file))
    if is_native:
        awaited = async_store(store)
        assert isinstance(awaited, NativeStore)
        store = BlockingStore(awaited)
    with store:
        store.put("key", bytes(1_000_000))
        assert store.get("key") == bytes(1_000_000)
        assert store.keys() == ["key"]


def test_a_server_that_nobody_vouches_for(secured: Secured) -> None:
    """It gets nothing, not even a password."""
    with store_from_url(secured.url()) as store:
        with pytest.raises(StoreError, match=r"(?i)certificate verify failed"):
            store.put("key", b"secret")


def test_a_certificate_of_another_host(secured: Secured) -> None:
    """Names are compared."""
    with store_from_url(secured.url("localhost", ca_file=secured.ca_file)) as store:
        with pytest.raises(StoreError, match=r"(?i)hostname mismatch"):
            store.get("key")


def test_a_server_that_asks_who_we_are(secured: Secured) -> None:
    """It is told by ``cert_file`` and ``key_file``; without them it refuses."""
    secured.server.direct.config_set("tls-auth-clients", "yes")
    try:
        with store_from_url(secured.url(ca_file=secured.ca_file)) as store:
            with pytest.raises(StoreError):
                store.put("key", b"1")
        ours = {"cert_file": secured.cert_file, "key_file": secured.key_file}
        with store_from_url(secured.url(ca_file=secured.ca_file, **ours)) as store:
            store.put("key", b"1")
            assert store.get("key") == b"1"
    finally:
        secured.server.direct.config_set("tls-auth-clients", "optional")
