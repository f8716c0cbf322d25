"""Few threads while jobs are quick, more when the medium keeps them, never more than allowed."""

import asyncio
import os
import threading

import pytest

from tests.support.waiting import until
from tusd_py.http1 import pool as pool_module
from tusd_py.http1 import splice
from tusd_py.http1.pool import Pool

pytestmark = pytest.mark.anyio

USUAL = 2


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_PROCESSORS", USUAL)


async def test_quick_jobs_share_as_many_threads_as_there_are_processors() -> None:
    pool = Pool(16)
    names: set[str] = set()

    def job() -> None:
        names.add(threading.current_thread().name)
        threading.Event().wait(0.002)

    await asyncio.gather(*(pool.run(job) for _ in range(100)))
    assert 1 <= len(names) <= USUAL


async def test_jobs_that_wait_for_their_medium_keep_nobody_else_waiting() -> None:
    pool = Pool(16)
    medium = threading.Event()
    stuck = [asyncio.ensure_future(pool.run(medium.wait, 30)) for _ in range(USUAL + 3)]
    async with asyncio.timeout(10):
        assert await pool.run(lambda: "served") == "served"
    medium.set()
    assert await asyncio.gather(*stuck) == [True] * (USUAL + 3)


async def test_there_are_never_more_threads_than_allowed() -> None:
    pool = Pool(3)
    medium = threading.Event()
    running = 0
    most = 0
    lock = threading.Lock()

    def job() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        medium.wait(30)
        with lock:
            running -= 1

    jobs = [asyncio.ensure_future(pool.run(job)) for _ in range(8)]
    await until(lambda: most == 3)
    await asyncio.sleep(0.5)
    medium.set()
    await asyncio.gather(*jobs)
    assert most == 3


async def test_threads_that_helped_out_end_with_the_queue() -> None:
    pool = Pool(16)
    medium = threading.Event()
    before = threading.active_count()
    jobs = [asyncio.ensure_future(pool.run(medium.wait, 30)) for _ in range(10)]
    await until(lambda: threading.active_count() == before + 10)
    medium.set()
    await asyncio.gather(*jobs)
    await until(lambda: threading.active_count() <= before + USUAL)
    assert await pool.run(lambda: 1) == 1, "and the usual ones go on"


async def test_a_cancelled_caller_waits_for_its_job() -> None:
    pool = Pool(2)
    go_on, begun, ended = threading.Event(), threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        go_on.wait(30)
        ended.set()

    caller = asyncio.ensure_future(pool.run(job))
    await until(begun.is_set)
    caller.cancel()
    await asyncio.sleep(0.05)
    assert not caller.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended.is_set()


async def test_a_cancelled_caller_does_not_wait_for_a_job_that_has_not_begun() -> None:
    pool = Pool(USUAL)
    medium = threading.Event()
    begun: list[int] = []
    stuck = [asyncio.ensure_future(pool.run(medium.wait, 30)) for _ in range(USUAL)]
    queued = asyncio.ensure_future(pool.run(begun.append, 1))
    await asyncio.sleep(0.05)
    queued.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await queued
    medium.set()
    await asyncio.gather(*stuck)
    assert await pool.run(lambda: 2) == 2
    assert begun == [], "and it never begins"


async def test_the_more_jobs_there_are_the_shorter_their_turns() -> None:
    pool = Pool(16)
    medium = threading.Event()
    alone = pool.slice_s
    jobs = [asyncio.ensure_future(pool.run(medium.wait, 30)) for _ in range(100)]
    await asyncio.sleep(0)
    assert 0 < pool.slice_s < alone
    medium.set()
    await asyncio.gather(*jobs)


@pytest.mark.skipif(not hasattr(os, "splice"), reason="only Linux has splice")
async def test_threads_that_helped_out_leave_no_pipe_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_HELP_S", 0.05)
    pool = Pool(16)
    medium = threading.Event()

    def job() -> None:
        assert splice.is_possible()
        medium.wait(30)

    await pool.run(splice.is_possible)
    threads, descriptors = threading.active_count(), len(os.listdir("/dev/fd"))
    jobs = [asyncio.ensure_future(pool.run(job)) for _ in range(10)]
    await until(lambda: threading.active_count() >= threads + 8)
    medium.set()
    await asyncio.gather(*jobs)
    await until(lambda: threading.active_count() <= threads + USUAL)
    await until(lambda: len(os.listdir("/dev/fd")) <= descriptors + 2 * USUAL)


async def test_what_a_job_raises_reaches_its_caller() -> None:
    pool = Pool(2)
    with pytest.raises(ZeroDivisionError):
        await pool.run(lambda: 1 // 0)
