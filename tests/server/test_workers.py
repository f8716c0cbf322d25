"""Several workers on one socket: balance, restart, and the end of all of them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from tusd_py.http1.run import CannotListen, ServerSettings, serve

from .client import Client, Server


@pytest.fixture(params=["asyncio", "uvloop"])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server with two workers, to be maltreated."""
    server = Server(tmp_path, workers=2, loop=request.param).start()
    yield server
    server.kill()


def _worker_of(client: Client) -> int:
    return int(client.ask("GET /stats").json()["pid"])


def _two_workers(server: Server, *, besides: int = 0) -> set[int]:
    """The ids of both workers, once there are two beside a dead one."""
    seen: set[int] = set()
    give_up = time.monotonic() + 10
    while len(seen - {besides}) < 2:
        assert time.monotonic() < give_up
        with server.connect() as client:
            seen.add(_worker_of(client))
    return seen


def _alive(process_id: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return False


def test_all_workers_get_connections(workers: Server) -> None:
    clients = [workers.client() for _ in range(64)]
    seen = [_worker_of(client) for client in clients]
    for client in clients:
        client.close()
    assert len(set(seen)) == 2
    assert min(seen.count(worker) for worker in set(seen)) >= 6
    assert workers.pid not in seen


def test_the_url_is_announced_once(workers: Server) -> None:
    with workers.connect() as client:
        victim = _worker_of(client)
        os.kill(victim, signal.SIGKILL)
    _two_workers(workers, besides=victim)
    assert workers.stop() == 0
    assert workers.output().count(workers.url) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_a_second_server_on_the_same_port_is_refused(workers: Server, count: int) -> None:
    with pytest.raises(CannotListen, match="already in use"):
        serve(lambda: pytest.fail("too early"), ServerSettings(port=workers.port, workers=count))


def test_a_killed_worker_is_replaced_and_no_connection_attempt_fails(workers: Server) -> None:
    with workers.connect() as client:
        victim = _worker_of(client)
        os.kill(victim, signal.SIGKILL)
        assert victim not in _two_workers(workers, besides=victim)
    assert "died" in workers.said
    assert workers.stop() == 0


def test_a_signal_ends_all_workers_gracefully(workers: Server) -> None:
    pids = _two_workers(workers)
    with workers.connect() as client:
        client.put("/write/shared", b"x" * 1000, announced=2000)
        eventually(lambda: len(workers.read("shared")) == 1000)
        workers.process.send_signal(signal.SIGINT)
        answer = client.answer()
        assert (answer.status, answer.json()["count"]) == (503, 1000)
    assert workers.wait() == 0
    assert {f"cleaned-up-{pid}" for pid in pids} <= set(os.listdir(workers.directory))
    assert not any(_alive(pid) for pid in pids)


def test_workers_end_when_the_supervisor_is_killed(workers: Server) -> None:
    with workers.connect() as client:
        pid = _worker_of(client)
    os.kill(workers.pid, signal.SIGKILL)
    workers.process.wait()
    eventually(lambda: not _alive(pid))
