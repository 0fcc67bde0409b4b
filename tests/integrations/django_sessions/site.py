"""Views for most that one does with a session, and the log-in of ``django.contrib.auth``."""

import json

from django.contrib.auth import (
    alogin,
    authenticate,
    login,
    logout,
    update_session_auth_hash,
)
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("plain")


def show_all(request: HttpRequest) -> HttpResponse:
    return JsonResponse(dict(request.session.items()))


def has(request: HttpRequest, key: str) -> HttpResponse:
    return HttpResponse(str(key in request.session))


def set_one(request: HttpRequest, key: str, value: str) -> HttpResponse:
    request.session[key] = json.loads(value)
    return HttpResponse("set")


def append(request: HttpRequest, *, told: bool) -> HttpResponse:
    """A change deep inside, of which Django has to be told."""
    request.session["list"].append(1)
    request.session.modified = request.session.modified or told
    return HttpResponse("appended")


def call(request: HttpRequest, name: str) -> HttpResponse:
    getattr(request.session, name)()
    return HttpResponse("done")


async def asynchronous(request: HttpRequest) -> HttpResponse:
    """Twice, as any view may."""
    session = request.session
    for _ in range(2):
        await session.aset("visits", await session.aget("visits", 0) + 1)
        await session.asave()
    return HttpResponse(str(await session.aget("visits")))


def sign_in(request: HttpRequest, name: str) -> HttpResponse:
    user = authenticate(request, username=name, password="secret")
    if user is None:
        return HttpResponse("wrong", status=403)
    login(request, user)
    request.session.notes["browser"] = request.headers.get("User-Agent", "")  # type: ignore[attr-defined]  # of our engine
    return HttpResponse("welcome")


async def asign_in(request: HttpRequest, name: str) -> HttpResponse:
    await alogin(request, await User.objects.aget(username=name))
    return HttpResponse("welcome")


def new_password(request: HttpRequest) -> HttpResponse:
    user = User.objects.get(pk=request.user.pk)
    user.set_password("another secret")
    user.save()
    update_session_auth_hash(request, user)
    return HttpResponse("changed")


def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponse("bye")


def me(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


urlpatterns = [
    path("plain", plain),
    path("all", show_all),
    path("has/<key>", has),
    path("set/<key>/<path:value>", set_one),
    path("append", append, {"told": False}),
    path("append-and-tell", append, {"told": True}),
    path("call/<name>", call),
    path("async", asynchronous),
    path("sign-in/<name>", sign_in),
    path("async-sign-in/<name>", asign_in),
    path("new-password", new_password),
    path("sign-out", sign_out),
    path("me", me),
]
