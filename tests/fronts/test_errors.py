"""What a refused client is told, and what it is not told (HTTP-15, CORE-13)."""

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from tests.support.lab import Serve, Tus
from tests.support.tus import checksum
from tusd_py import Config, UploadRefused, create_app

pytestmark = pytest.mark.anyio

#: Name of the refusal: what to send to an upload of 10 bytes that holds 2 and has a limit of 20 bytes.
REFUSALS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "version": (412, "ERR_UNSUPPORTED_VERSION", {"Tus_Resumable": "9.9.9"}),
    "type": (415, "ERR_INVALID_CONTENT_TYPE", {"Content_Type": "text/plain"}),
    "offset": (400, "ERR_INVALID_OFFSET", {"Upload_Offset": "x"}),
    "conflict": (409, "ERR_MISMATCHED_OFFSET", {"Upload_Offset": "3"}),
    "too long": (413, "ERR_UPLOAD_SIZE_EXCEEDED", {"content": b"x" * 9}),
    "length": (400, "ERR_INVALID_UPLOAD_LENGTH", {"Upload_Length": "11"}),
    "algorithm": (400, "ERR_INVALID_CHECKSUM", {"Upload_Checksum": "foo YQ=="}),
    "override": (405, "ERR_METHOD_NOT_ALLOWED", {"X_HTTP_Method_Override": "<script>\x7f"}),
    "unknown": (404, "ERR_UPLOAD_NOT_FOUND", {"name": "0" * 32}),
}


@pytest.mark.parametrize(("status", "code", "sent"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_form(serve: Serve, status: int, code: str, sent: dict[str, Any]) -> None:
    """CORE-13: ``CODE: message`` and a newline, as tusd has it, with the version; nothing changes."""
    await check_form(serve, status, code, sent)


@pytest.mark.needs("checksum")
async def test_form_of_a_mismatch(serve: Serve) -> None:
    """CORE-13 with tus' own status."""
    await check_form(serve, 460, "ERR_CHECKSUM_MISMATCH", {"Upload_Checksum": checksum(b"other")})


async def check_form(serve: Serve, status: int, code: str, sent: dict[str, Any]) -> None:
    """Send a PATCH that is refused."""
    tus = await serve(max_size=20)
    url = await tus.create(10, b"he")
    if "name" in sent:
        url = tus.url + sent["name"]
    more = {name: value for name, value in sent.items() if name not in ("name", "content")}
    headers = {"Upload_Offset": "2", "Content_Type": "application/offset+octet-stream", **more}
    reply = await tus.request("PATCH", url, sent.get("content", b"llo"), **headers)
    assert reply.status_code == status
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Tus-Resumable"] == "1.0.0"
    assert re.fullmatch(rf"{code}: [ -~]{{10,200}}\n", reply.text)
    assert tus.sql("SELECT count(*) FROM uploads") == [(1,)]
    assert tus.data(tus.files()[0]) == b"he"


class Boom(Exception):
    """Says what no client may see."""


def explode(*_: object) -> None:
    """A callable with a fault."""
    raise Boom("SELECT password FROM /etc/secret")


@pytest.mark.parametrize(
    "callback", ["on_incoming_request", "on_upload_create", "on_upload_finish", "on_upload_terminate"]
)
async def test_a_faulty_callable(serve: Serve, callback: str, caplog: pytest.LogCaptureFixture) -> None:
    """HTTP-15: the client learns that it failed, the log why."""
    tus = await serve(**{callback: explode})
    reply = await tus.post(5, b"hello")
    if callback == "on_upload_terminate":
        reply = await tus.delete(reply.headers["Location"])
    assert reply.status_code == 500
    assert reply.text == "ERR_INTERNAL_SERVER_ERROR: internal server error, see the server's log\n"
    assert reply.headers["Tus-Resumable"] == "1.0.0"
    assert "password" in caplog.text
    assert len(tus.files()) == (2 if callback == "on_upload_terminate" else 0)


@pytest.mark.needs("files")
async def test_a_faulty_directory(serve: Serve) -> None:
    """HTTP-15: neither the path nor the system's words reach the client."""
    tus = await serve()
    url = await tus.create(5)
    name = url.rpartition("/")[2]
    (tus.directory / name).unlink()
    (tus.directory / name).mkdir()
    # A directory has a size, so only the write itself fails.
    size = (tus.directory / name).stat().st_size
    tus.sql("UPDATE uploads SET length = ?", size + 5)
    reply = await tus.patch(url, size, b"hello")
    assert reply.status_code == 500
    assert reply.text == "ERR_INTERNAL_SERVER_ERROR: internal server error, see the server's log\n"


async def test_a_directory_that_cannot_be_used(tmp_path: Path) -> None:
    """The application opens with the first request when nobody runs its lifespan."""
    (tmp_path / "file").write_bytes(b"")
    async with Tus(create_app(Config(upload_dir=tmp_path / "file")), tmp_path) as tus:
        reply = await tus.post(5)
    assert reply.status_code == 500
    assert str(tmp_path) not in reply.text


async def test_a_server_is_told_why_the_application_cannot_start(tmp_path: Path) -> None:
    """In the words of ASGI's lifespan, in one line; the server shows it to its operator."""
    (tmp_path / "file").write_bytes(b"")
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    await create_app(Config(upload_dir=tmp_path / "file"))({"type": "lifespan"}, receive, send)
    assert sent == [{"type": "lifespan.startup.failed", "message": f"File exists: {tmp_path / 'file'}"}]


REPLIES = {
    "all of it": (UploadRefused("m", status=422, body="{}", headers={"X-A": "b"}), 422, "{}"),
    "only words": (UploadRefused("not today"), 400, "ERR_UPLOAD_REJECTED: not today\n"),
    "no body": (UploadRefused("m", status=403, body=""), 403, ""),
    "bytes": (UploadRefused("m", status=507, body=b"full"), 507, "full"),
}


@pytest.mark.parametrize(("error", "status", "text"), REPLIES.values(), ids=REPLIES.keys())
async def test_a_refusing_callable_has_its_way(
    serve: Serve, error: UploadRefused, status: int, text: str
) -> None:
    async def refuse(*_: object) -> None:
        raise error

    tus = await serve(on_upload_create=refuse)
    reply = await tus.post(5, b"hello")
    assert (reply.status_code, reply.text) == (status, text)
    assert reply.headers.get("X-A") == error.headers.get("X-A")
    assert reply.headers["Tus-Resumable"] == "1.0.0"
    assert tus.files() == []


async def test_a_path_that_is_nobodys(tus: Tus) -> None:
    reply = await tus.request("GET", "/nothing")
    assert reply.status_code == 404
    assert re.fullmatch(r"ERR_\w+: [ -~]+\n", reply.text)
