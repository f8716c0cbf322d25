"""The catalog is gone, the directory is there: what comes back, and what must not seem to."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.chunks.lab import Api, Service, content_range, problem
from tests.chunks.test_expiry import embedded
from tests.support.tus import payload, sha256

DATA = payload(300_000)
TUS = {"Tus-Resumable": "1.0.0"}


def lose_catalog(server: Service) -> None:
    """End the server, remove its catalog, start it again."""
    server.kill()
    for path in (server.upload_dir / ".tusd-py").glob("catalog*"):
        path.unlink()
    server.restart()


def resend(api: Api, upload: dict[str, Any], data: bytes) -> None:
    """Send what is missing, as any client does after a break."""
    for gap in api.view(upload)["missing"]:
        first, stop = gap["start"], gap["end"] + 1
        assert api.put(upload, first, data[first:stop]).status_code == 200


@pytest.mark.parametrize("sent", [0, 100_000, 300_000])
@pytest.mark.parametrize("how", ["full", "none"])
def test_a_session_goes_on_without_its_ranges(serve: Callable[..., Service], sent: int, how: str) -> None:
    """Nobody knows which bytes of the full-sized file came: none counts, and none is served."""
    server = serve("-preallocate", how, "-list-anonymous")
    upload = server.api().create(len(DATA), filename="a.bin")
    if sent:
        assert server.api().put(upload, 0, DATA[:sent]).status_code == 200
    lose_catalog(server)
    api = server.api()
    found = api.view(upload)
    assert (found["kind"], found["state"], found["metadata"]) == ("session", "open", {"filename": "a.bin"})
    assert (found["received"], found["chunks"]) == (0, [])
    assert found["missing"] == [{"start": 0, "end": len(DATA) - 1}]
    assert found["expires_at"]
    assert api.http.head(upload["tus_url"], headers=TUS).headers["upload-offset"] == "0"
    assert not api.http.get(upload["tus_url"]).is_success
    problem(api.commit(upload, sha256(DATA)), "upload-incomplete", 409)
    assert api.http.get("/uploads/").json()["count"] == 1
    resend(api, upload, DATA)
    assert api.commit(upload, sha256(DATA)).status_code == 200
    assert api.http.get(upload["tus_url"]).content == DATA
    assert api.http.delete(upload["href"]).status_code == 204
    assert server.files() == set()


def test_an_upload_that_tus_began_and_chunks_went_on_with(serve: Callable[..., Service]) -> None:
    server = serve()
    reply = server.api().http.post("/files/", headers=TUS | {"Upload-Length": str(len(DATA))})
    upload_id = reply.headers["location"].rpartition("/")[2]
    where = f"/uploads/{upload_id}/"
    sent = {"href": where}
    assert server.api().put(sent, 200_000, DATA[200_000:]).status_code == 200
    lose_catalog(server)
    api = server.api()
    assert api.http.head(f"/files/{upload_id}", headers=TUS).headers["upload-offset"] == "0"
    assert (api.view(sent)["kind"], api.view(sent)["received"]) == ("single", 0)
    assert api.put(sent, 100_000, DATA[100_000:]).status_code == 200
    patch = TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert api.http.patch(f"/files/{upload_id}", content=DATA[:100_000], headers=patch).status_code == 403
    reply = api.http.put(where, content=DATA[:100_000], headers=content_range(0, 100_000))
    assert reply.json()["state"] == "completed"
    assert api.http.get(f"/files/{upload_id}").content == DATA


def test_a_committed_session_is_still_complete(serve: Callable[..., Service]) -> None:
    server = serve()
    upload = server.api().committed(DATA)
    lose_catalog(server)
    api = server.api()
    assert api.view(upload)["state"] == "completed"
    assert api.http.get(upload["tus_url"]).content == DATA
    made = api.http.post("/artifacts/", json={"upload": upload["id"], "sha256": sha256(DATA)})
    assert made.status_code == 201
    assert server.files() == set()


def test_what_the_catalog_alone_knew_is_said_to_be_missing(serve: Callable[..., Service]) -> None:
    """The expected digest and the key: the commit asks for the one, the other makes a new session."""
    server = serve()
    key = {"Idempotency-Key": "build-17-of-2026-11"}
    fields = {"size": len(DATA), "sha256": sha256(DATA)}
    upload = server.api().http.post("/uploads/", json=fields, headers=key).json()
    lose_catalog(server)
    api = server.api()
    resend(api, upload, DATA)
    problem(api.http.post(upload["links"]["commit"], json={}), "invalid-field", 400)
    assert api.commit(upload, sha256(DATA)).status_code == 200
    again = api.http.post("/uploads/", json=fields, headers=key)
    assert (again.status_code, again.json()["id"] != upload["id"]) == (201, True)


def test_workers_take_a_session_over_at_the_same_moment(serve: Callable[..., Service]) -> None:
    """Whoever is asked first, nobody forgets what another one has received since."""
    server = serve("-workers", "2")
    uploads = [server.api().create(len(DATA)) for _ in range(20)]
    server.sql("DELETE FROM uploads")
    clients = [server.api() for _ in range(6)]  # each with a connection of its own

    def send(number: int) -> list[int]:
        step = len(DATA) // len(clients)
        first = number * step
        return [
            clients[number].put(upload, first, DATA[first : first + step]).status_code for upload in uploads
        ]

    with ThreadPoolExecutor(len(clients)) as pool:
        assert {status for found in pool.map(send, range(len(clients))) for status in found} == {200}
    for upload in uploads:
        assert clients[0].commit(upload, sha256(DATA)).status_code == 200


def test_artifacts_are_listed_again(serve: Callable[..., Service]) -> None:
    server = serve("-list-anonymous")
    made = []
    for number in range(3):
        reply = server.api().http.post("/artifacts/", files={"file": ("a", DATA + bytes([number]))})
        assert reply.status_code == 201
        made.append(reply.json())
    assert server.api().http.delete(made[1]["href"]).status_code == 204
    lose_catalog(server)
    api = server.api()
    found = api.http.get("/artifacts/").json()
    assert (found["count"], [each["id"] for each in found["results"]]) == (2, [made[0]["id"], made[2]["id"]])
    assert found["results"][0]["sha256"] == made[0]["sha256"]
    assert api.http.get(f"{made[2]['href']}content").content == DATA + bytes([2])
    again = api.http.post("/artifacts/", files={"file": ("a", DATA + bytes([0]))})
    assert (again.status_code, again.json()["id"]) == (200, made[0]["id"])
    for each in (made[0], made[2]):
        assert api.http.delete(each["href"]).status_code == 204
    assert server.artifact_files() == set()
    assert list((server.upload_dir / ".tusd-py/exports").iterdir()) == []


@pytest.mark.parametrize("left", ["", "{", "[]", '{"ID": "x"}', '{"ID": "ID", "SHA256": "../../x"}'])
def test_an_artifact_whose_owner_nobody_knows(serve: Callable[..., Service], left: str) -> None:
    """It is shown to nobody; who makes the same one again finds its place taken by the same bytes."""
    server = serve("-list-anonymous")
    made = server.api().http.post("/artifacts/", files={"file": ("a", DATA)}).json()
    export = server.upload_dir / ".tusd-py/exports" / made["id"]
    export.write_text(left.replace('"ID"}', f'"{made["id"]}"'))
    lose_catalog(server)
    api = server.api()
    assert api.http.get("/artifacts/").json()["count"] == 0
    problem(api.http.get(made["href"]), "not-found", 404)
    assert server.artifact_files() == {sha256(DATA)}
    again = api.http.post("/artifacts/", files={"file": ("a", DATA)})
    assert (again.status_code, server.artifact_files()) == (201, {sha256(DATA)})
    assert api.http.get(f"{again.json()['href']}content").content == DATA
    assert api.http.delete(again.json()["href"]).status_code == 204
    assert server.artifact_files() == set()


def test_an_artifact_whose_file_is_not_what_it_was(serve: Callable[..., Service]) -> None:
    server = serve("-list-anonymous")
    made = [
        server.api().http.post("/artifacts/", files={"file": ("a", DATA + bytes([number]))}).json()
        for number in range(2)
    ]
    folder = server.upload_dir / ".tusd-py/artifacts"
    (folder / made[0]["sha256"]).unlink()
    (folder / made[1]["sha256"]).write_bytes(DATA)
    lose_catalog(server)
    assert server.api().http.get("/artifacts/").json()["count"] == 0


@pytest.mark.anyio
async def test_artifacts_stay_with_their_users(tmp_path: Path) -> None:
    """Nobody gets at what was another one's, only because a file was lost."""
    alice, bob = {"X-User": "alice"}, {"X-User": "bob"}
    async with embedded(tmp_path, list_anonymous=True) as client:
        reply = await client.post("/artifacts/", files={"file": ("a", DATA)}, headers=alice)
        where = reply.json()["href"]
    for path in (tmp_path / ".tusd-py").glob("catalog*"):
        path.unlink()
    async with embedded(tmp_path, list_anonymous=True) as client:
        for other in (bob, {}):
            problem(await client.get(where, headers=other), "not-found", 404)
            assert (await client.get("/artifacts/", headers=other)).json()["count"] == 0
        assert (await client.get(f"{where}content", headers=alice)).content == DATA
