"""The same file in two ways, by Django; `wsgi` and `asgi` are the apps."""

import os
import time

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, HttpResponse
from django.urls import path
from kvcore_django.views import aserve, serve

from benchmarks.apps import FOLDER, KEY

settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, KVCORE_STORES={"default": f"fs://{FOLDER}"}
)


def raw(request: HttpRequest) -> FileResponse:
    return FileResponse(open(os.path.join(FOLDER, KEY), "rb"))


def cpu(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(time.process_time()))


urlpatterns = [
    path("raw", raw),
    path("kvcore", serve, {"key": KEY}),
    path("kvcore/async", aserve, {"key": KEY}),
    path("cpu", cpu),
]
wsgi = get_wsgi_application()
asgi = get_asgi_application()
