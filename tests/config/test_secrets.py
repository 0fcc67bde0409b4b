"""Secrets: found where they are kept, late, and shown nowhere."""

import pickle
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from kvcore import (
    ConfigError,
    DictStore,
    HMACDecorator,
    KvcoreError,
    MissingDependency,
    StorePlan,
    Stores,
    VerificationError,
    store_from_config,
    store_from_url,
)
from kvcore.config import SecretSource

CANARY = "kanarienvogel-7f3a"


def signed(secret: object) -> dict[str, object]:
    return {"url": "memory://signed", "decorators": [{"hmac": secret}]}


def test_a_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`env:NAME` is fetched when the store is built, so a plan outlives a rotation."""
    monkeypatch.setenv("SIGNING", "first")
    plan = StorePlan.from_config(signed("env:SIGNING"))
    plan.build().put("a", b"1")
    assert HMACDecorator("first", store_from_url("memory://signed")).get("a") == b"1"
    monkeypatch.setenv("SIGNING", "second")
    with pytest.raises(VerificationError):
        plan.build().get("a")


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"secret", b"secret"),
        (b"secret\n", b"secret"),
        (b"secret\r\n", b"secret"),
        (b"secret\n\n", b"secret\n"),
        (b" secret ", b" secret "),
        (b"\xff\x00\r", b"\xff\x00\r"),
    ],
)
def test_a_secret_from_a_file(content: bytes, secret: bytes, tmp_path: Path) -> None:
    """`file:PATH` gives the bytes of the file, less one newline at its end."""
    (tmp_path / "key").write_bytes(content)
    store = store_from_config(signed(f"file:{tmp_path}/key"))
    store.put("b", b"1")
    assert HMACDecorator(secret, store_from_url("memory://signed")).get("b") == b"1"


def test_a_relative_secret_file_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changing the directory after reading does not change which file is meant."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("secret")
    plan = StorePlan.from_config(signed("file:key"))
    monkeypatch.chdir("/")
    plan.build()


@pytest.mark.parametrize("config", [signed("file:key"), "fs://media"])
def test_a_relative_path_needs_a_place(
    config: str | dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a directory that has been removed a relative path means nothing."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ConfigError, match="the current directory is gone"):
        StorePlan.from_config(config)


def test_a_list_of_secrets_rotates() -> None:
    """Oldest to newest: the newest signs, all verify."""
    store_from_config(signed("old")).put("c", b"1")
    both = store_from_config(signed(["old", b"new"]))
    assert both.get("c") == b"1"
    both.put("c", b"2")
    assert store_from_config(signed("new")).get("c") == b"2"


@pytest.mark.usefixtures("others")
def test_a_reference_may_stand_in_user_info(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is secret takes references wherever it is written."""
    monkeypatch.setenv("VAULT_PASSWORD", "from env")
    for url in (
        "vault://:env:VAULT_PASSWORD@h:1/x",
        "vault://:env%3AVAULT_PASSWORD@h:1/x",
        "vault://h:1/x?password=env:VAULT_PASSWORD",
    ):
        assert store_from_url(url).password == "from env"
    assert "password=env:VAULT_PASSWORD" in repr(StorePlan.from_config(url))


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ("env:NOT_SET_ANYWHERE", "the environment variable NOT_SET_ANYWHERE is not set"),
        ("env:EMPTY", "the environment variable EMPTY is empty"),
        ("env:", "takes 'env:' and the name of an environment variable"),
        ("env:A B", "takes 'env:' and the name of an environment variable"),
        ("file:", "takes 'env:'"),
        ("file:/no/such/file", "the file /no/such/file cannot be read: No such file"),
        ("file:{tmp}/empty", "empty is empty"),
        ("file:{tmp}/newline", "newline is empty"),
        ("file:{tmp}/large", "large has more than 65536 bytes"),
        ("file:{tmp}", "is no regular file"),
        ("file:/dev/zero", "is no regular file"),
        ("file:a\0b", "cannot be read"),
        ("", "takes text, 'env:NAME' or 'file:PATH'"),
        (None, "takes text, 'env:NAME' or 'file:PATH'"),
        (5, "takes text, 'env:NAME' or 'file:PATH'"),
        ([], "takes text, 'env:NAME' or 'file:PATH'"),
        (["ok", ""], "takes text, 'env:NAME' or 'file:PATH'"),
        (["ok", "env:NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE is not set"),
    ],
)
def test_a_missing_secret_fails_when_it_is_read(
    secret: object, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on the first request in production; the message says what is missing where."""
    monkeypatch.setenv("EMPTY", "")
    (tmp_path / "empty").touch()
    (tmp_path / "newline").write_text("\n")
    (tmp_path / "large").write_bytes(bytes(65537))
    if isinstance(secret, str):
        secret = secret.replace("{tmp}", str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        StorePlan.from_config(signed(secret))
    assert expected in str(caught.value)
    assert "decorator 'hmac': option 'secret_key'" in str(caught.value)


def whole_chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        yield from whole_chain(error.__cause__)
        error = error.__context__


def everything_said(error: BaseException) -> str:
    """All that a log, a debugger or a crash report would write of an error."""
    said = ["".join(traceback.format_exception(error))]
    for one in whole_chain(error):
        said += [str(one), repr(one), repr(one.args), repr(vars(one))]
        if isinstance(one, KvcoreError):
            said += [str(one.store), str(pickle.loads(pickle.dumps(one)))]
    return "\n".join(said)


FAILURES = [
    *(
        url.replace("CANARY", CANARY)
        for url in [
            "redis://user:CANARY@host/zero",
            "redis://user:CANARY@host:port/0",
            "redis://CANARY@host",
            "redis://:CANARY/CANARY@host/0",
            "redis://:CANARY?CANARY#CANARY@host/0",
            "redis://:CANARY=CANARY&CANARY@host/0?retries=1",
            "redis:user:CANARY@host/0",
            "user:CANARY@host",
            "redis//user:CANARY@host",
            "user:CANARY@redis://host",
            "re dis://user:CANARY@host",
            "redis://user:CANARY@host\n",
            "redis://h?password=CANARY&retries=1",
            "redis://h?password=CANARY#CANARY",
            "memory://:CANARY@x",
            "memory://x?password=CANARY",
            "memory://x?keys=path&secret_key=CANARY",
            "fs://user:CANARY@host/x?keys=no",
            "fs://x?password=CANARY&keys=no",
            "fs://x?password=CANARY&CANARY&keys=no",
            "fs://x?keys=no#CANARY",
            "vault://user:CANARY@h:1/x?retries=many",
            "vault://user:CANARY@h:port/x",
            "vault://user:CANARY/CANARY@h:1/x",
            "vault://user:CANARY#CANARY@h:1/x",
            "vault://user:CANARY%zz@h:1/x",
            "vault://user:CANARY%ff@h:1/x",
            "vault://:CANARY@h:1/x?password=CANARY",
            "vault://h:1/x?password=CANARY&retries=many",
            "vault://h:1/x?password=CANARY&CANARY=1",
            "vault://h:1/x?password=CANARY&CANARY",
            "vault://h:1/x?password=CANARY#CANARY",
            "vault://h:1/x?pasword=CANARY",
            "vault://h:1/x?password=CANARY%ff",
            "vault://h:1/x?password=CANARY%00",
            "vault+stamp://:CANARY@h:1/x",
            "vault+no_such_thing://:CANARY@h:1/x",
            "needy://:CANARY@h:1/x",
        ]
    ),
    {"url": "vault://h:1/x", "password": CANARY, "retries": "many"},
    {"url": "vault://h:1/x", "pasword": CANARY},
    {"url": "vault://h:1/x", "password": [CANARY]},
    {"url": "vault://h:1/x", "password": {"value": CANARY}},
    {"url": "vault://h:1/x", "password": CANARY.encode() + b"\xff"},
    {"url": f"vault://:{CANARY}@h:1/x", "password": CANARY},
    {"url": f"vault://:{CANARY}@h:1/x", "decorators": ["readonli"]},
    {"url": "memory://", "decorators": [{"hmac": {"secret_key": CANARY, "legacy": "x"}}]},
    {"url": "memory://", "decorators": [{"hmac": {"secret": CANARY}}]},
    {"url": "memory://", "decorators": [{"hmac": {"secret_key": CANARY, CANARY: 1}}]},
    {"url": "memory://", "decorators": [{"hmac": {"secret_key": {"x": CANARY}}}]},
    {"url": "memory://", "decorators": [{"hmac": [CANARY, ""]}]},
    {"url": "memory://", "decorators": [{"hmac": [CANARY, [CANARY]]}]},
    {"url": "memory://", "decorators": [{"stamp": {"number": 9, "password": CANARY}}]},
    {"url": "memory://", "decorators": [{"stamp": {"number": 99, "password": CANARY}}]},
    {"url": "memory://", "decorators": [{"hash": {"secret": CANARY, "template": "{no}"}}]},
    {"url": "memory://", "decorators": [{"hmac": CANARY}, {"prefix": "/"}]},
]


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize("config", FAILURES, ids=str)
def test_no_failure_shows_a_secret(config: str | dict[str, object]) -> None:
    """Neither the message nor anything chained or attached to the error holds it."""
    calls: list[Callable[[], object]] = [
        lambda: store_from_config(config),
        lambda: Stores({"default": "memory://", "bad": config}),
    ]
    if isinstance(config, str):
        calls.append(lambda: store_from_url(config))
    for call in calls:
        with pytest.raises((ConfigError, MissingDependency)) as caught:
            call()
        assert CANARY not in everything_said(caught.value)


@pytest.mark.usefixtures("others")
def test_a_constructors_own_words_are_cleaned() -> None:
    """A store that quotes a secret in its refusal does not get it into our error."""
    with pytest.raises(ConfigError, match=r"the server does not take \*\*\*") as caught:
        store_from_config({"url": "vault://h:1/x", "password": "refused"})
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_secret_would_be_found() -> None:
    """The search above can fail: it sees messages, attributes and whatever is chained."""
    for broken in (
        ConfigError(CANARY),
        ConfigError("x", store=CANARY),
        ConfigError("x", key=CANARY),
    ):
        assert CANARY in everything_said(broken)
    hidden = ConfigError("x")
    hidden.__context__ = ValueError(CANARY)
    hidden.__suppress_context__ = True  # as `from None` does, and a debugger sees it still
    assert CANARY in everything_said(hidden)


@pytest.mark.usefixtures("others")
def test_what_works_shows_no_secret_either() -> None:
    """The repr and str of plans, stores and Stores, with everything that they hold."""
    configs: dict[str, object] = {
        "user_info": f"vault://user:{CANARY}@h:1/x",
        "option": f"vault://h:1/x?password={CANARY}&retries=3",
        "dict": {"url": "vault://h:1/x", "password": CANARY},
        "hmac": {"url": "memory://", "decorators": [{"hmac": [CANARY, CANARY.encode()]}]},
        "hash": {"url": "memory://", "decorators": [{"hash": {"secret": CANARY}}]},
        "callable": partial(DictStore, {CANARY: b"1"}),
    }
    stores = Stores(configs)  # type: ignore[arg-type]  # a dict of all forms
    shown = [repr(stores), str(stores)]
    for name, config in configs.items():
        shown += [repr(stores[name]), str(stores[name])]
        if not callable(config):
            plan = StorePlan.from_config(config)  # type: ignore[arg-type]  # as above
            shown += [repr(plan), str(plan), repr(tuple(plan)), repr(dict(plan.options)), plan.url]
            shown += map(repr, plan.decorators)
            shown += [repr(tuple(one)) for one in plan.decorators]
    assert CANARY not in "\n".join(shown)
    assert "vault://***@h:1/x" in repr(stores)
    assert "password=***" in repr(stores)


def test_a_secret_source_shows_where_and_never_what() -> None:
    """References are for people to see, values are not; equal ones are equal, and pickle."""
    env, literal = SecretSource("env:NAME"), SecretSource(CANARY)
    assert repr(env) == str(env) == "env:NAME"
    assert repr(literal) == str(literal) == f"{literal}" == "***"
    assert literal == SecretSource(CANARY) != SecretSource(CANARY.encode())
    assert literal != CANARY
    assert hash(env) == hash(SecretSource("env:NAME"))
    again = pickle.loads(pickle.dumps(literal))
    assert again == literal
    assert again.fetch() == CANARY
    with pytest.raises(AttributeError):
        literal._value = "other"
