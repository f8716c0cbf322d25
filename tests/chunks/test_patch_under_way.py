"""A tus PATCH that is under way, and what the chunk API does meanwhile."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chunks.lab import Api, Service, content_range, problem
from tests.chunks.test_bridge import TUS, tus_create, tus_offset, tus_patch
from tests.chunks.test_put import read_reply
from tests.contract.bodies import sent
from tests.support.tus import payload, sha256
from tests.support.waiting import eventually
from tusd_py import Config
from tusd_py.assembly import Backends, open_backends
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import ChunkState, Ranged, UploadState
from tusd_py.service.caller import Caller
from tusd_py.service.chunks import Place
from tusd_py.service.expected import ExpectedChecksum, ExpectedDigests
from tusd_py.service.uploads import Wanted

DATA = payload(1000)
SENT = 100  # bytes of the PATCH that have arrived


class Patch:
    """A PATCH from byte 0 on of which the first 100 have arrived."""

    def __init__(self, api: Api, upload_id: str, connection: socket.socket, length: int) -> None:
        self._api = api
        self._length = length
        self._id = upload_id
        self._connection = connection

    def goes_on_to_its_end(self) -> bool:
        """Send the rest; whether all of it was taken."""
        self._connection.sendall(DATA[SENT : self._length])
        reply = read_reply(self._connection)
        return reply.startswith(b"HTTP/1.1 204") and tus_offset(self._api, self._id) >= self._length

    def is_told_that_another_took_over(self) -> bool:
        """Whether it ended with a 409."""
        return read_reply(self._connection).startswith(b"HTTP/1.1 409")


@contextmanager
def patching(server: Service, api: Api, upload_id: str, length: int = 1000) -> Iterator[Patch]:
    with socket.create_connection(server.host_port) as connection:
        connection.sendall(
            f"PATCH /files/{upload_id} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
            f"Content-Type: application/offset+octet-stream\r\nContent-Length: {length}\r\n\r\n".encode()
            + DATA[:SENT]
        )
        eventually(lambda: (server.upload_dir / upload_id).read_bytes().startswith(DATA[:SENT]))
        yield Patch(api, upload_id, connection, length)


REFUSED = [
    pytest.param({}, 10, "content-range", 400, id="no Content-Range"),
    pytest.param({"Content-Range": "bytes 5-4/1000"}, 10, "content-range", 400, id="backwards"),
    pytest.param(content_range(995, 10), 10, "content-range", 400, id="beyond the end"),
    pytest.param(content_range(500, 10, 999), 10, "content-range-total", 400, id="another total"),
    pytest.param(content_range(500, 10), 9, "chunk-size", 400, id="too short"),
    pytest.param(content_range(500, 10), 11, "chunk-size", 400, id="too long"),
    pytest.param(content_range(500, 10) | {"Digest": "x"}, 10, "invalid-digest", 400, id="digest"),
    pytest.param(content_range(50, 100), 100, "range-overlap", 409, id="overlap"),
    pytest.param(content_range(10, 20), 20, "range-overlap", 409, id="within"),
    pytest.param(content_range(0, 1000), 1000, "range-overlap", 409, id="everything"),
    pytest.param(content_range(0, 100), 100, "chunk-in-progress", 423, id="what is there so far"),
]


@pytest.mark.parametrize(("headers", "size", "name", "status"), REFUSED)
def test_a_chunk_that_is_refused_stops_no_patch(
    server: Service, api: Api, headers: dict[str, str], size: int, name: str, status: int
) -> None:
    """And leaves the upload what it was: tus' own, with its export."""
    upload_id = tus_create(api, 1000)
    with patching(server, api, upload_id) as patch:
        reply = api.http.put(f"/uploads/{upload_id}/", content=DATA[:size], headers=headers)
        fields = problem(reply, name, status)
        if name == "range-overlap":
            assert fields["conflicts"] == [{"start": 0, "end": 99}]
            assert fields["missing"] == [{"start": 100, "end": 999}]
        assert patch.goes_on_to_its_end()
    assert f"{upload_id}.info" in server.files()
    assert api.http.get(f"/files/{upload_id}").content == DATA


def test_a_chunk_that_is_refused_converts_nothing(server: Service, api: Api) -> None:
    """Without a PATCH, too; a repeat of what is there is none of these."""
    upload_id = tus_create(api, 1000)
    where = f"/uploads/{upload_id}/"
    kind = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    api.http.patch(f"/files/{upload_id}", content=DATA[:SENT], headers=TUS | kind)
    reply = api.http.put(where, content=DATA[50:150], headers=content_range(50, 100))
    problem(reply, "range-overlap", 409)
    assert f"{upload_id}.info" in server.files()
    reply = api.http.put(where, content=DATA[:SENT], headers=content_range(0, SENT))
    assert (reply.status_code, reply.json()["chunk"]["created"]) == (200, False)
    assert f"{upload_id}.info" not in server.files()


def test_a_chunk_that_has_its_place_stops_a_patch(server: Service, api: Api) -> None:
    """What arrived of the PATCH is kept as the first chunk."""
    upload_id = tus_create(api, 1000)
    with patching(server, api, upload_id):
        reply = api.http.put(f"/uploads/{upload_id}/", content=DATA[500:], headers=content_range(500, 500))
        assert reply.status_code == 200
    found = api.http.get(f"/uploads/{upload_id}/").json()
    assert [(each["offset"], each["size"]) for each in found["chunks"]] == [(0, SENT), (500, 500)]


def test_a_chunk_that_is_refused_stops_no_patch_on_a_session(server: Service, api: Api) -> None:
    upload = api.create(1000)
    with patching(server, api, upload["id"]) as patch:
        problem(api.put(upload, 50, DATA[:10]), "chunk-in-progress", 423)
        problem(api.put(upload, 995, DATA[:10]), "content-range", 400)
        assert patch.goes_on_to_its_end()


def test_a_new_patch_takes_over_a_stalled_one_on_a_session(server: Service, api: Api) -> None:
    """CONC-02: at the offset that HEAD tells, which is before what arrived and is not recorded yet."""
    upload = api.create(1000)
    with patching(server, api, upload["id"]) as patch:
        assert tus_offset(api, upload["id"]) == 0
        assert tus_patch(api, upload["id"], 0, DATA).status_code == 204
        assert patch.is_told_that_another_took_over()
    assert api.commit(upload, sha256(DATA)).status_code == 200


def test_a_patch_that_is_refused_stops_no_patch(server: Service, api: Api) -> None:
    """With a chunk beyond its offset the upload takes no further PATCH; that one goes on."""
    upload = api.create(1000)
    with patching(server, api, upload["id"], 500) as patch:
        assert api.put(upload, 500, DATA[500:]).status_code == 200
        assert tus_patch(api, upload["id"], 0, DATA).status_code == 403
        assert patch.goes_on_to_its_end()
    assert api.commit(upload, sha256(DATA)).status_code == 200


@pytest.mark.parametrize("kind", ["session", "tus"])
def test_an_artifact_that_cannot_be_made_yet_stops_no_patch(server: Service, api: Api, kind: str) -> None:
    upload_id = str(api.create(1000)["id"]) if kind == "session" else tus_create(api, 1000)
    with patching(server, api, upload_id) as patch:
        reply = api.http.post("/artifacts/", json={"upload": upload_id})
        problem(reply, "upload-not-committed", 409)
        assert patch.goes_on_to_its_end()


@pytest.mark.parametrize("kind", ["session", "tus"])
def test_e12_a_commit_stops_no_patch(server: Service, api: Api, kind: str) -> None:
    """It is told at once what is just arriving."""
    upload_id = str(api.create(1000)["id"]) if kind == "session" else tus_create(api, 1000)
    with patching(server, api, upload_id) as patch:
        reply = api.http.post(f"/uploads/{upload_id}/commit", json={"sha256": sha256(DATA)})
        fields = problem(reply, "upload-incomplete", 409)
        start = 0 if kind == "session" else SENT
        assert fields["missing"] == fields["in_progress"] == [{"start": start, "end": 999}]
        assert fields["retryable"] is True
        assert patch.goes_on_to_its_end()
    reply = api.http.post(f"/uploads/{upload_id}/commit", json={"sha256": sha256(DATA)})
    assert (reply.status_code, reply.json()["state"]) == (200, "completed")


def test_a_commit_of_a_deferred_length_during_a_patch(server: Service, api: Api) -> None:
    made = api.http.post("/files/", headers=TUS | {"Upload-Defer-Length": "1"})
    upload_id = made.headers["Location"].rpartition("/")[2]
    with patching(server, api, upload_id):
        reply = api.http.post(f"/uploads/{upload_id}/commit", json={"sha256": sha256(DATA)})
        assert problem(reply, "upload-not-open", 409)["state"] == "open"


def test_a_commit_of_chunks_for_tus_names_the_gaps(api: Api) -> None:
    """And none of what is there behind the first of them."""
    upload_id = tus_create(api, 1000)
    where = f"/uploads/{upload_id}/"
    assert api.http.put(where, content=DATA[200:300], headers=content_range(200, 100)).status_code == 200
    reply = api.http.post(f"{where}commit", json={"sha256": sha256(DATA)})
    fields = problem(reply, "upload-incomplete", 409)
    assert fields["missing"] == [{"start": 0, "end": 199}, {"start": 300, "end": 999}]


async def deleted_once_received(backends: Backends, upload_id: str, last: int) -> None:
    """Delete the first chunk as soon as the one at ``last`` is recorded, before anybody else has a turn."""
    while True:
        upload = await backends.service.ports.catalog.get(upload_id)
        assert upload is not None
        received = backends.service.ports.catalog.chunks(upload, state=ChunkState.RECEIVED)
        if last in [chunk.offset async for chunk in received]:
            await backends.service.ports.ranges.delete_chunk(upload_id, 0)
            return
        await asyncio.sleep(0)


@pytest.mark.anyio
@pytest.mark.parametrize("way", ["patch", "chunk"])
async def test_a_chunk_that_goes_while_the_last_bytes_are_stored(tmp_path: Path, way: str) -> None:
    """The bytes are kept and the answer is the offset as it is now, not a refusal; the upload stays open."""
    backends = await open_backends(Config(upload_dir=tmp_path))
    try:
        service, parallel, caller = backends.service, backends.service.parallel, Caller()
        assert parallel is not None
        wanted = Wanted(length=20, metadata={})
        upload = (await service.uploads.create(wanted, caller)).upload
        await parallel.chunks.put(upload, Place(ByteRange(0, 10)), sent(b"A" * 10), ExpectedDigests(), caller)
        deletion = asyncio.create_task(deleted_once_received(backends, upload.id, 10))
        if way == "patch":
            progress = await service.appender.append(
                upload.id, 10, sent(b"B" * 10), ExpectedChecksum(), caller
            )
            assert progress.offset == 0
        else:
            stored = await parallel.chunks.put(
                upload, Place(ByteRange(10, 20)), sent(b"B" * 10), ExpectedDigests(), caller
            )
            assert stored.is_new
        await deletion
        current = await backends.service.ports.catalog.get(upload.id)
        assert current is not None
        assert (current.state, current.layout) == (UploadState.OPEN, Ranged())
        assert await backends.service.ports.ranges.missing(upload.id, limit=5) == [ByteRange(0, 10)]
        await parallel.chunks.put(upload, Place(ByteRange(0, 10)), sent(b"C" * 10), ExpectedDigests(), caller)
        assert (tmp_path / upload.id).read_bytes() == b"C" * 10 + b"B" * 10
        current = await backends.service.ports.catalog.get(upload.id)
        assert current is not None
        assert current.state is UploadState.COMPLETE
    finally:
        await backends.close()
