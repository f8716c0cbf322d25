"""Checksums (checklist CHECK 6.1). Trailers need a server that shows them."""

import base64
import hashlib
import zlib
from collections.abc import AsyncIterator

import google_crc32c
import pytest

from tests.support.lab import Tus, exchange, pieces
from tests.support.tus import MIB, OFFSET_STREAM, TUS, checksum, id_of, payload

pytestmark = [pytest.mark.anyio, pytest.mark.needs("checksum", "checksum-trailer")]

GOOD, BAD = b"hello world", b"hello World"
SHA1 = "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="


def claim(algorithm: str, data: bytes) -> str:
    """``Upload-Checksum`` of bytes, for any algorithm that is offered."""
    if algorithm == "crc32":
        digest = zlib.crc32(data).to_bytes(4, "big")
    elif algorithm == "crc32c":
        digest = google_crc32c.value(data).to_bytes(4, "big")
    else:
        digest = hashlib.new(algorithm, data, usedforsecurity=False).digest()
    return f"{algorithm} {base64.b64encode(digest).decode()}"


ALGORITHMS = ("sha1", "sha256", "sha512", "md5", "crc32", "crc32c")


async def test_which_there_are(tus: Tus) -> None:
    """CHECK-01, 02, 03."""
    reply = await tus.request("OPTIONS", tus.url)
    assert reply.headers["Tus-Checksum-Algorithm"] == ",".join(ALGORITHMS)


@pytest.mark.parametrize("is_chunked", [False, True], ids=["CHECK-04", "CHECK-15"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_right(tus: Tus, algorithm: str, is_chunked: bool) -> None:
    """CHECK-10."""
    url = await tus.create(11)
    body = pieces(GOOD[:3], GOOD[3:]) if is_chunked else GOOD
    reply = await tus.patch(url, 0, body, Upload_Checksum=claim(algorithm, GOOD))
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, "11")
    assert (await tus.get(url)).content == GOOD


@pytest.mark.parametrize("is_chunked", [False, True], ids=["CHECK-05", "CHECK-15"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_wrong(tus: Tus, algorithm: str, is_chunked: bool) -> None:
    """CHECK-06, 10, 11: nothing counts, even where it is the last chunk; then the right bytes do."""
    url = await tus.create(11)
    body = pieces(BAD[:3], BAD[3:]) if is_chunked else BAD
    reply = await tus.patch(url, 0, body, Upload_Checksum=claim(algorithm, GOOD))
    assert reply.status_code == 460
    assert reply.text.startswith(f"ERR_CHECKSUM_MISMATCH: {algorithm} of the body differs ")
    assert tus.data(url) == b""
    assert await tus.offset(url) == 0
    assert (await tus.get(url)).status_code == 409
    await tus.patch(url, 0, GOOD, Upload_Checksum=claim(algorithm, GOOD))
    assert (await tus.get(url)).content == GOOD


async def test_only_the_chunk_is_dropped(tus: Tus) -> None:
    """CHECK-12, CHECK-20."""
    data = payload(9 * MIB)
    url = await tus.create(len(data), data[:MIB])
    reply = await tus.patch(url, MIB, data[MIB:], Upload_Checksum=SHA1)
    assert reply.status_code == 460
    assert await tus.offset(url) == MIB
    assert tus.data(url) == data[:MIB]


async def test_unverified_bytes_are_never_shown(tus: Tus) -> None:
    """CHECK-20: an offset that was told never goes back."""
    url = await tus.create(100, b"1234")
    seen: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        for part in (b"hello", b" ", b"world"):
            yield part
            seen.append(await tus.offset(url))

    assert (await tus.patch(url, 4, body(), Upload_Checksum=SHA1)).status_code == 204
    assert seen == [4, 4, 4]
    assert await tus.offset(url) == 15


MALFORMED = {
    "CHECK-07": "foo YWJj",
    "CHECK-08": "SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "CHECK-09:no digest": "sha1",
    "CHECK-09:no base64": "sha1 !!!",
    "CHECK-09:colon": "sha1:Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "CHECK-09:two blanks": "sha1  Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    "CHECK-09:empty": "",
    "CHECK-09:hex": "sha1 2aae6c35c94fcfb415dbe95f408b9ce91ee846ed",
    "CHECK-09:too short": "sha1 YWJj",
    "CHECK-19:no padding": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0",
    "CHECK-19:blank": "sha1 Kq5sNclPz7QV 2+lfQIuc6R7oRu0=",
}


@pytest.mark.parametrize("value", [pytest.param(v, id=k) for k, v in MALFORMED.items()])
async def test_malformed(tus: Tus, value: str) -> None:
    url = await tus.create(11)
    for reply in (
        await tus.patch(url, 0, GOOD, Upload_Checksum=value),
        await tus.post(11, GOOD, Upload_Checksum=value),
    ):
        assert reply.status_code == 400
        assert reply.text.startswith("ERR_INVALID_CHECKSUM: Upload-Checksum ")
    assert tus.data(url) == b""
    assert tus.rows()["uploads"] == 1


@pytest.mark.parametrize("lines", [(SHA1, claim("md5", BAD)), (SHA1, SHA1)], ids=["CHECK-18", "same"])
async def test_two_lines(tus: Tus, lines: tuple[str, str]) -> None:
    url = await tus.create(11)
    headers = {**TUS, "Content-Type": OFFSET_STREAM, "Upload-Offset": "0", "Content-Length": "11"}
    sent = [*headers.items(), *(("Upload-Checksum", line) for line in lines)]
    events = [{"type": "http.request", "body": GOOD}]
    answer = await exchange(tus.app, "PATCH", f"/files/{id_of(url)}", sent, events)
    assert (answer.status, tus.data(url)) == (400, b"")


async def test_empty_body(tus: Tus) -> None:
    """CHECK-13."""
    url = await tus.create(11, b"hello")
    reply = await tus.patch(url, 5, b"", Upload_Checksum=checksum(b"", "sha1"))
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, "5")
    assert (await tus.patch(url, 5, b"", Upload_Checksum=SHA1)).status_code == 460
    assert tus.data(url) == b"hello"


async def test_a_cut_body_was_never_verified(tus: Tus) -> None:
    """CHECK-14: so none of it counts, and none of it stays."""
    url = await tus.create(20, b"1234")
    headers = {**TUS, "Content-Type": OFFSET_STREAM, "Upload-Offset": "4", "Upload-Checksum": SHA1}
    events = [{"type": "http.request", "body": b"hello", "more_body": True}]
    length = ("Content-Length", "11")
    answer = await exchange(tus.app, "PATCH", f"/files/{id_of(url)}", [*headers.items(), length], events)
    assert answer.status == 400
    assert (tus.data(url), await tus.offset(url)) == (b"1234", 4)
    assert (await tus.patch(url, 4, GOOD, Upload_Checksum=SHA1)).status_code == 204


async def test_wrong_offset_and_wrong_checksum(tus: Tus) -> None:
    """CHECK-17."""
    url = await tus.create(11)
    assert (await tus.patch(url, 3, BAD, Upload_Checksum=SHA1)).status_code == 409
    assert tus.data(url) == b""


async def test_over_the_bytes_as_sent(tus: Tus) -> None:
    """CHECK-22."""
    url = await tus.create(11)
    reply = await tus.patch(url, 0, GOOD, Upload_Checksum=SHA1, Content_Encoding="gzip")
    assert (reply.status_code, tus.data(url)) == (204, GOOD)


async def test_beyond_the_end(tus: Tus) -> None:
    """CORE-50 with a checksum: the body cannot be right, so nothing of it counts."""
    url = await tus.create(8)
    reply = await tus.patch(url, 0, pieces(b"hello", b" world"), Upload_Checksum=SHA1)
    assert (reply.status_code, tus.data(url)) == (413, b"")
    assert await tus.offset(url) == 0


async def test_an_announced_trailer_that_never_comes(tus: Tus) -> None:
    """CHECK-28: this server in front shows no trailers, so the bytes cannot be verified."""
    url = await tus.create(11)
    reply = await tus.patch(url, 0, pieces(GOOD), Trailer="Upload-Checksum")
    assert (reply.status_code, tus.data(url)) == (400, b"")
    assert "announced as one trailer, got 0" in reply.text
