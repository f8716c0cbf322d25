"""The commit: when it works, what it refuses, and what is left after that."""

import base64
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.chunks.lab import Api, Service, problem
from tests.chunks.test_put import slow_put
from tests.support.tus import payload, sha256
from tests.support.waiting import eventually

DATA = payload(3000)


def test_commit_separates_filled_from_committed(api: Api) -> None:
    """R11, R25: all bytes there is not complete; the commit is, by PUT and by POST, slash or not."""
    for method, path in (("PUT", "commit"), ("POST", "commit/")):
        upload = api.filled(DATA, cuts=[1000, 2000])
        found = api.view(upload)
        assert (found["received"], found["state"], found["completed_at"]) == (3000, "open", None)
        reply = api.http.request(method, upload["href"] + path, data={"sha256": sha256(DATA).upper()})
        assert reply.status_code == 200
        done = reply.json()
        assert (done["state"], done["sha256"]) == ("completed", sha256(DATA))
        assert done["completed_at"] > done["created_at"]
        assert api.view(upload)["chunks_count"] == 3


def test_e11_commit_with_a_gap(server: Service, api: Api) -> None:
    upload = api.create(3000)
    api.put(upload, 1000, DATA[1000:2000])
    fields = problem(api.commit(upload, sha256(DATA)), "upload-incomplete", 409)
    assert fields["missing"] == [{"start": 0, "end": 999}, {"start": 2000, "end": 2999}]
    assert fields["in_progress"] == []
    assert api.view(upload)["state"] == "open"


def test_e12_commit_while_a_chunk_arrives(server: Service, api: Api) -> None:
    upload = api.create(3000)
    api.put(upload, 0, DATA[:2000])
    with slow_put(server, upload, 2000, 1000, DATA[2000:2010]):
        fields = problem(api.commit(upload, sha256(DATA)), "upload-incomplete", 409)
        assert fields["in_progress"] == [{"start": 2000, "end": 2999}]
    assert api.view(upload)["state"] == "open"


def test_e13_a_chunk_after_the_commit(server: Service, api: Api) -> None:
    """An identical repeat is harmless; anything else is too late."""
    upload = api.committed(DATA)
    before = (server.upload_dir / upload["id"]).stat().st_mtime_ns
    assert api.put(upload, 0, DATA).status_code == 200
    fields = problem(api.put(upload, 0, DATA[:10]), "upload-not-open", 409)
    assert fields["state"] == "completed"
    problem(api.put(upload, 0, b"x" * 3000), "chunk-conflict", 409)
    problem(api.http.delete(f"{upload['href']}chunks/0/"), "upload-not-open", 409)
    assert (server.upload_dir / upload["id"]).stat().st_mtime_ns == before


def test_e14_a_wrong_whole_digest(server: Service, api: Api) -> None:
    """Every chunk is as it came, so the digest is wrong: nothing is dropped."""
    upload = api.filled(DATA, cuts=[1000])
    fields = problem(api.commit(upload, sha256(b"other")), "digest-mismatch", 400)
    assert fields["expected"] == sha256(b"other")
    assert fields["actual"] == sha256(DATA)
    assert (fields["corrupt"], fields["missing"]) == ([], [])
    assert api.view(upload)["state"] == "open"
    for text in ("", "abc", "g" * 64, 5, sha256(DATA) + "00"):
        reply = api.http.put(upload["links"]["commit"], json={"sha256": text})
        assert list(problem(reply, "invalid-field", 400)["errors"]) == ["sha256"]
    assert "sha256" in problem(api.http.post(upload["links"]["commit"]), "invalid-field", 400)["errors"]
    assert api.commit(upload, sha256(DATA)).status_code == 200


def test_e15_the_same_commit_again(api: Api) -> None:
    upload = api.filled(DATA)
    replies = [api.commit(upload, sha256(DATA)) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 200]
    assert replies[0].json() == replies[2].json()


def test_e16_another_commit_afterwards(api: Api) -> None:
    upload = api.committed(DATA)
    fields = problem(api.commit(upload, sha256(b"other")), "already-committed", 409)
    assert fields["sha256"] == sha256(DATA)


def test_e17_two_commits_at_once(api: Api) -> None:
    data = payload(64 << 20)
    upload = api.filled(data)
    replies: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda: replies.append(api.commit(upload, sha256(data)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {reply.status_code for reply in replies} <= {200, 202}
    assert 200 in {reply.status_code for reply in replies}
    assert all("Retry-After" in reply.headers for reply in replies if reply.status_code == 202)
    assert api.view(upload)["state"] == "completed"


def test_e24_bytes_that_a_power_cut_took(server: Service, api: Api) -> None:
    """R19: the chunks that are not on the disk as they came are named and dropped; these are sent again."""
    upload = api.filled(DATA, cuts=[1000, 2000])
    with (server.upload_dir / upload["id"]).open("r+b") as file:
        file.seek(1500)
        file.write(bytes(4))
    fields = problem(api.commit(upload, sha256(DATA)), "digest-mismatch", 400)
    assert fields["corrupt"] == fields["missing"] == [{"start": 1000, "end": 1999}]
    found = api.view(upload)
    assert (found["state"], found["received"]) == ("open", 2000)
    assert found["missing"] == [{"start": 1000, "end": 1999}]
    assert api.put(upload, 1000, DATA[1000:2000]).json()["chunk"]["created"] is True
    assert api.commit(upload, sha256(DATA)).status_code == 200


def test_e28_no_bytes_at_all(server: Service, api: Api) -> None:
    upload = api.create(0)
    assert api.view(upload)["missing"] == []
    assert api.commit(upload, sha256(b"")).status_code == 200
    reply = api.http.post("/artifacts/", json={"upload": upload["id"]})
    assert reply.status_code in (200, 201)
    assert api.http.get(reply.json()["href"] + "content").content == b""


def test_the_digest_of_the_creation(api: Api) -> None:
    """It is enough for the commit, and holds against another one."""
    reply = api.http.post("/uploads/", data={"size": "3000", "sha256": sha256(DATA)})
    upload = reply.json()
    api.put(upload, 0, DATA)
    assert api.http.post(upload["links"]["commit"]).json()["sha256"] == sha256(DATA)
    upload = api.http.post("/uploads/", json={"size": 3000, "sha256": sha256(b"other")}).json()
    api.put(upload, 0, DATA)
    problem(api.commit(upload, sha256(DATA)), "digest-mismatch", 400)


def test_repr_digest(api: Api) -> None:
    upload = api.filled(DATA)
    encoded = base64.b64encode(bytes.fromhex(sha256(DATA))).decode()
    reply = api.http.put(upload["links"]["commit"], headers={"Repr-Digest": f"sha-256=:{encoded}:"})
    assert reply.status_code == 200
    for value in ("sha-256=x", f"sha-512=:{base64.b64encode(bytes(64)).decode()}:"):
        reply = api.http.put(upload["links"]["commit"], headers={"Repr-Digest": value})
        problem(reply, "invalid-digest", 400)


def test_a_list_of_parts(api: Api) -> None:
    """Box's way: what the client thinks it sent is compared with what is there."""
    upload = api.filled(DATA, cuts=[1000])
    right = [
        {"offset": 0, "size": 1000, "sha256": sha256(DATA[:1000])},
        {"offset": "1000", "size": 2000},
    ]
    wrong = [{"offset": 0, "size": 1000, "sha256": sha256(b"x")}, {"offset": 5, "size": 1}]
    fields = problem(api.commit(upload, sha256(DATA), parts=wrong), "parts-mismatch", 409)
    assert [part["offset"] for part in fields["parts"]] == [0, 5, 1000]
    problem(api.commit(upload, sha256(DATA), parts="x"), "invalid-field", 400)
    assert api.commit(upload, sha256(DATA), parts=right).status_code == 200


def test_the_digests_of_all_parts_are_enough(server: Service, api: Api) -> None:
    """A browser cannot hash a large file as a whole; what is on the disk is compared all the same."""
    upload = api.filled(DATA, cuts=[1000])
    parts = [
        {"offset": 0, "size": 1000, "sha256": sha256(DATA[:1000])},
        {"offset": 1000, "size": 2000, "sha256": sha256(DATA[1000:])},
    ]
    where = upload["links"]["commit"]
    problem(
        api.http.post(where, json={"parts": [parts[0], {"offset": 1000, "size": 2000}]}), "invalid-field", 400
    )
    with (server.upload_dir / upload["id"]).open("r+b") as file:
        file.write(b"????")
    fields = problem(api.http.post(where, json={"parts": parts}), "digest-mismatch", 400)
    assert fields["corrupt"] == [{"start": 0, "end": 999}]
    api.put(upload, 0, DATA[:1000])
    reply = api.http.post(where, json={"parts": parts})
    assert (reply.status_code, reply.json()["sha256"]) == (200, sha256(DATA))


def wait(api: Api, upload: dict[str, Any]) -> dict[str, Any]:
    """Look until the upload is not being committed any more."""
    eventually(lambda: api.view(upload)["state"] != "committing")
    return api.view(upload)


def test_a_large_upload_is_committed_in_the_background(serve: Callable[..., Service]) -> None:
    """202 with Location and Retry-After; a failure is there to read afterwards."""
    api = serve("-commit-sync-bytes", "2999").api()
    upload = api.filled(DATA)
    reply = api.commit(upload, sha256(b"other"))
    assert reply.status_code == 202
    assert reply.headers["location"] == upload["href"]
    assert reply.headers["retry-after"] == "1"
    found = wait(api, upload)
    assert found["state"] == "open"
    assert found["last_error"]["type"] == "urn:tusd-py:problem:digest-mismatch"
    assert found["last_error"]["actual"] == sha256(DATA)
    assert api.commit(upload, sha256(DATA)).status_code == 202
    found = wait(api, upload)
    assert (found["state"], found["sha256"], found["last_error"]) == ("completed", sha256(DATA), None)
    assert api.commit(upload, sha256(DATA)).status_code == 200


def test_an_upload_is_never_open_again_before_it_says_why(serve: Callable[..., Service]) -> None:
    """202, and whoever polls: open again and ``last_error`` come in one step, whatever the moment."""
    server = serve("-commit-sync-bytes", "2999")
    api = server.api()
    upload = api.filled(DATA)
    with closing(sqlite3.connect(server.upload_dir / ".tusd-py/catalog.sqlite3", timeout=10)) as connection:
        connection.executescript(
            "CREATE TABLE seen (state TEXT, last_error TEXT);"
            "CREATE TRIGGER see AFTER UPDATE OF last_error ON sessions BEGIN"
            " INSERT INTO seen SELECT state, NEW.last_error FROM uploads WHERE id = NEW.upload_id; END;"
        )
    assert api.commit(upload, sha256(b"other")).status_code == 202
    assert wait(api, upload)["state"] == "open"
    server.kill()
    seen = server.sql("SELECT state, last_error IS NOT NULL FROM seen")
    assert seen == [("committing", False), ("open", True)]


def test_prefer_respond_async(api: Api) -> None:
    upload = api.filled(DATA)
    reply = api.http.post(
        upload["links"]["commit"], json={"sha256": sha256(DATA)}, headers={"Prefer": "respond-async"}
    )
    assert reply.status_code == 202
    assert wait(api, upload)["state"] == "completed"


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream"])
def test_a_body_of_another_type(api: Api, kind: str) -> None:
    upload = api.create(1)
    for path in ("/uploads/", upload["links"]["commit"], "/artifacts/"):
        reply = api.http.post(path, content=b"size=1", headers={"Content-Type": kind})
        problem(reply, "unsupported-media-type", 415)


def test_bodies_that_are_broken(api: Api) -> None:
    for content, kind in (
        (b"{", "application/json"),
        (b"[1]", "application/json"),
        (b"[" * 16_000, "application/json"),
        (b"[" + b"0," * 20_000 + b"0]", "application/json"),
        (b"--b\r\n", "multipart/form-data; boundary=b"),
        (b"x", "multipart/form-data"),
    ):
        reply = api.http.post("/uploads/", content=content, headers={"Content-Type": kind})
        problem(reply, "invalid-body", 400)
