"""Mounted under prefixes, with and without the host running our lifespan."""

import asyncio
import os
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from tests.support.lab import HOST, Tus
from tests.support.waiting import until
from tusd_py import Config, UploadApp, create_app

pytestmark = pytest.mark.anyio


def in_starlette(prefix: str, uploads: UploadApp) -> ASGIApp:
    """A Starlette host with a page of its own."""

    async def page(_: Any) -> PlainTextResponse:
        return PlainTextResponse("the host's")

    return Starlette(routes=[Route("/page", page), Mount(prefix, uploads)])


def in_fastapi(prefix: str, uploads: UploadApp) -> ASGIApp:
    """A FastAPI host with a page of its own."""
    host = FastAPI()

    @host.get("/page")
    async def page() -> str:
        return "the host's"

    host.mount(prefix, uploads)
    return host


def nested(prefix: str, uploads: UploadApp) -> ASGIApp:
    """A mount in a mount."""
    return Starlette(routes=[Mount("/outer", Starlette(routes=[Mount(prefix, uploads)]))])


Host = Callable[[str, UploadApp], ASGIApp]

PLACES = [
    pytest.param(in_starlette, "/api/v1", "/files/", "/api/v1/files/", id="starlette"),
    pytest.param(in_starlette, "/files", "/", "/files/", id="starlette, base /"),
    pytest.param(in_starlette, "/files", "/files/", "/files/files/", id="same name twice"),
    pytest.param(in_starlette, "/", "/files/", "/files/", id="at the root"),
    pytest.param(in_fastapi, "/uploads", "/", "/uploads/", id="fastapi, base /"),
    pytest.param(in_fastapi, "/api", "/a/b", "/api/a/b/", id="fastapi, long base"),
    pytest.param(nested, "/inner", "/files/", "/outer/inner/files/", id="nested"),
    pytest.param(in_starlette, "/my files", "/files/", "/my%20files/files/", id="blank in the prefix"),
    pytest.param(in_starlette, "/größe", "/files/", "/gr%C3%B6%C3%9Fe/files/", id="umlaut in the prefix"),
    pytest.param(in_starlette, "/文", "/files/", "/%E6%96%87/files/", id="not even Latin-1"),
]


@asynccontextmanager
async def running(
    host: Host, prefix: str, path: str, runs_lifespan: bool, settings: dict[str, Any]
) -> AsyncIterator[Tus]:
    """A host with uploads below ``prefix``; the client knows ``path``."""
    uploads = create_app(Config(**settings))
    async with AsyncExitStack() as stack:
        if runs_lifespan:
            await stack.enter_async_context(uploads.lifespan())
        yield await stack.enter_async_context(Tus(host(prefix, uploads), settings["upload_dir"], path))
        if not runs_lifespan:
            async with uploads.lifespan():  # what the host should have run; closes what was opened
                pass


@pytest.mark.parametrize(("host", "prefix", "base", "path"), PLACES)
@pytest.mark.parametrize("runs_lifespan", [True, False], ids=["lifespan", "no lifespan"])
async def test_everything_works(
    tmp_path: Path, host: Host, prefix: str, base: str, path: str, runs_lifespan: bool
) -> None:
    """Create, resume, concatenate, download and delete, by the URLs that Location gives."""
    settings = {"upload_dir": tmp_path / "up", "base_path": base}
    async with running(host, prefix, path, runs_lifespan, settings) as tus:
        made = await tus.post(10, b"hello", Upload_Concat="partial")
        assert made.status_code == 201
        url = made.headers["Location"]
        assert re.fullmatch(re.escape(HOST + path) + "[0-9a-f]{32}", url)
        assert (await tus.patch(url, 5, b" worl")).status_code == 204
        final = await tus.post(Upload_Concat=f"final;{url} {httpx.URL(url).raw_path.decode()}")
        assert final.status_code == 201
        assert (await tus.get(final.headers["Location"])).content == b"hello worlhello worl"
        assert (await tus.request("OPTIONS", url)).headers["Tus-Version"] == "1.0.0"
        for each in (url, final.headers["Location"]):
            assert (await tus.delete(each)).status_code == 204
            assert (await tus.head(each)).status_code == 404
        assert tus.files() == []


async def test_the_hosts_own_pages_stay(tmp_path: Path) -> None:
    for host in (in_starlette, in_fastapi):
        settings = {"upload_dir": tmp_path / host.__name__}
        async with running(host, "/api", "/api/files/", True, settings) as tus:
            assert "the host's" in (await tus.get("/page")).text
            assert (await tus.get("/api/other")).status_code == 404
            assert (await tus.request("POST", "/files/", Upload_Length="5")).status_code in (404, 405)
            assert tus.files() == []


@pytest.mark.parametrize("prefix", ["%0d%0aSet-Cookie:%20a=b", "%F0%9F%98%80", "%25zz", "a b", "%22"])
async def test_a_prefix_that_clients_choose(tmp_path: Path, prefix: str) -> None:
    """``Mount("/{tenant}", ...)``: what stands there ends up in Location, as a URL and nothing else."""
    host = in_starlette
    settings = {"upload_dir": tmp_path / "up"}
    async with running(host, "/{tenant}", f"/{prefix}/files/", True, settings) as tus:
        reply = await tus.post(5, b"hello")
        assert (reply.status_code, len(tus.files())) == (201, 2)
        assert reply.headers["Location"].isascii()
        assert reply.headers["Location"].isprintable()
        assert (await tus.get(reply.headers["Location"])).content == b"hello"


async def test_two_on_different_directories(tmp_path: Path) -> None:
    one, two = (create_app(Config(upload_dir=tmp_path / name)) for name in "ab")
    host = Starlette(routes=[Mount("/one", one), Mount("/two", two)])
    async with one.lifespan(), two.lifespan(), Tus(host, tmp_path / "a", "/one/files/") as tus:
        url = await tus.create(5, b"hello")
        assert (await tus.get(url)).content == b"hello"
        assert (await tus.get(url.replace("/one/", "/two/"))).status_code == 404
    assert [path.name for path in (tmp_path / "b").iterdir()] == [".tusd-py"]


async def test_two_on_the_same_directory(tmp_path: Path) -> None:
    """As two worker processes have it: one sees what the other did, and takes over from it."""
    one, two = (create_app(Config(upload_dir=tmp_path)) for _ in range(2))
    host = Starlette(routes=[Mount("/one", one), Mount("/two", two)])
    go_on = asyncio.Event()

    async def stalled() -> AsyncIterator[bytes]:
        yield b"hello"
        await go_on.wait()
        yield b"never"

    async with one.lifespan(), two.lifespan(), Tus(host, tmp_path, "/one/files/") as tus:
        url = await tus.create(11)
        patch = asyncio.create_task(tus.patch(url, 0, stalled()))
        await until(lambda: tus.data(url) == b"hello")
        other = url.replace("/one/", "/two/")
        assert await tus.offset(other) == 5
        async with asyncio.timeout(3):
            assert (await tus.patch(other, 5, b" world")).status_code == 204
            assert (await patch).status_code == 409
        assert (await tus.get(url)).content == b"hello world"


async def test_open_and_close_again_and_again(tmp_path: Path) -> None:
    """An application that was closed opens again, and nothing piles up."""
    uploads = create_app(Config(upload_dir=tmp_path))
    counts = []
    for _ in range(10):
        async with uploads.lifespan(), Tus(uploads, tmp_path) as tus:
            assert (await tus.post(5, b"hello")).status_code == 201
        counts.append((threading.active_count(), len(os.listdir("/proc/self/fd"))))
    assert len(list(tmp_path.glob("*.info"))) == 10
    assert counts[-1][1] <= counts[1][1]
    assert counts[-1][0] <= counts[1][0] + 4  # a pool's threads end a moment later
    assert list((tmp_path / ".tusd-py" / "workers").iterdir()) == []


def test_one_event_loop_after_the_other(tmp_path: Path) -> None:
    """Test clients run each request in a loop of its own, and never run a lifespan."""
    uploads = create_app(Config(upload_dir=tmp_path))

    async def one() -> int:
        async with Tus(uploads, tmp_path) as tus:
            return (await tus.post(5, b"hello")).status_code

    async def last() -> None:
        async with uploads.lifespan():
            pass

    assert [asyncio.run(asyncio.wait_for(one(), 10)) for _ in range(3)] == [201] * 3
    asyncio.run(last())
