"""The picture shelf on Starlette."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from kvcore_starlette import StoreMiddleware, StoreResponse, save_upload
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from example_sites import shelf
from kvcore import AnyConfig, InvalidKey, UploadRefused
from kvcore.mime import PICTURES

templates = Jinja2Templates(shelf.TEMPLATES)


def create_app(
    stores: Mapping[str, AnyConfig] | None = None, *, max_bytes: int = shelf.MAX_BYTES
) -> Starlette:
    """An app; ``stores`` (else the environment's ``KVCORE_STORES``) names that of the pictures."""

    async def page(request: Request, error: str = "", status: int = 200) -> Response:
        stats = [item async for item in request.state.stores["default"].iter_stats()]
        content = shelf.page("Starlette", shelf.pictures(stats), max_bytes=max_bytes, error=error)
        return templates.TemplateResponse(
            request, "shelf/page.html", content, status, dict(shelf.PAGE_HEADERS)
        )

    async def show(request: Request) -> Response:
        return await page(request)

    async def upload(request: Request) -> Response:
        refuse_foreign(request)
        async with request.form(max_files=1, max_fields=10) as form:
            picture = form.get("picture")
            if not isinstance(picture, UploadFile) or not picture.filename:
                return await page(request, shelf.NOTHING_CHOSEN, 400)
            try:
                await save_upload(
                    picture, request=request, max_bytes=max_bytes, content_types=PICTURES
                )
            except UploadRefused as error:
                status, text = shelf.explain(error)
                return await page(request, text, status)
        return RedirectResponse("/", 303)

    async def view(request: Request) -> Response:
        return StoreResponse("default", request.path_params["key"])

    async def delete(request: Request) -> Response:
        refuse_foreign(request)
        async with request.form() as form:
            with suppress(InvalidKey):  # then there is none to delete
                await request.state.stores["default"].delete(str(form.get("key", "")))
        return RedirectResponse("/", 303)

    return Starlette(
        routes=[
            Route("/", show),
            Route("/", upload, methods=["POST"]),
            Route("/pictures/{key:path}", view),
            Route("/delete", delete, methods=["POST"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
            Middleware(StoreMiddleware, stores=stores),
        ],
    )


def refuse_foreign(request: Request) -> None:
    """Only our own pages may change the shelf."""
    if shelf.is_foreign(request.headers.get):
        raise HTTPException(403, shelf.FOREIGN)
