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
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Generic, ParamSpec, TypeVar, cast

from tusd_py.transfer.calls import Quick

from . import splice

_PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

#: A job that runs longer than this waits for its medium.
_STUCK_S = 0.15
#: A thread that helps out waits so long for more.
_HELP_S = 1.0
#: All jobs together have a turn within this time, if slices of the least length allow that.
_ROUND_S = 0.2
_LONGEST_SLICE_S = 0.05
_LEAST_SLICE_S = 0.005

P = ParamSpec("P")
T = TypeVar("T")


class _Job(Generic[T]):
    """One call on its way through a thread."""

    __slots__ = ("_call", "_error", "_loop", "_result", "abandoned", "done", "over", "started_at")

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], T]) -> None:
        self.done = False
        self.abandoned = False
        self.started_at: float | None = None  # by a thread; None: it waits for one
        self.over: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._call = call
        self._result: T | None = None
        self._error: BaseException | None = None

    def work(self) -> None:
        """Make the call (in a thread) and wake the loop."""
        self.started_at = monotonic()
        try:
            if not self.abandoned:
                self._result = self._call()
        except BaseException as error:
            self._error = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._arrive)

    def _arrive(self) -> None:
        self.done = True
        if not self.over.done():
            self.over.set_result(None)

    async def abandon(self) -> None:
        """See that the call never begins, or wait for its end, however often that is cancelled."""
        # In this order; the thread does it the other way round, so one of them sees the other.
        self.abandoned = True
        while self.started_at is not None and not self.done:
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
    """A bounded number of threads; started when first needed, so it may be made before a fork.

    Jobs are short slices of work, and as many run at once as there are processors: more threads would only
    take the interpreter from each other. A job that does not end waits for its medium and not for a
    processor; for each of those a thread more serves what waits, up to the bound, as long as that is so.
    """

    quick_bytes = 64 * 1024  # written in less time than a visit to a thread takes

    def __init__(self, threads: int) -> None:
        self._most = threads
        self._usual = min(threads, _PROCESSORS)
        self._threads = 0
        self._wanted = self._usual
        self._active: set[_Job[Any]] = set()
        self._look: asyncio.TimerHandle | None = None
        self._jobs: SimpleQueue[_Job[Any]] = SimpleQueue()
        self._quick = Quick(ThreadPoolExecutor(2, thread_name_prefix="body-small"), "local")
        self._hashers = ThreadPoolExecutor(max(1, _PROCESSORS // 2), thread_name_prefix="body-hash")

    @property
    def spare_hashers(self) -> Executor | None:
        """Threads for hashing beside one more job, if there are processors with nothing else to do."""
        return self._hashers if 2 * (len(self._active) + 1) <= _PROCESSORS else None

    @property
    def slice_s(self) -> float:
        """How long one more job should go on before others get a turn, in seconds."""
        share = _ROUND_S * self._usual / (len(self._active) + 1)
        return min(_LONGEST_SLICE_S, max(_LEAST_SLICE_S, share))

    @property
    def has_spare(self) -> bool:
        """Whether one more job may linger without keeping another one waiting."""
        return len(self._active) < self._usual

    async def run_quick(self, call: Callable[..., T], *args: object) -> T:
        """Make a call that takes microseconds on a healthy medium, on the event loop if it is one."""
        return await self._quick.run(call, *args)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make ``call`` in a thread.

        A cancelled caller still waits for the end of a call that has begun: it owns the file descriptor
        that is being written to, and must not close it too early.
        """
        loop = asyncio.get_running_loop()
        job = _Job(loop, lambda: call(*args, **kwargs))
        self._active.add(job)
        try:
            if len(self._active) > self._threads and self._threads < self._usual:
                self._start(self._serve)
            self._jobs.put(job)
            self._look_later(loop)
            await job.over
        except asyncio.CancelledError:
            await job.abandon()
            raise
        finally:
            self._active.discard(job)
        return job.outcome()

    def _start(self, serve: Callable[[], None]) -> None:
        # A daemon: a call that hangs on a dead medium must not keep the process from ending.
        threading.Thread(target=serve, name=f"body-{self._threads + 1}", daemon=True).start()
        self._threads += 1

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        """While more jobs are there than threads, look now and then whether some are stuck."""
        if self._look is None and len(self._active) > self._threads:
            self._look = loop.call_later(_STUCK_S, self._look_now, loop)

    def _look_now(self, loop: asyncio.AbstractEventLoop) -> None:
        self._look = None
        before = monotonic() - _STUCK_S
        stuck = sum(
            job.started_at is not None and job.started_at < before for job in self._active if not job.done
        )
        self._wanted = min(self._most, self._usual + stuck)
        while self._threads < min(self._wanted, len(self._active)):
            self._start(lambda: self._help_out(loop))
        self._look_later(loop)

    def _serve(self) -> None:
        while True:
            self._jobs.get().work()

    def _help_out(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(Empty):
            while self._threads <= self._wanted:
                self._jobs.get(timeout=_HELP_S).work()
        splice.let_go()
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._helped, loop)

    def _helped(self, loop: asyncio.AbstractEventLoop) -> None:
        self._threads -= 1
        self._look_later(loop)  # a job may have come while the thread was no longer looking
