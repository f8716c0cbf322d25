"""Calls to a medium: where they are made, and that their caller outlasts them.

Making a small file or writing a few KiB into the page cache takes some microseconds; a visit to a thread
costs several times that, most of it the two threads' struggle for the interpreter. So where depends on what
the medium is:

* memory: every call is made on the event loop, syncs as well, which are nothing there;
* a local disk: quick calls are made on the event loop and syncs in a thread. A disk that is overwhelmed takes
  milliseconds, and then the loop must not wait for it: we look at the clock, and use threads as long as it is
  slow. On a machine that is busy any call may take milliseconds, because the system gives the processor to
  somebody else; that is no reason to pay for threads as well, so only a call that really waited counts;
* remote (a network, FUSE): every call is made in a thread, for any of them may take as long as it likes.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from time import monotonic
from typing import Any, Final, Literal, TypeVar

_T = TypeVar("_T")

#: A call that takes longer than this held the event loop up.
_SLOW_S: Final = 0.003
#: One that takes longer than this held it up too long, whatever it waited for.
_FAR_TOO_SLOW_S: Final = 0.05
#: Each slow call counts this much, and each quick one takes 1 off: a single one may be chance, several in
#: short order are the medium.
_WEIGHT: Final = 8
_TOO_MUCH: Final = 16
#: After too many of them threads make the calls, for so long.
_AVOID_FOR_S: Final = 10.0
#: What a medium is.
Medium = Literal["memory", "local", "remote"]


if hasattr(resource, "RUSAGE_THREAD"):

    def _waits() -> float:
        """Return how often this thread has waited for something so far; being preempted is no waiting."""
        return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw

else:  # macOS cannot say; then every slow call counts

    def _waits() -> float:
        return monotonic()


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


class Threads:
    """Threads for every call."""

    quick_bytes = 0

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(thread_name_prefix="body")

    async def run(self, call: Callable[..., object], *arguments: object) -> object:
        """Make a call in a thread. A cancelled caller, too, waits until it is over (or never begins)."""
        return await in_thread(self._executor, call, *arguments)

    run_quick = run


class Quick:
    """Decides where the quick calls to one medium are made."""

    def __init__(self, executor: Executor, medium: Medium) -> None:
        self._executor = executor
        self._medium = medium
        self._avoid_until = 0.0
        self._slowness = 0

    @property
    def is_slow(self) -> bool:
        """Whether the event loop may have to wait for the medium: it had to lately, or nobody can tell."""
        return self._medium == "remote" or monotonic() < self._avoid_until

    def call(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Make a call here and now, looking at the clock."""
        waits = _waits()
        started = monotonic()
        try:
            return call(*arguments)
        finally:
            ended = monotonic()
            if ended - started <= _SLOW_S:
                self._slowness = max(0, self._slowness - 1)
            elif ended - started > _FAR_TOO_SLOW_S:
                self._held_up(ended, _TOO_MUCH)
            elif _waits() != waits:
                self._held_up(ended, _WEIGHT)

    def _held_up(self, now: float, weight: int) -> None:
        """Take notice of a call that kept the event loop waiting until ``now``."""
        self._slowness += weight
        if self._slowness >= _TOO_MUCH and self._medium == "local":
            self._avoid_until, self._slowness = now + _AVOID_FOR_S, 0

    async def run(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Make a call that takes microseconds on a healthy medium; raise what it raises."""
        if self._medium == "memory":
            return call(*arguments)
        if self.is_slow:
            return await self.run_in_thread(call, *arguments)
        return self.call(call, *arguments)

    async def run_in_thread(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Make a call that may take long, wherever quick ones are made; raise what it raises."""
        return await in_thread(self._executor, call, *arguments)

    async def run_sync(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Make a call that returns when data is on the medium; raise what it raises."""
        if self._medium == "memory":
            return call(*arguments)
        return await self.run_in_thread(call, *arguments)
