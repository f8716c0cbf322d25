"""Many, large and stalled requests: memory stays flat and nobody else waits, with one worker or several."""

import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.support.fixtures import Serve
from tests.support.server import Server
from tests.support.tus import MIB, Tus, Wire, id_of, payload, wait_until


@pytest.fixture
def memory_dir() -> Iterator[Path]:
    """A directory in memory: the disk of a build machine is not what is tested."""
    where = Path(mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield where / "uploads"
    shutil.rmtree(where, ignore_errors=True)


def resident(pid: int) -> int:
    """Peak memory of a process in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


@pytest.mark.parametrize("chunked", [False, True], ids=["Content-Length", "chunked"])
def test_memory_is_flat_for_one_huge_patch(serve: Serve, memory_dir: Path, chunked: bool) -> None:
    """A PATCH of 1 GiB grows the process by less than 20 MiB (peers hold one to three times the body)."""
    server = serve(upload_dir=memory_dir)
    size = 1024 * MIB if not chunked else 256 * MIB
    piece = payload(MIB, seed=3)

    def body() -> Iterator[bytes]:
        for _ in range(size // MIB):
            yield piece

    with Tus(server.url) as tus:
        warm = tus.create(8 * MIB)
        assert tus.patch(warm, 0, piece * 8).status_code == 204
        url = tus.create(size)
        before = resident(server.pid)
        more = {} if chunked else {"Content_Length": str(size)}
        reply = tus.patch(url, 0, body(), **more)
        assert reply.status_code == 204, reply.text
        grown = resident(server.pid) - before
        assert tus.offset(url) == size
    assert grown < 20 * MIB, f"{grown / MIB:.0f} MiB"


def test_others_are_served_while_locks_contend(server: Server, tus: Tus) -> None:
    """Ten requests fight for one upload; everybody else is answered meanwhile (a peer froze for 30 s)."""
    data = payload(4 * MIB, seed=4)
    url = tus.create(len(data))
    bystander = tus.create(3, b"abc")
    done = threading.Event()

    def fight(offset: int) -> None:
        with Tus(server.url) as fighter:
            while not done.is_set():
                assert fighter.patch(url, offset, b"", Content_Length="0").status_code in {204, 409, 423}

    with Wire(server.host_port) as wire, ThreadPoolExecutor(10) as pool:
        wire.begin_patch(url, 0, len(data))
        wire.send(data[:MIB])
        wait_until(MIB, server.upload_dir / id_of(url))
        # Some at the right offset, where they take over from each other, and some at a wrong one.
        fights = [pool.submit(fight, MIB if number % 2 else 0) for number in range(10)]
        slowest = 0.0
        for _ in range(20):
            begin = time.monotonic()
            assert tus.get(bystander).content == b"abc"
            assert tus.head(url).status_code == 200
            slowest = max(slowest, time.monotonic() - begin)
            time.sleep(0.05)
        done.set()
        for one in fights:
            one.result()
    assert slowest < 2.0, f"a request that wanted no lock took {slowest:.2f} s"
    tus.finish(url, data)
    assert tus.get(url).content == data


def test_many_stalled_senders_do_not_starve_the_rest(server: Server, tus: Tus) -> None:
    """A hundred and fifty silent PATCHes occupy no thread that others need (a peer had a hundred)."""
    data = payload(100_000, seed=5)
    with ExitStack() as open_wires:
        for _ in range(150):
            wire = open_wires.enter_context(Wire(server.host_port))
            wire.begin_patch(tus.create(len(data)), 0, len(data))
            wire.send(data[:1000])
        url = tus.create(len(data), data)
        assert tus.get(url).content == data


def test_download_of_a_large_upload_in_ranges(server: Server, tus: Tus) -> None:
    """Ranges are bytes of the upload, at its borders too (no Python peer has downloads with ranges)."""
    data = payload(3 * MIB + 1, seed=6)
    url = tus.create(len(data), data)
    for start, end in [(0, 0), (1, MIB), (MIB - 1, len(data) - 1), (len(data) - 1, len(data) - 1)]:
        reply = tus.get(url, Range=f"bytes={start}-{end}")
        assert reply.status_code == 206
        assert reply.headers["Content-Range"] == f"bytes {start}-{end}/{len(data)}"
        assert reply.content == data[start : end + 1]
    assert tus.get(url, Range=f"bytes={len(data)}-").status_code == 416


def test_disabled_downloads_leave_uploads_alone(serve: Serve) -> None:
    """-disable-download answers GET with 405, and HEAD as before."""
    server = serve("-disable-download")
    with Tus(server.url) as tus:
        url = tus.create(3, b"abc")
        assert tus.get(url).status_code == 405
        assert tus.offset(url) == 3


def offset_on_a_new_connection(server: Server, url: str) -> int:
    """HEAD, by whichever worker takes the connection."""
    with Tus(server.url) as tus:
        return tus.offset(url)


def test_answers_are_the_same_on_every_worker(serve: Serve) -> None:
    """No worker keeps an old offset in a cache of its own (a peer does)."""
    server = serve("-workers", "2")
    data = payload(64_000, seed=7)
    with Tus(server.url) as tus:
        url = tus.create(len(data))
        for offset in range(0, len(data), 4000):
            told = {offset_on_a_new_connection(server, url) for _ in range(6)}
            assert told == {offset}
            assert tus.patch(url, offset, data[offset : offset + 4000]).status_code == 204
        assert tus.get(url).content == data
