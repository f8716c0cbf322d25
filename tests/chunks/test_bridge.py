"""One upload, two protocols: what tus clients see of sessions, and the chunk API of tus uploads."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chunks.lab import Api, Service, content_range, problem
from tests.clients.test_tus_js import JS, installed
from tests.support.tus import payload, sha256

__all__ = ["installed"]

TUS = {"Tus-Resumable": "1.0.0"}
DATA = payload(3000)


def tus_create(api: Api, length: int, **headers: str) -> str:
    reply = api.http.post("/files/", headers={**TUS, "Upload-Length": str(length), **headers})
    assert reply.status_code == 201, reply.text
    return reply.headers["location"].rpartition("/")[2]


def tus_patch(api: Api, upload_id: str, offset: int, data: bytes, **headers: str) -> httpx.Response:
    kind = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
    return api.http.patch(f"/files/{upload_id}", content=data, headers={**TUS, **kind, **headers})


def tus_offset(api: Api, upload_id: str) -> int:
    reply = api.http.head(f"/files/{upload_id}", headers=TUS)
    assert reply.status_code == 200
    return int(reply.headers["upload-offset"])


def native(api: Api, upload_id: str) -> dict[str, Any]:
    return dict(api.http.get(f"/uploads/{upload_id}/").json())


def test_head_of_a_session_is_its_contiguous_prefix(api: Api) -> None:
    upload = api.create(3000, filename="a")
    api.put(upload, 1000, DATA[1000:2000])
    assert tus_offset(api, upload["id"]) == 0
    api.put(upload, 0, DATA[:1000])
    assert tus_offset(api, upload["id"]) == 2000
    head = api.http.head(upload["tus_url"], headers=TUS)
    assert head.headers["upload-length"] == "3000"
    assert head.headers["upload-metadata"] == "filename YQ=="
    assert "upload-expires" in head.headers
    api.http.delete(f"{upload['href']}chunks/0")
    assert tus_offset(api, upload["id"]) == 0


def test_a_session_goes_on_by_patch_while_it_has_no_gap(server: Service, api: Api) -> None:
    """Every PATCH is one more chunk, with its digest; the session is complete when it is committed."""
    upload = api.create(3000)
    api.put(upload, 0, DATA[:1000])
    assert tus_patch(api, upload["id"], 1000, DATA[1000:1500]).headers["upload-offset"] == "1500"
    assert tus_patch(api, upload["id"], 1000, DATA[1000:1500]).status_code == 409
    assert tus_patch(api, upload["id"], 1500, DATA[1500:]).status_code == 204
    found = api.view(upload)
    assert [(chunk["offset"], chunk["sha256"]) for chunk in found["chunks"]] == [
        (0, sha256(DATA[:1000])),
        (1000, sha256(DATA[1000:1500])),
        (1500, sha256(DATA[1500:])),
    ]
    assert (found["state"], found["received"], tus_offset(api, upload["id"])) == ("open", 3000, 3000)
    assert api.commit(upload, sha256(DATA)).status_code == 200
    assert api.http.get(upload["tus_url"]).content == DATA


def test_a_session_with_a_gap_takes_no_patch(server: Service, api: Api) -> None:
    """403, which no tus client tries again."""
    upload = api.create(3000)
    api.put(upload, 1000, DATA[1000:2000])
    reply = tus_patch(api, upload["id"], 0, DATA[:100])
    assert (reply.status_code, reply.text.partition(":")[0]) == (403, "ERR_CHUNKS_OUT_OF_ORDER")
    assert api.view(upload)["received"] == 1000


def test_a_committed_session_takes_no_patch(api: Api) -> None:
    upload = api.committed(DATA)
    assert tus_offset(api, upload["id"]) == 3000
    assert tus_patch(api, upload["id"], 3000, b"").status_code == 403
    assert tus_patch(api, upload["id"], 3000, b"x").status_code == 403


def test_checksums_of_patches_on_sessions(api: Api) -> None:
    upload = api.create(3000)
    wrong = {"Upload-Checksum": "sha1 " + "A" * 27 + "="}
    assert tus_patch(api, upload["id"], 0, DATA[:100], **wrong).status_code == 460
    assert tus_offset(api, upload["id"]) == 0
    assert api.view(upload)["chunks"] == []


def test_tus_deletes_a_session(server: Service, api: Api) -> None:
    upload = api.create(3000)
    api.put(upload, 1000, DATA[1000:2000])
    assert api.http.delete(upload["tus_url"], headers=TUS).status_code == 204
    assert upload["id"] not in server.files()
    for table in ("upload_chunks", "sessions"):
        assert server.sql(f"SELECT * FROM {table} WHERE upload_id = ?", upload["id"]) == []  # noqa: S608


def test_chunks_for_an_upload_that_tus_began(server: Service, api: Api) -> None:
    """The prefix becomes a chunk; the offset moves when the prefix grows; the last byte completes it."""
    upload_id = tus_create(api, 3000)
    tus_patch(api, upload_id, 0, DATA[:500])
    where = f"/uploads/{upload_id}/"
    reply = api.http.put(where, content=DATA[1000:2000], headers=content_range(1000, 1000))
    assert reply.status_code == 200, reply.text
    assert tus_offset(api, upload_id) == 500
    found = native(api, upload_id)
    assert found["kind"] == "single"
    assert [(chunk["offset"], chunk["size"], chunk["sha256"]) for chunk in found["chunks"]] == [
        (0, 500, sha256(DATA[:500])),
        (1000, 1000, sha256(DATA[1000:2000])),
    ]
    assert tus_patch(api, upload_id, 500, DATA[500:700]).status_code == 403
    api.http.put(where, content=DATA[500:1000], headers=content_range(500, 500))
    assert tus_offset(api, upload_id) == 2000
    assert tus_patch(api, upload_id, 2000, DATA[2000:2500]).status_code == 204
    reply = api.http.put(where, content=DATA[2500:], headers=content_range(2500, 500))
    assert reply.json()["state"] == "completed"
    assert api.http.get(f"/files/{upload_id}").content == DATA
    assert (server.upload_dir / upload_id).read_bytes() == DATA


def test_chunks_need_a_known_length(api: Api) -> None:
    reply = api.http.post("/files/", headers={**TUS, "Upload-Defer-Length": "1"})
    upload_id = reply.headers["location"].rpartition("/")[2]
    assert native(api, upload_id)["size"] is None
    reply = api.http.put(f"/uploads/{upload_id}/", content=b"x", headers=content_range(0, 1))
    problem(reply, "upload-not-open", 409)


def test_a_tus_upload_can_be_verified_and_become_an_artifact(server: Service, api: Api) -> None:
    """Its commit only verifies; the artifact is its file."""
    upload_id = tus_create(api, 3000)
    reply = api.http.post(f"/uploads/{upload_id}/commit", json={"sha256": sha256(DATA)})
    assert problem(reply, "upload-incomplete", 409)["missing"] == [{"start": 0, "end": 2999}]
    tus_patch(api, upload_id, 0, DATA)
    assert native(api, upload_id)["state"] == "completed"
    reply = api.http.post(f"/uploads/{upload_id}/commit", json={"sha256": sha256(b"x")})
    problem(reply, "digest-mismatch", 400)
    reply = api.http.post(f"/uploads/{upload_id}/commit", json={"sha256": sha256(DATA)})
    assert (reply.status_code, reply.json()["sha256"]) == (200, sha256(DATA))
    inode = (server.upload_dir / upload_id).stat().st_ino
    assert api.http.post("/artifacts/", json={"upload": f"/files/{upload_id}"}).status_code == 201
    assert (server.upload_dir / ".tusd-py/artifacts" / sha256(DATA)).stat().st_ino == inode
    assert {upload_id, f"{upload_id}.info"} & server.files() == set()


def test_a_final_shows_its_partials(server: Service, api: Api) -> None:
    """The same partial twice is two chunks. Chunks for it are refused. Its artifact is a copy."""
    data = payload(500, 77)
    one = tus_create(api, 200, **{"Upload-Concat": "partial"})
    two = tus_create(api, 300, **{"Upload-Concat": "partial"})
    tus_patch(api, one, 0, data[:200])
    tus_patch(api, two, 0, data[200:])
    concat = f"final;/files/{one} /files/{two} /files/{one}"
    reply = api.http.post("/files/", headers={**TUS, "Upload-Concat": concat})
    final = reply.headers["location"].rpartition("/")[2]
    found = native(api, final)
    assert (found["kind"], found["state"], found["size"]) == ("final", "completed", 700)
    assert [(chunk["offset"], chunk["size"], chunk["upload"]) for chunk in found["chunks"]] == [
        (0, 200, f"/uploads/{one}/"),
        (200, 300, f"/uploads/{two}/"),
        (500, 200, f"/uploads/{one}/"),
    ]
    put = api.http.put(f"/uploads/{final}/", content=b"x", headers=content_range(0, 1))
    problem(put, "upload-not-open", 409)
    reply = api.http.post("/artifacts/", json={"upload": final})
    assert reply.status_code == 201
    assert api.http.get(reply.json()["href"] + "content").content == data + data[:200]
    assert tus_offset(api, one) == 200
    assert native(api, two)["kind"] == "partial"
    # A partial that a final needs stays where it is when it becomes an artifact itself.
    reply = api.http.post("/files/", headers={**TUS, "Upload-Concat": concat})
    again = reply.headers["location"].rpartition("/")[2]
    assert api.http.post("/artifacts/", json={"upload": one}).status_code == 201
    assert api.http.get(f"/files/{again}").content == data + data[:200]


def tus_js(source: Path, scenario: str, endpoint: str, **options: object) -> dict[str, Any]:
    told = subprocess.run(
        [
            "node",
            "upload.mjs",
            json.dumps(
                {"scenario": scenario, "endpoint": endpoint, "source": str(source), "options": options}
            ),
        ],
        cwd=JS,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return dict(json.loads(told.stdout.splitlines()[-1]))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The file that both clients send."""
    path = tmp_path / "source"
    path.write_bytes(payload(3 << 20))
    return path


def test_t11_tus_js_in_parallel_then_the_chunk_api(
    installed: None, serve: Callable[..., Service], source: Path
) -> None:
    """The final's chunks are the partials that the browser sent."""
    server = serve()
    api = server.api()
    outcome = tus_js(source, "parallel", f"{server.origin}/files/", parallelUploads=3)
    final = native(api, outcome["url"].rpartition("/")[2])
    assert (final["kind"], len(final["chunks"])) == ("final", 3)
    assert all(native(api, chunk["upload"].split("/")[2])["kind"] == "partial" for chunk in final["chunks"])
    reply = api.http.post("/artifacts/", json={"upload": outcome["url"]})
    assert reply.json()["sha256"] == sha256(source.read_bytes())


def test_t12_httpie_begins_and_tus_js_goes_on(
    installed: None, serve: Callable[..., Service], source: Path, tmp_path: Path
) -> None:
    """While there is no gap tus-js-client finishes the session; with one it gives up at once."""
    server = serve()
    api, data = server.api(), source.read_bytes()
    first = tmp_path / "first"
    first.write_bytes(data[: 1 << 20])

    def httpie(upload: dict[str, Any], start: int) -> None:
        place = f"Content-Range:bytes {start}-{start + (1 << 20) - 1}/{len(data)}"
        command = [sys.executable, "-m", "httpie", "--ignore-stdin", "--check-status", "--form"]
        subprocess.run(
            [*command, "PUT", server.origin + upload["href"], f"file@{first}", place],
            check=True,
            capture_output=True,
            timeout=60,
        )

    upload = api.create(len(data))
    httpie(upload, 0)
    where = server.origin + upload["tus_url"]
    outcome = tus_js(source, "plain", f"{server.origin}/files/", uploadUrl=where, chunkSize=1 << 20)
    assert [request[:2] for request in outcome["requests"]] == [["HEAD", 200], ["PATCH", 204], ["PATCH", 204]]
    assert len(api.view(upload)["chunks"]) == 3
    assert api.commit(upload, sha256(data)).status_code == 200

    gapped = api.create(len(data))
    httpie(gapped, 1 << 20)
    where = server.origin + gapped["tus_url"]
    outcome = tus_js(source, "plain", f"{server.origin}/files/", uploadUrl=where, retryDelays=[10, 10, 10])
    assert [request[:2] for request in outcome["requests"]] == [["HEAD", 200], ["PATCH", 403]]
    assert "error" in outcome
