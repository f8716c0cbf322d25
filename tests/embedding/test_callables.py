"""The callables of an application: when they are called, what they may change, what they may stop."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from tests.support.lab import Serve, exchange, running
from tests.support.tus import OFFSET_STREAM, TUS, metadata
from tests.support.waiting import until
from tusd_py import Upload, UploadRefused

pytestmark = pytest.mark.anyio


def keyless(request: Request) -> None:
    """Refuses who has no key; a plain function."""
    if request.headers.get("X-Key") != "let me in":
        raise UploadRefused("who are you?", status=401, headers={"WWW-Authenticate": "Key"})


async def keyless_async(request: Request) -> None:
    """The same, async."""
    keyless(request)


async def keyless_http(request: Request) -> None:
    """The same with Starlette's own exception."""
    if request.headers.get("X-Key") != "let me in":
        raise HTTPException(401, "who are you?", {"WWW-Authenticate": "Key"})


class Keyless:
    """The same as an object that can be called."""

    async def __call__(self, request: Request) -> None:
        keyless(request)


GUARDS = pytest.mark.parametrize("guard", [keyless, keyless_async, keyless_http, Keyless()])


@GUARDS
@pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD", "GET", "DELETE", "PUT"])
async def test_refused_before_anything_is_read(tmp_path: Path, guard: Any, method: str) -> None:
    """The body is never asked for, nothing is looked up, nothing changes."""
    async with running(tmp_path, on_incoming_request=guard) as tus:
        tus.http.headers["X-Key"] = "let me in"
        url = await tus.create(5)
        target = "/files/" if method == "POST" else url.removeprefix("http://testserver")
        headers = {**TUS, "Content-Type": OFFSET_STREAM, "Upload-Offset": "0", "Upload-Length": "5"}
        sent = {**headers, "Content-Length": "5"}.items()
        events = [{"type": "http.request", "body": b"hello", "more_body": False}]
        answer = await exchange(tus.app, method, target, sent, events)
        assert (answer.status, answer.asked) == (401, 0)
        assert answer.headers["www-authenticate"] == "Key"
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert (b"who are you?" in answer.body) is (method != "HEAD")
        assert (tus.data(url), tus.rows()["uploads"]) == (b"", 1)


@pytest.mark.parametrize("override", ["PATCH", "DELETE", "GET", "HEAD", "POST"])
async def test_a_preflight_is_no_way_round(tmp_path: Path, override: str) -> None:
    """OPTIONS is not asked about, so it must not become another method by its override header."""
    async with running(tmp_path, on_incoming_request=keyless) as tus:
        tus.http.headers["X-Key"] = "let me in"
        url = await tus.create(11, b"secret")
        del tus.http.headers["X-Key"]
        target = tus.url if override == "POST" else url
        sent = {"Upload_Offset": "6", "Content_Type": OFFSET_STREAM, "Upload_Length": "11"}
        reply = await tus.request("OPTIONS", target, b"-more", X_HTTP_Method_Override=override, **sent)
        assert reply.status_code in (200, 401, 405)
        assert "Upload-Offset" not in reply.headers
        assert b"secret" not in reply.content
        assert (tus.data(url), tus.rows()["uploads"]) == (b"secret", 1)


@GUARDS
async def test_let_in(serve: Serve, guard: Any) -> None:
    tus = await serve(on_incoming_request=guard)
    assert (await tus.post(5, X_Key="let me in")).status_code == 201


async def test_plain_functions_may_block(serve: Serve) -> None:
    """They run in a thread: other requests go on meanwhile."""
    free, main = threading.Event(), threading.get_ident()
    threads: list[int] = []

    def wait(request: Request) -> None:
        threads.append(threading.get_ident())
        if "x-wait" in request.headers:
            assert free.wait(10)

    tus = await serve(on_incoming_request=wait)
    waiting = asyncio.create_task(tus.post(5, X_Wait="1"))
    await asyncio.sleep(0.05)
    assert (await tus.post(5)).status_code == 201
    free.set()
    assert (await waiting).status_code == 201
    assert main not in threads


async def test_create_sees_the_upload(serve: Serve) -> None:
    seen: list[tuple[str, Upload]] = []

    async def create(request: Request, upload: Upload) -> None:
        seen.append((request.headers["X-Who"], upload))

    tus = await serve(on_upload_create=create)
    url = await tus.create(7, Upload_Metadata=metadata(filename="ä"), X_Who="me")
    ((who, upload),) = seen
    assert (who, upload.id, upload.length) == ("me", url.rpartition("/")[2], 7)
    assert upload.metadata == {"filename": "ä".encode()}


@pytest.mark.parametrize(
    ("returned", "header"),
    [
        ({"filename": "new.txt"}, metadata(filename="new.txt")),
        ({"a": b"\xff\0", "b": ""}, "a /wA=,b"),
        ({}, None),
        (None, metadata(filename="old")),
    ],
)
async def test_create_replaces_metadata(
    serve: Serve, returned: Mapping[str, str | bytes] | None, header: str | None
) -> None:
    tus = await serve(on_upload_create=lambda *_: returned)
    url = await tus.create(5, b"hello", Upload_Metadata=metadata(filename="old"))
    assert (await tus.head(url)).headers.get("Upload-Metadata") == header
    if returned and "filename" in returned:
        assert 'filename="new.txt"' in (await tus.get(url)).headers["Content-Disposition"]


BAD_METADATA: list[dict[Any, Any]] = [
    {"日本": "x"},
    {"größe": "x"},
    {"a b": "x"},
    {"a,b": "x"},
    {"a\r\nX-Evil": "x"},
    {"": "x"},
    {"user_id": 42},
]


@pytest.mark.parametrize("returned", BAD_METADATA, ids=[ascii(next(iter(each))) for each in BAD_METADATA])
async def test_metadata_that_no_header_can_hold(serve: Serve, returned: dict[Any, Any]) -> None:
    """A fault of the application shows at once, not as an upload whose HEAD fails for ever."""
    tus = await serve(on_upload_create=lambda *_: returned)
    reply = await tus.post(5)
    assert reply.status_code == 500
    assert (tus.files(), tus.rows()["uploads"]) == ([], 0)


@pytest.mark.parametrize("how", ["creation", "with data", "empty", "partial", "final"])
async def test_create_refuses(serve: Serve, how: str) -> None:
    """Every kind of creation, before anything is stored, and the body is not read."""

    async def create(request: Request, upload: Upload) -> None:
        if "x-refuse" in request.headers:
            raise HTTPException(403, "not here")

    tus = await serve(on_upload_create=create)
    a = await tus.partial(b"hello")
    before = tus.rows(), tus.files()
    no = {"X_Refuse": "1"}
    reply = await {
        "creation": lambda: tus.post(5, **no),
        "with data": lambda: tus.post(5, b"hello", **no),
        "empty": lambda: tus.post(0, **no),
        "partial": lambda: tus.post(5, b"hello", Upload_Concat="partial", **no),
        "final": lambda: tus.post(Upload_Concat=f"final;{a}", **no),
    }[how]()
    assert (reply.status_code, reply.text, "Location" in reply.headers) == (403, "not here\n", False)
    assert (tus.rows(), tus.files()) == before


Refusal = Callable[[Request, Upload], Awaitable[None]]


async def precious(request: Request, upload: Upload) -> None:
    """Refuses to delete some uploads."""
    if upload.metadata.get("keep") == b"yes":
        raise UploadRefused("keep it", status=409)


async def test_terminate_refuses(serve: Serve) -> None:
    tus = await serve(on_upload_terminate=precious)
    url = await tus.create(5, b"hello", Upload_Metadata=metadata(keep="yes"))
    reply = await tus.delete(url)
    assert (reply.status_code, reply.text) == (409, "ERR_UPLOAD_REJECTED: keep it\n")
    assert (await tus.get(url)).content == b"hello"
    assert (await tus.delete(await tus.create(5))).status_code == 204


async def test_a_refused_deletion_stops_no_writer(serve: Serve) -> None:
    """Nothing is done, and nothing was done."""
    tus = await serve(on_upload_terminate=precious)
    url = await tus.create(11, Upload_Metadata=metadata(keep="yes"))
    go_on = asyncio.Event()

    async def body() -> Any:
        yield b"hello"
        await go_on.wait()
        yield b" world"

    patch = asyncio.create_task(tus.patch(url, 0, body()))
    await until(lambda: tus.data(url) == b"hello")
    delete = asyncio.create_task(tus.delete(url))
    await asyncio.sleep(0.2)
    go_on.set()
    assert ((await patch).status_code, (await delete).status_code) == (204, 409)
