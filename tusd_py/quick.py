"""Calls to a medium: where they are made, and that their caller outlasts them.

Making a small file or writing a few KiB into the page cache takes some microseconds; a visit to a thread
costs several times that, most of it the two threads' struggle for the interpreter. So quick calls are
made on the event loop. A medium that is overwhelmed or far away takes milliseconds, and then the loop
must not wait for it: we look at the clock, and use threads as long as it is slow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from time import monotonic
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

#: A call that takes longer than this held the event loop up.
_SLOW_S: Final = 0.003
#: Each such call counts this much, and each quick one takes 1 off: a single slow call may be no more than
#: the system giving the processor to somebody else, several in short order are the medium.
_WEIGHT: Final = 8
_TOO_MUCH: Final = 16
#: After too many of them threads make the calls, for so long.
_AVOID_FOR_S: Final = 10.0


async def outlast(future: asyncio.Future[Any]) -> None:
    """Wait for the end of ``future``, however often that is cancelled; whatever its result is.

    Whoever holds a lock or a descriptor must not let go of it while a thread still works under it.
    """
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError:
            continue
    if not future.cancelled():
        future.exception()  # seen


async def in_thread(executor: Executor, call: Callable[..., _T], *arguments: object) -> _T:
    """Make a call in a thread. A cancelled caller, too, waits until it is over (or never begins)."""
    running = executor.submit(call, *arguments)
    try:
        return await asyncio.wrap_future(running)
    except asyncio.CancelledError:
        if not running.cancelled():
            await outlast(asyncio.wrap_future(running))
        raise


class Quick:
    """Decides where the quick calls to one medium are made."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._avoid_until = 0.0
        self._slowness = 0

    @property
    def is_slow(self) -> bool:
        """Whether the event loop had to wait for the medium lately."""
        return monotonic() < self._avoid_until

    def call(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Make a call here and now, looking at the clock."""
        started = monotonic()
        try:
            return call(*arguments)
        finally:
            self._look(started, monotonic())

    def _look(self, started: float, ended: float) -> None:
        if ended - started <= _SLOW_S:
            self._slowness = max(0, self._slowness - 1)
            return
        self._slowness += _WEIGHT
        if self._slowness >= _TOO_MUCH:
            self._avoid_until, self._slowness = ended + _AVOID_FOR_S, 0

    async def run(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Make a call that takes microseconds on a healthy medium; raise what it raises."""
        if self.is_slow:
            return await in_thread(self._executor, call, *arguments)
        return self.call(call, *arguments)
