"""The picture shelf on Flask."""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
)
from kvcore_flask import (
    KVCore,
    current_sessions,
    current_store,
    save_upload,
    send_from_store,
    session,
)
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as AnyResponse

from example_sites import shelf
from example_sites.shelf import Picture, places, settings
from kvcore import InvalidKey, KeyNotFound, UploadRefused
from kvcore.mime import PICTURES
from kvcore.uploads import http_status

site = Blueprint("shelf", __name__)


def create_app(config: dict[str, Any] | None = None) -> Flask:
    """An app; ``config`` goes before what the environment says."""
    app = Flask(
        __name__,
        template_folder=str(shelf.TEMPLATES),
        static_folder=str(shelf.STATIC),
        static_url_path="/static",
    )
    app.config.from_mapping(
        KVCORE_STORES=settings.STORES,
        KVCORE_SESSION_POLICY=places.POLICY,
        MAX_BYTES=settings.MAX_BYTES,
        SECRET_KEY=settings.SECRET_KEY,
        SESSION_COOKIE_NAME="shelf_flask",  # cookies do not tell the ports of a host apart
        SESSION_COOKIE_SAMESITE="Lax",
        TRUSTED_HOSTS=settings.HOSTS,
    )
    app.config.from_mapping(config or {})
    stores = app.config["KVCORE_STORES"]
    app.config.setdefault("KVCORE_SESSION_STORE", settings.session_store(stores))
    KVCore(app)
    app.register_blueprint(site)
    return app


def page(template: str, status: int = 200, **content: object) -> Response:
    notice = session.pop("notice", "")
    person = session.get("person", "")
    html = render_template(template, framework="Flask", person=person, notice=notice, **content)
    return make_response(html, status, shelf.PAGE_HEADERS)


def back(notice: str, to: str = "/") -> AnyResponse:
    session["notice"] = notice
    return redirect(to, 303)


def find(name: str) -> Picture:
    key = shelf.RECORDS + name
    return Picture.load(key, current_store().get(key))


@site.before_app_request
def check() -> AnyResponse | None:
    if request.routing_exception:
        return None  # such as another host than ours: nothing to see, whoever asks
    if request.method == "POST":
        if shelf.is_foreign(request.headers.get):
            abort(403, shelf.FOREIGN)
        refused = shelf.refusal(
            request.headers.get("Content-Length"), current_app.config["MAX_BYTES"]
        )
        if refused is not None:
            abort(*refused)
    if request.endpoint not in {"shelf.sign_in", "static"} and "person" not in session:
        return redirect("/sign-in", 303)
    return None


@site.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> AnyResponse:
    if request.method == "GET":
        return page("shelf/sign_in.html")
    person = shelf.person(request.form.get("name", ""))
    if not person:
        return page("shelf/sign_in.html", 400, error=shelf.NO_NAME)
    session["person"] = person
    session.notes.update(places.notes(request.headers.get("User-Agent"), "Flask"))
    return redirect("/", 303)


@site.post("/sign-out")
def sign_out() -> AnyResponse:
    session.clear()
    return redirect("/sign-in", 303)


@site.get("/signed-in")
def signed_in() -> Response:
    infos = current_sessions().sessions_for(session["person"], current=session)
    return page("shelf/signed_in.html", **places.content(infos))


@site.post("/signed-in")
def sign_out_elsewhere() -> AnyResponse:
    person, chosen = session["person"], request.form.get("session", "")
    if chosen == places.EVERYWHERE:
        current_sessions().revoke_user(person)
        return sign_out()
    if chosen == places.OTHERS:
        ended = current_sessions().revoke_user(person, keep=session)
        return back(places.told(ended), "/signed-in")
    found = current_sessions().revoke(chosen, user=person)
    return back(places.SIGNED_OUT if found else places.NOT_THERE, "/signed-in")


@site.get("/")
def gallery(status: int = 200, error: str = "", title: str = "") -> Response:
    store = current_store()
    shown = shelf.newest(store.iter_keys(shelf.RECORDS), request.args.get("before", ""))
    content = shelf.gallery(store.get_many(shown), current_app.config["MAX_BYTES"])
    return page("shelf/gallery.html", status, error=error, title=title, **content)


@site.post("/")
def upload() -> AnyResponse:
    files = [file for file in request.files.getlist("picture") if file.filename]
    title = request.form.get("title", "")
    if len(files) != 1:
        return gallery(400, shelf.not_one(len(files)), title)
    (file,) = files
    try:
        key = save_upload(
            file,
            template=shelf.template(),
            max_bytes=current_app.config["MAX_BYTES"],
            content_types=PICTURES,
        )
    except UploadRefused as error:
        return gallery(http_status(error), shelf.explain(error), title)
    picture = shelf.new_picture(key, title, file.filename, session["person"])
    current_store().put(picture.record_key, picture.dump())
    return back(shelf.ADDED)


@site.get("/view/<name>")
def view(name: str) -> Response:
    picture = find(name)
    size = shelf.show_size(current_store().stat(picture.key).size)
    mine = picture.owner == session["person"]
    return page("shelf/picture.html", picture=picture, size=size, mine=mine)


@site.get("/pictures/<name>")
def show(name: str) -> Response:
    return send_from_store("default", shelf.FILES + name)


@site.get("/download/<name>")
def download(name: str) -> Response:
    picture = find(name)
    return send_from_store("default", picture.key, filename=picture.filename, as_attachment=True)


@site.post("/delete")
def delete() -> AnyResponse:
    picture = find(request.form.get("picture", ""))
    if picture.owner != session["person"]:
        abort(403, shelf.NOT_YOURS)
    current_store().delete(picture.record_key)  # first: what has no record is not shown
    current_store().delete(picture.key)
    return back(shelf.DELETED)


@site.app_errorhandler(NotFound)
@site.app_errorhandler(KeyNotFound)
@site.app_errorhandler(InvalidKey)
def not_found(_: Exception) -> Response:
    return page("shelf/message.html", 404, message=shelf.NOT_FOUND)


@site.app_errorhandler(HTTPException)
def explain(error: HTTPException) -> Response | HTTPException:
    status, message = error.code or 500, error.description or ""
    if status >= 500:
        return error  # a page would ask the session, whose store may be what failed
    if status in {411, 413} and "person" in session:
        return gallery(status, message)
    return page("shelf/message.html", status, message=message)
