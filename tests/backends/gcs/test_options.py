"""Options show in what is sent, or in the client."""

import base64
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from google.auth.exceptions import TransportError
from google.cloud.storage import Client
from google.oauth2.credentials import Credentials

from kvcore import ConfigError, GoogleCloudStore, StoreError, store_from_config, store_from_url
from kvcore.config import StorePlan
from tests.backends.gcs.conftest import EMAIL, KEY_ID, Place
from tests.backends.gcs.front import Request


def sent(place: Place, **options: Any) -> tuple[Request, dict[str, Any]]:
    """The request of a put, and what it says of the object."""
    with place.store(**options) as store:
        store.put("key", b"value")
    (request,) = place.front.requests
    head = request.body.split(b"\r\n\r\n")[1].split(b"\r\n")[0]
    return request, json.loads(head)


@pytest.mark.parametrize(
    ("options", "query", "properties"),
    [
        ({"acl": "publicRead"}, {"predefinedAcl": "publicRead"}, {}),
        ({"storage_class": "NEARLINE"}, {}, {"storageClass": "NEARLINE"}),
        ({"headers": {"Cache-Control": "no-cache"}}, {}, {"cacheControl": "no-cache"}),
        (
            {"headers": {"Content-Disposition": "inline", "x-goog-meta-Owner": "ann"}},
            {},
            {"contentDisposition": "inline", "metadata": {"owner": "ann"}},
        ),
        (
            {"headers": {"Content-Language": "de", "Content-Encoding": "br"}},
            {},
            {"contentLanguage": "de", "contentEncoding": "br"},
        ),
        ({"kms_key": "projects/p/k"}, {"kmsKeyName": "projects/p/k"}, {}),
        ({"user_project": "payer"}, {"userProject": "payer"}, {}),
    ],
)
def test_what_objects_get(
    options: dict[str, Any], query: dict[str, str], properties: dict[str, Any], place: Place
) -> None:
    """An option goes out with every put, by Python and by URL alike."""
    request, found = sent(place, **options)
    assert query.items() <= request.query.items()
    assert properties.items() <= found.items()
    place.front.counted()
    shown = {
        name: json.dumps(value) if isinstance(value, dict) else value
        for name, value in options.items()
    }
    with store_from_url(place.url(**shown)) as store:
        store.put("key", b"value")
    (again,) = place.front.requests
    assert query.items() <= again.query.items()


def test_who_pays_is_told_with_every_request(place: Place) -> None:
    """Also where we ask past the client's methods."""
    with place.store(keys="path", user_project="payer", part_size=256 * 1024) as store:
        store.put("key", bytes(300_000))
        store.get("key")
        store.stat("key")
        store.copy("key", "other")
        store.keys()
        store.delete("key")
    asked = [request for request in place.front.requests if request.method != "PUT"]
    assert {request.query.get("userProject") for request in asked} == {"payer"}


def test_the_prefix_stands_as_it_is(place: Place) -> None:
    """Before every key, also without a slash."""
    with place.store("pre/fix-", keys="path") as store:
        store.put("a/key", b"value")
        assert place.bucket.keys() == ["pre/fix-a/key"]
        assert store.keys() == ["a/key"]
        assert store.keys("a/") == ["a/key"]
        assert store.get("a/key") == b"value"


def test_the_type_is_told_by_the_key(place: Place) -> None:
    """Unless the caller gives one; what nobody knows is bytes."""
    with place.store(keys="path") as store:
        for key in ("cat.png", "dir.x/page.HTML", "a.tar.gz", "plain", "data:,x"):
            store.put(key, b"")
        store.put("given.png", b"", content_type="text/plain")
        types = {key: stat.content_type for key, stat in store.iter_stats()}
    assert types == {
        "cat.png": "image/png",
        "dir.x/page.HTML": "text/html",
        "a.tar.gz": "application/gzip",
        "plain": "application/octet-stream",
        "data:,x": "application/octet-stream",
        "given.png": "text/plain",
    }


def test_create_if_missing(place: Place) -> None:
    """The bucket is made with the first use, where it was said; twice is no error."""
    name = f"{place.bucket.name}-made"
    for _ in range(2):
        options = {"project": "payer", "location": "europe-west3", "create_if_missing": "true"}
        with store_from_url(place.url(**options).replace(place.bucket.name, name)) as store:
            assert place.front.requests == []
            store.put("key", b"value")
            assert store.keys() == ["key"]
        made = [request for request in place.front.requests if str(request) == "POST bucket"]
        place.front.requests.clear()
        for request in made:
            assert request.query["project"] == "payer"
            assert json.loads(request.body) == {"location": "europe-west3", "name": name}
    assert made == []
    place.bucket.direct.bucket(name).delete(force=True)


def test_a_missing_bucket_is_told(place: Place) -> None:
    """With what to do about it."""
    store = GoogleCloudStore("no-such-bucket", endpoint=place.front.endpoint)
    with store, pytest.raises(StoreError, match="no such bucket: create it, or set create_if"):
        store.put("key", b"value")
    with store, pytest.raises(StoreError, match="no such bucket"):
        store.keys()


def test_pool_and_times(place: Place) -> None:
    """They reach the session and the requests of the client."""
    with place.store(pool_size=7, connect_timeout=1, deadline=4, retries=0) as store:
        store.put("key", b"value")
        link = store._connector.link()
        adapter = link.client._http.get_adapter("https://storage.googleapis.com")
        assert adapter._pool_maxsize == 7
        connect, read = link.call(lambda timeout: timeout)
    assert connect == 1
    assert 3.9 < read <= 4


def test_a_service_account(account: str, tmp_path: Path) -> None:
    """By file, by JSON, and as minimalkv writes it; no key is ever shown."""
    path = tmp_path / "account.json"
    path.write_text(account)
    encoded = base64.urlsafe_b64encode(account.encode()).decode().rstrip("=")
    standard = base64.b64encode(account.encode()).decode().replace("/", "%2F")
    stores = [
        store_from_url(f"gcs://bucket/pre?credentials={path}"),
        store_from_config({"url": "gcs://bucket/pre", "credentials_json": account}),
        store_from_url(f"hgcs://{encoded}@bucket/pre"),
        store_from_url(f"gcs://{standard}@bucket/pre"),
    ]
    for store in stores:
        assert isinstance(store, GoogleCloudStore)
        for one in (store, pickle.loads(pickle.dumps(store))):
            credentials = one._connector.credentials()
            assert credentials is not None
            assert credentials.service_account_email == EMAIL
            assert one._place() == (("gcs", None, "bucket"), "pre")
            for shown in (repr(one), str(one._connector), one._url()):
                assert KEY_ID not in shown
                assert "PRIVATE" not in shown
        store.close()
    assert stores[2].keyspace.name == "path"


def test_application_default_credentials(
    account: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the machine, where none are given."""
    path = tmp_path / "account.json"
    path.write_text(account)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with GoogleCloudStore("bucket") as store:
        credentials = store._connector.credentials()
        assert credentials is not None
        assert credentials.service_account_email == EMAIL
        assert store._connector.link().client.project == "kvcore-tests"


def test_an_emulator_by_its_variable(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Google's own libraries find it, and with nothing signed."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", place.front.endpoint)
    with GoogleCloudStore(place.bucket.name) as store:
        store.put("key", b"value")
    assert place.bucket.get("key") == b"value"
    assert "authorization" not in place.front.requests[0].headers


def test_no_token_goes_over_plain_http(place: Place, account: str) -> None:
    """Credentials given with such an endpoint sign URLs, and are not sent."""
    with place.store(credentials_json=account) as store:
        store.put("key", b"value")
        assert "X-Goog-Signature" in store.url_for("key")
    assert "authorization" not in place.front.requests[0].headers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json, but a secret", "the JSON that Google gives"),
        ('{"a": "secret"}', "the JSON that Google gives"),
        ('{"type": "service_account", "private_key": "secret"}', "not usable"),
        ('{"type": "external_account", "x": "secret"}', "GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_unusable_credentials(text: str, message: str) -> None:
    """They are told without a word of them."""
    with pytest.raises(ConfigError, match=message) as caught:
        GoogleCloudStore("bucket", credentials_json=text).get("key")
    assert "secret" not in str(caught.value)


def test_a_missing_file_of_credentials() -> None:
    """It is named, when it is needed."""
    store = GoogleCloudStore("bucket", credentials="/no/such/file")
    with pytest.raises(StoreError, match="/no/such/file"):
        store.get("key")


def test_credentials_of_the_machine_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error of ours, not one of a connection that broke."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path))
    for call in (GoogleCloudStore.get, GoogleCloudStore.url_for):
        with pytest.raises(StoreError, match="credentials cannot be read"):
            call(GoogleCloudStore("bucket"), "key")


def test_credentials_that_no_client_takes(account: str) -> None:
    """Those of another cloud, or of a strange form, are told as such."""
    for strange in ({"universe_domain": "other.example"}, {"project_id": 5}):
        text = json.dumps({**json.loads(account), **strange})
        with pytest.raises(ConfigError, match="no client can be made") as caught:
            GoogleCloudStore("bucket", credentials_json=text).get("key")
        assert "PRIVATE" not in str(caught.value)


def test_a_machine_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client asks it where it is; what goes wrong there is an error of ours, too."""

    class Machine(Credentials):
        @property
        def universe_domain(self) -> str:
            raise TransportError("no route")  # type: ignore[no-untyped-call]

    monkeypatch.setattr("google.auth.default", lambda **_: (Machine("token"), None))  # type: ignore[no-untyped-call]
    with pytest.raises(StoreError, match="could not be reached"):
        GoogleCloudStore("bucket").get("key")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("gcs://", "a bucket is missing"),
        ("gcs://bucket?acl=publicread", "takes one of .*publicRead"),
        ("gcs://a", "name of a bucket"),
        ("gcs://UPPER/x", "name of a bucket"),
        ("gcs://secret@bucket", "credentials as base64"),
        ("gcs://bucket?part_size=1", "part_size"),
        ("gcs://bucket?part_size=262145", "multiple of 256 KiB"),
        ("gcs://bucket?headers=x", "takes JSON"),
        ('gcs://bucket?headers={"X-Other":"1"}', "x-goog-meta-"),
        ('gcs://bucket?headers={"Cache-Control":"ü"}', "ASCII"),
        ("gcs://bucket?anonymous=true&credentials=/x", "give no credentials"),
        ("gcs://bucket?location=eu&bucket_creation_location=eu", "give one"),
        ("gcs://bucket?endpoint=localhost", "takes an address"),
        ("gcs://bucket?projet=x", "did you mean 'project'"),
    ],
)
def test_mistakes_are_told_when_configuration_is_read(url: str, message: str) -> None:
    """With the right way, and before anything is opened."""
    with pytest.raises(ConfigError, match=message):
        StorePlan.from_config(url)


def test_a_store_shows_its_url(place: Place) -> None:
    """From which another one like it can be made, headers and all."""
    headers = '{"Cache-Control":"no-cache","x-goog-meta-owner":"ann"}'
    with store_from_url(place.url("pre/", keys="path", headers=headers)) as store:
        shown = repr(store).removeprefix("<GoogleCloudStore ").removesuffix(">")
        with store_from_url(shown) as again:
            assert repr(again) == repr(store)
            again.put("key", b"value")
    (request,) = place.front.requests
    assert b'"cacheControl": "no-cache"' in request.body
    assert b'"owner": "ann"' in request.body


@pytest.mark.parametrize("options", [{"project": "p"}, {"endpoint": "http://x"}, {"pool_size": 3}])
def test_a_client_has_its_own_settings(options: dict[str, Any], place: Place) -> None:
    """What it cannot get from us is refused, not ignored."""
    with pytest.raises(TypeError, match="its own settings"):
        GoogleCloudStore("bucket", client=place.client(), **options)
    with pytest.raises(TypeError, match=r"google\.cloud\.storage\.Client, not str"):
        GoogleCloudStore("bucket", client="client")  # type: ignore[arg-type]


def test_a_client_is_used_and_not_closed(place: Place) -> None:
    """With our times; it still works after the store is closed."""
    client: Client = place.client()
    with GoogleCloudStore(place.bucket.name, client=client, deadline=4) as store:
        store.put("key", b"value")
        assert store._connector.link().call(lambda timeout: timeout)[1] <= 4
    assert client.bucket(place.bucket.name).blob("key").download_as_bytes() == b"value"


def test_minimalkvs_names(place: Place) -> None:
    """`bucket_creation_location` is understood."""
    url = place.url(bucket_creation_location="EUROPE-WEST3", create_if_missing="true")
    with store_from_url(url) as store:
        store.put("key", b"value")
