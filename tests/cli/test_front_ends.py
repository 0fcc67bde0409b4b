"""The same subcommands as ``kvcore``, ``flask kvcore`` and ``manage.py kvcore``."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from django.core.management import CommandError, call_command
from django.test import override_settings
from flask import Flask
from kvcore_django.management.commands.kvcore import Command
from kvcore_flask import KVCore

from kvcore import DictStore, FilesystemStore
from kvcore.cli import _from_environment, command_line, main
from kvcore.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parent.parent.parent
Call = Callable[..., subprocess.CompletedProcess[bytes]]
SECRET = "hunter2"


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Run a Python program with these arguments in an empty directory."""

    def call(
        *arguments: str, code: int = 0, stdin: bytes = b"", **environment: str
    ) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}", **environment},
        )
        assert done.returncode == code, done.stderr.decode()
        return done

    return call


@pytest.fixture
def store(tmp_path: Path) -> FilesystemStore:
    """What is named ``default`` everywhere."""
    return FilesystemStore(tmp_path / "media", keys="path")


def front_ends(tmp_path: Path, store: FilesystemStore) -> dict[str, list[str]]:
    """How each is started, with ``default`` in its settings."""
    (tmp_path / "the_app.py").write_text(
        "from flask import Flask\nfrom kvcore_flask import KVCore\napp = Flask(__name__)\n"
        f"app.config['KVCORE_STORES'] = {{'default': 'fs://{store.root}'}}\nKVCore(app)\n"
    )
    (tmp_path / "the_settings.py").write_text(
        f"KVCORE_STORES = {{'default': 'fs://{store.root}'}}\n"
        "INSTALLED_APPS = ['kvcore_django']\nSECRET_KEY = 'x'\n"
    )
    return {
        "kvcore": ["-m", "kvcore.cli"],
        "flask": ["-m", "flask", "--app", "the_app", "kvcore"],
        "django": ["-m", "django", "kvcore"],
    }


@pytest.mark.parametrize("front", ["kvcore", "flask", "django"])
def test_three_front_ends(front: str, call: Call, store: FilesystemStore, tmp_path: Path) -> None:
    """Named stores, keys with "/", bytes as they are, exit codes, help."""
    program = front_ends(tmp_path, store)[front]
    environment = {
        "KVCORE_STORES": json.dumps({"default": f"fs://{store.root}"}),
        "DJANGO_SETTINGS_MODULE": "the_settings",
    }
    data = bytes(range(256))
    call(*program, "put", "default", "-", "a/b", stdin=data, **environment)
    assert store.get("a/b") == data
    assert call(*program, "get", "default", "a/b", **environment).stdout == data
    call(*program, "get", code=2, **environment)
    unknown = call(*program, "ls", "defualt", code=3, **environment).stderr
    assert b"defualt" in unknown
    assert b"Traceback" not in unknown
    told = call(*program, "--help", **environment).stdout.decode()
    assert all(f"  {command.name} " in told for command in COMMANDS)


Here = Callable[..., str]
"""``run("ls", "default", code=0)``: what a command writes, whose exit code is as given."""


def by_click(runner: CliRunner, group: click.Command) -> Here:
    """Runs a group in this process."""

    def run(*arguments: str, code: int = 0) -> str:
        result = runner.invoke(group, arguments)
        assert result.exit_code == code, result.output
        return result.output

    return run


@pytest.fixture(params=["kvcore", "flask", "django"])
def here(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Iterator[Here]:
    """The same in this process, where ``default`` has the key ``a``."""
    stores = {"default": DictStore({"a": b"1"})}

    def django(*arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            Command().run_from_argv(["manage.py", "kvcore", *arguments])
        assert ended.value.code == code
        return "".join(capsys.readouterr())

    if request.param == "kvcore":
        yield by_click(CliRunner(), command_line(stores.__getitem__))
    elif request.param == "django":
        with override_settings(KVCORE_STORES=stores):
            yield django
    else:
        app = Flask("app")
        app.config["KVCORE_STORES"] = stores
        KVCore(app)
        yield by_click(app.test_cli_runner(), app.cli.commands["kvcore"])


def test_each_does_the_same(here: Here, tmp_path: Path) -> None:
    """Copies from named stores to URLs, a missing key, the version."""
    assert here("cp", "default", f"fs://{tmp_path}/other") == "copied 1 value (1 bytes)\n"
    assert FilesystemStore(tmp_path / "other", keys="path").get("a") == b"1"
    assert "no value under this key" in here("get", "default", "missing", code=1)
    assert "kvcore 0." in here("--version")


def test_the_console_script() -> None:
    """What pip installs as `kvcore` is the command line."""
    (script,) = entry_points(group="console_scripts", name="kvcore")
    assert script.load() is main


def test_manage_py_takes_the_options_of_django(
    call: Call, store: FilesystemStore, tmp_path: Path
) -> None:
    """Before and after the subcommand, as with every command."""
    store.put("a", b"1")
    program = front_ends(tmp_path, store)["django"]
    options = ("--settings=the_settings", "--verbosity", "2", "--no-color", "--skip-checks")
    assert call(*program, "ls", "default", *options).stdout == b"a\n"
    told = call(*program, *options, "--traceback", "get", "default", "b", code=1).stderr
    assert b"Traceback" in told
    assert told.endswith(b")\n")


def test_the_help_of_django_is_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """`manage.py help kvcore` shows the subcommands, and no options that do nothing."""
    Command().print_help("manage.py", "kvcore")
    shown = capsys.readouterr().out
    assert "Exit codes:" in shown
    assert "--verbosity" not in shown


def test_call_command() -> None:
    """From Python, with what is written and an exit code as an error."""
    memory = DictStore({"a": b"1"})
    out = io.StringIO()
    with override_settings(KVCORE_STORES={"default": memory}):
        call_command("kvcore", "ls", "default", "--json", stdout=out)
        assert json.loads(out.getvalue()) == {"key": "a"}
        with pytest.raises(CommandError) as failed:
            call_command("kvcore", "rm", "default", "b", stdout=out, stderr=out)
    assert failed.value.returncode == 1


def test_each_flask_app_has_its_own_stores() -> None:
    """One group of commands, asked through the app that runs it."""
    outputs = []
    for key in ("one", "two"):
        app = Flask(key)
        app.config["KVCORE_STORES"] = {"default": DictStore({key: b""})}
        KVCore(app)
        outputs.append(app.test_cli_runner().invoke(args=["kvcore", "ls", "default"]).output)
    assert outputs == ["one\n", "two\n"]


def test_names_from_the_environment(call: Call, store: FilesystemStore) -> None:
    """Where there are none, a name is told to be no URL."""
    program = ("-m", "kvcore.cli")
    store.put("a", b"1")
    assert call(*program, "ls", "env:PLACE", PLACE=f"fs://{store.root}").stdout == b"a\n"
    assert b"PLACE is not set" in call(*program, "ls", "env:PLACE", code=3).stderr
    assert b"such as fs:///" in call(*program, "ls", "media", code=3).stderr
    told = call(*program, "ls", "media", code=3, KVCORE_STORES='{"media": "fss://x"}').stderr
    assert b"did you mean 'fs'?" in told


@pytest.mark.parametrize(
    "url",
    [
        f"fss://user:{SECRET}@host/x",
        f"fs://x?keys=path&password={SECRET}",
        f"memory://x?secret_key={SECRET}#wrap:hmac",
        f"memory://{SECRET}:{SECRET}@x",
    ],
)
@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_secrets_are_not_shown(url: str, debug: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by a wrong URL nor by the traceback that is asked for."""
    monkeypatch.setenv("PLACE", url)
    monkeypatch.setenv("KVCORE_STORES", json.dumps({"default": url}))
    group = command_line(_from_environment)
    for named in (url, "env:PLACE", "default"):
        result = CliRunner().invoke(group, [*debug, "ls", named])
        assert result.exit_code == 3
        assert SECRET not in result.output
        assert ("Traceback" in result.output) == bool(debug)


def test_without_click_the_extra_is_named(call: Call, store: FilesystemStore) -> None:
    """By the console script, and by the command of Django, which has no click."""
    start = (
        "import sys; sys.modules['click'] = None; sys.argv = ['kvcore', 'kvcore', 'ls', 'x'];"
        " from {} import {} as main; main()"
    )
    told = call("-c", start.format("kvcore.cli", "main"), code=3).stderr
    assert b"pip install 'kvcore[cli]'" in told
    (Path(store.root).parent / "the_settings.py").write_text("INSTALLED_APPS = ['kvcore_django']")
    django = start.format("django.core.management", "execute_from_command_line")
    told = call("-c", django, code=3, DJANGO_SETTINGS_MODULE="the_settings").stderr
    assert b"pip install 'kvcore[cli]'" in told
