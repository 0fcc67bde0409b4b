"""Flask's."""

import time

from flask import Flask, Response, send_file
from kvcore_flask import KVCore, send_from_store

from benchmarks.apps import FOLDER, KEY, PATH
from kvcore import FilesystemStore

app = Flask(__name__)
app.config["KVCORE_STORES"] = {"default": FilesystemStore(FOLDER)}
KVCore(app)


@app.get("/raw")
def raw() -> Response:
    return send_file(PATH)


@app.get("/kvcore")
def kvcore() -> Response:
    return send_from_store("default", KEY)


@app.get("/cpu")
def cpu() -> str:
    return str(time.process_time())
