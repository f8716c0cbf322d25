"""``kill -9`` at the worst moments: what is left is finished or undone, and the client goes on."""

import threading
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from tests.chunks.lab import Api, Service
from tests.chunks.test_put import slow_put
from tests.support.tus import payload, sha256
from tests.support.waiting import eventually

DATA = payload(3000)


def test_e21_killed_during_a_chunk(serve: Callable[..., Service]) -> None:
    """T7: the other chunks are intact, this one is missing, and can be sent."""
    server = serve()
    api = server.api()
    upload = api.create(3000)
    api.put(upload, 0, DATA[:1000])
    with slow_put(server, upload, 1000, 1000, DATA[1000:1500]):
        server.kill()
    server.restart()
    found = api.view(upload)
    assert found["missing"] == [{"start": 1000, "end": 2999}]
    assert api.put(upload, 1000, DATA[1000:]).status_code == 200
    assert api.commit(upload, sha256(DATA)).status_code == 200
    assert (server.upload_dir / upload["id"]).read_bytes() == DATA


def test_e21_one_worker_of_two_is_killed(serve: Callable[..., Service]) -> None:
    """The other one takes the dead one's claims over at the first request that meets them."""
    server = serve("-sweep-interval", "0")
    api = server.api()
    upload = api.create(3000)
    second = Service(server.upload_dir, "-sweep-interval", "0")
    try:
        second.start()
        other: Api = second.api()
        with slow_put(server, upload, 1000, 1000, DATA[1000:1500]):
            assert other.put(upload, 1000, DATA[1000:2000]).status_code == 423
            server.kill()
        assert other.put(upload, 1000, DATA[1000:2000]).status_code == 200
        assert other.put(upload, 0, DATA[:1000]).status_code == 200
        assert other.put(upload, 2000, DATA[2000:]).status_code == 200
        assert other.commit(upload, sha256(DATA)).status_code == 200
    finally:
        second.close()


def test_e22_killed_during_the_commit(serve: Callable[..., Service]) -> None:
    """The upload is open again, nothing is lost, and the commit is repeated."""
    server = serve()
    api = server.api()
    data = payload(192 << 20)
    upload = api.filled(data)

    def commit() -> None:
        with suppress(httpx.HTTPError):
            api.commit(upload, sha256(data))

    thread = threading.Thread(target=commit)
    thread.start()
    eventually(lambda: server.sql("SELECT state FROM uploads") == [("committing",)])
    server.kill()
    thread.join()
    assert server.sql("SELECT state FROM uploads") == [("committing",)]
    server.restart()
    again = server.api()
    assert again.commit(upload, sha256(data)).status_code == 200
    assert again.view(upload)["state"] == "completed"


@pytest.mark.parametrize("is_renamed", [False, True])
def test_e23_killed_between_the_rename_and_the_row(
    serve: Callable[..., Service], *, is_renamed: bool
) -> None:
    """Before the rename it is undone, after it finished; either way the content is there, once."""
    server = serve()
    api = server.api()
    upload = api.committed(DATA)
    server.kill()
    artifact = server.upload_dir / ".tusd-py/artifacts" / sha256(DATA)
    server.sql(
        "INSERT INTO artifacts VALUES ('a1', ?, 3000, '', ?, 0, 0)",
        sha256(DATA),
        upload["id"],
    )
    if is_renamed:
        (server.upload_dir / upload["id"]).rename(artifact)
    server.restart()
    eventually(lambda: not server.sql("SELECT * FROM artifacts WHERE NOT is_ready"))
    again = server.api()
    if is_renamed:
        assert again.http.get("/artifacts/a1/content").content == DATA
        assert again.http.get(upload["href"]).json()["artifact"] == "/artifacts/a1/"
    else:
        assert again.view(upload)["state"] == "completed"
        reply = again.http.post("/artifacts/", json={"upload": upload["id"]})
        assert reply.status_code == 201
        assert again.http.get(reply.json()["href"] + "content").content == DATA
    assert server.files() == set()
    assert server.artifact_files() == {sha256(DATA)}


def test_killed_at_any_moment(serve: Callable[..., Service]) -> None:
    """The whole way is killed again and again, wherever it is; in the end the content is there, once."""
    server = serve("-list-anonymous")
    data = payload(4 << 20)
    cut = 1 << 20
    upload = server.api().create(len(data))

    def attempt() -> httpx.Response:
        api = server.api()
        for first in range(0, len(data), cut):
            reply = api.put(upload, first, data[first : first + cut])
            if reply.status_code == 404:
                return reply
            assert reply.status_code == 200, reply.text
        reply = api.commit(upload, sha256(data))
        if reply.status_code == 200:
            reply = api.http.post("/artifacts/", json={"upload": upload["id"]})
        return reply

    for delay_ms in (5, 10, 15, 20, 25, 30):
        killer = threading.Timer(delay_ms / 1000, server.kill)
        killer.start()
        with suppress(httpx.HTTPError):
            attempt()
        killer.join()
        server.restart()
    reply = attempt()
    assert reply.status_code in (201, 404)
    (made,) = server.api().http.get("/artifacts/").json()["results"]
    assert server.api().http.get(made["links"]["content"]).content == data
    assert server.artifact_files() == {sha256(data)}
    assert server.files() == set()


def test_the_server_goes_down_during_a_commit(serve: Callable[..., Service]) -> None:
    """It does not wait for the hash of a large file; the upload is open afterwards."""
    size = 64 << 30
    server = serve("-preallocate", "sparse")
    api = server.api()
    upload = api.create(size)
    server.sql(
        "INSERT INTO upload_chunks (upload_id, position, size, state, id, sha256, start, created_at)"
        " VALUES (?, 0, ?, 'received', 'c', ?, 0, 0)",
        upload["id"],
        size,
        "0" * 64,
    )
    server.sql("UPDATE uploads SET prefix = length")
    reply = api.http.post(
        upload["links"]["commit"], json={"sha256": "0" * 64}, headers={"Prefer": "respond-async"}
    )
    assert reply.status_code == 202
    server.process.terminate()
    server.process.wait(10)
    assert server.sql("SELECT state FROM uploads") == [("open",)]
    server.restart()
    error = server.api().view(upload)["last_error"]
    assert (error["type"], error["retryable"]) == ("urn:tusd-py:problem:server-shutdown", True)
