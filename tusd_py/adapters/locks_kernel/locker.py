"""Locks that the kernel keeps: one byte range of one file for each name.

The byte's position is a hash of the lock's name, so no file has to be created or removed for a lock.
The kernel's locks only work between processes; within a process a table does the same. A request that
waits asks the holder to stop: directly in the same process, else through the named pipes of the other
workers (see ``requests``).

The kernel says at once whether a lock is free, unless the file is on a remote medium: there it asks a server,
so the calls are made in threads.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from tusd_py.adapters.locks_kernel.requests import StopRequests
from tusd_py.errors.uploads import UploadLocked
from tusd_py.model.body import StopSignal
from tusd_py.ports.locks import Held, Locker, LockName
from tusd_py.transfer.calls import Medium, outlast

_T = TypeVar("_T")

#: How often a lock of another process is tried again. The kernel does not tell when it is free.
_POLL_S: Final = 0.01
#: How often the holder is asked again: it may have changed meanwhile.
_ASK_AGAIN_S: Final = 0.25
#: About as many bytes as the largest file has, so that two names in use practically never share one.
_PLACES: Final = 1 << 62
#: A lock of the kernel is never lost while its process lives, so there are no late writers to tell by it.
_EPOCH: Final = 0


class _Holder:
    """The request of this process that holds a lock, or waits for another process to release it."""

    __slots__ = ("_name", "_stop", "released")

    def __init__(self, name: LockName, stop: StopSignal) -> None:
        self._name = name
        self._stop = stop
        self.released: asyncio.Event | None = None  # made only when somebody waits

    def ask(self, name: LockName, at: int | None) -> None:
        """Ask the request to stop, unless its lock has another name on the same byte."""
        if name == self._name:
            self._stop.request(at=at)


class _Question(NamedTuple):
    """What a waiting request asks of the holder; see ``Locker.hold``."""

    name: LockName
    at: int | None
    before_asking: Callable[[], Awaitable[object]] | None

    async def look(self) -> None:
        """Run the check before asking. Raises what it raises: the request then waits no longer."""
        if self.before_asking is not None:
            await self.before_asking()


class FileLocker(Locker):
    """Locks below ``directory``, for one event loop. Use it between ``open`` and ``close``.

    Args:
        medium: What the directory is on; see ``transfer.calls``.
        places: Number of bytes for the locks. Two names on one byte only wait for each other needlessly.
    """

    def __init__(self, directory: Path, medium: Medium = "local", *, places: int = _PLACES) -> None:
        self._places = places
        self._threads = ThreadPoolExecutor(4, "tusd-py-lock") if medium == "remote" else None
        # By byte, as in the kernel: the first of two names on a byte to unlock it would free it for both.
        self._holders: dict[int, _Holder] = {}
        self._fd = os.open(directory / "locks", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
        self._requests = StopRequests(directory / "workers", self._asked)

    def open(self) -> None:
        """Start to listen to the other processes. Needs the running event loop."""
        self._requests.open()

    def close(self) -> None:
        """Release every lock and stop listening."""
        self._requests.close()
        if self._threads is not None:
            self._threads.shutdown()
        fd, self._fd = self._fd, -1
        os.close(fd)

    def _asked(self, name: LockName, at: int | None) -> None:
        holder = self._holders.get(self._place(name))
        if holder is not None:
            holder.ask(name, at)

    def _place(self, name: LockName) -> int:
        """Return the byte of a name."""
        return (int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()) >> 2) % self._places

    def hold(
        self,
        name: LockName,
        stop: StopSignal,
        *,
        timeout_s: float,
        at: int | None = None,
        before_asking: Callable[[], Awaitable[object]] | None = None,
    ) -> AbstractAsyncContextManager[Held]:
        return _Hold(self, self._place(name), stop, timeout_s, _Question(name, at, before_asking))

    async def acquire(self, place: int, stop: StopSignal, timeout_s: float, question: _Question) -> None:
        """Take the lock at ``place``; see ``hold``, which also releases it."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while place in self._holders:
            await self._wait_for_this_process(place, question, deadline)
        self._holders[place] = _Holder(question.name, stop)
        try:
            if not await self._call(_try_lock, self._fd, place):
                await self._wait_for_other_processes(place, question, deadline)
        except BaseException:
            await self.release(place)  # it may be ours: a call in a thread outlives the request that made it
            raise

    async def release(self, place: int) -> None:
        """Release a lock and wake the requests of this process that wait for it."""
        try:
            if self._fd >= 0:
                await self._call(_unlock, self._fd, place)
        finally:
            self._leave(place)

    async def _call(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Make a call to the medium. A cancelled caller, too, waits until it is over."""
        if self._threads is None:
            return call(*arguments)
        running = asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await outlast(running)
            raise

    @asynccontextmanager
    async def hold_if_free(self, name: LockName) -> AsyncIterator[Held | None]:
        place = self._place(name)
        if place in self._holders:
            yield None
            return
        stop = StopSignal()
        self._holders[place] = _Holder(name, stop)
        is_held = False
        try:
            is_held = await self._call(_try_lock, self._fd, place)
            if is_held:
                yield Held(_EPOCH, stop)
        finally:
            await self.release(place)
        if not is_held:
            yield None

    def _leave(self, place: int) -> None:
        holder = self._holders.pop(place)
        if holder.released is not None:
            holder.released.set()

    async def _wait_for_this_process(self, place: int, question: _Question, deadline: float) -> None:
        """Ask the holder, and wait until it releases the lock or it is time to ask again."""
        await question.look()
        holder = self._holders.get(place)
        if holder is None:
            return
        holder.ask(question.name, question.at)
        holder.released = holder.released or asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + _ASK_AGAIN_S)):
                await holder.released.wait()
        except TimeoutError:
            if loop.time() >= deadline:
                raise UploadLocked from None

    async def _wait_for_other_processes(self, place: int, question: _Question, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        ask_at = loop.time()
        while not await self._call(_try_lock, self._fd, place):
            now = loop.time()
            if now >= ask_at:
                await question.look()
            if now >= deadline:
                raise UploadLocked
            if now >= ask_at:
                await self._call(self._requests.ask_others, question.name, question.at)
                ask_at = now + _ASK_AGAIN_S
            await asyncio.sleep(_POLL_S)


class _Hold:
    """A lock as a context. A class, because every write takes one and a generator costs twice as much."""

    __slots__ = ("_arguments", "_locker", "_place")

    def __init__(
        self, locker: FileLocker, place: int, stop: StopSignal, timeout_s: float, question: _Question
    ) -> None:
        self._locker = locker
        self._place = place
        self._arguments = (stop, timeout_s, question)

    async def __aenter__(self) -> Held:
        await self._locker.acquire(self._place, *self._arguments)
        return Held(_EPOCH, self._arguments[0])

    async def __aexit__(self, *_: object) -> None:
        await self._locker.release(self._place)


if hasattr(fcntl, "F_OFD_SETLK"):
    # Open file description locks: not lost when another part of the process opens and closes the file.

    def _set(fd: int, kind: int, place: int) -> None:
        flock = struct.pack("hhqqi4x", kind, os.SEEK_SET, place, 1, 0)
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, flock)

    def _try_lock(fd: int, place: int) -> bool:
        try:
            _set(fd, fcntl.F_WRLCK, place)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _unlock(fd: int, place: int) -> None:
        _set(fd, fcntl.F_UNLCK, place)

else:  # macOS: locks of the process, so at most one application per directory in a process

    def _try_lock(fd: int, place: int) -> bool:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _unlock(fd: int, place: int) -> None:
        fcntl.lockf(fd, fcntl.LOCK_UN, 1, place)
