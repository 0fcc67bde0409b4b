"""The pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from kvcore_django import current_session, current_sessions, current_store, save_upload
from kvcore_django.views import serve

from example_sites import shelf
from example_sites.shelf import Picture, places
from kvcore import InvalidKey, KeyNotFound, UploadRefused
from kvcore.mime import PICTURES
from kvcore.uploads import http_status

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def page(request: HttpRequest, template: str, status: int = 200, **content: object) -> HttpResponse:
    notice = request.session.pop("notice", "")
    person = request.session.get("person", "")
    content |= {"framework": "Django", "person": person, "notice": notice}
    html = render_to_string(template, content, request)
    return HttpResponse(html, status=status, headers=shelf.PAGE_HEADERS)


def redirect(location: str) -> HttpResponse:
    return HttpResponse(status=303, headers={"Location": location})


def back(request: HttpRequest, notice: str, to: str = "/") -> HttpResponse:
    request.session["notice"] = notice
    return redirect(to)


def find(name: str) -> Picture:
    key = shelf.RECORDS + name
    return Picture.load(key, current_store().get(key))


def signed_in(view: View[P]) -> View[P]:
    """For those who are signed in; and what is not in the store is not found."""

    @wraps(view)
    def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if "person" not in request.session:
            return redirect("/sign-in")
        try:
            return view(request, *args, **kwargs)
        except (KeyNotFound, InvalidKey) as error:
            raise Http404 from error

    return checked


def refuse_too_large(get_response: Callable[[HttpRequest], HttpResponseBase]) -> View[[]]:
    """A middleware: Django has no limit for files, and takes a form without a length for empty."""

    def checked(request: HttpRequest) -> HttpResponseBase:
        refused = shelf.refusal(request.headers.get("Content-Length"), settings.SHELF_MAX_BYTES)
        if request.method != "POST" or refused is None:
            return get_response(request)
        status, message = refused
        if "person" in request.session:
            return gallery(request, status, message)
        return page(request, "shelf/message.html", status, message=message)

    return checked


@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return page(request, "shelf/sign_in.html")
    person = shelf.person(request.POST.get("name", ""))
    if not person:
        return page(request, "shelf/sign_in.html", 400, error=shelf.NO_NAME)
    request.session["person"] = person
    notes = places.notes(request.headers.get("User-Agent"), "Django")
    current_session(request).notes.update(notes)
    return redirect("/")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return redirect("/sign-in")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def signed_in_or_elsewhere(request: HttpRequest) -> HttpResponse:
    person, session = request.session["person"], current_session(request)
    if request.method != "POST":
        infos = current_sessions().sessions_for(person, current=session)
        return page(request, "shelf/signed_in.html", **places.content(infos))
    chosen = request.POST.get("session", "")
    if chosen == places.EVERYWHERE:
        current_sessions().revoke_user(person)
        return sign_out(request)
    if chosen == places.OTHERS:
        ended = current_sessions().revoke_user(person, keep=session)
        return back(request, places.told(ended), "/signed-in")
    found = current_sessions().revoke(chosen, user=person)
    return back(request, places.SIGNED_OUT if found else places.NOT_THERE, "/signed-in")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def gallery_or_upload(request: HttpRequest) -> HttpResponse:
    return upload(request) if request.method == "POST" else gallery(request)


def gallery(
    request: HttpRequest, status: int = 200, error: str = "", title: str = ""
) -> HttpResponse:
    store = current_store()
    shown = shelf.newest(store.iter_keys(shelf.RECORDS), request.GET.get("before", ""))
    content = shelf.gallery(store.get_many(shown), settings.SHELF_MAX_BYTES)
    return page(request, "shelf/gallery.html", status, error=error, title=title, **content)


def upload(request: HttpRequest) -> HttpResponse:
    files, title = request.FILES.getlist("picture"), request.POST.get("title", "")
    if len(files) != 1:
        return gallery(request, 400, shelf.not_one(len(files)), title)
    (file,) = files
    try:
        key = save_upload(
            file,
            template=shelf.template(),
            max_bytes=settings.SHELF_MAX_BYTES,
            content_types=PICTURES,
        )
    except UploadRefused as error:
        return gallery(request, http_status(error), shelf.explain(error), title)
    picture = shelf.new_picture(key, title, file.name, request.session["person"])
    current_store().put(picture.record_key, picture.dump())
    return back(request, shelf.ADDED)


@require_safe
@signed_in
def view(request: HttpRequest, name: str) -> HttpResponse:
    picture = find(name)
    size = shelf.show_size(current_store().stat(picture.key).size)
    mine = picture.owner == request.session["person"]
    return page(request, "shelf/picture.html", picture=picture, size=size, mine=mine)


@signed_in
def show(request: HttpRequest, name: str) -> HttpResponseBase:
    return serve(request, shelf.FILES + name)


@signed_in
def download(request: HttpRequest, name: str) -> HttpResponseBase:
    picture = find(name)
    return serve(request, picture.key, filename=picture.filename, as_attachment=True)


@require_POST
@signed_in
def delete(request: HttpRequest) -> HttpResponse:
    picture = find(request.POST.get("picture", ""))
    if picture.owner != request.session["person"]:
        raise PermissionDenied(shelf.NOT_YOURS)
    current_store().delete(picture.record_key)  # first: what has no record is not shown
    current_store().delete(picture.key)
    return back(request, shelf.DELETED)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, "shelf/message.html", 404, message=shelf.NOT_FOUND)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, "shelf/message.html", 403, message=str(exception))


def foreign(request: HttpRequest, reason: str) -> HttpResponse:
    return page(request, "shelf/message.html", 403, message=shelf.FOREIGN)
