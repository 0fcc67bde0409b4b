"""Upload, list and delete; pictures are served by `kvcore_django.urls`."""

from __future__ import annotations

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_http_methods, require_POST
from kvcore_django import save_upload

from example_sites import shelf
from example_sites.django_site.models import Picture
from kvcore import UploadRefused
from kvcore.mime import PICTURES


def page(request: HttpRequest, error: str = "", status: int = 200) -> HttpResponse:
    shown = [
        shelf.Picture(str(picture.file), picture.file.url, shelf.show_size(picture.size))
        for picture in Picture.objects.all()[: shelf.SHOWN]
    ]
    content = shelf.page("Django", shown, max_bytes=settings.SHELF_MAX_BYTES, error=error)
    html = render_to_string("shelf/page.html", content, request)
    return HttpResponse(html, status=status, headers=shelf.PAGE_HEADERS)


@require_http_methods(["GET", "HEAD", "POST"])
def show_or_upload(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return page(request)
    picture = request.FILES.get("picture")
    if picture is None:
        return page(request, shelf.NOTHING_CHOSEN, 400)
    try:
        key = save_upload(picture, max_bytes=settings.SHELF_MAX_BYTES, content_types=PICTURES)
    except UploadRefused as error:
        status, text = shelf.explain(error)
        return page(request, text, status)
    Picture.objects.create(file=key, size=default_storage.size(key))
    return HttpResponse(status=303, headers={"Location": "/"})


@require_POST
def delete(request: HttpRequest) -> HttpResponse:
    for picture in Picture.objects.filter(file=request.POST.get("key", "")):
        picture.delete()
        picture.file.delete(save=False)  # last: a file without a row is waste, not a broken page
    return HttpResponse(status=303, headers={"Location": "/"})
