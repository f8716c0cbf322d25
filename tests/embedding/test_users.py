"""Uploads belong to whoever Starlette's authentication says has made them."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    BaseUser,
    SimpleUser,
)
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection
from starlette.routing import Mount

from tests.support.lab import Clock, Tus
from tusd_py import Config, UploadApp

pytestmark = pytest.mark.anyio


class Account(BaseUser):
    """A user with an identity; two of them share a display name."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return "Somebody"

    @property
    def identity(self) -> str:
        return self._name


class Names(AuthenticationBackend):
    """Believes the name in ``Authorization``."""

    def __init__(self, kind: type[Account] | type[SimpleUser]) -> None:
        self._kind = kind

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        if "authorization" not in conn.headers:
            return None
        name = base64.b64decode(conn.headers["authorization"].removeprefix("Basic ")).decode()
        return AuthCredentials(["authenticated"]), self._kind(name)


def as_user(name: str | None) -> dict[str, str]:
    """The header that says who asks."""
    return {} if name is None else {"Authorization": "Basic " + base64.b64encode(name.encode()).decode()}


@asynccontextmanager
async def running(directory: Path, kind: type[Account] | type[SimpleUser] = Account) -> AsyncIterator[Tus]:
    clock = Clock()
    uploads = UploadApp(Config(upload_dir=directory), clock=clock)
    host = Starlette(
        routes=[Mount("/up", uploads)],
        middleware=[Middleware(AuthenticationMiddleware, backend=Names(kind))],
    )
    async with uploads.lifespan(), Tus(host, directory, "/up/files/", clock=clock) as tus:
        yield tus


@pytest.mark.parametrize("kind", [Account, SimpleUser])
@pytest.mark.parametrize("other", ["bob", None], ids=["another user", "nobody"])
async def test_other_peoples_uploads_are_not_there(
    tmp_path: Path, kind: type[Account] | type[SimpleUser], other: str | None
) -> None:
    """404 for every method, as if the upload did not exist, and the owner finds it unharmed."""
    alice, them = as_user("alice"), as_user(other)
    async with running(tmp_path, kind) as tus:
        url = await tus.create(5, b"he", Upload_Concat="partial", **alice)
        missing = await tus.get(tus.url + "0" * 32, **them)
        for reply in (
            await tus.head(url, **them),
            await tus.patch(url, 2, b"LLO", **them),
            await tus.get(url, **them),
            await tus.delete(url, **them),
        ):
            assert reply.status_code == 404
            assert reply.text in (missing.text, "")
            assert "Upload-Offset" not in reply.headers
        splice = await tus.post(Upload_Concat=f"final;{url}", **them)
        unknown = await tus.post(Upload_Concat=f"final;{tus.url}{'0' * 32}", **them)
        assert (splice.status_code, splice.text) == (unknown.status_code, unknown.text)
        assert tus.data(url) == b"he"
        assert (await tus.patch(url, 2, b"llo", **alice)).status_code == 204
        assert (await tus.get(await tus.final(url, **alice), **alice)).content == b"hello"


async def test_uploads_of_nobody_are_everybodys(tmp_path: Path) -> None:
    async with running(tmp_path) as tus:
        url = await tus.create(5)
        assert (await tus.patch(url, 0, b"he", **as_user("alice"))).status_code == 204
        assert (await tus.patch(url, 2, b"llo", **as_user("bob"))).status_code == 204
        assert (await tus.get(url)).content == b"hello"


async def test_the_owner_survives_a_lost_catalog(tmp_path: Path) -> None:
    async with running(tmp_path) as tus:
        url = await tus.create(5, b"he", **as_user("alice"))
    tus.lose_catalog()
    async with running(tmp_path) as tus:
        assert (await tus.head(url, **as_user("bob"))).status_code == 404
        assert (await tus.head(url)).status_code == 404
        assert (await tus.head(url, **as_user("alice"))).headers["Upload-Offset"] == "2"


async def test_an_expired_upload_of_another_user_is_not_there_either(tmp_path: Path) -> None:
    async with running(tmp_path) as tus:
        url = await tus.create(5, b"he", **as_user("alice"))
        tus.clock.advance(10**7)
        assert (await tus.head(url, **as_user("bob"))).status_code == 404
        assert (await tus.head(url, **as_user("alice"))).status_code == 410
