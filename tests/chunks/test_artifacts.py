"""Artifacts: made without a copy, once for each content."""

import threading
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.chunks.lab import Api, Service, problem
from tests.support.tus import TUS, payload, sha256


def written_bytes(server: Service) -> int:
    """What the server's process has written to files so far."""
    fields = Path(f"/proc/{server.pid}/io").read_text().split()
    return int(fields[fields.index("wchar:") + 1])


def test_t10_commit_and_artifact_copy_nothing(server: Service, api: Api) -> None:
    """R12, R18: hardly a byte is written, and the artifact is the session's own file under another name."""
    data = payload(32 << 20, 1)
    upload = api.filled(data)
    inode = (server.upload_dir / upload["id"]).stat().st_ino
    before = written_bytes(server)
    assert api.commit(upload, sha256(data)).status_code == 200
    reply = api.http.post("/artifacts/", json={"upload": upload["href"]})
    assert reply.status_code == 201
    assert written_bytes(server) - before < 256 << 10
    artifact = server.upload_dir / ".tusd-py/artifacts" / sha256(data)
    assert artifact.stat().st_ino == inode
    assert api.http.get(reply.json()["href"] + "content").content == data
    assert upload["id"] not in server.files()


def test_e18_an_artifact_before_the_commit(server: Service, api: Api) -> None:
    data = payload(1000, 2)
    upload = api.filled(data)
    fields = problem(api.http.post("/artifacts/", json={"upload": upload["id"]}), "upload-not-committed", 409)
    assert fields["commit"] == upload["links"]["commit"]
    reply = api.http.post("/artifacts/", json={"upload": upload["id"], "sha256": sha256(b"x")})
    problem(reply, "digest-mismatch", 400)
    reply = api.http.post("/artifacts/", json={"upload": upload["id"], "sha256": sha256(data)})
    assert reply.status_code == 201
    assert server.sql("SELECT * FROM uploads WHERE id = ?", upload["id"]) == []


def test_e19_an_artifact_of_known_content(server: Service, api: Api) -> None:
    data = payload(1000, 3)
    first, second = api.committed(data), api.committed(data)
    made = api.http.post("/artifacts/", json={"upload": first["href"]})
    again = api.http.post("/artifacts/", json={"upload": f"{server.origin}{second['href']}"})
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json()
    assert {first["id"], second["id"]} & server.files() == set()
    fields = problem(api.http.get(second["href"]), "not-found", 404)
    assert fields["artifact"] == made.json()["href"]


def test_e20_two_artifacts_of_one_upload(api: Api) -> None:
    upload = api.committed(payload(1000, 4))
    made = api.http.post("/artifacts/", json={"upload": upload["id"]})
    fields = problem(api.http.post("/artifacts/", json={"upload": upload["id"]}), "not-found", 404)
    assert fields["artifact"] == made.json()["href"]
    upload = api.committed(payload(1000, 5))
    replies: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: replies.append(
                api.http.post("/artifacts/", json={"upload": upload["id"]}).status_code
            )
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == [201, 404, 404, 404]


def test_known_content_may_be_refused(serve: Callable[..., Service]) -> None:
    api = serve("-duplicate-artifact", "reject").api()
    data = payload(1000)
    made = api.http.post("/artifacts/", json={"upload": api.committed(data)["id"]})
    upload = api.committed(data)
    fields = problem(api.http.post("/artifacts/", json={"upload": upload["id"]}), "artifact-exists", 409)
    assert fields["artifact"] == made.json()["href"]
    assert api.view(upload)["state"] == "completed"


def test_a_file_in_one_request(server: Service, api: Api) -> None:
    """As drf-chunked-upload and Pulp offer it: no session, the digest before or after."""
    data = payload(3 << 20, 6)
    reply = api.http.post("/artifacts/", files={"file": ("a.iso", data)}, data={"sha256": sha256(data)})
    assert reply.status_code == 201, reply.text
    assert reply.json()["size"] == len(data)
    assert api.http.get(reply.json()["href"] + "content/").content == data
    before = server.files(), server.artifact_files(), server.sql("SELECT count(*) FROM uploads")
    other = payload(1000, 7)
    reply = api.http.post("/artifacts", files={"file": ("a", other), "sha256": (None, sha256(b"x"))})
    problem(reply, "digest-mismatch", 400)
    assert (server.files(), server.artifact_files(), server.sql("SELECT count(*) FROM uploads")) == before
    upload = api.create(5)
    for files in (
        [("file", ("a", other)), ("upload", (None, upload["id"]))],
        [("upload", (None, upload["id"])), ("file", ("a", other))],
    ):
        fields = problem(api.http.post("/artifacts", files=files), "invalid-field", 400)
        assert list(fields["errors"]) == ["upload"]
    assert sha256(other) not in server.artifact_files()
    reply = api.http.post("/artifacts", files={"upload": (None, "no-such")})
    problem(reply, "not-found", 404)
    problem(api.http.post("/artifacts"), "invalid-field", 400)


def test_a_file_that_is_too_large(serve: Callable[..., Service]) -> None:
    server = serve("-max-size", "1000")
    api = server.api()
    fields = problem(
        api.http.post("/artifacts/", files={"file": ("a", bytes(1001))}), "upload-too-large", 413
    )
    assert fields["max"] == 1000
    assert server.files() == set()


def test_artifacts_are_listed(serve: Callable[..., Service]) -> None:
    api = serve("-list-anonymous").api()
    digests = []
    for seed in range(5):
        data = payload(100, 10 + seed)
        digests.append(sha256(data))
        api.http.post("/artifacts/", json={"upload": api.committed(data)["id"]})
    first = api.http.get("/artifacts/", params={"limit": 2}).json()
    assert (first["count"], first["previous"]) == (5, None)
    found = [each["sha256"] for each in first["results"]]
    while first["next"]:
        first = api.http.get(first["next"]).json()
        found += [each["sha256"] for each in first["results"]]
    assert found == digests
    (one,) = api.http.get("/artifacts", params={"sha256": digests[3]}).json()["results"]
    assert one["sha256"] == digests[3]


def test_content_in_ranges(api: Api) -> None:
    data = payload(1000, 20)
    made = api.http.post("/artifacts/", json={"upload": api.committed(data)["id"]}).json()
    where = made["links"]["content"]
    part = api.http.get(where, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, data[10:20])
    head = api.http.head(where)
    assert (head.headers["content-length"], head.headers["etag"]) == ("1000", f'"{sha256(data)}"')
    assert head.headers["repr-digest"].startswith("sha-256=:")
    assert api.http.get(where, headers={"If-None-Match": head.headers["etag"]}).status_code == 304
    assert api.http.get(where, headers={"Range": "bytes=1000-"}).status_code == 416
    assert api.http.head(made["href"]).status_code == 200


def test_an_artifact_can_be_deleted(server: Service, api: Api) -> None:
    """Its file goes with it, and the same content can be made again."""
    data = payload(1000, 21)
    for _ in range(2):
        made = api.http.post("/artifacts/", json={"upload": api.committed(data)["id"]})
        assert made.status_code == 201
        assert sha256(data) in server.artifact_files()
        assert api.http.delete(made.json()["href"]).status_code == 204
        assert sha256(data) not in server.artifact_files()
        problem(api.http.get(made.json()["href"]), "not-found", 404)
        problem(api.http.delete(made.json()["href"]), "not-found", 404)


def test_commit_makes_the_artifact(serve: Callable[..., Service]) -> None:
    server = serve("-commit-creates-artifact")
    api = server.api()
    done = api.committed(payload(1000))
    assert api.http.get(done["artifact"]).json()["sha256"] == done["sha256"]
    assert server.files() == set()
    data = payload(1000, 2)
    reply: httpx.Response = api.http.post(
        "/artifacts/", json={"upload": api.filled(data)["id"], "sha256": sha256(data)}
    )
    assert reply.status_code == 201


def test_a_final_of_a_partial_that_became_an_artifact_keeps_its_bytes(
    serve: Callable[..., Service],
) -> None:
    """The artifact is a second name of the same file, so neither takes it from the other."""
    server = serve()
    api = server.api()
    made = api.http.post(
        "/files/",
        headers={**TUS, "Upload-Length": "5", "Upload-Concat": "partial"}
        | {"Content-Type": "application/offset+octet-stream"},
        content=b"hello",
    )
    partial = made.headers["Location"]
    final = api.http.post("/files/", headers={**TUS, "Upload-Concat": f"final;{partial}"})
    artifact = api.http.post("/artifacts/", json={"upload": partial.rpartition("/")[2]}).json()
    assert api.http.get(final.headers["Location"]).content == b"hello"
    assert api.http.delete(final.headers["Location"], headers=TUS).status_code == 204
    assert api.http.get(artifact["links"]["content"]).content == b"hello"
    assert server.files() == set()


def test_disabled_downloads_and_deletions_are_disabled_here_too(serve: Callable[..., Service]) -> None:
    api = serve("-disable-download", "-disable-termination").api()
    upload = api.committed(b"hello")
    assert api.http.delete(upload["href"]).status_code == 405
    artifact = api.http.post("/artifacts/", json={"upload": upload["id"]}).json()
    assert api.http.get(f"/artifacts/{artifact['id']}/content").status_code == 404
    assert api.http.delete(f"/artifacts/{artifact['id']}").status_code == 405
