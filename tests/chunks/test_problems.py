"""Problems that need a special situation; the others are with what they belong to."""

import asyncio
import json
import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chunks.lab import Api, Service, content_range, problem
from tests.chunks.test_expiry import embedded
from tests.chunks.test_put import read_reply, slow_put
from tests.support.tus import payload, sha256
from tests.support.waiting import eventually
from tusd_py import UploadRefused
from tusd_py.fronts.chunks.problems import failure_members
from tusd_py.model.commits import CommitFailure, Piece
from tusd_py.model.ranges import ByteRange

DATA = payload(1000)


def test_e05_two_ranges_at_once(server: Service, api: Api) -> None:
    """Neither waits for the other."""
    upload = api.create(1000)
    with slow_put(server, upload, 0, 500, DATA[:10]) as other:
        assert api.put(upload, 500, DATA[500:]).status_code == 200
        other.sendall(DATA[10:500])
        assert read_reply(other).startswith(b"HTTP/1.1 200")
    assert (server.upload_dir / upload["id"]).read_bytes() == DATA


def test_conditions_on_content(api: Api) -> None:
    made = api.http.post("/artifacts/", json={"upload": api.committed(DATA)["id"]}).json()
    where = made["links"]["content"]
    problem(api.http.get(where, headers={"If-Match": '"other"'}), "precondition-failed", 412)
    reply = api.http.get(where, headers={"Range": "bytes=1000-"})
    problem(reply, "invalid-range", 416)
    assert reply.headers["content-range"] == "bytes */1000"


def test_commit_while_tus_holds_the_upload(server: Service, api: Api) -> None:
    """What is missing is just arriving; whoever sends it is left in peace."""
    upload = api.create(0)
    other = api.create(10)
    with socket.create_connection(server.host_port) as connection:
        connection.sendall(
            f"PATCH {other['tus_url']} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
            "Content-Type: application/offset+octet-stream\r\nContent-Length: 10\r\n\r\n12345".encode()
        )
        eventually(lambda: server.sql("SELECT * FROM upload_chunks WHERE upload_id = ?", other["id"]))
        fields = problem(api.commit(other, sha256(b"x")), "upload-incomplete", 409)
        assert fields["missing"] == fields["in_progress"] == [{"start": 0, "end": 9}]
        fields = problem(api.put(other, 5, b"67890"), "chunk-in-progress", 423)
        assert fields["range"] == {"start": 0, "end": 9}
        assert api.commit(upload, sha256(b"")).status_code == 200
        connection.sendall(b"67890")
        assert connection.recv(1000).startswith(b"HTTP/1.1 204")
    assert api.commit(other, sha256(b"1234567890")).status_code == 200


@pytest.mark.anyio
async def test_an_upload_that_is_just_being_finished(tmp_path: Path) -> None:
    """Nothing is missing, and somebody holds it for too long: try again."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def finish(request: object, upload: object) -> None:
        entered.set()
        await leave.wait()

    async with embedded(tmp_path, on_upload_finish=finish, acquire_lock_timeout_s=0.1) as client:
        tus = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
        made = await client.post("/files/", headers=tus | {"Upload-Length": "5"})
        where = made.headers["Location"]
        patch = client.patch(where, content=b"hello", headers=tus | {"Upload-Offset": "0"})
        last = asyncio.ensure_future(patch)
        await entered.wait()
        reply = await client.post("/artifacts/", json={"upload": where})
        assert problem(reply, "upload-locked", 423)["retryable"] is True
        assert reply.headers["retry-after"]
        leave.set()
        assert (await last).status_code == 204
        assert (await client.post("/artifacts/", json={"upload": where})).status_code == 201


@pytest.mark.anyio
async def test_an_artifact_waits_for_a_commit_under_way(tmp_path: Path) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def finish(request: object, upload: object) -> None:
        entered.set()
        await leave.wait()

    async with embedded(tmp_path, on_upload_finish=finish) as client:
        upload = (await client.post("/uploads/", json={"size": 1000})).json()
        await client.put(upload["href"], content=DATA, headers=content_range(0, DATA))
        digest = {"sha256": sha256(DATA)}
        commit = asyncio.ensure_future(client.post(upload["links"]["commit"], json=digest))
        await entered.wait()
        fields = {"upload": upload["id"]} | digest
        artifact = asyncio.ensure_future(client.post("/artifacts/", json=fields))
        await asyncio.sleep(0.2)
        leave.set()
        assert ((await commit).status_code, (await artifact).status_code) == (200, 201)


def test_content_without_a_descriptor_left(serve: Callable[..., Service]) -> None:
    """It can be had a moment later."""
    server = serve()
    api = server.api()
    made = api.http.post("/artifacts/", json={"upload": api.committed(DATA)["id"]}).json()
    limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    reply = api.http.get(made["links"]["content"])
    fields = problem(reply, "too-many-open-files", 503)
    assert fields["retryable"] is True
    assert reply.headers["retry-after"] == "1"
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
    assert api.http.get(made["links"]["content"]).content == DATA


def test_the_server_goes_down_during_a_chunk(serve: Callable[..., Service]) -> None:
    """The sender is told, and the range is missing afterwards."""
    server = serve()
    api = server.api()
    upload = api.create(1000)
    with slow_put(server, upload, 0, 500, DATA[:10]) as other:
        server.process.send_signal(signal.SIGTERM)
        head, _, body = read_reply(other).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in head.lower()
        fields = json.loads(body)
        assert fields["type"].rpartition(":")[2] == "server-shutdown"
        assert fields["retryable"] is True
    server.process.wait(20)
    assert server.sql("SELECT * FROM upload_chunks") == []


@pytest.mark.anyio
async def test_what_an_application_says(tmp_path: Path) -> None:
    """A quota, an answer of its own, and a fault: of that the client learns nothing."""

    def create(request: Any, upload: Any) -> None:
        if upload.length == 1:
            raise UploadRefused("enough for today", status=429)
        if upload.length == 2:
            raise UploadRefused("x", status=402, body="pay first\n", headers={"X-Price": "5"})
        if upload.length == 3:
            raise RuntimeError("secret")

    async with embedded(tmp_path, on_upload_create=create) as client:
        problem(await client.post("/uploads/", json={"size": 1}), "quota", 429)
        reply = await client.post("/uploads/", json={"size": 2})
        assert (reply.status_code, reply.text, reply.headers["x-price"]) == (402, "pay first\n", "5")
        fields = problem(await client.post("/uploads/", json={"size": 3}), "internal", 500)
        assert "secret" not in json.dumps(fields)
        reply = await client.post("/uploads/", json={"size": 4})
        assert reply.status_code == 201
        reply = await client.put(reply.json()["href"], content=b"1234", headers=content_range(0, 4))
        assert reply.status_code == 200
    assert len([path for path in tmp_path.iterdir() if not path.name.startswith(".")]) == 1


@pytest.mark.parametrize(
    ("failure", "members"),
    [
        (
            CommitFailure(
                "ERR_DIGEST_MISMATCH", 400, "differs", {"corrupt": [ByteRange(0, 5)], "actual": "ab"}
            ),
            {
                "type": "urn:tusd-py:problem:digest-mismatch",
                "corrupt": [{"start": 0, "end": 4}],
                "actual": "ab",
            },
        ),
        (
            CommitFailure(
                "ERR_PARTS_MISMATCH", 409, "differs", {"parts": [Piece(0, 5, None, is_listed=False)]}
            ),
            {"parts": [{"offset": 0, "size": 5, "sha256": None, "unlisted": True}]},
        ),
        (  # what a callable refused, by the status that it chose, as in its answer
            CommitFailure("ERR_UPLOAD_REJECTED", 429, "too many", {}),
            {"type": "urn:tusd-py:problem:quota", "retryable": True},
        ),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
def test_the_failure_of_a_commit_is_the_problem_that_it_was(
    failure: CommitFailure, members: dict[str, object]
) -> None:
    """``last_error`` is the answer that a client would have got."""
    fields = failure_members(failure)
    assert fields | members == fields
    assert (fields["status"], fields["detail"]) == (failure.status, failure.message)
