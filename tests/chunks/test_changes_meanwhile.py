"""Requests between the steps of others: an upload completes with all of its bytes, or not at all."""

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.chunks.lab import Api, Service, content_range, problem
from tests.chunks.test_expiry import embedded
from tests.contract.bodies import Sent
from tusd_py import Config, UploadRefused
from tusd_py.assembly import open_backends
from tusd_py.errors.chunks import RangeOverlap
from tusd_py.model.body import StopSignal
from tusd_py.model.ranges import ByteRange
from tusd_py.service.caller import Caller
from tusd_py.service.chunks import Place
from tusd_py.service.expected import ExpectedChecksum, ExpectedDigests
from tusd_py.service.parallel_uploads import WantedSession

TUS = {"Tus-Resumable": "1.0.0"}


def begin(api: Api, head: str, body: bytes) -> socket.socket:
    """Send the head and a part of the body of a request that stays under way."""
    where = urlsplit(str(api.http.base_url))
    sock = socket.create_connection((where.hostname or "", where.port or 0))
    sock.sendall(f"{head}\r\nHost: x\r\nTus-Resumable: 1.0.0\r\n".encode() + body)
    time.sleep(0.2)
    return sock


def test_a_patch_over_a_chunk_that_was_deleted_meanwhile_completes_nothing(
    serve: Callable[..., Service],
) -> None:
    api = serve().api()
    made = api.http.post("/files/", headers={**TUS, "Upload-Length": "20"})
    upload_id = made.headers["Location"].rpartition("/")[2]
    href = f"/uploads/{upload_id}/"
    assert api.http.put(href, content=b"A" * 10, headers=content_range(0, 10)).status_code == 200
    patch = begin(
        api,
        f"PATCH /files/{upload_id} HTTP/1.1",
        b"Upload-Offset: 10\r\nContent-Type: application/offset+octet-stream\r\n"
        b"Content-Length: 10\r\n\r\nBBBBB",
    )
    assert api.http.delete(f"{href}chunks/0/").status_code == 204
    put = begin(api, f"PUT {href} HTTP/1.1", b"Content-Range: bytes 0-9/20\r\nContent-Length: 10\r\n\r\nCCCC")
    patch.sendall(b"BBBBB")
    patch.recv(1000)
    assert api.http.get(href).json()["state"] == "open"
    put.close()
    patch.close()
    time.sleep(0.2)
    view = api.http.get(href).json()
    assert (view["state"], view["missing"]) == ("open", [{"start": 0, "end": 9}])
    assert api.http.put(href, content=b"A" * 10, headers=content_range(0, 10)).status_code == 200
    assert api.http.get(f"/files/{upload_id}").content == b"A" * 10 + b"B" * 10


@pytest.mark.anyio
async def test_no_chunk_goes_while_the_upload_is_finished(tmp_path: Path) -> None:
    """A slow finish hook: the chunks that it sees are the chunks that the upload keeps."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def finish(request: object, upload: object) -> None:
        entered.set()
        await leave.wait()

    async with embedded(tmp_path, on_upload_finish=finish) as client:
        made = await client.post("/files/", headers={**TUS, "Upload-Length": "20"})
        href = f"/uploads/{made.headers['Location'].rpartition('/')[2]}/"
        await client.put(href, content=b"A" * 10, headers=content_range(0, 10))
        last = asyncio.ensure_future(client.put(href, content=b"B" * 10, headers=content_range(10, 10)))
        await entered.wait()
        problem(await client.delete(f"{href}chunks/0/"), "upload-not-open", 409)
        leave.set()
        assert (await last).status_code == 200
        view = (await client.get(href)).json()
        assert (view["state"], len(view["chunks"])) == ("completed", 2)


@pytest.mark.anyio
async def test_the_last_chunk_again_finishes_what_a_hook_refused(tmp_path: Path) -> None:
    refusals = [UploadRefused("not now", status=503)]

    def finish(request: object, upload: object) -> None:
        if refusals:
            raise refusals.pop()

    async with embedded(tmp_path, on_upload_finish=finish) as client:
        made = await client.post("/files/", headers={**TUS, "Upload-Length": "10"})
        href = f"/uploads/{made.headers['Location'].rpartition('/')[2]}/"
        statuses = [
            (await client.put(href, content=b"x" * 10, headers=content_range(0, 10))).status_code
            for _ in range(2)
        ]
        assert statuses == [503, 200]
        assert (await client.get(href)).json()["state"] == "completed"


@pytest.mark.anyio
async def test_a_patch_does_not_write_over_a_chunk_that_came_meanwhile(tmp_path: Path) -> None:
    """The PATCH looked before that very range was received; its bytes and their digest stay as they are."""
    backends = await open_backends(Config(upload_dir=tmp_path))
    parallel, caller = backends.service.parallel, Caller()
    assert parallel is not None
    session, _ = await parallel.uploads.create(WantedSession(size=10, metadata={}), caller)
    body = Sent([b"A" * 10])
    await parallel.chunks.put(session, Place(ByteRange(0, 10)), body, ExpectedDigests(), caller)
    late = backends.service.appender.ranged.write(
        session, 0, Sent([b"B" * 10]), ExpectedChecksum(), StopSignal()
    )
    with pytest.raises(RangeOverlap):
        await late
    assert (tmp_path / session.id).read_bytes() == b"A" * 10
    await backends.close()
