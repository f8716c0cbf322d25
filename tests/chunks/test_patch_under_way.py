"""A tus PATCH that is doing well, and requests of the chunk API that have no prospects: it is left alone."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from tests.chunks.lab import Api, Service, content_range, payload, problem
from tests.chunks.test_bridge import TUS, tus_create, tus_offset
from tests.chunks.test_put import read_reply

DATA = payload(1000)
SENT = 100  # bytes of the PATCH that have arrived


class Patch:
    """A PATCH of all 1000 bytes of which the first 100 have arrived."""

    def __init__(self, api: Api, upload_id: str, connection: socket.socket) -> None:
        self._api = api
        self._id = upload_id
        self._connection = connection

    def goes_on_to_its_end(self) -> bool:
        """Send the rest; whether all of it was taken."""
        self._connection.sendall(DATA[SENT:])
        reply = read_reply(self._connection)
        return reply.startswith(b"HTTP/1.1 204") and tus_offset(self._api, self._id) == len(DATA)


@contextmanager
def patching(server: Service, api: Api, upload_id: str) -> Iterator[Patch]:
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname or "", where.port or 0)) as connection:
        connection.sendall(
            f"PATCH /files/{upload_id} HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
            "Content-Type: application/offset+octet-stream\r\nContent-Length: 1000\r\n\r\n".encode()
            + DATA[:SENT]
        )
        deadline = time.monotonic() + 10
        while not (server.directory / upload_id).read_bytes().startswith(DATA[:SENT]):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield Patch(api, upload_id, connection)


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


@pytest.mark.parametrize("kind", ["session", "tus"])
def test_an_artifact_that_cannot_be_made_yet_stops_no_patch(server: Service, api: Api, kind: str) -> None:
    upload_id = str(api.create(1000)["id"]) if kind == "session" else tus_create(api, 1000)
    with patching(server, api, upload_id) as patch:
        reply = api.http.post("/artifacts/", json={"upload": upload_id})
        problem(reply, "upload-not-committed", 409)
        assert patch.goes_on_to_its_end()
