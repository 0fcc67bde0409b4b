"""Reading configuration: everything wrong is found before anything is built."""

from pathlib import Path

import pytest

from kvcore import (
    ConfigError,
    DictStore,
    KeyValueStore,
    StorePlan,
    store_from_config,
    store_from_url,
)
from kvcore.config import StoreConfig
from kvcore.registry import BACKENDS, find_backend


def refusal(config: object) -> str:
    """What reading says against a configuration."""
    with pytest.raises(ConfigError) as caught:
        StorePlan.from_config(config)  # type: ignore[arg-type]  # wrong types are among them
    return str(caught.value)


def test_options_of_a_url_reach_the_store(tmp_path: Path) -> None:
    """Each option does what it says."""
    store = store_from_url(f"fs://{tmp_path}/x?keys=path&durability=atomic&perm=604")
    store.put("a/b", b"1")
    assert (tmp_path / "x/a/b").stat().st_mode & 0o777 == 0o604
    assert (
        repr(store) == f"<FilesystemStore fs://{tmp_path}/x?keys=path&durability=atomic&perm=604>"
    )
    web = store_from_url(f"webfs://{tmp_path}?url_prefix=https://cdn.example/m%3F/")
    assert web.url_for("a b".replace(" ", "+")) == "https://cdn.example/m?/a%2Bb"


def test_options_of_a_dict_are_those_of_a_url(tmp_path: Path) -> None:
    """Typed values and text give the same plan as the URL."""
    url = f"fs://{tmp_path}?create_if_missing=yes&durability=atomic&keys=path&perm=640"
    typed = {"create_if_missing": True, "durability": "atomic", "keys": "path", "perm": 0o640}
    spelled = {**typed, "create_if_missing": "yes", "perm": "640"}
    plans = [StorePlan.from_config(url)]
    plans += [StorePlan.from_config({"url": f"fs://{tmp_path}", **o}) for o in (typed, spelled)]
    assert len({repr(plan.build()) for plan in plans}) == 1
    assert plans[0].options == plans[1].options == plans[2].options
    assert plans[1].url == url.replace("=yes", "=true")


@pytest.mark.parametrize("scheme", BACKENDS)
def test_h_is_the_ancestors_name_for_path_keys(scheme: str, tmp_path: Path) -> None:
    """`hfs://` and its like take keys with a slash."""
    more = "?url_prefix=/" if scheme == "webfs" else ""
    address = {"memory": "", "fs": tmp_path, "webfs": tmp_path}.get(scheme, "host")
    for url, path_keys in [
        (f"{scheme}://{address}{more}", False),
        (f"h{scheme}://{address}{more}", True),
    ]:
        plan = StorePlan.from_config(url)
        assert ("a/b" in plan.keyspace) == ("a/b" in plan.build().keyspace) == path_keys


def test_create_if_missing_false_wants_the_folder(tmp_path: Path) -> None:
    """As in minimalkv: without it the folder is made by the first put."""
    plan = StorePlan.from_config(f"fs://{tmp_path}/new?create_if_missing=false")
    with pytest.raises(ConfigError, match="create_if_missing is false") as caught:
        plan.build()
    assert caught.value.store == plan.url
    store_from_url(f"fs://{tmp_path}/new?create_if_missing=true").put("a", b"1")
    assert plan.build().keys() == ["a"]


def test_a_default_time_to_live_is_set_where_values_expire() -> None:
    """`default_ttl_secs` holds for this store, and files do not know it."""
    for given in ("90", 90):
        store = store_from_config({"url": "memory://", "default_ttl_secs": given})
        assert store.default_ttl_secs == 90
        store.put("a", b"1")
        assert store.stat("a").expires is not None
    assert store_from_url("memory://?default_ttl_secs=forever").default_ttl_secs == "forever"
    assert "no option 'default_ttl_secs'" in refusal("fs://x?default_ttl_secs=90")
    assert "did you mean 'default_ttl_secs'?" in refusal("memory://?ttl_secs=90")


def test_decorators_are_applied_innermost_first() -> None:
    """A list of names and dicts, each around those before it."""
    plan = StorePlan.from_config(
        {
            "url": "hmemory://",
            "decorators": [
                {"prefix": "media/"},
                {"hmac": {"secret_key": "a secret", "hashfunc": "sha512"}},
                "urlencode",
                {"readonly": {}},
            ],
        }
    )
    assert repr(plan.build()) == (
        "<ReadOnlyDecorator on <URLEncodeKeysDecorator on <HMACDecorator on"
        " <PrefixDecorator 'media/' on <DictStore memory://?keys=path>>>>>"
    )
    assert repr(plan) == (
        "<StorePlan memory://?keys=path, prefix(prefix='media/'),"
        " hmac(secret_key='***', hashfunc='sha512'), urlencode, readonly>"
    )


@pytest.mark.parametrize(
    ("decorator", "key"),
    [
        ("random_id", r"[0-9a-z]{26}"),
        ({"random_id": "avatar-{id}.png"}, r"avatar-[0-9a-z]{26}\.png"),
        ({"uuid": "job-{}"}, r"job-[0-9a-f-]{36}"),
        ("hash", r"[0-9a-f]{64}"),
        ({"hash": {"hashfunc": "sha1", "template": "x{}"}}, r"x[0-9a-f]{40}"),
        ({"hash": {"secret": "env:PEPPER"}}, r"[0-9a-f]{64}"),
    ],
)
def test_decorators_that_make_keys(
    decorator: object, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids come from configuration, too, with their templates and hashes."""
    import re

    monkeypatch.setenv("PEPPER", "pepper")
    store = store_from_config({"url": "memory://", "decorators": [decorator]})
    assert re.fullmatch(key, store.put(None, b"value"))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("memory://?kyes=path", "no option 'kyes'; did you mean 'keys'?"),
        ("memory://?keys=pth", "option 'keys' takes 'strict' or 'path', not 'pth'"),
        ("fs://x?perm=888", "option 'perm' takes a file mode in octal digits, such as '640', not"),
        ("fs://x?perm=640&perm=640", "option 'perm' is given twice"),
        ("hfs://x?keys=path", "option 'keys' is given twice"),
        ("webfs://x", "option 'url_prefix' is missing: what `url_for` puts before the key"),
        ("memory://a/b", "the name in memory://name has letters, digits"),
        ("memory+prefix://", "decorator 'prefix': option 'prefix' is missing: goes before every"),
        ("memory+hmac://", "decorator 'hmac': option 'secret_key' is missing"),
        ({"url": "memory://", "keys": None}, "option 'keys' takes 'strict' or 'path', not None"),
        ({"url": "memory://", "keys": ["path"]}, "not a value of type list"),
        ({"url": "memory://?keys=path", "keys": "path"}, "option 'keys' is given twice"),
        ({"url": "memory://", "key": "path"}, "no option 'key'; did you mean 'keys'?"),
        ({"url": "memory://", 1: "path"}, "the name of an option is a str, not int"),
        ({"url": "memory+readonly://", "decorators": []}, "in the URL or beside it, not in both"),
        ({"url": "memory://#wrap:readonly", "decorators": ["readonly"]}, "not in both"),
        ({"url": "memory://", "decorators": "readonly"}, "'decorators' is a list, innermost first"),
        ({"url": "memory://", "decorators": {"prefix": "a"}}, "'decorators' is a list"),
        ({"url": "memory://", "decorators": [None]}, "a decorator is a name or a dict of one name"),
        ({"url": "memory://", "decorators": [{}]}, "a decorator is a name or a dict of one name"),
        ({"url": "memory://", "decorators": [{"a": 1, "b": 2}]}, "a dict of one name"),
        ({"url": "memory://", "decorators": [{1: 2}]}, "a dict of one name"),
        ({"url": "memory://", "decorators": ["prefx"]}, "no decorator 'prefx'; did you mean"),
        (
            {"url": "memory://", "decorators": [{"readonly": True}]},
            "takes a dict of options, or no",
        ),
        ({"url": "memory://", "decorators": [{"prefix": 1}]}, "'prefix' takes text, not 1"),
        ({"url": "memory://", "decorators": [{"prefix": {"prefx": "a"}}]}, "no option 'prefx'"),
        ({"url": "memory://", "decorators": [{"prefix": {1: "a"}}]}, "a str, not int"),
        ({"url": "memory://", "decorators": [{"prefix": "a/"}]}, "'/' is not allowed in a key"),
        ({"url": "hfs://x", "decorators": [{"prefix": "a" * 256}]}, "at most 255 bytes"),
        ({"url": "memory://", "decorators": [{"uuid": "a/{}"}]}, "decorator 'uuid': "),
        ({"url": "memory://", "decorators": [{"uuid": "{name}"}]}, "decorator 'uuid': "),
        ({"url": "memory://", "decorators": [{"hash": {"hashfunc": "md5"}}]}, "takes 'blake2b', "),
        ({"url": "memory://", "decorators": ["uuid", "readonly"]}, "'uuid' stands outermost"),
        ({"url": None}, "a store's dict has a 'url'"),
        ({}, "a store's dict has a 'url'"),
        (None, "by a URL, a dict with a 'url', a store or a callable, not NoneType"),
        (b"memory://", "not bytes"),
        (7, "not int"),
        (["memory://"], "not list"),
    ],
)
def test_what_is_wrong_is_told_when_it_is_read(config: object, expected: str) -> None:
    """The message names the option and what it takes; nothing has been built."""
    assert expected in refusal(config)


@pytest.mark.usefixtures("others")
def test_combinations_are_checked_by_the_backend() -> None:
    """A recipe refuses what cannot be used together, seeing address and options but no secret."""
    message = refusal("vault://patient:secret@h:1/x?retries=0")
    assert message == "the patient user needs retries (in vault://***@h:1/x?retries=0)"


@pytest.mark.usefixtures("others")
def test_what_the_address_says_is_not_said_again() -> None:
    """A password in the user info and as an option is one too many."""
    assert "option 'password' is given twice" in refusal("vault://:a@h:1/x?password=b")


@pytest.mark.usefixtures("others")
def test_a_store_is_closed_when_its_decorator_cannot_be_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was opened for a stack that did not come about is closed again."""
    monkeypatch.setenv("LATER", "there")
    plan = StorePlan.from_config({"url": "vault://h:1/x", "decorators": [{"hmac": "env:LATER"}]})
    closed = []
    monkeypatch.setattr(plan.store_class, "_close", lambda self: closed.append(self))
    monkeypatch.delenv("LATER")
    with pytest.raises(ConfigError, match="environment variable LATER is not set") as caught:
        plan.build()
    assert len(closed) == 1
    assert caught.value.store == plan.url == "vault://h:1/x"


def test_a_plan_is_frozen_and_builds_anew(tmp_path: Path) -> None:
    """Nothing changes a plan; each build is another store."""
    plan = StorePlan.from_config(f"hfs://{tmp_path}")
    with pytest.raises(AttributeError):
        plan.url = "fs:///elsewhere"  # type: ignore[misc]  # it is frozen
    with pytest.raises(TypeError):
        plan.options["root"] = "/elsewhere"  # type: ignore[index]  # it is frozen
    assert plan.build() is not plan.build()
    assert not list(tmp_path.iterdir()), "reading and building write nothing"


def test_other_forms_of_configuration() -> None:
    """A ready store is given back, a callable is called; a URL function wants a URL."""
    store = DictStore()
    assert store_from_config(store) is store
    assert store_from_config(lambda: store) is store
    assert isinstance(store_from_config(DictStore), DictStore)
    with pytest.raises(ConfigError, match="gave no store, but dict"):
        store_from_config(dict)  # type: ignore[call-overload]  # that is the point
    with pytest.raises(ConfigError, match="store_from_config takes other forms"):
        store_from_url({"url": "memory://"})  # type: ignore[arg-type]  # that is the point


def test_a_name_shares_one_store() -> None:
    """`memory://name` is one store in the process, whatever keys it takes; without, each is new."""
    one, two = store_from_url("memory://shared"), store_from_url("hmemory://shared")
    other = store_from_url("memory://Shared")
    one.put("key", b"1")
    two.put("a/b", b"2")
    assert two.get("key") == b"1"
    assert one.keys() == ["key"]
    assert other.keys() == []
    one.close()
    assert store_from_url("memory://shared").get("key") == b"1"
    assert store_from_url("memory://") is not store_from_url("memory://")
    assert isinstance(one, KeyValueStore)


def test_the_typed_dict_names_every_option_of_ours() -> None:
    """`StoreConfig` offers to type checkers what the backends take."""
    options = {name for scheme in BACKENDS for name in find_backend(scheme).recipe.options}
    assert set(StoreConfig.__annotations__) == {"url", "decorators"} | options
    assert StoreConfig.__required_keys__ == {"url"}
