"""SIGTERM, a second SIGTERM, and starts that cannot succeed."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.fixtures import Serve
from tests.support.process import free_port
from tests.support.server import Server, run
from tests.support.tus import MIB, Tus, Wire, id_of, payload, wait_until

SIZE = 4 * MIB
HALF = SIZE // 2

WORKERS = pytest.mark.parametrize("flags", [(), ("-workers", "2")], ids=["one process", "two workers"])


@WORKERS
def test_sigterm_during_a_patch_keeps_the_bytes(serve: Serve, flags: tuple[str, ...]) -> None:
    """The bytes so far are stored, the client hears 503, the status is 0; a restart goes on from there."""
    server = serve("-shutdown-timeout", "5s", *flags)
    data = payload(SIZE, seed=70)
    with Tus(server.url) as tus:
        url = tus.create(SIZE)
        with Wire(server.host_port) as wire:
            wire.begin_patch(url, 0, SIZE)
            wire.send(data[:HALF])
            wait_until(HALF, server.upload_dir / id_of(url))
            begin = time.monotonic()
            status = server.stop()
            took = time.monotonic() - begin
            reply = wire.reply()
        assert status == 0
        assert took < 5.0, "stopping took longer than the shutdown timeout"
        assert reply is not None
        assert reply.status == 503
    server.restart()
    with Tus(server.url) as tus:
        assert tus.offset(url) == HALF
        tus.finish(url, data)
        assert tus.get(url).content == data


@WORKERS
def test_sighup_ends_nothing(serve: Serve, flags: tuple[str, ...]) -> None:
    """A closed terminal and a log rotation send it: to the process, and to each worker of its group."""
    server = serve(*flags)
    data = payload(SIZE, seed=71)
    with Tus(server.url) as tus:
        url = tus.create(SIZE)
        with Wire(server.host_port) as wire:
            wire.begin_patch(url, 0, SIZE)
            wire.send(data[:HALF])
            wait_until(HALF, server.upload_dir / id_of(url))
            os.killpg(server.pid, signal.SIGHUP)
            wire.send(data[HALF:])
            reply = wire.reply()
        assert reply is not None
        assert reply.status == 204
        assert tus.get(url).content == data
        assert server.stop() == 0


@WORKERS
def test_sigterm_of_an_idle_server_is_quick_despite_open_connections(
    serve: Serve, flags: tuple[str, ...]
) -> None:
    """Keep-alive connections hold nothing up."""
    server = serve("-shutdown-timeout", "8s", *flags)
    with Tus(server.url) as tus:
        tus.create(10)
        begin = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begin < 8.0


@WORKERS
def test_a_client_that_was_answered_holds_the_end_up_for_a_moment_only(
    serve: Serve, flags: tuple[str, ...]
) -> None:
    """tusd, 1.6. It goes on sending; otherwise it would get two seconds to read the answer and close."""
    server = serve("-shutdown-timeout", "10s", *flags)
    with Tus(server.url) as tus, Wire(server.host_port) as wire:
        url = tus.create(SIZE)
        wire.begin_patch(url, 0, SIZE)
        wire.send(payload(HALF))
        wait_until(HALF, server.upload_dir / id_of(url))
        begin = time.monotonic()
        server.process.terminate()
        reply = wire.reply()
        with suppress(ConnectionError):
            while server.process.poll() is None:
                wire.send(b"x")
                time.sleep(0.01)
        assert server.process.wait(20) == 0
        assert time.monotonic() - begin < 2
    assert reply is not None
    assert reply.status == 503


def test_a_worker_that_hangs_holds_the_end_up_no_longer_than_allowed(serve: Serve) -> None:
    """tusd, 1.6: the time limit, and at most a tenth of it; the status is 0."""
    server = serve("-shutdown-timeout", "8s", "-workers", "2")
    worker = int(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0])
    os.kill(worker, signal.SIGSTOP)
    begin = time.monotonic()
    assert server.stop() == 0
    assert 7.9 < time.monotonic() - begin < 8.8


def test_a_thread_that_hangs_holds_the_end_up_no_longer_than_allowed(tmp_path: Path) -> None:
    """tusd, 1.6. Python waits for threads as it ends, for one in a call that does not return, too."""
    hangs = "import sys, threading; threading.Thread(target=threading.Event().wait).start()"
    program = f"{hangs}; from tusd_py.command.main import main; sys.exit(main(sys.argv[1:]))"
    server = Server(tmp_path / "up", "-shutdown-timeout", "8s", words=[sys.executable, "-c", program])
    with server:
        begin = time.monotonic()
        assert server.stop() == 0
        assert 7.9 < time.monotonic() - begin < 8.8
        assert "Shutdown timed out; requests that were left are cut off." in server.output()


def test_second_signal_exits_at_once(serve: Serve) -> None:
    """Whoever signals twice does not want to wait for the sixty seconds that were configured."""
    server = serve("-shutdown-timeout", "60s")
    with Tus(server.url) as tus:
        url = tus.create(SIZE)
        with Wire(server.host_port) as wire:
            wire.begin_patch(url, 0, SIZE)
            wire.send(b"x" * MIB)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.05)
            if server.process.poll() is None:
                server.process.send_signal(signal.SIGTERM)
            server.process.wait(5)


def test_new_process_takes_the_port_right_after_the_old_one(serve: Serve) -> None:
    """Stop and start on the same port, with connections in TIME_WAIT: no "address in use"."""
    server = serve()
    for _ in range(2):
        with Tus(server.url) as tus:
            tus.finish(tus.create(3), b"abc")
            server.stop()
        server.restart()
    with Tus(server.url) as tus:
        tus.finish(tus.create(3), b"abc")


@pytest.fixture
def busy_port() -> Iterator[int]:
    """A port somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def refused_start(*flags: str) -> tuple[int, str]:
    """Start with flags that cannot work; the exit status and what was said on stderr."""
    ended = run("-host", "127.0.0.1", *flags)
    return ended.status, ended.err


def assert_one_clear_line(status: int, said: str) -> None:
    """One line for a person, no stack, and a status that says failure."""
    assert status in {1, 2}
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1, said


def test_port_in_use_is_one_line(tmp_path: Path, busy_port: int) -> None:
    """The port is named."""
    status, said = refused_start("-upload-dir", str(tmp_path / "u"), "-port", str(busy_port))
    assert_one_clear_line(status, said)
    assert str(busy_port) in said


def test_port_in_use_with_workers_is_one_line(tmp_path: Path, busy_port: int) -> None:
    """Also when worker processes would listen."""
    where = str(tmp_path / "u")
    status, said = refused_start("-upload-dir", where, "-port", str(busy_port), "-workers", "2")
    assert_one_clear_line(status, said)


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(("-no-such-flag",), id="unknown flag"),
        pytest.param(("-max-size", "many"), id="not a number"),
        pytest.param(("-network-timeout", "60 parsecs"), id="not a duration"),
        pytest.param(("-durability", "perhaps"), id="not a choice"),
    ],
)
def test_bad_flag_is_named(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """What was wrong is said without a stack."""
    status, said = refused_start("-upload-dir", str(tmp_path / "u"), "-port", "0", *flags)
    assert status in {1, 2}
    assert "Traceback" not in said
    assert flags[0].lstrip("-") in said


def _a_file(where: Path) -> Path:
    where.write_text("not a directory")
    return where


def _below_a_file(where: Path) -> Path:
    return _a_file(where) / "uploads"


def _not_writable(where: Path) -> Path:
    return Path("/proc") / where.name


@pytest.mark.parametrize("make", [_a_file, _below_a_file, _not_writable])
def test_unusable_upload_directory_is_one_line(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    """A file, a place below a file, and one where nothing can be created."""
    where = make(tmp_path / "uploads")
    status, said = refused_start("-upload-dir", str(where), "-port", str(free_port()))
    assert_one_clear_line(status, said)
    assert str(where) in said
