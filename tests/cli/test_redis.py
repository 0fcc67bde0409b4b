"""Copies to and from a server: whole, with expiry, over what is there, while it goes away."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvcore import (
    DictStore,
    FilesystemStore,
    KeyValueStore,
    PrefixDecorator,
    RedisStore,
    StoreError,
    copy_store,
    store_from_url,
)
from tests.cli.conftest import Run, lines
from tests.redis_servers import RedisServer, running
from tests.soak import count


@pytest.fixture
def server_store(empty_valkey: RedisServer) -> Iterator[KeyValueStore]:
    """An empty store on the server, of path keys."""
    with store_from_url(empty_valkey.url(keys="path")) as store:
        yield store


def test_from_files_to_the_server_and_back(server_store: KeyValueStore, tmp_path: Path) -> None:
    """All of many values, small and large, verified; and again nothing is to be done."""
    number = count(1000, 100_000)
    values = {f"{n % 9}/{n}": os.urandom(n % 3000) for n in range(number)}
    values["large"] = os.urandom(3 << 20)
    files = FilesystemStore(tmp_path / "a", keys="path", durability="atomic")
    files.put_many(values)
    assert copy_store(files, server_store, verify=True).copied == number + 1
    assert server_store.get_many(values) == values
    assert copy_store(files, server_store).same == number + 1
    assert copy_store(files, server_store, skip_existing=True).skipped == number + 1
    back = FilesystemStore(tmp_path / "b", keys="path", durability="atomic")
    assert copy_store(server_store, back, verify=True).copied == number + 1
    assert {key: back.get(key) for key in back} == values


def test_expiry_goes_along(server_store: KeyValueStore) -> None:
    """To the server and from it, to the second."""
    source, back = DictStore(), DictStore()
    source.put("session", b"1", 1000)
    source.put("lasting", b"2")
    for here, there in ((source, server_store), (server_store, back)):
        assert copy_store(here, there).copied == 2
        assert 990 < (there.stat("session").remaining_secs() or 0) <= 1000
        assert there.stat("lasting").expires is None
        assert copy_store(here, there).same == 2


def test_values_of_other_programs_are_left_alone(
    server_store: KeyValueStore, empty_valkey: RedisServer
) -> None:
    """A queue in the same database is neither copied nor in the way."""
    empty_valkey.direct.rpush("celery", "job")
    server_store.put("key", b"value")
    dest = DictStore()
    assert copy_store(server_store, dest).copied == 1
    assert dest.d == {"key": b"value"}
    assert copy_store(DictStore({"other": b"1"}), server_store).ok


def test_one_database_is_one_place(server_store: KeyValueStore, empty_valkey: RedisServer) -> None:
    """By whatever client: a copy into itself is refused, another database is another place."""
    server_store.put("key", b"value")
    again = RedisStore(empty_valkey.direct)
    for dest in (again, again.with_keys("path"), PrefixDecorator("copy-", again)):
        with pytest.raises(ValueError, match=r"are the same|without end"):
            copy_store(server_store, dest)
    with store_from_url(empty_valkey.url(db=1)) as other:
        assert copy_store(server_store, other).copied == 1


def test_a_server_that_is_killed_in_the_middle(tmp_path: Path) -> None:
    """Ends the copy with its error; with the server back, the same call does the whole."""
    values = {f"key{n}": os.urandom(1000) for n in range(3000)}
    source = DictStore(values)
    with running("valkey") as server, store_from_url(server.url(deadline=2)) as dest:
        with pytest.raises(StoreError):
            copy_store(source, dest, on_progress=lambda _: server.kill())
        server.start()
        report = copy_store(source, dest)
        assert report.ok
        assert report.copied + report.same == len(values)
        assert dest.get_many(values) == values


def test_the_command_line(run: Run, empty_valkey: RedisServer, folder: FilesystemStore) -> None:
    """A folder taken along to a server by two URLs, and what the server can do."""
    folder.put("pets/cat.png", b"x" * 100)
    url = empty_valkey.url()
    assert run("cp", f"fs://{folder.root}", url).stdout == "copied 1 value (100 bytes)\n"
    assert run("get", url, "pets/cat.png").stdout_bytes == b"x" * 100
    (found,) = lines(run("check", url, "--write", "--json"))
    assert [probe for probe in found["probes"] if probe["problem"]] == []
    assert run("ls", url).stdout == "pets/cat.png\n"
    assert run("gc", url).stdout == "this store leaves nothing behind\n"
    empty_valkey.flush()


def test_a_server_that_is_not_there(run: Run, folder: FilesystemStore) -> None:
    """Is exit code 3 for every subcommand, and no password is shown."""
    folder.put("key", b"1")
    url = "redis://:hunter2@127.0.0.1:1/0"
    for arguments in (
        ["ls", url],
        ["get", url, "key"],
        ["put", url, "-", "key"],
        ["rm", url, "key"],
        ["cp", f"fs://{folder.root}", url],
        ["cp", url, f"fs://{folder.root}"],
        ["check", url],
    ):
        result = run(*arguments, code=3, stdin=b"1")
        assert "hunter2" not in result.output
