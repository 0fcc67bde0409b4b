"""The picture shelf on Flask."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Flask, Response, abort, make_response, redirect, render_template, request
from kvcore_flask import KVCore, current_store, save_upload, send_from_store
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from example_sites import shelf
from kvcore import InvalidKey, UploadRefused
from kvcore.mime import PICTURES


def create_app(config: dict[str, Any]) -> Flask:
    """An app with these settings; ``KVCORE_STORES`` names the store of the pictures."""
    app = Flask(__name__, template_folder=str(shelf.TEMPLATES))
    app.config.from_mapping(MAX_BYTES=shelf.MAX_BYTES, TRUSTED_HOSTS=["127.0.0.1", "localhost"])
    app.config.from_mapping(config)
    # Refused before a form that is too large is received; the rest of a form takes little.
    app.config.setdefault("MAX_CONTENT_LENGTH", app.config["MAX_BYTES"] + 100_000)
    KVCore(app)

    def page(error: str = "", status: int = 200) -> Response:
        shown = shelf.pictures(current_store().iter_stats())
        content = shelf.page("Flask", shown, max_bytes=app.config["MAX_BYTES"], error=error)
        response = make_response(render_template("shelf/page.html", **content), status)
        response.headers.update(shelf.PAGE_HEADERS)
        return response

    @app.before_request
    def refuse_foreign() -> None:
        if request.method == "POST" and shelf.is_foreign(request.headers.get):
            abort(403, shelf.FOREIGN)

    @app.get("/")
    def show() -> Response:
        return page()

    @app.post("/")
    def upload() -> AnyResponse:
        picture = request.files.get("picture")
        if picture is None or not picture.filename:
            return page(shelf.NOTHING_CHOSEN, 400)
        try:
            save_upload(picture, max_bytes=app.config["MAX_BYTES"], content_types=PICTURES)
        except UploadRefused as error:
            status, text = shelf.explain(error)
            return page(text, status)
        return redirect("/", 303)

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(_: RequestEntityTooLarge) -> Response:
        return page(shelf.too_large(app.config["MAX_BYTES"]), 413)

    @app.get("/pictures/<path:key>")
    def view(key: str) -> Response:
        return send_from_store("default", key)

    @app.post("/delete")
    def delete() -> AnyResponse:
        with suppress(InvalidKey):  # then there is none to delete
            current_store().delete(request.form.get("key", ""))
        return redirect("/", 303)

    return app
