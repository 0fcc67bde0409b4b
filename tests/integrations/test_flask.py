"""What is Flask's own: the extension, several apps in a process, `send_from_store`."""

import io
import threading
from collections.abc import Iterator

import pytest
from flask import Flask, Response, request
from kvcore_flask import KVCore, current_store, save_upload, send_from_store
from werkzeug.exceptions import MethodNotAllowed

from kvcore import ConfigError, DictStore, KeyValueStore, StoreError, UploadRefused

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4000


def new_app(stores: dict[str, object] | None) -> Flask:
    app = Flask(__name__)
    if stores is not None:
        app.config["KVCORE_STORES"] = stores
    return app


def test_each_app_has_its_own_stores() -> None:
    """One extension object, several apps in a process, at the same time in several threads."""
    kvcore = KVCore()
    apps = [new_app({"default": "memory://"}) for _ in range(3)]
    for app in apps:
        kvcore.init_app(app)
    found: list[list[str]] = []

    def use(app: Flask, name: str) -> None:
        with app.app_context():
            current_store().put(f"{name}/key", b"")
            found.append(current_store().keys())

    threads = [
        threading.Thread(target=use, args=(app, str(number))) for number, app in enumerate(apps)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [["0/key"], ["1/key"], ["2/key"]]


def test_apps_may_share_a_ready_store() -> None:
    """An entry may be a store; then it is that very store."""
    store = DictStore()
    one, other = new_app({"default": store}), new_app({"shared": store})
    KVCore(one)
    KVCore(other)
    with one.app_context():
        current_store().put("a/b", b"value")
    with other.app_context():
        assert current_store("shared").get("a/b") == b"value"
        assert current_store(store).get("a/b") == b"value"


def test_a_wrong_configuration_fails_at_start() -> None:
    """A misspelt URL when the app is made, a misspelt name when it is used, naming the right."""
    with pytest.raises(ConfigError, match="store 'default'"):
        KVCore(new_app({"default": "memry://"}))
    app = new_app({"default": "memory://"})
    KVCore(app)
    with app.app_context(), pytest.raises(ConfigError, match="default"):
        current_store("defualt")


def test_an_app_without_stores_is_explained() -> None:
    """The extension was not set up for this app, or its config names no store."""
    with new_app({}).app_context(), pytest.raises(RuntimeError, match=r"KVCore\(app\)"):
        current_store()
    app = new_app(None)
    KVCore(app)
    with app.app_context(), pytest.raises(ConfigError, match="there is no store 'default'"):
        current_store()


def test_a_download_has_the_name_that_the_view_gives() -> None:
    """A store may be named or given; the response may be changed like any other."""
    app = new_app({"default": DictStore({"key": PNG})})
    KVCore(app)

    @app.get("/<name>")
    def view(name: str) -> Response:
        response = send_from_store("default", "key", filename=name, as_attachment=True)
        response.headers["Cache-Control"] = "no-store"
        return response

    with app.test_client().get("/my cat.png") as response:
        assert response.data == PNG
        assert response.headers["Content-Disposition"] == 'attachment; filename="my cat.png"'
        assert response.headers["Cache-Control"] == "no-store"


class Cut(DictStore):
    """Promises more than there is: what a failing disk does."""

    opened: list[object]

    def _open(self, key: str) -> object:
        reader = super()._open(key)
        reader.stat = reader.stat._replace(size=reader.stat.size + 1)
        self.opened.append(reader)
        return reader


@pytest.fixture
def cut() -> Iterator[KeyValueStore]:
    store = Cut({"key": PNG})
    store.opened = []
    yield store
    assert all(reader.closed for reader in store.opened)
    assert store.opened


def test_a_value_that_ends_early_breaks_the_connection(cut: KeyValueStore) -> None:
    """The client was promised more bytes, so an end without an error would be a lie."""
    app = new_app({"default": cut})
    app.testing = True
    KVCore(app)
    app.add_url_rule("/", view_func=lambda: send_from_store("default", "key"))
    response = app.test_client().get("/")
    with pytest.raises(StoreError, match="1 bytes too early"):
        response.get_data()
    response.close()


def test_what_is_not_read_is_closed(cut: KeyValueStore) -> None:
    """A client that goes away leaves no file open."""
    app = new_app({"default": cut})
    KVCore(app)
    app.add_url_rule("/", view_func=lambda: send_from_store("default", "key"))
    app.test_client().get("/").close()
    app.test_client().head("/").close()


def test_only_reading_requests_are_answered() -> None:
    """A value is no answer to a POST: the route says which methods it takes."""
    app = new_app({"default": DictStore({"key": PNG})})
    KVCore(app)
    app.add_url_rule("/", view_func=lambda: send_from_store("default", "key"))
    assert app.test_client().post("/").status_code == MethodNotAllowed.code


def test_a_view_may_answer_a_post_with_a_value() -> None:
    """Whole, whatever range or condition the request has; with the caching that it asks for."""
    app = new_app({"default": DictStore({"key": PNG})})
    KVCore(app)

    @app.post("/")
    def view() -> Response:
        return send_from_store("default", "key", cache_control="no-store")

    asked = {"Range": "bytes=0-9", "If-None-Match": "*"}
    with app.test_client().post("/", headers=asked) as response:
        assert (response.status_code, response.data) == (200, PNG)
        assert response.headers["Cache-Control"] == "no-store"


REFUSED = [
    ({"max_bytes": 9}, (PNG[:99], "a.png"), 413, "more than 9 bytes"),
    ({"content_types": {"image/*"}}, (b"<html>", "a.png"), 415, "text/html"),
    ({}, (b"", ""), 400, "no file was chosen"),
]


def uploading(rules: dict[str, object]) -> Flask:
    app = new_app({"default": "memory://"})

    @app.post("/")
    def upload() -> str:
        return save_upload(request.files["picture"], **rules)

    return app


@pytest.mark.parametrize(("rules", "picture", "status", "text"), REFUSED)
def test_a_refused_upload_is_the_clients_fault(
    rules: dict[str, object], picture: tuple[bytes, str], status: int, text: str
) -> None:
    """A view that catches nothing answers 413, 415 or 400, by the app's own page if it has one."""
    for own_page in (False, True):
        app = uploading(rules)
        KVCore(app)
        if own_page:
            app.register_error_handler(status, lambda error: (f"own: {error.description}", 422))
        form = {"picture": (io.BytesIO(picture[0]), picture[1])}
        response = app.test_client().post("/", data=form)
        assert response.status_code == (422 if own_page else status)
        assert text in response.text
        assert response.text.startswith("own: ") == own_page


@pytest.mark.parametrize("before", [False, True])
def test_an_app_may_answer_refused_uploads_itself(before: bool) -> None:
    """Its handler is used, whether it was registered before or after `init_app`."""
    app = uploading({"max_bytes": 1})
    if not before:
        KVCore(app)
    app.register_error_handler(UploadRefused, lambda error: (f"mine: {error}", 418))
    if before:
        KVCore(app)
    response = app.test_client().post("/", data={"picture": (io.BytesIO(PNG[:99]), "a.png")})
    assert (response.status_code, response.text[:5]) == (418, "mine:")
