"""The application is Starlette's: middleware and handlers of exceptions can be added to it."""

from pathlib import Path

import pytest
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.support.lab import Tus
from tusd_py import Config, UploadRefused, create_app

pytestmark = pytest.mark.anyio


class Stamp:
    """Adds a header to every answer, the inner one of two before the outer one."""

    def __init__(self, app: ASGIApp, name: bytes) -> None:
        self.app, self.name = app, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-stamp", self.name)]
            await send(message)

        await self.app(scope, receive, stamped)


class Names(AuthenticationBackend):
    """Believes the name that a client gives."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        name = conn.headers.get("x-name")
        return None if name is None else (AuthCredentials(), SimpleUser(name))


async def test_middleware_sees_every_answer_in_its_order(tmp_path: Path) -> None:
    """Refusals, unknown paths and the chunk API as well as what succeeds."""
    app = create_app(Config(upload_dir=tmp_path))
    app.add_middleware(Stamp, name=b"inner")
    app.add_middleware(Stamp, name=b"outer")
    async with app.lifespan(), Tus(app, tmp_path) as tus:
        made = await tus.post(3, b"abc")
        answers = [
            made,
            await tus.patch(made.headers["Location"], 9, b"x"),
            await tus.request("GET", "/nowhere"),
            await tus.request("GET", "/openapi.json"),
        ]
    assert [answer.status_code for answer in answers] == [201, 409, 404, 200]
    for answer in answers:
        assert answer.headers.get_list("X-Stamp") == ["inner", "outer"]


async def test_starlettes_authentication_says_whose_an_upload_is(tmp_path: Path) -> None:
    """No host application is needed around ours for it."""
    app = create_app(Config(upload_dir=tmp_path))
    app.add_middleware(AuthenticationMiddleware, backend=Names())
    async with app.lifespan(), Tus(app, tmp_path) as tus:
        url = (await tus.post(3, X_Name="ann")).headers["Location"]
        assert (await tus.request("HEAD", url, X_Name="ann")).status_code == 200
        assert (await tus.request("HEAD", url, X_Name="bob")).status_code == 404


async def test_a_handler_of_exceptions_answers_in_place_of_the_front(tmp_path: Path) -> None:
    """One for a class serves what is derived from it; others keep the form of their protocol."""

    async def in_json(request: Request, error: Exception) -> Response:
        return JSONResponse({"refused": str(error)}, 451)

    def refuse(request: Request) -> None:
        if "x-refuse" in request.headers:
            raise UploadRefused("not today")

    app = create_app(Config(upload_dir=tmp_path, on_incoming_request=refuse))
    app.add_exception_handler(UploadRefused, in_json)
    async with app.lifespan(), Tus(app, tmp_path) as tus:
        refused = await tus.post(3, X_Refuse="1")
        missing = await tus.head("/files/0123456789abcdef0123456789abcdef")
    assert (refused.status_code, refused.json()) == (451, {"refused": "not today"})
    assert refused.headers["Tus-Resumable"] == "1.0.0"
    assert missing.status_code == 404
