"""Files that somebody removed or cut by hand: noticed, said, and healed by the next upload of the same."""

import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.chunks.lab import Api, Service, problem
from tests.support.tus import payload, sha256

Harm = Callable[[Path], object]
HARMS: list[Harm] = [Path.unlink, lambda path: os.truncate(path, 10)]
harms = pytest.mark.parametrize("harm", HARMS, ids=["removed", "cut"])


def made(api: Api, data: bytes) -> httpx.Response:
    return api.http.post("/artifacts/", json={"upload": api.committed(data)["id"]})


@harms
def test_the_same_content_takes_the_place_of_a_lost_file(server: Service, api: Api, harm: Harm) -> None:
    """It is no duplicate of what is not there, and the artifact keeps its id."""
    data = payload(5000, int(harm is HARMS[0]))
    path = server.upload_dir / ".tusd-py/artifacts" / sha256(data)
    first = made(api, data)
    harm(path)
    upload = api.committed(data)
    inode = (server.upload_dir / upload["id"]).stat().st_ino
    again = api.http.post("/artifacts/", json={"upload": upload["id"]})
    assert (again.status_code, again.json()) == (200, first.json())
    assert path.read_bytes() == data
    assert path.stat().st_ino == inode
    assert upload["id"] not in server.files()
    assert api.http.get(first.json()["links"]["content"]).content == data
    harm(path)
    reply = api.http.post("/artifacts/", files={"file": ("f", data)})
    assert (reply.status_code, path.read_bytes()) == (200, data)
    assert api.http.delete(first.json()["href"]).status_code == 204
    assert not path.exists()


@harms
def test_what_is_lost_cannot_be_read(server: Service, api: Api, harm: Harm) -> None:
    data = payload(5000, 2 + (harm is HARMS[0]))
    artifact = made(api, data).json()
    where = artifact["links"]["content"]
    harm(server.upload_dir / ".tusd-py/artifacts" / sha256(data))
    assert problem(api.http.get(where), "artifact-lost", 410)["retryable"] is False
    assert api.http.head(where).status_code == 410
    problem(api.http.get(where, headers={"Range": "bytes=0-4"}), "artifact-lost", 410)
    assert artifact["id"] in server.output()
    assert api.http.delete(artifact["href"]).status_code == 204
    problem(api.http.get(where), "not-found", 404)


def test_known_content_is_refused_only_while_it_is_there(serve: Callable[..., Service]) -> None:
    server = serve("-duplicate-artifact", "reject", "-commit-creates-artifact")
    api, data = server.api(), payload(5000)
    first = api.committed(data)["artifact"]
    problem(api.commit(api.filled(data), sha256(data)), "artifact-exists", 409)
    (server.upload_dir / ".tusd-py/artifacts" / sha256(data)).unlink()
    assert api.committed(data)["artifact"] == first
    assert api.http.get(f"{first}content").content == data


def test_an_upload_whose_file_is_lost(server: Service, api: Api) -> None:
    """Nothing is made of it, and no request fails for a reason that only the log knows."""
    data = payload(5000, 4)
    filled, committed = api.filled(data), api.committed(data)
    for upload in (filled, committed):
        (server.upload_dir / upload["id"]).unlink()
    problem(api.commit(filled, sha256(data)), "not-found", 404)
    problem(api.http.post("/artifacts/", json={"upload": committed["id"]}), "not-found", 404)
    assert sha256(data) not in server.artifact_files()
    for upload in (filled, committed):
        assert api.http.delete(upload["href"]).status_code == 204


def test_a_committed_upload_that_was_cut(server: Service, api: Api) -> None:
    data = payload(5000, 5)
    upload = api.committed(data)
    os.truncate(server.upload_dir / upload["id"], 10)
    problem(api.http.post("/artifacts/", json={"upload": upload["id"]}), "not-found", 404)
    assert sha256(data) not in server.artifact_files()
