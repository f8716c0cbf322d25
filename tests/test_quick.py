"""Calls to a medium are made on the event loop while it is quick, and in threads when it made us wait."""

import resource
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tusd_py.transfer.calls import Medium, Quick

pytestmark = pytest.mark.anyio

WAIT_S = 0.01  # several times what counts as slow


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def on_the_loop() -> bool:
    return threading.current_thread() is threading.main_thread()


def wait() -> bool:
    time.sleep(WAIT_S)
    return on_the_loop()


def compute() -> bool:
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        pass
    return on_the_loop()


async def test_quick_calls_are_made_on_the_event_loop(executor: ThreadPoolExecutor) -> None:
    quick = Quick(executor, "local")
    assert [await quick.run(on_the_loop) for _ in range(20)] == [True] * 20


async def test_one_slow_call_may_be_chance_two_are_the_medium(executor: ThreadPoolExecutor) -> None:
    quick = Quick(executor, "local")
    assert await quick.run(wait)
    assert await quick.run(wait)
    assert quick.is_slow
    assert not await quick.run(on_the_loop), "from now on a thread waits"


async def test_quick_calls_between_slow_ones_make_up_for_them(executor: ThreadPoolExecutor) -> None:
    quick = Quick(executor, "local")
    for _ in range(3):
        await quick.run(wait)
        for _ in range(10):
            await quick.run(on_the_loop)
    assert not quick.is_slow


async def test_a_processor_that_was_busy_is_not_the_medium_s_fault(executor: ThreadPoolExecutor) -> None:
    if not hasattr(resource, "RUSAGE_THREAD"):
        pytest.skip("this system does not say why a call took long")
    quick = Quick(executor, "local")
    for _ in range(5):
        await quick.run(compute)
    assert not quick.is_slow


async def test_what_a_call_raises_is_raised_wherever_it_is_made(executor: ThreadPoolExecutor) -> None:
    for quick in (Quick(executor, "local"), Quick(executor, "remote")):
        with pytest.raises(ZeroDivisionError):
            await quick.run(lambda: 1 // 0)


@pytest.mark.parametrize(
    ("medium", "quick_here", "sync_here"),
    [("memory", True, True), ("local", True, False), ("remote", False, False)],
)
async def test_what_the_medium_is_decides_where_calls_are_made(
    executor: ThreadPoolExecutor, medium: Medium, quick_here: bool, sync_here: bool
) -> None:
    quick = Quick(executor, medium)
    assert await quick.run(on_the_loop) is quick_here
    assert await quick.run_sync(on_the_loop) is sync_here


async def test_memory_is_never_given_up(executor: ThreadPoolExecutor) -> None:
    """It cannot stall; what looks slow there is a busy machine."""
    quick = Quick(executor, "memory")
    for _ in range(3):
        await quick.run(time.sleep, 0.06)
    assert await quick.run(on_the_loop)


async def test_a_call_that_took_far_too_long_is_not_made_here_again(executor: ThreadPoolExecutor) -> None:
    def compute_long() -> None:
        until = time.monotonic() + 0.07
        while time.monotonic() < until:
            pass

    quick = Quick(executor, "local")
    await quick.run(compute_long)
    assert quick.is_slow, "whatever it waited for"
