"""Creation with upload (checklist CWU)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.lab import Content, Serve, Tus, exchange, pieces
from tests.support.tus import MIB, OFFSET_STREAM, TUS, checksum, metadata, payload
from tusd_py import HookReply, Upload

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("is_chunked", [False, True], ids=["CWU-02", "CWU-08"])
async def test_part_of_the_bytes(tus: Tus, is_chunked: bool) -> None:
    """CWU-12, EXPIRE-15."""
    body = pieces(b"he", b"llo") if is_chunked else b"hello"
    reply = await tus.post(100, body, Upload_Metadata="a YQ==")
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (201, "5")
    assert "Upload-Expires" in reply.headers
    head = await tus.head(reply.headers["Location"])
    assert (head.headers["Upload-Offset"], head.headers["Upload-Metadata"]) == ("5", "a YQ==")
    assert tus.data(reply.headers["Location"]) == b"hello"


async def test_all_of_the_bytes(tus: Tus) -> None:
    """CWU-03, CWU-20."""
    data = payload(4 * MIB)
    reply = await tus.post(len(data), data)
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (201, str(len(data)))
    assert "Upload-Expires" not in reply.headers
    assert (await tus.get(reply.headers["Location"])).content == data


@pytest.mark.parametrize("media_type", ["text/plain", None], ids=["CWU-04", "CWU-05"])
async def test_a_body_of_another_type_is_no_upload_data(tus: Tus, media_type: str | None) -> None:
    """Some clients' libraries force a body or a type on every POST."""
    reply = await tus.post(5, b"hello", Content_Type=media_type)
    assert reply.status_code == 201
    assert "Upload-Offset" not in reply.headers
    assert await tus.offset(reply.headers["Location"]) == 0
    assert tus.data(reply.headers["Location"]) == b""


@pytest.mark.parametrize(
    ("length", "body"),
    [
        pytest.param(5, b"", id="CWU-06"),
        pytest.param(5, pieces(), id="CWU-06:chunked"),
        pytest.param(0, pieces(b""), id="CWU-19"),
        pytest.param(0, b"", id="CWU-19:no body"),
    ],
)
async def test_no_bytes(tus: Tus, length: int, body: Content) -> None:
    reply = await tus.post(length, body)
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (201, "0")
    assert await tus.offset(reply.headers["Location"]) == 0


@pytest.mark.parametrize(
    "body", [pytest.param(b"hello", id="CWU-07"), pytest.param(pieces(b"he", b"llo"), id="CWU-07:chunked")]
)
async def test_too_long(tus: Tus, body: Content) -> None:
    """Nothing is left: nobody would learn the URL."""
    reply = await tus.post(3, body)
    assert (reply.status_code, "Location" in reply.headers) == (413, False)
    assert reply.text.startswith("ERR_UPLOAD_SIZE_EXCEEDED: ")
    assert (tus.files(), tus.rows()) == ([], {"uploads": 0, "upload_chunks": 0, "leftovers": 0})


@pytest.mark.parametrize("body", [b"eleven byte", pieces(b"eleven", b" byte")], ids=["length", "chunked"])
async def test_too_long_for_the_server(serve: Serve, body: Content) -> None:
    """CWU-10, DEFER-16: of an upload whose length nobody knows."""
    tus = await serve(max_size=10)
    reply = await tus.post(None, body, Upload_Defer_Length="1")
    assert reply.status_code == 413
    assert reply.text.startswith("ERR_MAX_SIZE_EXCEEDED: ")
    assert (tus.files(), tus.rows()["uploads"]) == ([], 0)


async def test_a_cut_creation_leaves_nothing(tus: Tus) -> None:
    """CWU-11: the client never learns the URL, so nobody could go on with the upload."""
    headers = {**TUS, "Content-Type": OFFSET_STREAM, "Upload-Length": "10", "Content-Length": "10"}
    events = [{"type": "http.request", "body": b"hello", "more_body": True}]
    answer = await exchange(tus.app, "POST", "/files/", headers.items(), events)
    assert (answer.status, "location" in answer.headers) == (400, False)
    assert (tus.files(), tus.rows()) == ([], {"uploads": 0, "upload_chunks": 0, "leftovers": 0})


async def test_deferred_length(tus: Tus) -> None:
    """CWU-13."""
    reply = await tus.post(None, b"hello", Upload_Defer_Length="1")
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (201, "5")
    head = await tus.head(reply.headers["Location"])
    assert (head.headers["Upload-Offset"], head.headers["Upload-Defer-Length"]) == ("5", "1")


@pytest.mark.needs("checksum")
async def test_checksum(tus: Tus) -> None:
    """CWU-14."""
    reply = await tus.post(5, b"hello", Upload_Checksum=checksum(b"hello", "sha1"))
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (201, "5")
    before = tus.files()
    reply = await tus.post(5, b"hello", Upload_Checksum=checksum(b"hallo", "sha1"))
    assert (reply.status_code, "Location" in reply.headers) == (460, False)
    assert tus.files() == before
    assert tus.rows()["uploads"] == 1


@pytest.mark.parametrize("durability", ["finish", "patch", "none"])
async def test_every_durability(serve: Serve, durability: str) -> None:
    """Also over a store that is not told to sync: there a byte is durable once it is written."""
    tus = await serve(durability=durability)
    url = await tus.create(11, b"hello")
    assert (await tus.patch(url, 5, b" world")).status_code == 204
    assert (await tus.get(url)).content == tus.data(url) == b"hello world"


async def test_partial(tus: Tus) -> None:
    """CWU-15."""
    url = await tus.partial(b"hello")
    head = await tus.head(url)
    assert (head.headers["Upload-Concat"], head.headers["Upload-Offset"]) == ("partial", "5")


async def test_final_with_bytes(tus: Tus) -> None:
    """CWU-16."""
    url = await tus.partial(b"hello")
    before = tus.rows()
    reply = await tus.post(None, b"more", Upload_Concat=f"final;{url}")
    assert (reply.status_code, reply.text.partition(":")[0]) == (403, "ERR_MODIFY_FINAL")
    assert tus.rows() == before


@pytest.mark.parametrize("offset", ["0", "5"])
async def test_offset_in_a_creation(tus: Tus, offset: str) -> None:
    """CWU-17: a creation always begins at 0."""
    url = await tus.create(10, b"hello", Upload_Offset=offset)
    assert tus.data(url) == b"hello"


class Finishes:
    """A finish hook that notes what it was told."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def __call__(self, request: Any, upload: Upload) -> HookReply:
        self.ids.append(upload.id)
        return HookReply(headers={"X-Finished": upload.id}, body="finished")


async def too_many() -> AsyncIterator[bytes]:
    """A chunked body that turns out to be longer than five bytes."""
    for part in (b"hello", b"!"):
        yield part


async def test_a_refused_creation_is_not_reported_complete(serve: Serve) -> None:
    """CWU-07: an application must not be told of an upload that is removed a moment later."""
    finishes = Finishes()
    tus = await serve(on_upload_finish=finishes)
    assert (await tus.post(5, too_many())).status_code == 413
    assert (tus.files(), finishes.ids) == ([], [])


async def test_a_cut_creation_is_not_reported_complete(serve: Serve) -> None:
    """CWU-11: as above, when only the end of the chunked coding is missing."""
    finishes = Finishes()
    tus = await serve(on_upload_finish=finishes)
    headers = {**TUS, "Content-Type": OFFSET_STREAM, "Upload-Length": "5", "Transfer-Encoding": "chunked"}
    events = [{"type": "http.request", "body": b"hello", "more_body": True}]
    await exchange(tus.app, "POST", "/files/", headers.items(), events)
    assert len(finishes.ids) == tus.rows()["uploads"]


@pytest.mark.parametrize("body", [None, pieces()], ids=["no body", "CWU-19: as tus-js-client does it"])
async def test_an_empty_upload_gets_the_hooks_reply(serve: Serve, body: Content) -> None:
    finishes = Finishes()
    tus = await serve(on_upload_finish=finishes)
    reply = await tus.post(0, body, Upload_Metadata=metadata(filename="empty"))
    assert (reply.status_code, reply.text) == (201, "finished")
    assert reply.headers["Location"].endswith(reply.headers["X-Finished"])
    assert len(finishes.ids) == 1
