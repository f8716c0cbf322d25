"""Large bodies go on to the medium while they arrive, and the descriptor is nobody's afterwards."""

import asyncio
import itertools
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.waiting import until
from tusd_py.adapters.store_file import writeback
from tusd_py.adapters.store_file.writeback import WriteBack

pytestmark = pytest.mark.anyio


class Calls:
    """Stands in for the system's call, to see when it is made; can be held up."""

    def __init__(self) -> None:
        self.count = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.closed_under_us = False

    def __call__(self, fd: int) -> None:
        self.count += 1
        self.go_on.wait(5)
        try:
            os.fstat(fd)
        except OSError:
            self.closed_under_us = True


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()
    monkeypatch.setattr(writeback, "_BEGIN", calls)
    return calls


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY)
    yield fd
    os.close(fd)


async def until_called(calls: Calls, count: int) -> None:
    await until(lambda: calls.count >= count)


async def test_the_system_is_told_again_as_long_as_bytes_arrive(
    calls: Calls, executor: ThreadPoolExecutor, fd: int
) -> None:
    with WriteBack(fd, executor):
        for number in range(3):
            os.pwrite(fd, b"x", number)
            await until_called(calls, number + 1)


async def test_a_stalled_upload_costs_less_and_less(
    calls: Calls, executor: ThreadPoolExecutor, fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writeback, "_GAP_S", 0.01)
    looks: list[float] = []
    fstat = os.fstat

    def counted(descriptor: int) -> os.stat_result:
        looks.append(asyncio.get_running_loop().time())
        return fstat(descriptor)

    with WriteBack(fd, executor):
        await until_called(calls, 1)
        monkeypatch.setattr(os, "fstat", counted)
        await until(lambda: len(looks) >= 4)
        monkeypatch.undo()
    gaps = [later - earlier for earlier, later in itertools.pairwise(looks)]
    assert gaps[-1] > 1.5 * gaps[0]


async def test_nobody_waits_for_a_medium_with_a_long_queue(
    calls: Calls, executor: ThreadPoolExecutor, tmp_path: Path
) -> None:
    """The upload goes on, and its descriptor can be closed: the call has one of its own."""
    fd = os.open(tmp_path / "held", os.O_CREAT | os.O_WRONLY)
    calls.go_on.clear()
    with WriteBack(fd, executor):
        await until_called(calls, 1)
        os.pwrite(fd, b"x", 0)
        await asyncio.sleep(0.2)
        assert calls.count == 1, "one call at a time"
    os.close(fd)
    calls.go_on.set()
    executor.shutdown(wait=True)
    assert not calls.closed_under_us


async def test_no_descriptor_is_left_open(calls: Calls, executor: ThreadPoolExecutor, fd: int) -> None:
    before = len(os.listdir("/dev/fd"))
    with WriteBack(fd, executor):
        for number in range(3):
            os.pwrite(fd, b"x", number)
            await until_called(calls, number + 1)
    executor.shutdown(wait=True)
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.skipif(not hasattr(os, "splice"), reason="only Linux has the call")
async def test_the_system_s_own_call_is_found_and_harms_nothing(
    executor: ThreadPoolExecutor, tmp_path: Path
) -> None:
    path = tmp_path / "real"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    data = os.urandom(1 << 20)
    assert writeback._BEGIN is not None
    with WriteBack(fd, executor):
        for _ in range(5):
            os.pwrite(fd, data, 0)
            await asyncio.sleep(0.03)
    os.close(fd)
    assert path.read_bytes() == data
