"""Calls to a medium: on the event loop or in a thread. A cancelled caller waits for the end of its call.

Creating a small file or writing a few KiB into the page cache takes some microseconds. Running it in a thread
costs several times that, mostly because the two threads compete for the interpreter's lock. So the choice
depends on the medium:

* memory: every call runs on the event loop, syncs included, which cost nothing there;
* a local disk: short calls run on the event loop, syncs in a thread. On an overloaded disk a short call takes
  milliseconds, and the loop must not wait for it: each call is timed, and while the disk is slow all calls
  run in threads. On a busy machine any call may take milliseconds because the process is preempted. Threads
  would not help there, so only a call that really waited counts;
* remote (a network, FUSE): every call runs in a thread, because each of them may block for any time.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from time import monotonic
from typing import Any, Final, Literal, TypeVar

_T = TypeVar("_T")

#: A call that waits longer than this is slow.
_SLOW_S: Final = 0.003
#: A call that takes longer than this is slow, whatever it waited for.
_FAR_TOO_SLOW_S: Final = 0.05
#: Each slow call adds this much to a count, and each fast one takes 1 off: a single slow call may be chance,
#: several within a short time mean a slow medium.
_WEIGHT: Final = 8
_TOO_MUCH: Final = 16
#: After too many slow calls, threads make the calls for this long.
_AVOID_FOR_S: Final = 10.0
#: What a medium is.
Medium = Literal["memory", "local", "remote"]


if hasattr(resource, "RUSAGE_THREAD"):

    def _waits() -> float:
        """Return how often this thread has blocked so far; being preempted does not count."""
        return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw

else:  # macOS does not tell; then every slow call counts

    def _waits() -> float:
        return monotonic()


async def outlast(future: asyncio.Future[Any]) -> None:
    """Wait until ``future`` is done, however often the caller is cancelled. Its result is not looked at.

    A lock or a descriptor must not be released while a thread still works under it.
    """
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError:
            continue
    if not future.cancelled():
        future.exception()  # seen


async def in_thread(executor: Executor, call: Callable[..., _T], *arguments: object) -> _T:
    """Make a call in a thread. A cancelled caller waits until it has ended, or cannot begin any more."""
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
        """Make a call in a thread. A cancelled caller waits until it has ended, or cannot begin any more."""
        return await in_thread(self._executor, call, *arguments)

    run_quick = run


class Quick:
    """Makes the calls to one medium, on the event loop or in a thread."""

    def __init__(self, executor: Executor, medium: Medium) -> None:
        self._executor = executor
        self._medium = medium
        self._avoid_until = 0.0
        self._slowness = 0

    @property
    def is_slow(self) -> bool:
        """Whether a call could block the event loop: the medium is remote, or has been slow lately."""
        return self._medium == "remote" or monotonic() < self._avoid_until

    def call(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Make a call on the event loop, and time it."""
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
        """Count a slow call, which ended at ``now``."""
        self._slowness += weight
        if self._slowness >= _TOO_MUCH and self._medium == "local":
            self._avoid_until, self._slowness = now + _AVOID_FOR_S, 0

    async def run(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Make a call that takes microseconds on a fast medium; raise what it raises."""
        if self._medium == "memory":
            return call(*arguments)
        if self.is_slow:
            return await self.run_in_thread(call, *arguments)
        return self.call(call, *arguments)

    async def run_in_thread(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Make a call that may take long on any medium, in a thread; raise what it raises."""
        return await in_thread(self._executor, call, *arguments)

    async def run_sync(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Make a call that waits until data is durable; raise what it raises."""
        if self._medium == "memory":
            return call(*arguments)
        return await self.run_in_thread(call, *arguments)
