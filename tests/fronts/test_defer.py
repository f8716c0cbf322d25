"""Deferred lengths (checklist DEFER)."""

import json

import pytest

from tests.support.lab import Content, Serve, Tus, exchange, pieces
from tests.support.tus import OFFSET_STREAM, TUS, id_of

pytestmark = pytest.mark.anyio

LATER = {"Upload_Defer_Length": "1"}


async def state(tus: Tus, url: str) -> tuple[str, str | None, str | None]:
    """Offset, length, and whether the length is deferred."""
    headers = (await tus.head(url)).headers
    return headers["Upload-Offset"], headers.get("Upload-Length"), headers.get("Upload-Defer-Length")


async def test_create_and_append(tus: Tus) -> None:
    """DEFER-02, 03, 04, 21."""
    url = await tus.create(**LATER)
    assert await state(tus, url) == ("0", None, "1")
    reply = await tus.patch(url, 0, b"abc", **LATER)
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, "3")
    assert await state(tus, url) == ("3", None, "1")


@pytest.mark.parametrize("value", [pytest.param(v, id=f"DEFER-05:{v}") for v in ("0", "2", "true", "", "-1")])
async def test_other_values(tus: Tus, value: str) -> None:
    reply = await tus.post(None, Upload_Defer_Length=value)
    assert (reply.status_code, "Location" in reply.headers) == (400, False)
    assert reply.text.startswith("ERR_INVALID_UPLOAD_LENGTH_DEFER: Upload-Defer-Length must be 1, got ")
    assert tus.files() == []


async def test_declare_and_complete(tus: Tus) -> None:
    """DEFER-07, 08, 10, 23: a retry may repeat the declaration."""
    url = await tus.create(None, b"abc", **LATER)
    assert (await tus.patch(url, 3, b"de", Upload_Length="10")).status_code == 204
    assert await state(tus, url) == ("5", "10", None)
    assert (await tus.patch(url, 5, b"fg", Upload_Length="10")).status_code == 204
    assert (await tus.patch(url, 7, b"hij")).status_code == 204
    assert await state(tus, url) == ("10", "10", None)
    assert (await tus.get(url)).content == b"abcdefghij"


@pytest.mark.needs("files")
async def test_the_export_knows_the_length(tus: Tus) -> None:
    """DEFER-07, for when the catalog is lost."""
    url = await tus.create(None, b"abc", **LATER)
    assert (await tus.patch(url, 3, b"de", Upload_Length="10")).status_code == 204
    info = json.loads((tus.directory / f"{id_of(url)}.info").read_bytes())
    assert (info["Size"], info["SizeIsDeferred"]) == (10, False)


@pytest.mark.parametrize(
    ("length", "status"),
    [
        pytest.param("12", 400, id="DEFER-09, 18"),
        pytest.param("8", 400, id="DEFER-18:smaller"),
        pytest.param("10", 204, id="DEFER-17"),
    ],
)
async def test_a_length_never_changes(tus: Tus, length: str, status: int) -> None:
    url = await tus.create(10, b"abc")
    reply = await tus.patch(url, 3, b"de", Upload_Length=length)
    assert reply.status_code == status
    assert await state(tus, url) == ("5" if status == 204 else "3", "10", None)


@pytest.mark.parametrize(
    ("offset", "length", "body", "status"),
    [
        pytest.param(3, "2", b"", 400, id="DEFER-11"),
        pytest.param(3, "101", b"", 413, id="DEFER-12"),
        pytest.param(0, "10", b"de", 409, id="DEFER-15"),
        pytest.param(3, "abc", b"de", 400, id="DEFER-22:abc"),
        pytest.param(3, "-1", b"de", 400, id="DEFER-22:-1"),
        pytest.param(3, "1.5", b"de", 400, id="DEFER-22:1.5"),
        pytest.param(3, "", b"de", 400, id="DEFER-22:empty"),
        pytest.param(3, "5", b"12345678", 413, id="DEFER-14: the body announces more than the length"),
    ],
)
async def test_a_refused_declaration_declares_nothing(
    serve: Serve, offset: int, length: str, body: bytes, status: int
) -> None:
    tus = await serve(max_size=100)
    url = await tus.create(None, b"abc", **LATER)
    reply = await tus.patch(url, offset, body, Upload_Length=length)
    assert reply.status_code == status
    assert await state(tus, url) == ("3", None, "1")
    assert tus.data(url) == b"abc"


async def test_a_chunked_body_beyond_the_declared_length(tus: Tus) -> None:
    """DEFER-14."""
    url = await tus.create(None, b"abc", **LATER)
    reply = await tus.patch(url, 3, pieces(b"12345", b"678"), Upload_Length="5")
    assert reply.status_code == 413
    assert await state(tus, url) == ("5", "5", None)
    assert tus.data(url) == b"abc12"


@pytest.mark.parametrize(
    ("stored", "body"),
    [
        pytest.param(b"abc", b"", id="DEFER-13"),
        pytest.param(b"abc", pieces(), id="DEFER-13:chunked"),
        pytest.param(b"", b"", id="DEFER-20"),
    ],
)
async def test_an_empty_patch_that_says_this_is_all(tus: Tus, stored: bytes, body: Content) -> None:
    url = await tus.create(None, stored or None, **LATER)
    reply = await tus.patch(url, len(stored), body, Upload_Length=str(len(stored)))
    assert reply.status_code == 204
    assert (await tus.get(url)).content == stored


@pytest.mark.parametrize("is_chunked", [False, True], ids=["DEFER-16", "DEFER-16:chunked"])
async def test_no_more_than_the_limit(serve: Serve, is_chunked: bool) -> None:
    tus = await serve(max_size=10)
    url = await tus.create(None, b"12345", **LATER)
    reply = await tus.patch(url, 5, pieces(b"678", b"90X") if is_chunked else b"67890X")
    assert reply.status_code == 413
    assert reply.text.startswith("ERR_MAX_SIZE_EXCEEDED: ")
    assert tus.data(url) == (b"1234567890" if is_chunked else b"12345")


async def test_a_declaration_that_is_cut(tus: Tus) -> None:
    """DEFER-19."""
    url = await tus.create(**LATER)
    sent = {"Content-Type": OFFSET_STREAM, "Upload-Offset": "0", "Upload-Length": "8", "Content-Length": "8"}
    events = [{"type": "http.request", "body": b"12345", "more_body": True}]
    path = f"/files/{id_of(url)}"
    assert (await exchange(tus.app, "PATCH", path, {**TUS, **sent}.items(), events)).status == 400
    assert await state(tus, url) == ("5", "8", None)
    assert (await tus.patch(url, 5, b"678")).status_code == 204
    assert (await tus.get(url)).content == b"12345678"


async def test_delete(tus: Tus) -> None:
    """TERM-14."""
    url = await tus.create(None, b"abc", **LATER)
    assert (await tus.delete(url)).status_code == 204
    assert (tus.files(), tus.rows()["uploads"]) == ([], 0)


async def test_an_unfinished_one_is_no_download(tus: Tus) -> None:
    url = await tus.create(None, b"abc", **LATER)
    reply = await tus.get(url)
    assert (reply.status_code, reply.text.partition(":")[0]) == (409, "ERR_INCOMPLETE_UPLOAD")
