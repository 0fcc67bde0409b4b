"""The app in Django: its URLs."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import path
from kvcore_django import current_store, save_upload
from kvcore_django.views import serve

from kvcore import UploadRefused
from kvcore.uploads import http_status
from tests.http.files.apps import RULES, process


def upload(request: HttpRequest, rules: str) -> HttpResponse:
    """Django drops a field that was left empty, and has no answers for 413 and 415."""
    if "file" not in request.FILES:
        return HttpResponse("no file was chosen", "text/plain", 400)
    try:
        key = save_upload(request.FILES["file"], **RULES[rules])  # type: ignore[arg-type]
    except UploadRefused as error:
        return HttpResponse(error.message, "text/plain", http_status(error))
    return HttpResponse(key, "text/plain", 201, headers=process())


def download(request: HttpRequest, key: str) -> HttpResponseBase:
    """The view that the integration has."""
    response = serve(request, key, as_attachment="download" in request.GET)
    for name, value in process().items():
        response[name] = value
    return response


def keys(_: HttpRequest) -> HttpResponse:
    """All of them."""
    return JsonResponse(sorted(current_store().keys()), safe=False, headers=process())


urlpatterns = [
    path("files/<path:key>", download),
    path("keys", keys),
    path("<str:rules>", upload),
]
