"""``flask kvcore sessions``: list, revoke, prune."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result
from flask import Flask, session
from kvcore_flask import KVCore, KVSessionExtension

from kvcore import DictStore
from kvcore.cli import command_line

ESCAPE = "\x1b[2J"


class Site:
    """An application with a few visitors who are logged in."""

    def __init__(self, store: DictStore) -> None:
        self.app = Flask(__name__)
        self.app.config.update(
            SECRET_KEY="not-a-secret",
            KVCORE_STORES={"sessions": store},
            KVCORE_SESSION_STORE="sessions",
        )
        KVCore(self.app)

        @self.app.get("/login/<user>")
        def login(user: str) -> str:
            session["_user_id"] = user
            session.notes["browser"] = f"Fire{ESCAPE}fox"  # type: ignore[attr-defined]
            return "in"

        @self.app.get("/who")
        def who() -> str:
            return str(session.get("_user_id"))

        self.visitors = [self.app.test_client() for _ in range(3)]
        for user, visitor in zip("778", self.visitors, strict=True):
            visitor.get(f"/login/{user}")

    def who(self) -> list[str]:
        """Who each visitor is now."""
        return [visitor.get("/who").text for visitor in self.visitors]

    def run(self, *arguments: str, code: int = 0) -> Result:
        """What ``flask kvcore sessions`` writes."""
        runner = self.app.test_cli_runner()
        done = runner.invoke(args=["kvcore", "sessions", *arguments])
        assert done.exit_code == code, done.output
        return done


@pytest.fixture
def store() -> DictStore:
    return DictStore()


@pytest.fixture
def site(store: DictStore) -> Site:
    return Site(store)


def test_list(site: Site) -> None:
    """A line each, of all or of one user; nothing that a terminal might obey."""
    lines = site.run("list").output.splitlines()
    assert len(lines) == 3
    assert all("browser: Fire" in line and ESCAPE not in line for line in lines)
    assert len(site.run("list", "--user", "7").output.splitlines()) == 2
    assert len(site.run("list", "--limit", "1").output.splitlines()) == 1
    assert site.run("list", "--user", "nobody").output == ""


def test_list_for_programs(site: Site) -> None:
    """JSON lines, with moments as ISO 8601."""
    [line] = site.run("list", "--user", "8", "--json").output.splitlines()
    info = json.loads(line)
    assert set(info) == {"handle", "user", "created", "seen", "expires", "notes"}
    assert info["user"] == "8"
    assert info["created"].endswith("+00:00")


def test_list_what_never_ends(site: Site) -> None:
    """A lifetime of many thousand years ends with the last date that there is."""
    site.app.permanent_session_lifetime = timedelta(days=10_000_000)
    site.visitors[2].get("/login/9")
    info = json.loads(site.run("list", "--user", "9", "--json").output)
    assert info["expires"] == "9999-12-31T23:59:59+00:00"


def test_revoke_one(site: Site) -> None:
    """By the handle that the list shows; once."""
    handle = json.loads(site.run("list", "--user", "8", "--json").output)["handle"]
    assert "no such session" in site.run("revoke", handle, "--user", "7", code=1).output
    assert site.run("revoke", handle).output == "1 session was ended\n"
    assert site.who() == ["7", "7", "None"]
    site.run("revoke", handle, code=1)
    site.run("revoke", "../x", code=1)


def test_revoke_a_user(site: Site) -> None:
    """Everywhere, at once."""
    assert site.run("revoke", "--user", "7").output == "2 sessions were ended\n"
    assert site.who() == ["None", "None", "8"]
    assert site.run("revoke", "--user", "8").output == "1 session was ended\n"
    assert site.run("revoke", "--user", "8").output == "0 sessions were ended\n"
    site.run("revoke", code=2)


def test_prune(site: Site, store: DictStore) -> None:
    """What has expired goes, what nobody can read is told and stays."""
    key = next(key for key in store.keys() if "user" not in key)
    first, _, content = store.get(key).split(b"\n")
    store.put(key, b"\n".join([first, b"1.0 1.0 2.0 {}", content]))
    store.put("session-" + "0" * 64, b"garbage")
    done = site.run("prune")
    assert "1 session had expired, 2 are kept" in done.output
    assert "1 value is no session of" in done.output
    site.run("revoke", "--user", "7")
    site.run("revoke", "--user", "8")
    store.put("session-" + "1" * 64, b"garbage")
    site.visitors[0].get("/login/7")
    done = site.run("prune")
    assert "0 sessions had expired, 1 is kept" in done.output
    assert "2 values are no sessions of" in done.output


@pytest.mark.parametrize("order", ["alone", "before KVCore", "after KVCore"])
def test_an_app_with_the_extension_of_sessions(order: str) -> None:
    """Has the same commands, once, with `KVCore` beside it or without."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="not-a-secret", KVCORE_STORES={"default": "memory://"})
    if order == "after KVCore":
        KVCore(app)
    KVSessionExtension(DictStore(), app)
    if order == "before KVCore":
        KVCore(app)

    @app.get("/")
    def login() -> str:
        session["_user_id"] = "7"
        return "in"

    app.test_client().get("/")
    runner = app.test_cli_runner()
    assert len(runner.invoke(args=["kvcore", "sessions", "list"]).output.splitlines()) == 1
    done = runner.invoke(args=["kvcore", "sessions", "revoke", "--user", "7"])
    assert done.output == "1 session was ended\n"
    assert runner.invoke(args=["kvcore", "sessions", "prune"]).exit_code == 0
    done = runner.invoke(args=["kvcore", "ls", "default"])
    if order == "alone":
        assert done.exit_code == 3
        assert "no store 'default': use KVCore(app)" in done.output
    else:
        assert (done.exit_code, done.output) == (0, "")


def test_an_app_without_sessions_in_a_store_says_so() -> None:
    """With what to set."""
    app = Flask(__name__)
    app.config["KVCORE_STORES"] = {}
    KVCore(app)
    done = app.test_cli_runner().invoke(args=["kvcore", "sessions", "list"])
    assert done.exit_code == 3
    assert "KVCORE_SESSION_STORE" in done.output


def test_the_plain_command_has_no_sessions() -> None:
    """It knows of no application."""
    done = CliRunner().invoke(command_line(lambda _name: DictStore()), ["sessions", "list"])
    assert done.exit_code == 2
