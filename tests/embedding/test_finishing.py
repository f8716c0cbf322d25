"""The finish callable: when it is called, what its reply becomes, and what its failure leaves."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import Request

from tests.support.lab import Serve, Tus, pieces
from tests.support.tus import checksum, id_of
from tusd_py import HookReply, Upload, UploadRefused

pytestmark = pytest.mark.anyio


class Finish:
    """Notes what it is told; fails as long as it is told to."""

    def __init__(self, reply: HookReply | None = None) -> None:
        self.reply = reply
        self.error: Exception | None = None
        self.seen: list[Upload] = []

    async def __call__(self, request: Request | None, upload: Upload) -> HookReply | None:
        self.seen.append(upload)
        if self.error is not None:
            raise self.error
        return self.reply


async def by_patch(tus: Tus) -> str:
    url = await tus.create(5, b"he")
    await tus.patch(url, 2, b"llo")
    return url


async def by_checksum(tus: Tus) -> str:
    url = await tus.create(5)
    assert (await tus.patch(url, 0, b"hallo", Upload_Checksum=checksum(b"hello"))).status_code == 460
    await tus.patch(url, 0, b"hello", Upload_Checksum=checksum(b"hello"))
    return url


async def by_creation(tus: Tus) -> str:
    return await tus.create(5, b"hello")


async def by_chunked_creation(tus: Tus) -> str:
    return await tus.create(5, pieces(b"he", b"llo"))


async def by_empty_creation(tus: Tus) -> str:
    return await tus.create(0)


async def by_declared_length(tus: Tus) -> str:
    url = await tus.create(None, b"hello", Upload_Defer_Length="1")
    await tus.patch(url, 5, b"", Upload_Length="5")
    return url


WAYS = [by_patch, by_checksum, by_creation, by_chunked_creation, by_empty_creation, by_declared_length]


@pytest.mark.parametrize("way", WAYS)
async def test_called_once_when_all_bytes_are_there(
    serve: Serve, way: Callable[[Tus], Awaitable[str]]
) -> None:
    finish = Finish()
    tus = await serve(on_upload_finish=finish)
    url = await way(tus)
    await tus.head(url)
    await tus.patch(url, len(tus.data(url)), b"")
    (upload,) = finish.seen
    assert (upload.id, upload.length) == (id_of(url), len(tus.data(url)))
    assert upload.completed_at is not None


async def test_finals_and_their_partials(serve: Serve) -> None:
    """Each is told of, with its kind, so that an application can leave partials alone (CONCAT-37)."""
    finish = Finish()
    tus = await serve(on_upload_finish=finish)
    a = await tus.create(5, b"he", Upload_Concat="partial")
    early = await tus.final(a)
    await tus.patch(a, 2, b"llo")
    late = await tus.final(a, a)
    told = [(upload.id, upload.kind.value, upload.length) for upload in finish.seen]
    assert told == [(id_of(a), "partial", 5), (id_of(early), "final", 5), (id_of(late), "final", 10)]


@pytest.mark.parametrize(
    ("reply", "status", "text"),
    [
        (HookReply(), 204, ""),
        (HookReply(headers={"X-A": "b"}), 204, ""),
        (HookReply(body="text"), 200, "text"),
        (HookReply(body=b"bytes", status=202, headers={"Content-Type": "text/x"}), 202, "bytes"),
        (HookReply(status=200), 200, ""),
        (HookReply(status=204, body="lost"), 204, ""),
    ],
)
async def test_reply(serve: Serve, reply: HookReply, status: int, text: str) -> None:
    """To the request that completed the upload, whose own headers stay; a 204 has no body."""
    tus = await serve(on_upload_finish=Finish(reply))
    url = await tus.create(5)
    first, got = await tus.patch(url, 0, b"he"), await tus.patch(url, 2, b"llo")
    assert (first.status_code, first.text) == (204, "")
    assert got.headers["Upload-Offset"] == "5"
    assert (got.status_code, got.text) == (status, text)
    assert got.headers.get("Content-Length", "0") == str(len(text))
    for name, value in reply.headers.items():
        assert got.headers[name] == value
    made = await tus.post(5, b"hello")
    assert (made.status_code, made.text) == (reply.status or 201, text)
    assert made.headers["Location"].startswith(tus.url)


@pytest.mark.parametrize("headers", [{"X": "a\r\nSet-Cookie: b"}, {"X": "日本"}, {"X Y": "z"}])
def test_a_reply_that_is_no_header(headers: dict[str, str]) -> None:
    """Refused where it is made, so that it reaches nobody and its author learns of it."""
    with pytest.raises(ValueError, match="is no header"):
        HookReply(headers=headers)


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("secret"), 500), (UploadRefused("virus", status=422), 422)]
)
async def test_a_failure_is_tried_again(serve: Serve, error: Exception, status: int) -> None:
    """All bytes stay, but the upload is not complete until the callable says so."""
    finish = Finish(HookReply(headers={"X-Done": "1"}))
    tus = await serve(on_upload_finish=finish)
    url = await tus.create(5)
    finish.error = error
    for reply in (await tus.patch(url, 0, b"hello"), await tus.head(url), await tus.get(url)):
        assert reply.status_code == status
        assert "secret" not in reply.text
    assert tus.sql("SELECT state FROM uploads") == [("open",)]
    assert tus.data(url) == b"hello"
    finish.error = None
    assert await tus.offset(url) == 5
    assert (await tus.get(url)).content == b"hello"
    assert len(finish.seen) == 4


@pytest.mark.parametrize("how", ["with data", "empty", "final"])
async def test_a_failed_creation_leaves_nothing(serve: Serve, how: str) -> None:
    """The client would not learn the URL."""
    finish = Finish()
    tus = await serve(on_upload_finish=finish)
    a = await tus.partial(b"hello")
    before = tus.rows(), tus.files()
    finish.error = RuntimeError()
    ways: dict[str, Any] = {
        "with data": lambda: tus.post(5, b"hello"),
        "empty": lambda: tus.post(0),
        "final": lambda: tus.post(Upload_Concat=f"final;{a} {a}"),
    }
    assert (await ways[how]()).status_code == 500
    assert (tus.rows(), tus.files()) == before
