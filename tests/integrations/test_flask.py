"""What is Flask's own: the extension, several apps in a process, `send_from_store`."""

import io
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import flask
import pytest
from flask import Blueprint, Flask, Response, request
from kvcore_flask import KVCore, current_store, save_upload, send_from_store
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.test import create_environ

from kvcore import (
    ConfigError,
    DictStore,
    FilesystemStore,
    KeyValueStore,
    StoreError,
    Stores,
    UploadRefused,
)

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


def test_the_environment_names_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON, by our own variable or by Flask's prefix; what the config says goes before it."""
    monkeypatch.setenv("KVCORE_STORES", '{"default": "memory://from-variable"}')
    monkeypatch.setenv("FLASK_KVCORE_STORES", '{"default": "memory://from-prefix"}')
    monkeypatch.setenv("FLASK_KVCORE_STORES__media", "memory://nested")
    plain, prefixed = new_app(None), new_app(None)
    prefixed.config.from_prefixed_env()
    for app, url in ((plain, "memory://from-variable"), (prefixed, "memory://from-prefix")):
        KVCore(app)
        with app.app_context():
            assert url in repr(current_store())
    with prefixed.app_context():
        assert "memory://nested" in repr(current_store("media"))
    monkeypatch.setenv("KVCORE_STORES", "{")
    with pytest.raises(ConfigError, match="KVCORE_STORES"):
        KVCore(new_app(None))


def test_the_stores_stand_in_the_extensions() -> None:
    """For scripts and commands; the store of a name is the same object whenever asked."""
    app = new_app({"default": "memory://", "media": "memory://"})
    KVCore(app)
    stores = app.extensions["kvcore"]
    assert isinstance(stores, Stores)
    assert list(stores) == ["default", "media"]
    with app.app_context():
        assert current_store("media") is stores["media"] is current_store("media")


def test_an_app_is_set_up_once() -> None:
    """A second set of stores would be a second memory, and hide what the first one holds."""
    app = new_app({"default": "memory://"})
    kvcore = KVCore(app)
    for again in (kvcore.init_app, KVCore):
        with pytest.raises(RuntimeError, match="has its stores already"):
            again(app)


def test_blueprints_use_the_stores_of_their_app() -> None:
    """One blueprint, registered in two apps."""
    pages = Blueprint("pages", __name__)

    @pages.get("/")
    def view() -> Response:
        return send_from_store("default", "key")

    for value in (b"one", b"other"):
        app = new_app({"default": DictStore({"key": value})})
        KVCore(app)
        app.register_blueprint(pages, url_prefix="/pages")
        assert app.test_client().get("/pages/").data == value


def test_async_views_store_and_send() -> None:
    """Flask runs each in an event loop of its own; our calls do not mind a running one."""
    app = new_app({"default": DictStore()})
    KVCore(app)

    @app.post("/")
    async def upload() -> str:
        return save_upload(request.files["picture"])

    @app.get("/<key>")
    async def view(key: str) -> Response:
        return send_from_store("default", key)

    client = app.test_client()
    key = client.post("/", data={"picture": (io.BytesIO(PNG[:99]), "a.png")}).text
    assert client.get(f"/{key}").data == PNG[:99]


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


class Wrapper:
    """A server's file wrapper that looks at the descriptor, as those with sendfile do."""

    def __init__(self, file: io.BytesIO, size: int) -> None:
        self.file, self.close = file, file.close
        self.sent = os.pread(file.fileno(), len(PNG) + 1, os.lseek(file.fileno(), 0, os.SEEK_CUR))

    def __iter__(self) -> Iterator[bytes]:
        return iter([self.sent])


def test_the_server_sends_local_files_itself(tmp_path: Path) -> None:
    """Through its `wsgi.file_wrapper`, unchanged; a range and a value in memory go without it."""
    store = FilesystemStore(tmp_path)
    store.put("key", PNG)
    app = new_app({"default": store, "memory": DictStore({"key": PNG})})
    KVCore(app)
    app.add_url_rule("/<name>", view_func=lambda name: send_from_store(name, "key"))

    def body(path: str, **environ: str) -> Iterable[bytes]:
        asked = {**create_environ(path), **environ, "wsgi.file_wrapper": Wrapper}
        return app(asked, lambda *_: io.BytesIO().write)

    whole = body("/default")
    assert isinstance(whole, Wrapper)
    assert whole.sent == PNG
    whole.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(whole.file.fileno())
    for part in (body("/default", HTTP_RANGE="bytes=1-"), body("/memory", HTTP_RANGE="bytes=1-")):
        assert not isinstance(part, Wrapper)
        assert b"".join(part) == PNG[1:]


def test_werkzeugs_own_conditions_change_nothing() -> None:
    """Apps that make all their responses conditional get the same ones from us as others."""
    plain, conditional = (new_app({"default": DictStore({"key": PNG})}) for _ in range(2))
    for app in (plain, conditional):
        KVCore(app)
        app.add_url_rule("/", view_func=lambda: send_from_store("default", "key"))
    conditional.after_request(lambda response: response.make_conditional(request))
    etag = plain.test_client().get("/").headers["ETag"]
    assert plain.test_client().get("/").get_etag() == (etag.strip('"'), False)
    for name, value in [
        ("If-None-Match", etag),
        ("If-None-Match", '"other"'),
        ("If-Match", '"other"'),
        ("Range", "bytes=1-3"),
        ("Range", "bytes=99999999-"),
    ]:
        one, other = (a.test_client().get("/", headers={name: value}) for a in (plain, conditional))
        with one, other:
            assert one.status_code == other.status_code
            assert one.get_data() == other.get_data()


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


def test_a_form_field_without_a_file_is_explained() -> None:
    """A str is what a form has that was sent without its files."""
    app = new_app({"default": "memory://"})
    KVCore(app)
    with app.app_context(), pytest.raises(TypeError, match="multipart/form-data"):
        save_upload("cat.png")  # type: ignore[arg-type]


def test_a_client_that_leaves_while_it_uploads_leaves_nothing() -> None:
    """The answer is Flask's own 400, and what was received is closed with the request."""
    halves: list[io.BytesIO] = []

    class Request(flask.Request):
        """One of the app's own."""

        def _get_file_stream(self, *_: object, **__: object) -> io.BytesIO:
            halves.append(io.BytesIO())
            return halves[-1]

    app = uploading({})
    app.request_class = Request
    KVCore(app)
    head = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n'
    answer = app.test_client().post(
        "/",
        input_stream=io.BytesIO(head + PNG[:5000]),
        content_type="multipart/form-data; boundary=x",
        content_length=10**6,
    )
    assert answer.status_code == 400
    assert [half.closed for half in halves] == [True]
