"""A small project for real servers: upload, download. `wsgi` and `asgi` are its apps.

``STORE`` is the URL of the store, ``UPLOADS`` the folder where Django keeps uploads meanwhile.
"""

from __future__ import annotations

import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.files.storage import default_storage
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from kvcore_django import save_upload
from kvcore_django.views import aserve

from kvcore import UploadRefused
from kvcore.uploads import http_status

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    FILE_UPLOAD_TEMP_DIR=os.environ["UPLOADS"],
    KVCORE_STORES={"default": os.environ["STORE"]},
    LOGGING_CONFIG=None,
    ROOT_URLCONF=__name__,
    SECRET_KEY="for tests only",
    STORAGES={"default": {"BACKEND": "kvcore_django.storage.KVStorage"}},
)


def upload(request: HttpRequest) -> HttpResponse:
    """Under a key of its own, by `save_upload`."""
    try:
        return HttpResponse(save_upload(request.FILES["file"], max_bytes=20 * 1024 * 1024))
    except UploadRefused as error:
        return HttpResponse(error.message, status=http_status(error))


def save(request: HttpRequest) -> HttpResponse:
    """Under its name, by the storage."""
    file = request.FILES["file"]
    return HttpResponse(default_storage.save(file.name, file))


def pid(request: HttpRequest) -> HttpResponse:
    """Which process answers."""
    return HttpResponse(str(os.getpid()))


urlpatterns = [
    path("upload", upload),
    path("save", save),
    path("pid", pid),
    path("files/", include("kvcore_django.urls")),
    path("async/<path:key>", aserve),
]
wsgi = get_wsgi_application()
asgi = get_asgi_application()
