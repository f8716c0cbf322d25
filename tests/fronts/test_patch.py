"""PATCH (checklist CORE 1.4)."""

import pytest
from starlette.types import Message

from tests.support.lab import Tus, exchange, pieces
from tests.support.tus import MIB, OFFSET_STREAM, TUS, id_of, payload

pytestmark = pytest.mark.anyio


async def test_whole_upload_in_one_patch(tus: Tus) -> None:
    """CORE-36, EXPIRE-08."""
    url = await tus.create(11)
    reply = await tus.patch(url, 0, b"hello world")
    assert (reply.status_code, reply.content) == (204, b"")
    assert reply.headers["Upload-Offset"] == "11"
    assert "Upload-Expires" not in reply.headers
    assert tus.data(url) == b"hello world"


async def test_upload_in_several_patches(tus: Tus) -> None:
    """CORE-37, CORE-38, EXPIRE-03."""
    url = await tus.create(11)
    for offset, part in ((0, b"hell"), (4, b"o wo"), (8, b"rld")):
        reply = await tus.patch(url, offset, part)
        assert reply.status_code == 204
        assert int(reply.headers["Upload-Offset"]) == offset + len(part) == await tus.offset(url)
        assert ("Upload-Expires" in reply.headers) is (offset < 8)
    assert tus.data(url) == b"hello world"


async def test_two_hundred_small_patches(tus: Tus) -> None:
    """CORE-59."""
    url, data = await tus.create(200), payload(200)
    for offset in range(200):
        assert (await tus.patch(url, offset, data[offset : offset + 1])).status_code == 204
    assert tus.data(url) == data


@pytest.mark.parametrize(
    ("stored", "offset"),
    [
        pytest.param(b"", "5", id="CORE-39: ahead"),
        pytest.param(b"abc", "0", id="CORE-40: behind, even with the same bytes"),
        pytest.param(b"hello world", "0", id="CORE-54: complete"),
        pytest.param(b"hello world", "12", id="CORE-54: beyond the end"),
        pytest.param(b"abc", str(2**63 - 1), id="CORE-48: huge"),
    ],
)
async def test_offset_conflicts(tus: Tus, stored: bytes, offset: str) -> None:
    """CORE-41: the answer says where the upload stands, and nothing is written."""
    url = await tus.create(11, stored or None)
    reply = await tus.patch(url, offset, b"abc")
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (409, str(len(stored)))
    assert reply.text == (f"ERR_MISMATCHED_OFFSET: offset is {len(stored)}, request said {offset} (bytes)\n")
    assert tus.data(url) == stored


OFFSETS = ("-1", "abc", "1.5", "0x0", "1e0", "", "+0", "00", "0,0", "0_0", "9" * 23, str(2**63))


@pytest.mark.parametrize("offset", [pytest.param(o, id=f"CORE-47:{o}") for o in OFFSETS])
async def test_offsets_that_are_no_numbers(tus: Tus, offset: str) -> None:
    """CORE-47, CORE-48."""
    url = await tus.create(5)
    reply = await tus.patch(url, offset, b"hello")
    assert reply.status_code == 400
    assert reply.text.startswith("ERR_INVALID_OFFSET: Upload-Offset must be ")
    assert tus.data(url) == b""


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([], id="CORE-46"),
        pytest.param([("Upload-Offset", "0"), ("Upload-Offset", "5")], id="CORE-63"),
        pytest.param([("Upload-Offset", "0"), ("Upload-Offset", "0")], id="CORE-63:same"),
    ],
)
async def test_not_exactly_one_offset(tus: Tus, lines: list[tuple[str, str]]) -> None:
    url = await tus.create(5)
    headers = [*TUS.items(), ("Content-Type", OFFSET_STREAM), ("Content-Length", "5"), *lines]
    events = [{"type": "http.request", "body": b"hello"}]
    answer = await exchange(tus.app, "PATCH", f"/files/{id_of(url)}", headers, events)
    assert answer.status == 400
    assert answer.body.startswith(b"ERR_INVALID_OFFSET: Upload-Offset ")
    assert answer.asked == 0
    assert tus.data(url) == b""


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        pytest.param("application/octet-stream", 415, id="CORE-42"),
        pytest.param(None, 415, id="CORE-43"),
        pytest.param("Application/Offset+Octet-Stream", 204, id="CORE-44:case"),
        pytest.param("application/offset+octet-stream; charset=utf-8", 204, id="CORE-44:parameter"),
    ],
)
async def test_content_type(tus: Tus, media_type: str | None, status: int) -> None:
    url = await tus.create(5)
    reply = await tus.patch(url, 0, b"hello", Content_Type=media_type)
    assert reply.status_code == status
    assert tus.data(url) == (b"hello" if status == 204 else b"")


async def test_unknown_upload(tus: Tus) -> None:
    """CORE-45: and no file comes into being."""
    reply = await tus.patch(tus.url + "0" * 32, 0, b"x")
    assert (reply.status_code, reply.text) == (404, "ERR_UPLOAD_NOT_FOUND: upload not found\n")
    assert tus.files() == []


async def test_announced_as_too_long(tus: Tus) -> None:
    """CORE-49: nothing is stored."""
    url = await tus.create(10)
    reply = await tus.patch(url, 0, b"eleven byte")
    assert reply.status_code == 413
    assert reply.text == "ERR_UPLOAD_SIZE_EXCEEDED: body goes beyond the upload's length of 10 bytes\n"
    assert await tus.offset(url) == 0
    assert (await tus.patch(url, 0, b"ten bytes.")).status_code == 204


async def test_found_to_be_too_long(tus: Tus) -> None:
    """CORE-50: what belongs to the upload is stored, not a byte more."""
    url = await tus.create(10)
    reply = await tus.patch(url, 0, pieces(b"ten b", b"ytes.", b"!!"))
    assert reply.status_code == 413
    assert await tus.offset(url) == 10
    assert tus.data(url) == b"ten bytes."
    assert (await tus.get(url)).content == b"ten bytes."


async def test_chunked_body(tus: Tus) -> None:
    """CORE-51."""
    url = await tus.create(11)
    reply = await tus.patch(url, 0, pieces(b"hello", b"", b" wor"))
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, "9")
    assert tus.data(url) == b"hello wor"


async def test_empty_body(tus: Tus) -> None:
    """CORE-52, CORE-53a."""
    url = await tus.create(5, b"he")
    reply = await tus.patch(url, 2, b"")
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, "2")
    await tus.patch(url, 2, b"llo")
    reply = await tus.patch(url, 5, b"")
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, "5")


@pytest.mark.parametrize("is_chunked", [False, True], ids=["CORE-53b", "CORE-53b:chunked"])
async def test_a_complete_upload_takes_no_more(tus: Tus, is_chunked: bool) -> None:
    url = await tus.create(5, b"hello")
    reply = await tus.patch(url, 5, pieces(b"!") if is_chunked else b"!")
    assert reply.status_code == 413
    assert await tus.offset(url) == 5
    assert tus.data(url) == b"hello"


async def test_no_length_and_not_chunked(tus: Tus) -> None:
    """CORE-55: such a request has no body."""
    url = await tus.create(5)
    headers = [*TUS.items(), ("Content-Type", OFFSET_STREAM), ("Upload-Offset", "0")]
    events = [{"type": "http.request", "body": b""}]
    answer = await exchange(tus.app, "PATCH", f"/files/{id_of(url)}", headers, events)
    assert (answer.status, answer.headers["upload-offset"]) == (204, "0")


async def test_a_cut_body_is_kept(tus: Tus) -> None:
    """CORE-56, 57, 58; CONC-07: what arrived counts, and the upload can be resumed there."""
    data = payload(MIB)
    url = await tus.create(len(data))
    headers = [*TUS.items(), ("Content-Type", OFFSET_STREAM), ("Upload-Offset", "0")]
    events: list[Message] = [
        {"type": "http.request", "body": data[:300_000], "more_body": True},
        {"type": "http.request", "body": data[300_000:400_000], "more_body": True},
        {"type": "http.disconnect"},
    ]
    length = ("Content-Length", str(len(data)))
    answer = await exchange(tus.app, "PATCH", f"/files/{id_of(url)}", [*headers, length], events)
    assert answer.status == 400
    assert answer.body == b"ERR_UNEXPECTED_EOF: server expected to receive more bytes\n"
    assert await tus.offset(url) == 400_000
    assert (await tus.patch(url, 400_000, data[400_000:])).status_code == 204
    assert (await tus.get(url)).content == data


async def test_content_encoding_is_not_undone(tus: Tus) -> None:
    """CORE-64."""
    url = await tus.create(5)
    assert (await tus.patch(url, 0, b"\x1f\x8b\x08xy", Content_Encoding="gzip")).status_code == 204
    assert tus.data(url) == b"\x1f\x8b\x08xy"


async def test_unrelated_headers_are_ignored(tus: Tus) -> None:
    """CORE-65: tus-js-client sends ``Upload-Concat`` with every request of a partial upload."""
    url = await tus.create(5)
    more = {"Upload_Concat": "partial", "Upload_Metadata": "a", "Upload_Defer_Length": "1"}
    assert (await tus.patch(url, 0, b"hello", X_Request_ID="1", **more)).status_code == 204
    head = await tus.head(url)
    assert "Upload-Concat" not in head.headers
    assert "Upload-Metadata" not in head.headers


async def test_every_byte_is_stored_as_it_is(tus: Tus) -> None:
    """CORE-66."""
    data = b"PATCH /files/x HTTP/1.1\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" + bytes(range(256)) * 4
    url = await tus.create(len(data))
    assert (await tus.patch(url, 0, pieces(data[:60], data[60:]))).status_code == 204
    assert tus.data(url) == data
