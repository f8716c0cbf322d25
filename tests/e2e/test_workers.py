"""Worker processes that die, and a main process that dies without them."""

import os
import signal
import time
from pathlib import Path

import httpx

from tests.support.fixtures import Serve
from tests.support.server import Server
from tests.support.tus import MIB, Tus, Wire, id_of, payload, wait_until
from tests.support.waiting import eventually


def workers_of(server: Server) -> list[int]:
    """The processes that serve."""
    return [int(pid) for pid in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_killed_worker_is_replaced_and_loses_nothing(serve: Serve) -> None:
    """``kill -9`` of every worker, one after the other: the service goes on, uploads resume."""
    server = serve("-workers", "2")
    data = payload(4 * MIB, seed=100)
    with Tus(server.url) as tus:
        url = tus.create(len(data))
    with Wire(server.host_port) as wire:
        wire.begin_patch(url, 0, len(data))
        wire.send(data[:MIB])
        wait_until(MIB, server.upload_dir / id_of(url))
        for worker in workers_of(server):
            os.kill(worker, signal.SIGKILL)
            eventually(lambda: len(workers_of(server)) == 2 and all(map(alive, workers_of(server))))
    with Tus(server.url) as tus:
        assert tus.offset(url) == MIB
        tus.finish(url, data)
        assert tus.get(url).content == data


def test_workers_do_not_outlive_the_main_process(serve: Serve) -> None:
    """``kill -9`` of the main process alone: its workers leave, and the port is free for a new start."""
    server = serve("-workers", "2")
    with Tus(server.url) as tus:
        url = tus.create(3)
    workers = workers_of(server)
    assert len(workers) == 2
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: not any(map(alive, workers)))  # or they would hold the port
    server.close()
    server.restart()
    with Tus(server.url) as tus:
        tus.finish(url, b"abc")


def test_both_workers_serve(serve: Serve) -> None:
    """Many new connections at once: two processes get work, or tests of two workers would prove little."""
    server = serve("-workers", "2")
    wires = [Wire(server.host_port) for _ in range(40)]
    try:
        busy = {pid for pid in workers_of(server) if _sockets(pid) > 3}
        deadline = time.monotonic() + 5
        while len(busy) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
            busy = {pid for pid in workers_of(server) if _sockets(pid) > 3}
        assert len(busy) == 2, {pid: _sockets(pid) for pid in workers_of(server)}
    finally:
        for wire in wires:
            wire.socket.close()
    assert httpx.options(server.url).status_code in {200, 204}


def _sockets(pid: int) -> int:
    links = (os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink())
    return sum(1 for link in links if link.startswith("socket:"))
