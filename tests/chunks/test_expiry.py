"""Expiry, users and hooks: as for tus uploads."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.authentication import SimpleUser

from tests.chunks.lab import Service, content_range, problem
from tests.chunks.test_put import read_reply, slow_put
from tests.support.lab import running
from tests.support.server import run
from tests.support.tus import payload, sha256
from tests.support.waiting import eventually
from tusd_py import UploadRefused
from tusd_py.ports.hooks import HookReply

DATA = payload(1000)


def test_e26_expiry(serve: Callable[..., Service]) -> None:
    """R20, T8: 410 and the space is free; each chunk renews it; never while one arrives; later 404."""
    server = serve("-expire-after", "2s", "-sweep-interval", "100ms", "-tombstone-for", "1h")
    api = server.api()
    upload, other = api.create(1000), api.create(1000)
    assert upload["expires_at"] > upload["created_at"]
    with slow_put(server, upload, 0, 100, DATA[:1]) as sender:
        sent = 1
        while other["id"] in server.files():
            sender.sendall(DATA[sent : sent + 1])
            sent += 1
            assert sent < 100, "the other one should have expired long ago"
            time.sleep(0.05)
        fields = problem(api.http.get(other["href"]), "upload-expired", 410)
        assert fields["expired_at"]
        assert api.view(upload)["state"] == "open"
        sender.sendall(DATA[sent:100])
        assert read_reply(sender).startswith(b"HTTP/1.1 200")
    assert api.view(upload)["received"] == 100
    eventually(lambda: server.sql("SELECT DISTINCT state FROM uploads") == [("expired",)])
    server.sql("UPDATE uploads SET expires_at = 0")
    both = (other["href"], upload["href"])
    eventually(lambda: [api.http.get(href).status_code for href in both] == [404, 404])
    assert server.files() == set()
    for table in ("uploads", "upload_chunks", "sessions"):
        assert server.sql(f"SELECT * FROM {table}") == []  # noqa: S608


def test_expired_uploads_are_listed_and_swept_by_command(serve: Callable[..., Service]) -> None:
    server = serve("-expire-after", "1h", "-sweep-interval", "0", "-list-anonymous")
    api = server.api()
    upload = api.create(1000)
    server.sql("UPDATE uploads SET expires_at = expires_at - 3600")
    problem(api.put(upload, 0, DATA), "upload-expired", 410)
    (found,) = api.http.get("/uploads/", params={"expired": "true"}).json()["results"]
    assert found["id"] == upload["id"]
    swept = run("sweep", "-upload-dir", str(server.upload_dir))
    assert f"{upload['id']} expired" in swept.out
    assert server.files() == set()
    (found,) = api.http.get("/uploads/", params={"expired": "true"}).json()["results"]
    assert found["state"] == "expired"


@asynccontextmanager
async def embedded(directory: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The application without a server, as one embeds it; the user comes from a header."""

    def authenticate(request: Any) -> None:
        name = request.headers.get("x-user")
        if name == "nobody":
            raise UploadRefused("log in first", status=401)
        if name is not None:
            request.scope["user"] = SimpleUser(name)

    async with running(directory, on_incoming_request=authenticate, **settings) as lab:
        yield lab.http


@pytest.mark.anyio
async def test_e30_uploads_of_another_user(tmp_path: Path) -> None:
    """404 whatever is asked for; lists show what is one's own."""
    alice, bob = {"X-User": "alice"}, {"X-User": "bob"}
    async with embedded(tmp_path) as client:
        upload = (await client.post("/uploads/", json={"size": 10}, headers=alice)).json()
        assert upload["user"] == "alice"
        await client.post("/uploads/", json={"size": 11})
        for method, path in (
            ("GET", ""),
            ("PUT", ""),
            ("DELETE", ""),
            ("POST", "commit"),
            ("GET", "chunks/"),
            ("DELETE", "chunks/0"),
        ):
            for other in (bob, {}):
                reply = await client.request(
                    method, upload["href"] + path, headers={**other, **content_range(0, 10)}
                )
                problem(reply, "not-found", 404)
        problem(
            await client.post("/artifacts/", json={"upload": upload["id"]}, headers=bob), "not-found", 404
        )
        assert (await client.get("/uploads/", headers=bob)).json()["count"] == 0
        assert (await client.get("/uploads/", headers=alice)).json()["count"] == 1
        problem(await client.get("/uploads/"), "not-offered", 400)
        data, where = b"0123456789", ""
        for who in (alice, bob):
            made = (await client.post("/uploads/", json={"size": 10}, headers=who)).json()
            await client.put(made["href"], content=data, headers=who | content_range(0, 10))
            fields = {"upload": made["id"], "sha256": sha256(data)}
            reply = await client.post("/artifacts/", json=fields, headers=who)
            assert reply.status_code == 201, "what others have is not told"
            where = reply.json()["href"]
        problem(await client.get(where, headers=alice), "not-found", 404)
        assert (await client.get(where + "content", headers=bob)).content == data
        assert (await client.delete(where, headers=bob)).status_code == 204
        assert [path.name for path in (tmp_path / ".tusd-py/artifacts").iterdir()] == [sha256(data)]
        reply = await client.get("/artifacts/", headers=alice)
        assert (await client.delete(reply.json()["results"][0]["href"], headers=alice)).status_code == 204
        assert list((tmp_path / ".tusd-py/artifacts").iterdir()) == []


@pytest.mark.anyio
async def test_hooks_take_part_in_sessions(tmp_path: Path) -> None:
    """Creation may be refused or changed, the finish hook runs at the commit and may refuse it."""
    told: list[str] = []

    def create(request: Any, upload: Any) -> dict[str, str]:
        told.append(f"create {upload.kind} {upload.length}")
        if upload.length == 13:
            raise UploadRefused("no such size", status=403)
        return {"by": "hook"}

    async def finish(request: Any, upload: Any) -> HookReply | None:
        told.append(f"finish {upload.length}")
        if upload.length == 11 and told.count("finish 11") == 1:
            raise UploadRefused("a virus", status=422)
        return None

    def terminate(request: Any, upload: Any) -> None:
        told.append("terminate")

    settings = {"on_upload_create": create, "on_upload_finish": finish, "on_upload_terminate": terminate}
    async with embedded(tmp_path, **settings) as client:
        problem(await client.get("/uploads/", headers={"X-User": "nobody"}), "unauthorized", 401)
        problem(await client.post("/uploads/", json={"size": 13}), "forbidden", 403)
        assert [path.name for path in tmp_path.iterdir()] == [".tusd-py"]
        upload = (await client.post("/uploads/", json={"size": 11})).json()
        assert upload["metadata"] == {"by": "hook"}
        data = b"hello world"
        await client.put(upload["href"], content=data, headers=content_range(0, 11))
        assert told[-1] == "create session 11", "all bytes there is not finished"
        problem(await client.post(upload["links"]["commit"], json={"sha256": sha256(data)}), "rejected", 422)
        assert (await client.get(upload["href"])).json()["state"] == "open"
        reply = await client.post(upload["links"]["commit"], json={"sha256": sha256(data)})
        assert reply.json()["state"] == "completed"
        assert (await client.delete(upload["href"])).status_code == 204
        assert told == ["create session 13", "create session 11", "finish 11", "finish 11", "terminate"]


@pytest.mark.anyio
async def test_t14_deletion_in_every_state(tmp_path: Path) -> None:
    """R21: no file and no row is left."""
    async with embedded(tmp_path, list_anonymous=True) as client:
        for state in ("empty", "partly", "full", "failed", "completed"):
            upload = (await client.post("/uploads/", json={"size": 10})).json()
            if state != "empty":
                stop = 5 if state == "partly" else 10
                await client.put(upload["href"], content=b"x" * stop, headers=content_range(0, stop))
            if state in ("failed", "completed"):
                digest = sha256(b"x" * 10) if state == "completed" else "0" * 64
                await client.post(upload["links"]["commit"], json={"sha256": digest})
            assert (await client.delete(upload["href"])).status_code == 204
            assert [path.name for path in tmp_path.iterdir()] == [".tusd-py"], state
            assert (await client.get(upload["href"])).status_code == 404
        assert (await client.get("/uploads/")).json()["count"] == 0
