"""The threads that move bodies between sockets and files, so that no disk blocks the event loop.

A small body costs one switch to a thread and back, so that switch is kept cheap: the futures and locks of
an executor would take twice as long.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Generic, ParamSpec, TypeVar, cast

from tusd_py.transfer.calls import Quick

from . import splice
from .settings import cores

_PROCESSORS = cores()

#: A job that runs longer than this counts as waiting for its medium.
_STUCK_S = 0.15
#: An extra thread ends when it finds no job for this long.
_HELP_S = 1.0
#: Every job gets a turn within this time, unless even the shortest slices take longer.
_ROUND_S = 0.2
_LONGEST_SLICE_S = 0.05
_LEAST_SLICE_S = 0.005

P = ParamSpec("P")
T = TypeVar("T")


class _Job(Generic[T]):
    """One call that a thread makes."""

    __slots__ = ("_call", "_error", "_loop", "_result", "abandoned", "done", "over", "started_at")

    def __init__(self, loop: asyncio.AbstractEventLoop, call: Callable[[], T]) -> None:
        self.done = False
        self.abandoned = False
        self.started_at: float | None = None  # None: no thread has taken it yet
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
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing waits for the result
            self._loop.call_soon_threadsafe(self._arrive)

    def _arrive(self) -> None:
        self.done = True
        if not self.over.done():
            self.over.set_result(None)

    async def abandon(self) -> None:
        """Keep the call from starting, or wait until it has ended, however often that is cancelled."""
        # In this order; the thread uses the opposite order, so at least one of them sees the other.
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
    """A bounded number of threads; started when first needed, so it can be created before a fork.

    Jobs are short slices of work, and as many run at once as there are processors: more threads would only
    compete for the interpreter's lock. A job that takes too long waits for its medium, not for a processor;
    for each such job one more thread serves the others, up to the bound.
    """

    quick_bytes = 64 * 1024  # written faster than a thread could be asked to

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
        """Threads for hashing beside one more job, if processors are idle."""
        return self._hashers if 2 * (len(self._active) + 1) <= _PROCESSORS else None

    @property
    def slice_s(self) -> float:
        """How long one more job should run before others get a turn, in seconds."""
        share = _ROUND_S * self._usual / (len(self._active) + 1)
        return min(_LONGEST_SLICE_S, max(_LEAST_SLICE_S, share))

    @property
    def has_spare(self) -> bool:
        """Whether one more job may wait in its thread without delaying another one."""
        return len(self._active) < self._usual

    async def run_quick(self, call: Callable[..., T], *args: object) -> T:
        """Make a call that takes microseconds on a fast medium, on the event loop while it is fast."""
        return await self._quick.run(call, *args)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make ``call`` in a thread.

        A cancelled caller still waits until a call that has started has ended: it owns the descriptor that
        is being written to, and must not close it before.
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
        # A daemon, so that a call that hangs on a dead medium does not keep the process from exiting.
        threading.Thread(target=serve, name=f"body-{self._threads + 1}", daemon=True).start()
        self._threads += 1

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        """While there are more jobs than threads, check now and then whether some are stuck."""
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
        splice.close_pipe()
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self._helped, loop)

    def _helped(self, loop: asyncio.AbstractEventLoop) -> None:
        self._threads -= 1
        self._look_later(loop)  # a job may have arrived after the thread's last look
