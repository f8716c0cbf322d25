"""Calls to a medium are made on the event loop while it is quick, and in threads when it made us wait."""

import resource
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tusd_py.transfer.calls import EarnedQuick, Quick

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
    quick = Quick(executor)
    assert [await quick.run(on_the_loop) for _ in range(20)] == [True] * 20


async def test_one_slow_call_may_be_chance_two_are_the_medium(executor: ThreadPoolExecutor) -> None:
    quick = Quick(executor)
    assert await quick.run(wait)
    assert await quick.run(wait)
    assert quick.is_slow
    assert not await quick.run(on_the_loop), "from now on a thread waits"


async def test_quick_calls_between_slow_ones_make_up_for_them(executor: ThreadPoolExecutor) -> None:
    quick = Quick(executor)
    for _ in range(3):
        await quick.run(wait)
        for _ in range(10):
            await quick.run(on_the_loop)
    assert not quick.is_slow


async def test_a_processor_that_was_busy_is_not_the_medium_s_fault(executor: ThreadPoolExecutor) -> None:
    if not hasattr(resource, "RUSAGE_THREAD"):
        pytest.skip("this system does not say why a call took long")
    quick = Quick(executor)
    for _ in range(5):
        await quick.run(compute)
    assert not quick.is_slow


async def test_what_a_call_raises_is_raised_wherever_it_is_made(executor: ThreadPoolExecutor) -> None:
    for quick in (Quick(executor), EarnedQuick(executor)):
        with pytest.raises(ZeroDivisionError):
            await quick.run(lambda: 1 // 0)


async def test_a_sync_is_made_in_a_thread_until_it_took_no_time_often_enough(
    executor: ThreadPoolExecutor,
) -> None:
    quick = EarnedQuick(executor)
    places = [await quick.run(on_the_loop) for _ in range(50)]
    assert places[:8] == [False] * 8
    assert places == sorted(places), "once earned, trust stays"
    assert places[-1]


async def test_a_medium_that_syncs_slowly_never_holds_the_loop_up(executor: ThreadPoolExecutor) -> None:
    quick = EarnedQuick(executor)
    assert not any([await quick.run(wait) for _ in range(10)])


async def test_a_medium_that_was_slow_once_has_to_earn_trust_again(executor: ThreadPoolExecutor) -> None:
    """Calls that had nothing to sync must not make up for one that held the loop up."""
    quick = EarnedQuick(executor)
    while quick.is_slow:
        await quick.run(on_the_loop)
    assert await quick.run(wait), "it could not be known"
    assert not any([await quick.run(on_the_loop) for _ in range(8)])
    assert await quick.run(on_the_loop)


async def test_a_call_that_took_far_too_long_is_not_made_here_again(executor: ThreadPoolExecutor) -> None:
    def compute_long() -> None:
        until = time.monotonic() + 0.07
        while time.monotonic() < until:
            pass

    quick = Quick(executor)
    await quick.run(compute_long)
    assert quick.is_slow, "whatever it waited for"
