"""Starting and stopping: addresses, failures, signals and what becomes of running requests."""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from tusd_py.http1.run import CannotListen, ServerSettings, serve

from .client import Server, chunked


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = Server(tmp_path, port=port).spawn()
        assert failed.wait() == 7
    failed.kill()
    assert failed.said == f"CannotListen: cannot listen on 127.0.0.1:{port}: address already in use\n"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": "no.such.host.invalid"}, "cannot listen on no.such.host.invalid:0: "),
        ({"host": "192.0.2.1"}, "cannot listen on 192.0.2.1:0: cannot assign requested address"),
        (
            {"unix_socket": "/no/such/directory/socket"},
            "cannot listen on /no/such/directory/socket: no such file",
        ),
        ({"tls_cert": "/no/such/file"}, "cannot use the certificate /no/such/file: no such file"),
    ],
)
def test_an_address_that_cannot_be_used_is_an_exception(settings: dict[str, str], words: str) -> None:
    with pytest.raises(CannotListen) as failure:
        serve(lambda: pytest.fail("too early"), ServerSettings(port=0, **settings))  # type: ignore[arg-type]
    assert str(failure.value).startswith(words)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"port": 70_000},
        {"network_timeout_s": 0},
        {"workers": -1},
        {"tls_key": "x"},
        {"shutdown_timeout_s": -1},
    ],
)
def test_settings_without_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        ServerSettings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_start_up_failure_says_what_the_application_said(tmp_path: Path, workers: int) -> None:
    failed = Server(tmp_path, env={"LAB_FAILURE": "no room at the inn"}, workers=workers).spawn()
    assert failed.wait() == 7
    failed.kill()
    assert failed.said == "StartupFailed: no room at the inn\n"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_unix_socket_serves_and_is_removed(tmp_path: Path, loop: str) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as leftover:
        leftover.bind(str(path))
    server = Server(tmp_path, unix_socket=str(path), loop=loop).start()
    assert server.url == f"unix:{path}"
    with server.connect() as client:
        client.put("/write/unix", b"x" * 1_000_000)
        assert client.answer().json()["count"] == 1_000_000
    second = Server(tmp_path, unix_socket=str(path)).spawn()
    assert second.wait() == 7
    second.kill()
    assert "already in use" in second.said
    assert server.get("/hello") == "hello"
    assert server.stop() == 0
    assert not path.exists()


def test_a_file_is_never_removed_for_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(CannotListen, match="already in use"):
        serve(lambda: pytest.fail("too early"), ServerSettings(unix_socket=str(path)))
    assert path.read_text() == "data"


def test_the_url_names_an_ipv6_address_in_brackets(tmp_path: Path) -> None:
    server = Server(tmp_path, host="::1").start()
    assert server.url.startswith("http://[::1]:")
    assert server.stop() == 0


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_bodies_with_an_answer_and_the_process_with_0(
    tmp_path: Path, loop: str, number: signal.Signals
) -> None:
    server = Server(tmp_path, loop=loop).start()
    with (
        server.connect() as fast,
        server.connect() as coded,
        server.connect() as plain,
        server.connect() as idle,
    ):
        idle.ask("GET /hello")
        fast.put("/write/fast", b"x" * 100_000, announced=10**9)
        coded.request("PUT /write/coded", "Transfer-Encoding: chunked", body=chunked(b"x" * 1000)[:-5])
        plain.put("/receive/plain", b"x" * 10, announced=100)
        eventually(lambda: len(server.read("fast")) == 100_000 and len(server.read("coded")) == 1000)
        time.sleep(0.1)
        start = time.monotonic()
        server.process.send_signal(number)
        for client, count in ((fast, 100_000), (coded, 1000), (plain, 10)):
            answer = client.answer()
            assert (answer.status, answer.headers["connection"]) == (503, "close")
            assert (answer.json()["count"], answer.json()["ended"]) == (count, "shutdown")
        assert idle.closed()
    assert server.wait() == 0
    assert time.monotonic() - start < 5
    server.kill()
    assert (tmp_path / f"cleaned-up-{server.pid}").exists()


def test_a_running_request_is_waited_for_and_no_new_one_is_taken(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    with server.connect() as client:
        client.request("GET /slow/0.5")
        assert client.silent(0.1)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        with pytest.raises(ConnectionRefusedError):
            server.client()
        answer = client.answer()
        assert (answer.json(), answer.headers["connection"]) == ("done", "close")
    assert server.wait() == 0
    server.kill()


def test_a_download_is_finished_before_the_end(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    with server.connect() as client:
        client.request("GET /big/30")
        client.take(1000)
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert client.count_rest() > (30 << 20) - 1000
    assert server.wait() == 0
    assert time.monotonic() - start < 5
    server.kill()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_request_without_end_is_given_up_after_the_time_limit(tmp_path: Path, workers: int) -> None:
    server = Server(tmp_path, shutdown_timeout_s=0.5, workers=workers).start()
    with server.connect() as client:
        client.request("GET /slow/60")
        assert client.silent(0.1)
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 0
        assert 0.4 < time.monotonic() - start < 5
    server.kill()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_second_signal_ends_the_process_at_once_with_1(tmp_path: Path, loop: str, workers: int) -> None:
    server = Server(tmp_path, loop=loop, workers=workers).start()
    with server.connect() as client:
        client.request("GET /slow/60")
        assert client.silent(0.1)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 1
        assert time.monotonic() - start < 5
    server.kill()


def test_requests_are_not_logged(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    server.get("/hello")
    assert server.stop() == 0
    assert server.said == ""


def test_a_body_survives_kill_9(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    with server.connect() as client:
        client.put("/write/killed", b"x" * 700_000, announced=10**9)
        eventually(lambda: len(server.read("killed")) == 700_000)
        os.kill(server.pid, signal.SIGKILL)
    server.kill()
    assert server.read("killed") == b"x" * 700_000


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_without_a_descriptor_new_connections_wait_and_the_log_stays_short(tmp_path: Path, loop: str) -> None:
    """Those that there are go on; others are served once there are descriptors again (uvloop sheds some)."""
    server = Server(tmp_path, loop=loop).start()
    with server.connect() as old:
        assert old.ask("GET /hello").status == 200
        said = server.said
        limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        highest = max(int(name) for name in os.listdir(f"/proc/{server.pid}/fd"))
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (highest + 3, limits[1]))
        crowd = [server.client() for _ in range(20)]
        if loop == "asyncio":
            eventually(lambda: "Too many open files" in server.said)
        assert old.ask("GET /hello").status == 200
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
        eventually(lambda: serves_newcomers(server))
        assert len(server.said.removeprefix(said).splitlines()) <= 5
        for one in crowd:
            one.close()
    assert server.stop() == 0


def serves_newcomers(server: Server) -> bool:
    """Whether a new connection gets its answer; it may also be shed."""
    try:
        with server.connect() as new:
            return new.ask("GET /hello").status == 200
    except (ConnectionError, EOFError):
        return False
