"""What only the locker in one file promises: real processes, and what is left in its directory."""

import asyncio
import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_locker import Holding, is_free
from tusd_py.adapters.locks_kernel.locker import FileLocker
from tusd_py.model.body import StopSignal
from tusd_py.ports.locks import upload_lock

pytestmark = pytest.mark.anyio

Named = str | os.PathLike[str]

#: Holds a lock until it is asked to stop (or for ever), and says what happens.
_PEER = """
import asyncio, sys
from pathlib import Path
from tusd_py.adapters.locks_kernel.locker import FileLocker
from tusd_py.model.body import StopSignal

async def main(directory, upload_id, gives_way):
    locker, stop, asked = FileLocker(Path(directory)), StopSignal(), asyncio.Event()
    locker.open()
    stop.on_request(asked.set)
    async with locker.hold(upload_id, stop, timeout_s=10):
        print("holds", flush=True)
        await asked.wait()
        print("asked", flush=True)
        if gives_way == "no":
            await asyncio.sleep(60)
    locker.close()
    print("free", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


class Peer:
    """Another process that holds the lock of ``a``."""

    def __init__(self, directory: Path, *, gives_way: bool) -> None:
        argv = [sys.executable, "-c", _PEER, str(directory), "a", "yes" if gives_way else "no"]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)

    def says(self) -> str:
        """Return its next word."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        """End it, as ``kill -9`` does."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
async def locker(tmp_path: Path, anyio_backend: str) -> AsyncIterator[FileLocker]:
    """This process' locker."""
    locker = FileLocker(tmp_path)
    locker.open()
    yield locker
    locker.close()


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[Peer]:
    """A process that does not let go when it is asked."""
    peer = Peer(tmp_path, gives_way=False)
    yield peer
    peer.close()


@pytest.fixture
def polite(tmp_path: Path) -> Iterator[Peer]:
    """A process that lets go when it is asked."""
    peer = Peer(tmp_path, gives_way=True)
    yield peer
    peer.close()


async def test_a_process_is_asked_and_lets_go_within_a_second(locker: FileLocker, polite: Peer) -> None:
    assert polite.says() == "holds"
    assert not await is_free(locker)
    start = time.monotonic()
    mine = await Holding(locker).begun()
    assert time.monotonic() - start < 1.0
    assert polite.says() == "asked"
    assert polite.says() == "free"
    await mine.ended()
    assert polite.process.wait(5) == 0


async def test_kill_9_frees_the_lock_and_its_pipe_is_tidied_away(
    locker: FileLocker, stubborn: Peer, tmp_path: Path
) -> None:
    """No lease to wait for, no PID file to remove."""
    assert stubborn.says() == "holds"
    waiting = Holding(locker)
    assert await asyncio.to_thread(stubborn.says) == "asked"
    assert not waiting.has_it.is_set()
    stubborn.close()
    start = time.monotonic()
    await waiting.begun()
    assert time.monotonic() - start < 1.0
    await waiting.ended()
    assert len(list((tmp_path / "workers").iterdir())) == 2, "the pipe of the dead process is still there"
    other = FileLocker(tmp_path)
    other.open()
    holder = await Holding(other, gives_way=True).begun()
    mine = await Holding(locker).begun()
    await mine.ended()
    await asyncio.wait_for(holder.task, 2)
    other.close()
    assert len(list((tmp_path / "workers").iterdir())) == 1, "only our own pipe"


async def test_no_file_for_any_upload(tmp_path: Path) -> None:
    """A thousand uploads leave the one lock file, and it is empty."""
    locker = FileLocker(tmp_path)
    locker.open()
    for number in range(1000):
        async with locker.hold_if_free(upload_lock(f"u{number}")) as held:
            assert held
    locker.close()
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["locks", "workers"]
    assert (tmp_path / "locks").stat().st_size == 0


async def test_two_names_on_one_byte_wait_for_each_other(tmp_path: Path) -> None:
    """In the kernel the first to let go frees both: two of one process must not be on it at a time."""
    locker, other = FileLocker(tmp_path, places=1), FileLocker(tmp_path, places=1)
    for each in (locker, other):
        each.open()
    first = await Holding(locker, "a").begun()
    second = Holding(locker, "b")
    await asyncio.sleep(0.05)
    assert not await is_free(locker, "b")
    assert not second.has_it.is_set()
    assert not first.asked.is_set(), "nobody wants this one's upload"
    await first.ended()
    await second.begun()
    assert not await is_free(other, "a")
    assert not await is_free(other, "b"), "it was freed while somebody held it"
    await second.ended()
    assert await is_free(other, "b")
    for each in (locker, other):
        each.close()


async def test_close_frees_what_is_held(locker: FileLocker, tmp_path: Path) -> None:
    other = FileLocker(tmp_path)
    held = other.hold_if_free(upload_lock("a"))
    assert await held.__aenter__()
    assert not await is_free(locker)
    other.close()
    assert await is_free(locker)
    with suppress(OSError):  # nothing is left to let go of
        await held.__aexit__(None, None, None)


async def test_a_reader_that_ends_between_two_steps_of_a_question(
    locker: FileLocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pipe exists and opens, but nobody reads any more: that is no error of who asks."""
    folder, holder = tmp_path / "workers", FileLocker(tmp_path)
    pipe = folder / "1-aa"
    os.mkfifo(pipe)
    really_open = os.open
    reader = really_open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    def open_then_lose_the_reader(path: Named, flags: int, mode: int = 0o777) -> int:
        nonlocal reader
        fd = really_open(path, flags, mode)
        if os.fspath(path) == str(pipe) and reader >= 0:
            os.close(reader)
            reader = -1
        return fd

    async with holder.hold_if_free(upload_lock("a")) as held:
        assert held
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", open_then_lose_the_reader)
            waiting = Holding(locker)
            await asyncio.sleep(0.05)
    assert reader == -1, "nobody was asked"
    await waiting.begun()
    await waiting.ended()
    holder.close()


async def test_a_process_that_is_just_opening_its_pipe_is_not_taken_for_dead(
    locker: FileLocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between making a pipe and opening it nobody reads it, and somebody else may be asking."""
    really_make = os.mkfifo

    def make_while_somebody_asks(path: Named, mode: int = 0o666) -> None:
        really_make(path, mode)
        locker._requests.ask_others(upload_lock("a"))

    monkeypatch.setattr(os, "mkfifo", make_while_somebody_asks)
    newcomer = FileLocker(tmp_path)
    newcomer.open()
    await assert_hears(newcomer, locker)
    newcomer.close()


async def test_a_process_that_lacks_descriptors_takes_nobody_for_dead(
    locker: FileLocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand connections may use them up; the others' pipes must outlive that."""
    other = FileLocker(tmp_path)
    other.open()
    really_open = os.open

    def open_without_descriptors(path: Named, flags: int, mode: int = 0o777) -> int:
        if "workers" in os.fspath(path):
            raise OSError(errno.EMFILE, "too many open files")
        return really_open(path, flags, mode)

    with monkeypatch.context() as patch, suppress(OSError):
        patch.setattr(os, "open", open_without_descriptors)
        locker._requests.ask_others(upload_lock("a"))
    await assert_hears(other, locker)
    other.close()


async def assert_hears(holder: FileLocker, asking: FileLocker) -> None:
    """Whoever holds a lock of ``holder`` learns that ``asking`` wants it."""
    holding = await Holding(holder).begun()
    waiting = Holding(asking)
    await asyncio.wait_for(holding.asked.wait(), 1)
    await holding.ended()
    await waiting.begun()
    await waiting.ended()


@pytest.mark.parametrize(
    "line", [b"a -1", b"a +1", b"a 1 2", b"a ", b"a 1x", b"a " + b"9" * 5000, b"a \xb2", b"", b" 5"]
)
async def test_a_line_that_no_worker_writes_asks_nobody(
    locker: FileLocker, tmp_path: Path, line: bytes
) -> None:
    """Whoever may write into the folder can write anything into a pipe."""
    holding = await Holding(locker).begun()
    pipe = next((tmp_path / "workers").iterdir())
    marker = await Holding(locker, "b").begun()
    pipe.write_bytes(line + b"\nb 7\n")
    await asyncio.wait_for(marker.asked.wait(), 1)
    assert marker.stop.at == 7
    assert not holding.asked.is_set()
    for each in (marker, holding):
        await each.ended()


@pytest.mark.parametrize("is_patient", [True, False], ids=["hold", "hold_if_free"])
async def test_a_request_that_is_cancelled_while_a_thread_takes_its_lock_releases_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_patient: bool
) -> None:
    """The thread gets the lock all the same, and nobody would ever release it."""
    remote, other = FileLocker(tmp_path, "remote"), FileLocker(tmp_path)
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    really_call = fcntl.fcntl

    def first_stalls(*arguments: Any) -> object:
        if begun.is_set():
            return really_call(*arguments)
        begun.set()
        go_on.wait(10)
        result = really_call(*arguments)
        ended.set()
        return result

    async def hold() -> None:
        name = upload_lock("a")
        held = remote.hold(name, StopSignal(), timeout_s=5) if is_patient else remote.hold_if_free(name)
        async with held:
            pytest.fail("it was cancelled")

    monkeypatch.setattr(fcntl, "fcntl", first_stalls)
    task = asyncio.create_task(hold())
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    await asyncio.wait({task}, timeout=0.05)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(ended.wait, 10)
    assert await is_free(other)
    assert await is_free(remote)
    for each in (remote, other):
        each.close()
