"""A process that dies, or stands still, while it makes a session: whoever finds one can send to it."""

import asyncio
import itertools
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chunks.lab import Service, content_range
from tests.support.lab import running
from tests.support.server import command, run
from tests.support.tus import payload, sha256
from tests.support.waiting import until

DATA = payload(1 << 20)
HOUR = 3600.0
DYING = [sys.executable, "-m", "tests.chunks.dying"]
KEY = {"Idempotency-Key": "build-17-of-2026-11"}


def create(server: Service) -> httpx.Response:
    with httpx.Client(base_url=server.origin, timeout=60) as client:
        return client.post("/uploads/", json={"size": len(DATA)}, headers=KEY)


async def check_that_others_go_on(directory: Path, **settings: Any) -> None:
    """Take over what a dead process left: the same key makes a session that works and has its space."""
    async with running(directory, sweep_interval_s=0.02, **settings) as lab:
        reply = await lab.http.post("/uploads/", json={"size": len(DATA)}, headers=KEY)
        assert reply.status_code in (200, 201), reply.text
        upload = reply.json()
        found = (directory / upload["id"]).stat()
        assert found.st_size == len(DATA)
        if sys.platform == "linux":
            assert found.st_blocks * 512 >= len(DATA)
        await until(lambda: not lab.sql("SELECT * FROM leftovers"))
        assert {path.name for path in directory.iterdir()} == {
            ".tusd-py",
            upload["id"],
            f".{upload['id']}.session",
        }
        sent = await lab.http.put(upload["href"], content=DATA, headers=content_range(0, DATA))
        assert sent.status_code == 200
        done = await lab.http.post(upload["links"]["commit"], json={"sha256": sha256(DATA)})
        assert done.status_code == 200
        assert (await lab.http.delete(upload["href"])).status_code == 204
        assert [path.name for path in directory.iterdir()] == [".tusd-py"]
        assert lab.sql("SELECT id FROM uploads UNION SELECT name FROM leftovers") == []


@pytest.mark.parametrize("durability", ["finish", "patch"])
def test_killed_at_any_step_of_the_creation(serve: Callable[..., Service], durability: str) -> None:
    """R15, R16: whatever the step, the session can be had again, and nothing else is left."""
    server = serve("-durability", durability)
    for step in itertools.count(1):
        server.kill()
        server.words = [*DYING, str(int(signal.SIGKILL)), str(step)]
        server.restart()
        with suppress(httpx.TransportError):
            assert create(server).status_code == 201
            break
        server.kill()
        asyncio.run(check_that_others_go_on(server.upload_dir, durability=durability))
    assert step > 6


def create_by_tus(server: Service, body: bytes) -> httpx.Response:
    """Make an upload of 5 bytes; ``body`` comes along."""
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": "5",
        "Content-Type": "application/offset+octet-stream",
    }
    return httpx.post(server.url, content=body, headers=headers, timeout=60)


async def check_what_tus_left(directory: Path) -> list[int]:
    """Look at what a dead process left until it expires; return what HEAD answered."""
    found = []
    async with running(directory, sweep_interval_s=0.02, expire_complete_after_s=HOUR) as lab:
        for (upload_id,) in lab.sql("SELECT id FROM uploads WHERE state <> 'expired'"):
            url = f"{lab.url}{upload_id}"
            head = await lab.head(url)
            found.append(head.status_code)
            offset = int(head.headers.get("Upload-Offset", "0"))
            patched = await lab.patch(url, offset, b"hello"[offset:])
            assert patched.status_code == (204 if head.status_code == 200 else 404)
            assert (await lab.get(url)).content == b"hello" or head.status_code == 404
        lab.sql("UPDATE uploads SET expires_at = 0")
        await until(lambda: not lab.sql("SELECT id FROM uploads WHERE state <> 'expired'"))
        await until(lambda: not lab.sql("SELECT name FROM leftovers"))
        assert [path.name for path in directory.iterdir()] == [".tusd-py"]
    return found


@pytest.mark.parametrize("body", [b"", b"hello"], ids=["empty", "whole"])
def test_killed_at_any_step_of_a_tus_creation(serve: Callable[..., Service], body: bytes) -> None:
    """What HEAD shows takes the rest by PATCH, all else has no file; both expire as any upload does."""
    server, found = serve(), set()
    for step in itertools.count(1):
        server.kill()
        server.words = [*DYING, str(int(signal.SIGKILL)), str(step)]
        server.restart()
        with suppress(httpx.TransportError):
            assert create_by_tus(server, body).status_code == 201
            break
        server.kill()
        found |= set(asyncio.run(check_what_tus_left(server.upload_dir)))
    assert found == {200, 404}


@pytest.mark.parametrize("step", [2, 4, 8])
def test_what_is_adopted_after_a_crash_has_its_space(serve: Callable[..., Service], step: int) -> None:
    """The catalog is lost as well: of a session in the making all is found, or nothing."""
    server = serve("-list-anonymous")
    server.kill()
    server.words = [*DYING, str(int(signal.SIGKILL)), str(step)]
    server.restart()
    with pytest.raises(httpx.TransportError):
        create(server)
    server.kill()
    shutil.rmtree(server.upload_dir / ".tusd-py")
    server.words = command()
    server.restart()
    for upload in server.api().http.get("/uploads/").json()["results"]:
        assert (server.upload_dir / upload["id"]).stat().st_size == len(DATA)
        assert server.api().put(upload, 0, DATA).status_code == 200


def sweep(server: Service, *flags: str) -> list[str]:
    """Sweep in a process of its own; return what it says was removed, or would be."""
    swept = run("sweep", "-upload-dir", str(server.upload_dir), *flags)
    return [line for line in swept.out.splitlines() if line.endswith("removed")]


def create_and_send(server: Service, sent: list[httpx.Response]) -> None:
    """Send all bytes as soon as the session can be had."""
    href = create(server).json()["href"]
    sent.append(httpx.put(f"{server.origin}{href}", content=DATA, headers=content_range(0, DATA)))


@contextmanager
def stands_still(server: Service, step: int) -> Iterator[list[httpx.Response]]:
    """Let a server stand still while it makes a session; the answer comes at the end."""
    server.kill()
    server.words = [*DYING, str(int(signal.SIGSTOP)), str(step)]
    server.restart()
    made: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: made.append(create(server)))
    thread.start()
    os.waitid(os.P_PID, server.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    try:
        yield made
    finally:
        os.kill(server.pid, signal.SIGCONT)
        thread.join()


@pytest.mark.parametrize("step", [1, 2, 4, 8])
def test_others_leave_what_is_being_made_alone(serve: Callable[..., Service], step: int) -> None:
    """A sweep in another process removes nothing of it, and the same key there waits for it."""
    server = serve("-sweep-interval", "0")
    # Two sweeps run while it waits: on a busy machine longer than the default of 20 s.
    other = Service(server.upload_dir, "-sweep-interval", "0", "-acquire-lock-timeout", "120s")
    other.start()
    sent: list[httpx.Response] = []
    second = threading.Thread(target=create_and_send, args=(other, sent))
    with stands_still(server, step) as made:
        second.start()
        server.sql("INSERT INTO leftovers VALUES ('gone')")
        assert sweep(server, "-dry-run") == ["gone would be removed"]
        assert sweep(server) == ["gone removed"]
    second.join()
    other.kill()
    assert (made[0].status_code, sent[0].status_code) == (201, 200)
    upload = made[0].json()
    assert server.api().commit(upload, sha256(DATA)).status_code == 200
    assert server.files() == {upload["id"], f"{upload['id']}.info"}


def test_a_key_whose_file_is_lost_makes_a_new_session(serve: Callable[..., Service]) -> None:
    """R15: as a crash of an earlier version left it; its key must not return it for as long as it lives."""
    server = serve()
    api = server.api()
    lost, again = create(server).json(), create(server)
    assert (again.status_code, again.json()["id"]) == (200, lost["id"])
    (server.upload_dir / lost["id"]).unlink()
    reply = create(server)
    assert reply.status_code == 201
    assert api.put(reply.json(), 0, DATA).status_code == 200
    assert api.http.get(lost["href"]).status_code == 404
    assert server.files() == {reply.json()["id"], f".{reply.json()['id']}.session"}
