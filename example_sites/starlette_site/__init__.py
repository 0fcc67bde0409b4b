"""The picture shelf on Starlette."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from kvcore_starlette import (
    SessionMiddleware,
    StoreMiddleware,
    StoreResponse,
    current_session,
    current_sessions,
    save_upload,
)
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from example_sites import shelf
from example_sites.shelf import Picture, places, settings
from kvcore import AnyConfig, AsyncStore, InvalidKey, KeyNotFound, UploadRefused
from kvcore.mime import PICTURES
from kvcore.uploads import http_status

Endpoint = Callable[[Request], Awaitable[Response]]
templates = Jinja2Templates(shelf.TEMPLATES)


def create_app(
    stores: Mapping[str, AnyConfig] | None = None, max_bytes: int = settings.MAX_BYTES
) -> Starlette:
    """An app; ``stores`` goes before what the environment says."""
    stores = settings.STORES if stores is None else stores
    app = Starlette(
        routes=[
            Mount("/static", StaticFiles(directory=shelf.STATIC)),
            Route("/sign-in", ask_name),
            Route("/sign-in", our_form(sign_in), methods=["POST"]),
            Route("/sign-out", our_form(sign_out), methods=["POST"]),
            Route("/signed-in", signed_in(show_places)),
            Route("/signed-in", our_form(signed_in(sign_out_elsewhere)), methods=["POST"]),
            Route("/", signed_in(gallery)),
            Route("/", our_form(signed_in(upload)), methods=["POST"]),
            Route("/view/{name}", signed_in(view)),
            Route("/pictures/{name}", signed_in(show)),
            Route("/download/{name}", signed_in(download)),
            Route("/delete", our_form(signed_in(delete)), methods=["POST"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=settings.HOSTS),
            Middleware(StoreMiddleware, stores=stores),
            Middleware(
                SessionMiddleware,
                secret_key=settings.SECRET_KEY,
                session_cookie="shelf_starlette",  # cookies do not tell the ports of a host apart
                store=settings.session_store(stores),
                exclude=["/static"],
                **places.POLICY,
            ),
        ],
        exception_handlers={
            404: not_found,
            KeyNotFound: not_found,
            InvalidKey: not_found,
            HTTPException: explain,
            ClientDisconnect: gone,
        },
    )
    app.state.max_bytes = max_bytes
    return app


def page(request: Request, template: str, status: int = 200, **content: object) -> Response:
    notice = request.session.pop("notice", "")
    person = request.session.get("person", "")
    content |= {"framework": "Starlette", "person": person, "notice": notice}
    return templates.TemplateResponse(request, template, content, status, shelf.PAGE_HEADERS)


def back(request: Request, notice: str, to: str = "/") -> Response:
    request.session["notice"] = notice
    return RedirectResponse(to, 303)


def default_store(request: Request) -> AsyncStore:
    store: AsyncStore = request.state.stores["default"]
    return store


async def find(request: Request, name: str) -> Picture:
    key = shelf.RECORDS + name
    return Picture.load(key, await default_store(request).get(key))


def signed_in(endpoint: Endpoint) -> Endpoint:
    async def checked(request: Request) -> Response:
        if "person" not in request.session:
            return RedirectResponse("/sign-in", 303)
        return await endpoint(request)

    return checked


def our_form(endpoint: Endpoint) -> Endpoint:
    """For POST: only by our own pages, and not too much."""

    async def checked(request: Request) -> Response:
        if shelf.is_foreign(request.headers.get):
            raise HTTPException(403, shelf.FOREIGN)
        max_bytes = request.app.state.max_bytes
        refused = shelf.refusal(request.headers.get("Content-Length"), max_bytes)
        if refused is not None:
            raise HTTPException(*refused)
        return await endpoint(request)

    return checked


async def ask_name(request: Request) -> Response:
    return page(request, "shelf/sign_in.html")


async def sign_in(request: Request) -> Response:
    async with request.form() as form:
        person = shelf.person(str(form.get("name", "")))
    if not person:
        return page(request, "shelf/sign_in.html", 400, error=shelf.NO_NAME)
    session = current_session(request)
    session["person"] = person
    session.notes.update(places.notes(request.headers.get("User-Agent"), "Starlette"))
    return RedirectResponse("/", 303)


async def sign_out(request: Request) -> Response:
    request.session.clear()
    return RedirectResponse("/sign-in", 303)


async def show_places(request: Request) -> Response:
    session = current_session(request)
    infos = await current_sessions(request).sessions_for(session["person"], current=session)
    return page(request, "shelf/signed_in.html", **places.content(infos))


async def sign_out_elsewhere(request: Request) -> Response:
    sessions, session = current_sessions(request), current_session(request)
    async with request.form() as form:
        person, chosen = session["person"], str(form.get("session", ""))
    if chosen == places.EVERYWHERE:
        await sessions.revoke_user(person)
        return await sign_out(request)
    if chosen == places.OTHERS:
        ended = await sessions.revoke_user(person, keep=session)
        return back(request, places.told(ended), "/signed-in")
    found = await sessions.revoke(chosen, user=person)
    return back(request, places.SIGNED_OUT if found else places.NOT_THERE, "/signed-in")


async def gallery(
    request: Request, status: int = 200, error: str = "", title: str = ""
) -> Response:
    store = default_store(request)
    keys = [key async for key in store.iter_keys(shelf.RECORDS)]
    shown = shelf.newest(keys, request.query_params.get("before", ""))
    content = shelf.gallery(await store.get_many(shown), request.app.state.max_bytes)
    return page(request, "shelf/gallery.html", status, error=error, title=title, **content)


async def upload(request: Request) -> Response:
    async with request.form() as form:
        title, sent = str(form.get("title", "")), form.getlist("picture")
        files = [file for file in sent if isinstance(file, UploadFile) and file.filename]
        if len(files) != 1:
            return await gallery(request, 400, shelf.not_one(len(files)), title)
        (file,) = files
        try:
            key = await save_upload(
                file,
                request=request,
                template=shelf.template(),
                max_bytes=request.app.state.max_bytes,
                content_types=PICTURES,
            )
        except UploadRefused as error:
            return await gallery(request, http_status(error), shelf.explain(error), title)
    picture = shelf.new_picture(key, title, file.filename, request.session["person"])
    await default_store(request).put(picture.record_key, picture.dump())
    return back(request, shelf.ADDED)


async def view(request: Request) -> Response:
    picture = await find(request, request.path_params["name"])
    size = shelf.show_size((await default_store(request).stat(picture.key)).size)
    mine = picture.owner == request.session["person"]
    return page(request, "shelf/picture.html", picture=picture, size=size, mine=mine)


async def show(request: Request) -> Response:
    return StoreResponse("default", shelf.FILES + request.path_params["name"])


async def download(request: Request) -> Response:
    picture = await find(request, request.path_params["name"])
    return StoreResponse("default", picture.key, filename=picture.filename, as_attachment=True)


async def delete(request: Request) -> Response:
    async with request.form() as form:
        picture = await find(request, str(form.get("picture", "")))
    if picture.owner != request.session["person"]:
        raise HTTPException(403, shelf.NOT_YOURS)
    store = default_store(request)
    await store.delete(picture.record_key)  # first: what has no record is not shown
    await store.delete(picture.key)
    return back(request, shelf.DELETED)


async def not_found(request: Request, error: Exception) -> Response:
    return page(request, "shelf/message.html", 404, message=shelf.NOT_FOUND)


async def explain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status, message = error.status_code, error.detail
    if status in {411, 413} and "person" in request.session:
        return await gallery(request, status, message)
    return page(request, "shelf/message.html", status, message=message)


async def gone(request: Request, error: Exception) -> Response:
    """Who cancels an upload is no failure of ours; nobody is there to read this."""
    return Response(status_code=400)
