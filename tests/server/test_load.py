"""Memory and threads under load: nothing grows with a body, and little with a connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .client import Client, Server


@pytest.fixture(params=["asyncio", "uvloop"])
def big_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    # In memory: the test is about this server, not about a disk.
    directory = Path(f"/dev/shm/tusd-py-{request.param}-{time.monotonic_ns()}")
    directory.mkdir()
    server = Server(directory, loop=request.param).start()
    try:
        yield server
    finally:
        server.kill()
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()


@pytest.mark.parametrize(("route", "size"), [("write", 1 << 30), ("receive", 1 << 28)])
def test_memory_stays_flat_through_a_large_body(big_server: Server, route: str, size: int) -> None:
    before = big_server.get("/stats")["rss"]
    peak = before
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        with big_server.connect() as observer:
            while not done.wait(0.05):
                peak = max(peak, observer.ask("GET /stats").json()["rss"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with big_server.connect() as client:
            client.put(f"/{route}/big", b"", announced=size)
            _send(client, size)
            assert client.answer().json()["count"] == size
    finally:
        done.set()
        watcher.join()
    assert (big_server.directory / "big").stat().st_size == size
    assert peak - before < 24_000_000


def _send(client: Client, count: int) -> None:
    block = memoryview(bytes(1 << 20))
    for _ in range(count >> 20):
        client.sock.sendall(block)


def test_a_thousand_stalled_uploads_leave_room_for_another(big_server: Server) -> None:
    before = big_server.get("/stats")
    with ExitStack() as stack:
        stalled = [stack.enter_context(big_server.connect()) for _ in range(1000)]
        for number, client in enumerate(stalled):
            client.put(f"/write/stalled-{number % 10}?offset={number}", b"x" * 100, announced=10**6)
        start = time.monotonic()
        with big_server.connect() as client:
            client.put("/write/through", b"", announced=64 << 20)
            _send(client, 64 << 20)
            assert client.answer().json()["count"] == 64 << 20
        assert time.monotonic() - start < 10
        during = big_server.get("/stats")
        assert during["connections"] >= 1000
        assert during["threads"] - before["threads"] <= 16
        assert during["rss"] - before["rss"] < 60_000_000
        big_server.process.terminate()
        counts = [client.answer().json()["count"] for client in stalled]
        assert counts == [100] * 1000
    assert big_server.wait() == 0
