"""The contract of a Locker. ``other`` is a second locker on the same state: another process."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tusd_py.errors.uploads import OffsetMismatch, UploadLocked
from tusd_py.model.body import Ended, StopSignal
from tusd_py.ports.locks import Locker, upload_lock

pytestmark = pytest.mark.anyio


class Holding:
    """A request that holds the lock of ``upload_id`` until it is told to end, or until it is asked to."""

    def __init__(self, locker: Locker, upload_id: str = "a", *, gives_way: bool = False) -> None:
        self.stop = StopSignal()
        self.has_it = asyncio.Event()
        self.asked = asyncio.Event()
        self.end = asyncio.Event()
        self.stop.on_request(self.asked.set)
        if gives_way:
            self.stop.on_request(self.end.set)
        self.task = asyncio.ensure_future(self._run(locker, upload_id))

    async def _run(self, locker: Locker, upload_id: str) -> None:
        async with locker.hold(upload_lock(upload_id), self.stop, timeout_s=5):
            self.has_it.set()
            await self.end.wait()

    async def begun(self) -> "Holding":
        """Wait until it holds the lock; what went wrong on the way is raised."""
        has_it = asyncio.ensure_future(self.has_it.wait())
        await asyncio.wait({has_it, self.task}, timeout=2, return_when=asyncio.FIRST_COMPLETED)
        has_it.cancel()
        if self.task.done():
            await self.task
        assert self.has_it.is_set(), "it waits for ever"
        return self

    async def ended(self) -> None:
        """Let go, and wait until that is done."""
        self.end.set()
        await asyncio.wait_for(self.task, 2)


async def is_free(locker: Locker, upload_id: str = "a") -> bool:
    async with locker.hold_if_free(upload_lock(upload_id)) as held:
        return held is not None


async def test_the_second_waits_for_the_first(locker: Locker) -> None:
    first = await Holding(locker).begun()
    second = Holding(locker)
    await asyncio.sleep(0.05)
    assert not second.has_it.is_set()
    await first.ended()
    await second.begun()
    await second.ended()
    assert await is_free(locker)


async def test_the_second_waits_for_another_process(locker: Locker, other: Locker) -> None:
    first = await Holding(locker).begun()
    second = Holding(other)
    await asyncio.sleep(0.05)
    assert not second.has_it.is_set()
    await first.ended()
    await second.begun()
    await second.ended()
    assert await is_free(locker)
    assert await is_free(other)


async def test_the_holder_is_asked_at_once(locker: Locker) -> None:
    """Take-over: whoever comes asks whoever writes to stop."""
    first = await Holding(locker, gives_way=True).begun()
    second = Holding(locker)
    await asyncio.wait_for(first.asked.wait(), 0.5)
    assert first.stop.reason is Ended.STOPPED
    await second.begun()
    assert second.stop.reason is None
    await second.ended()


async def test_the_holder_in_another_process_is_asked_within_a_second(locker: Locker, other: Locker) -> None:
    first = await Holding(locker, gives_way=True).begun()
    second = Holding(other)
    await asyncio.wait_for(first.asked.wait(), 1)
    assert first.stop.reason is Ended.STOPPED
    await second.begun()
    assert second.stop.reason is None
    await second.ended()


async def test_the_next_holder_in_another_process_is_asked_too(locker: Locker, other: Locker) -> None:
    """Who waits may have asked somebody who meanwhile let go to a third one."""
    first = await Holding(locker).begun()
    third = Holding(other)
    await asyncio.wait_for(first.asked.wait(), 1)
    second = Holding(locker)
    await asyncio.sleep(0)
    first.end.set()
    await second.begun()
    await asyncio.wait_for(second.asked.wait(), 1)
    await second.ended()
    await third.begun()
    await third.ended()


async def test_locks_of_other_uploads_are_other_locks(locker: Locker, other: Locker) -> None:
    first = await Holding(locker, "a").begun()
    second = await Holding(locker, "b").begun()
    third = await Holding(other, "c").begun()
    await asyncio.sleep(0.05)
    for holding in (first, second, third):
        assert holding.stop.reason is None
        await holding.ended()


async def refused_after(locker: Locker, timeout_s: float, at: int | None = None) -> float:
    """Try to get the lock; return how long it took to be refused."""
    start = asyncio.get_running_loop().time()
    with pytest.raises(UploadLocked):
        async with locker.hold(upload_lock("a"), StopSignal(), timeout_s=timeout_s, at=at):
            pass
    return asyncio.get_running_loop().time() - start


async def test_time_out(locker: Locker, other: Locker) -> None:
    """423, in time; the holder keeps the lock, and afterwards it is free for everybody."""
    first = await Holding(locker).begun()
    for waiter in (locker, other):
        assert 0.15 <= await refused_after(waiter, 0.2) < 1.0
        assert await refused_after(waiter, 0) < 0.5
        assert not await is_free(waiter)
    await first.ended()
    for waiter in (locker, other):
        holding = await Holding(waiter).begun()
        await holding.ended()


async def test_a_request_without_prospects_disturbs_nobody(locker: Locker, other: Locker) -> None:
    """What it raises ends the wait before the holder hears of it, and leaves no claim behind."""
    first = await Holding(locker).begun()

    async def refuse() -> None:
        assert first.stop.reason is None, "asked before the look"
        raise OffsetMismatch(expected=1, provided=2)

    for waiter in (locker, other):
        with pytest.raises(OffsetMismatch):
            async with waiter.hold(upload_lock("a"), StopSignal(), timeout_s=2, before_asking=refuse):
                pass
    await asyncio.sleep(0.05)
    assert first.stop.reason is None
    await first.ended()
    assert await is_free(locker)
    assert await is_free(other)


async def test_a_request_with_prospects_gets_the_lock(locker: Locker, other: Locker) -> None:
    """It is looked at while somebody holds the lock, then that one is asked."""
    for waiter in (locker, other):
        first = await Holding(locker, gives_way=True).begun()
        seen: list[Ended | None] = []

        async def look(first: Holding = first, seen: list[Ended | None] = seen) -> None:
            seen.append(first.stop.reason)

        async with asyncio.timeout(2):
            async with waiter.hold(upload_lock("a"), StopSignal(), timeout_s=2, before_asking=look):
                assert seen[:1] == [None]
        await first.ended()


async def test_the_holder_is_told_where_the_sender_is(locker: Locker, other: Locker) -> None:
    """A writer that is beyond that place goes on; one that is there stops."""
    for waiter in (locker, other):
        first = await Holding(locker).begun()
        waiting = asyncio.ensure_future(refused_after(waiter, 0.3, at=5))
        await asyncio.wait_for(first.asked.wait(), 1)
        assert first.stop.at == 5
        assert not first.stop.ends(6)
        await waiting
        await first.ended()


async def test_a_request_that_loses_its_prospects_waits_no_longer(locker: Locker, other: Locker) -> None:
    """The holder has moved on meanwhile: the late sender learns it long before the time-out."""
    for waiter in (locker, other):
        first = await Holding(locker).begun()
        looks = iter([True, False])

        async def look(looks: Iterator[bool] = looks) -> None:
            if not next(looks):
                raise OffsetMismatch(expected=1, provided=0)

        async with asyncio.timeout(2):
            with pytest.raises(OffsetMismatch):
                async with waiter.hold(
                    upload_lock("a"), StopSignal(), timeout_s=30, at=0, before_asking=look
                ):
                    pass
        assert not first.task.done()
        await first.ended()


async def test_a_free_lock_needs_no_look_at_the_prospects(locker: Locker) -> None:
    async def look() -> None:
        raise AssertionError("nobody holds it")

    async with locker.hold(upload_lock("a"), StopSignal(), timeout_s=1, before_asking=look):
        assert not await is_free(locker)


async def test_no_time_is_enough_for_a_free_lock(locker: Locker) -> None:
    async with locker.hold(upload_lock("a"), StopSignal(), timeout_s=0):
        assert not await is_free(locker)


async def test_a_lock_that_is_held_is_not_lost(locker: Locker) -> None:
    stop = StopSignal()
    async with locker.hold(upload_lock("a"), stop, timeout_s=1) as held:
        assert not held.is_lost
        held.check()
        assert stop.reason is None


async def test_the_epoch_never_goes_back(locker: Locker, other: Locker) -> None:
    """By it a catalog refuses who lost the lock and comes late."""
    epochs = []
    for each in (locker, other, locker):
        async with each.hold(upload_lock("a"), StopSignal(), timeout_s=1) as held:
            epochs.append(held.epoch)
    assert epochs == sorted(epochs)


async def test_hold_if_free_holds(locker: Locker, other: Locker) -> None:
    async with locker.hold_if_free(upload_lock("a")) as held:
        assert held
        assert not await is_free(locker)
        assert not await is_free(other)
        await refused_after(other, 0.05)
        await refused_after(locker, 0.05)
    assert await is_free(other)


async def test_hold_if_free_asks_nobody(locker: Locker, other: Locker) -> None:
    """A sweep must not disturb an upload that is doing well."""
    first = await Holding(locker).begun()
    for visitor in (locker, other):
        assert not await is_free(visitor)
    await asyncio.sleep(0.1)
    assert first.stop.reason is None
    assert not first.task.done()
    await first.ended()


async def test_a_request_that_fails_lets_go(locker: Locker, other: Locker) -> None:
    for holder in (
        locker.hold(upload_lock("a"), StopSignal(), timeout_s=1),
        locker.hold_if_free(upload_lock("a")),
    ):
        with pytest.raises(ZeroDivisionError):
            async with holder:
                raise ZeroDivisionError
        assert await is_free(locker)
        assert await is_free(other)


async def test_a_request_that_is_cancelled_lets_go(locker: Locker, other: Locker) -> None:
    """While it holds the lock, and while it waits for it."""
    first = await Holding(locker).begun()
    waiting = [Holding(locker), Holding(other)]
    await asyncio.sleep(0.05)
    for holding in (*waiting, first):
        holding.task.cancel()
        with suppress(asyncio.CancelledError):
            await holding.task
    assert await is_free(locker)
    assert await is_free(other)


async def test_everybody_gets_it_and_never_two_at_once(locker: Locker, other: Locker) -> None:
    """Twenty requests in each of two processes; each gives way when it is asked."""
    inside, order = 0, []

    async def visit(mine: Locker, name: int) -> None:
        nonlocal inside
        stop, asked = StopSignal(), asyncio.Event()
        stop.on_request(asked.set)
        async with mine.hold(upload_lock("a"), stop, timeout_s=10):
            inside += 1
            assert inside == 1, "two hold one lock"
            with suppress(TimeoutError):
                await asyncio.wait_for(asked.wait(), 0.02)
            assert inside == 1, "two hold one lock"
            inside -= 1
            order.append(name)

    await asyncio.gather(*(visit((locker, other)[name % 2], name) for name in range(40)))
    assert sorted(order) == list(range(40))
    assert await is_free(locker)
    assert await is_free(other)
