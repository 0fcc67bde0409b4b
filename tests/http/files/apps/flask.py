"""The app in Flask."""

from flask import Flask, Response, jsonify, request
from kvcore_flask import KVCore, current_store, save_upload, send_from_store

from kvcore import KeyValueStore
from tests.http.files.apps import RULES, process


def create_app(store: KeyValueStore | None = None) -> Flask:
    """Over a store, or those of the environment."""
    app = Flask(__name__)
    if store is not None:
        app.config["KVCORE_STORES"] = {"default": store}
    KVCore(app)

    @app.post("/<any(files, huge, named, pictures):rules>")
    def upload(rules: str) -> tuple[str, int]:
        return save_upload(request.files["file"], **RULES[rules]), 201

    @app.get("/files/<path:key>")
    def download(key: str) -> Response:
        return send_from_store("default", key, as_attachment="download" in request.args)

    @app.get("/keys")
    def keys() -> Response:
        return jsonify(sorted(current_store().keys()))

    @app.after_request
    def sign(response: Response) -> Response:
        response.headers.update(process())
        return response

    return app
