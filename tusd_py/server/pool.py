"""The threads that move bodies between sockets and files, so that no disk ever holds up the event loop.

A small body costs one trip to a thread and back, so that trip is kept short: an executor's futures and
locks would take twice as long.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Generic, ParamSpec, TypeVar, cast

from tusd_py.quick import Quick

_PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

P = ParamSpec("P")
T = TypeVar("T")


class _Job(Generic[T]):
    """One call on its way through a thread."""

    __slots__ = ("_call", "_error", "_loop", "_result", "done", "over")

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], T]) -> None:
        self.done = False
        self.over: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._call = call
        self._result: T | None = None
        self._error: BaseException | None = None

    def work(self) -> None:
        """Make the call (in a thread) and wake the loop."""
        try:
            self._result = self._call()
        except BaseException as error:
            self._error = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._arrive)

    def _arrive(self) -> None:
        self.done = True
        if not self.over.done():
            self.over.set_result(None)

    async def outlast(self) -> None:
        """Wait for the end of the call, however often that is cancelled."""
        while not self.done:
            self.over = self._loop.create_future()
            try:
                await self.over
            except asyncio.CancelledError:
                continue

    def outcome(self) -> T:
        """Return or raise what the call did."""
        if self._error is not None:
            raise self._error
        return cast("T", self._result)


class Pool:
    """A bounded number of threads; started when first needed, so it may be made before a fork."""

    def __init__(self, threads: int) -> None:
        self._most = threads
        self._started = 0
        self._active = 0
        self._jobs: SimpleQueue[_Job[Any]] = SimpleQueue()
        self._quick = Quick(ThreadPoolExecutor(2, thread_name_prefix="body-small"))
        self._hashers = ThreadPoolExecutor(max(1, _PROCESSORS // 2), thread_name_prefix="body-hash")

    @property
    def spare_hashers(self) -> Executor | None:
        """Threads for hashing beside a job, while there are processors that would do nothing else."""
        return self._hashers if 2 * (self._active + 1) <= _PROCESSORS else None

    @property
    def has_spare(self) -> bool:
        """Whether a job may linger without keeping another one waiting."""
        return self._active < self._most

    async def run_quick(self, call: Callable[..., T], *args: object) -> T:
        """Make a call that takes microseconds on a healthy medium, on the event loop if it is one."""
        return await self._quick.run(call, *args)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make ``call`` in a thread.

        A cancelled caller still waits for the call to end: it owns the file descriptor that is being
        written to, and must not close it too early.
        """
        job = _Job(asyncio.get_running_loop(), lambda: call(*args, **kwargs))
        self._active += 1
        if self._active > self._started and self._started < self._most:
            self._started += 1
            # A daemon: a call that hangs on a dead medium must not keep the process from ending.
            threading.Thread(target=self._serve, name=f"body-{self._started}", daemon=True).start()
        self._jobs.put(job)
        try:
            await job.over
        except asyncio.CancelledError:
            await job.outlast()
            raise
        finally:
            self._active -= 1
        return job.outcome()

    def _serve(self) -> None:
        while True:
            self._jobs.get().work()
