"""What is done beside a body while it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

from tusd_py.model.body import Ended, StopSignal


@contextmanager
def meanwhile(after_s: float, work: Callable[[], Coroutine[object, object, None]]) -> Iterator[None]:
    """Do ``work`` beside the block once that has taken ``after_s`` seconds, at most until it is left."""
    task: asyncio.Task[None] | None = None

    def start() -> None:
        nonlocal task
        task = asyncio.create_task(work())

    # A task is only made for the few bodies that take so long.
    timer = asyncio.get_running_loop().call_later(after_s, start)
    try:
        yield
    finally:
        timer.cancel()
        if task is not None:
            task.cancel()


@contextmanager
def stopped_when_idle(stop: StopSignal, timeout_s: float) -> Iterator[None]:
    """Ask the body to end as STALLED once no byte has arrived for ``timeout_s``; 0: never."""
    if not timeout_s:
        yield
        return

    async def watch() -> None:
        before = -1
        while stop.position != before:
            before = stop.position
            await asyncio.sleep(timeout_s)
        stop.request(Ended.STALLED)

    with meanwhile(timeout_s / 2, watch):
        yield
