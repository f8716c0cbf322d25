"""A remote medium on which one call stalls: it holds up whoever made it, and nobody else.

Each call is stalled below a server of its own, for as long as the test needs.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.fixtures import Serve
from tests.support.process import Process
from tests.support.tus import Tus, payload
from tests.support.waiting import eventually

FS = Path(__file__).parents[1] / "support" / "stalling_fs.py"
SMALL = payload(10_000, seed=3)
LARGE = payload(3_000_000, seed=4)


class Medium:
    """A directory on the stalling file system."""

    def __init__(self, place: Path) -> None:
        self.control = place / "control"
        self.mount = place / "mount"
        source = place / "source"
        for folder in (self.control, self.mount, source):
            folder.mkdir()
        command = [sys.executable, "-W", "ignore", str(FS), str(source), str(self.mount), str(self.control)]
        self.program = Process(command, place / "medium.log").spawn().wait_for(self.mount.is_mount)

    def stall(self, call: str) -> None:
        (self.control / call).touch()

    def until_stalled(self, call: str) -> None:
        eventually((self.control / f"{call}.waits").exists)

    def go_on(self) -> None:
        for order in self.control.iterdir():
            if not order.name.endswith(".waits"):
                order.unlink()

    def close(self) -> None:
        self.go_on()
        subprocess.run(["umount", "-l", str(self.mount)], check=True)
        self.program.process.wait(20)


@pytest.fixture
def medium(tmp_path: Path) -> Iterator[Medium]:
    if not Path("/dev/fuse").exists():
        pytest.skip("there is no FUSE here")
    medium = Medium(tmp_path)
    yield medium
    medium.close()


def create(tus: Tus) -> httpx.Response:
    return tus.http.post(tus.url, headers={"Upload-Length": "10"})


def fill(data: bytes) -> Callable[[Tus], httpx.Response]:
    def patch(tus: Tus) -> httpx.Response:
        url = tus.create(len(data))
        headers = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        return tus.http.patch(url, content=data, headers=headers)

    return patch


def declare(tus: Tus) -> httpx.Response:
    url = tus.http.post(tus.url, headers={"Upload-Defer-Length": "1"}).headers["Location"]
    headers = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", "Upload-Length": "5"}
    return tus.http.patch(url, content=b"hello", headers=headers)


def delete(tus: Tus) -> httpx.Response:
    return tus.http.delete(tus.create(10))


def look_often(tus: Tus, done: str) -> None:
    """Check that HEAD of a complete upload is answered at once."""
    for _ in range(5):
        began = time.monotonic()
        head = tus.http.head(done, timeout=5)
        assert (head.status_code, head.headers["Upload-Offset"]) == (200, str(len(SMALL)))
        assert time.monotonic() - began < 1, "the bar is 100 ms; the rest is for a busy machine"


@pytest.mark.parametrize(
    ("call", "request_", "status"),
    [
        pytest.param("create", create, 201, id="create"),
        pytest.param("getattr", create, 201, id="getattr"),
        pytest.param("open", fill(SMALL), 204, id="open"),
        pytest.param("write", fill(SMALL), 204, id="small write"),
        pytest.param("write", fill(LARGE), 204, id="large write"),
        pytest.param("flush", fill(SMALL), 204, id="flush"),
        pytest.param("fsync", fill(SMALL), 204, id="fsync"),
        pytest.param("rename", declare, 204, id="rename"),
        pytest.param("unlink", delete, 204, id="unlink"),
        pytest.param("lock", delete, 204, id="lock"),
    ],
)
def test_a_call_that_stalls_holds_nobody_else_up(
    medium: Medium, serve: Serve, call: str, request_: Callable[[Tus], httpx.Response], status: int
) -> None:
    """HEAD of another upload is answered while the call stalls, and what waited for it ends well."""
    server = serve(upload_dir=medium.mount / "data")
    with Tus(server.url) as one, Tus(server.url) as other, ThreadPoolExecutor(1) as thread:
        done = other.create(len(SMALL))
        other.finish(done, SMALL)
        assert other.offset(done) == len(SMALL)
        medium.stall(call)
        stalled = thread.submit(request_, one)
        medium.until_stalled(call)
        try:
            look_often(other, done)
            assert not stalled.done()
        finally:
            medium.go_on()
        assert stalled.result(30).status_code == status
        assert other.http.get(done).content == SMALL


@pytest.mark.parametrize("call", ["open", "flush"])
def test_a_download_that_stalls_holds_nobody_else_up(medium: Medium, serve: Serve, call: str) -> None:
    """While its file is opened, or closed after the last byte (``flush``), which may wait, too."""
    server = serve(upload_dir=medium.mount / "data")
    with Tus(server.url) as one, Tus(server.url) as other, ThreadPoolExecutor(1) as thread:
        done = other.create(len(SMALL))
        other.finish(done, SMALL)
        medium.stall(call)
        download = thread.submit(one.http.get, done)
        medium.until_stalled(call)
        try:
            look_often(other, done)
        finally:
            medium.go_on()
        assert download.result(30).content == SMALL
