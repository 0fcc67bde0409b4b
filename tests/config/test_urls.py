"""URLs: split strictly, shown without secrets, the path as it stands."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvcore import ConfigError, FilesystemStore, StorePlan, store_from_config, store_from_url
from kvcore.config.urls import redacted, split
from kvcore.recipe import Address, percent_decoded, url_text
from kvcore.registry import find_backend

TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("memory://", ("memory", (), "", ())),
        ("MEMORY://Name", ("memory", (), "Name", ())),
        ("fs://Rel/Path", ("fs", (), "Rel/Path", ())),
        ("fs:///Abs?keys=path&perm=640", ("fs", (), "/Abs", (("keys", "path"), ("perm", "640")))),
        ("fs://x?a=%26%3D%2B+", ("fs", (), "x", (("a", "&=++"),))),
        ("fs://x?a=b=c?d", ("fs", (), "x", (("a", "b=c?d"),))),
        ("fs+readonly+urlencode://x", ("fs", ("urlencode", "readonly"), "x", ())),
        ("fs://x#wrap:readonly+urlencode", ("fs", ("readonly", "urlencode"), "x", ())),
        ("fs+random_id://x", ("fs", ("random_id",), "x", ())),
        ("redis://u:p@h:1/0", ("redis", (), "u:p@h:1/0", ())),
    ],
)
def test_a_url_is_split(url: str, expected: object) -> None:
    """Scheme, decorators innermost first, address as it stands, options decoded."""
    assert tuple(split(url)) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "memory:",
        "memory:/x",
        "://x",
        "+readonly://x",
        "memory+://x",
        "memory++readonly://x",
        "me mory://x",
        "1memory://x",
        "mémory://x",
        " memory://",
        "memory:// ",
        "fs://media ",
        "fs://media?keys=path\u2003",
        "memory://\n",
        "mem\tory://",
        "memory://a\x00",
        "memory://\ud800",
        "memory://?",
        "memory://?keys",
        "memory://?keys=",
        "memory://?=path",
        "memory://?keys=path&",
        "memory://?&keys=path",
        "memory://?keys=%",
        "memory://?keys=%zz",
        "memory://?keys=%ff",
        "memory://?keys=a%00",
        "memory://?keys=%ed%a0%80",
        "memory://#",
        "memory://#readonly",
        "memory://#wrap:",
        "memory://#wrap:readonly+",
        "memory://#wrap:readonly#wrap:urlencode",
        "memory+readonly://#wrap:urlencode",
    ],
)
def test_what_is_not_quite_a_url_is_refused(url: str) -> None:
    """Nothing is stripped, repaired or ignored."""
    with pytest.raises(ConfigError):
        store_from_url(url)


def test_decorators_apply_in_the_order_of_minimalkv() -> None:
    """In the scheme the first is outermost, in the fragment the last."""
    for url, outer, inner in [
        ("memory+readonly+urlencode://", "ReadOnlyDecorator", "URLEncodeKeysDecorator"),
        ("memory+urlencode+readonly://", "URLEncodeKeysDecorator", "ReadOnlyDecorator"),
        ("memory://#wrap:readonly+urlencode", "URLEncodeKeysDecorator", "ReadOnlyDecorator"),
        ("memory://#wrap:urlencode+readonly", "ReadOnlyDecorator", "URLEncodeKeysDecorator"),
    ]:
        store = store_from_url(url)
        assert (type(store).__name__, type(store._inner).__name__) == (outer, inner), url


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("Rel/Path", "Rel/Path"),
        ("/Abs/Path", "/Abs/Path"),
        ("MEDIA", "MEDIA"),
        ("./media", "./media"),
        ("my%20media/caf%C3%A9", "my media/café"),
        ("my media", "my media"),
        ("a+b", "a+b"),
        ("a:80/b@c", "a:80/b@c"),
        ("%252e%252e/x", "%2e%2e/x"),
        ("..a/b..", "..a/b.."),
        ("a%3Fb%23c", "a?b#c"),
    ],
)
def test_a_path_keeps_its_case_and_its_form(address: str, path: str) -> None:
    """Relative or absolute, the first segment is no host; escapes are decoded once."""
    assert Address(address).path() == path


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/",
        "//",
        "..",
        "../x",
        "/../etc",
        "a/..",
        "a/../b",
        "%2e%2e/x",
        "a/%2E./b",
        "a%2f..%2fb",
        "a\\..\\b",
        "a%5c..%5cb",
        "~/media",
        "a%00b",
        "a%0Ab",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(address: str) -> None:
    """No parent segments, however they are written, no empty path, nothing that is not expanded."""
    with pytest.raises(ConfigError):
        Address(address).path()
    with pytest.raises(ConfigError):
        store_from_url(f"fs://{address}")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", (None, None, None, None, None)),
        ("/0", (None, None, None, None, "0")),
        ("Host", (None, None, "Host", None, None)),
        ("host:6379/", (None, None, "host", 6379, "")),
        (":p%3Aw@h", (None, "p:w", "h", None, None)),
        ("u@h/a/b", ("u", None, "h", None, "a/b")),
        ("u:p:w@h:1/x%20y", ("u", "p:w", "h", 1, "x y")),
        ("u:p@w@h", ("u", "p@w", "h", None, None)),
        ("u:@[::1]:80/x", ("u", "", "::1", 80, "x")),
        ("[::1]", (None, None, "::1", None, None)),
        ("h1,h2", (None, None, "h1,h2", None, None)),
    ],
)
def test_a_server_is_read(address: str, expected: object) -> None:
    """User info, host, port and path, decoded; what is absent is None."""
    assert tuple(Address(address).server()) == expected


@pytest.mark.parametrize(
    "port", ["", "0", "65536", "x", "-1", "+1", "\u0661", "1_0", "999999", "s/a@b"]
)
def test_a_port_is_a_number(port: str) -> None:
    """Also where a password was not percent-encoded; it is not repeated."""
    with pytest.raises(ConfigError, match="the port is a number from 1 to 65535") as caught:
        Address(f"user:{port}" if "/" in port else f"host:{port}").server()
    assert "s/a" not in str(caught.value)


def test_folders_are_found_where_the_url_says(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Absolute and relative URLs name the folders that a constructor would."""
    root = tmp_path_factory.mktemp("Root")
    monkeypatch.chdir(root)
    for url, place in {
        f"fs://{root}/Some%20Folder": root / "Some Folder",
        "fs://Rel/Path": root / "Rel" / "Path",
        "hfs://Other": root / "Other",
    }.items():
        plan = StorePlan.from_config(url)
        with monkeypatch.context() as later:
            later.chdir("/")  # between reading and building
            store = plan.build()
        assert isinstance(store, FilesystemStore)
        store.put("key", url.encode())
        assert (place / "key").read_bytes() == url.encode()
        assert store.root == str(place)


@given(path=TEXT.filter(lambda path: path.strip("/\\")), value=TEXT.filter(bool))
@example(path="a%2e b?c#d&e=f+g", value="%&#+ =?é ")
def test_what_a_store_shows_is_read_back(path: str, value: str) -> None:
    """`url_text` and `split` are inverse for any address and value."""
    url = url_text("webfs", path, {"url_prefix": value})
    parts = split(url)
    assert percent_decoded(parts.address) == path
    assert parts.options == (("url_prefix", value),)


@given(
    name=st.text(
        st.characters(exclude_characters="/\\~.", exclude_categories=["Cc", "Cs"]), min_size=1
    )
)
def test_the_repr_of_a_store_builds_its_like(name: str) -> None:
    """The URL in a repr gives a store with the same folder and options."""
    config = {"url": "webfs:///srv", "url_prefix": name, "keys": "path", "perm": 0o604}
    for store in (
        store_from_config(config),
        FilesystemStore(f"/srv/{name}", durability="atomic"),
        store_from_url("memory://x?keys=path&default_ttl_secs=1.5"),
    ):
        again = store_from_url(repr(store).partition(" ")[2][:-1])
        assert repr(again) == repr(store)
        assert getattr(again, "root", None) == getattr(store, "root", None)
        assert getattr(again, "url_prefix", None) == getattr(store, "url_prefix", None)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:pw@host:1/0?x=y", "redis://***@host:1/0?x=***"),
        ("redis://:p@w@host/0", "redis://***@host/0"),
        ("s3://key:se/cr?e#t@host/bucket", "s3://***@host/bucket"),
        ("user:pw@host://x", "***@host..."),
        ("redis:user:pw@host/0", "***@host/0"),
        ("redis:pw", "redis..."),
        ("key=value", "key..."),
        ("token@host", "***@host"),
        ("/srv/media", "/srv/media"),
        ("x://a\nb", "x://a\N{REPLACEMENT CHARACTER}b"),
        ("x://y#secret", "x://y#..."),
        ("x://y#wrap:readonly", "x://y#wrap:readonly"),
        (f"x://{'y' * 500}", f"x://{'y' * 196}..."),
    ],
)
def test_a_url_of_an_unknown_scheme_is_shown_without_what_may_be_secret(
    url: str, shown: str
) -> None:
    """What a user needs to find the mistake stays, user info and values go."""
    assert redacted(url, None) == shown


def test_a_url_of_a_known_scheme_shows_the_values_of_its_options() -> None:
    """Values of options that are known and not secret help to find a mistake."""
    recipe = find_backend("fs").recipe
    url = "fs:///srv/me@home?keys=pth&password=hunter2"
    assert redacted(url, recipe) == "fs:///srv/me@home?keys=pth&..."
    assert redacted("fs://user:pw@host/x", recipe) == "fs://***@host/x"
