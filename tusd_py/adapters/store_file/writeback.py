"""Starts writing a file to disk while its body is still arriving, so that the sync at the end is short.

Otherwise an upload of a GiB fills the page cache at the speed of the network, and its client then waits for
the disk; or the system, with too many dirty pages, blocks whoever writes next.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import Final

_GAP_S: Final = 0.05
#: While nothing arrives the gap doubles up to this: thousands of stalled uploads must cost next to nothing.
_LONGEST_GAP_S: Final = 5.0
_SYNC_FILE_RANGE_WRITE: Final = 2


def _find() -> Callable[[int], object] | None:
    """Return a function that starts writing a file's dirty pages without waiting; None if there is none."""
    try:
        sync_file_range = ctypes.CDLL(None).sync_file_range
    except (AttributeError, OSError):  # only Linux has it
        return None
    sync_file_range.argtypes = [ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong, ctypes.c_uint]
    # An error here occurs again in the sync, which reports it.
    return lambda fd: sync_file_range(fd, 0, 0, _SYNC_FILE_RANGE_WRITE)


_BEGIN: Final = _find()


def _begin(fd: int) -> None:
    try:
        if _BEGIN is not None:
            _BEGIN(fd)
    finally:
        os.close(fd)


class WriteBack:
    """While entered, starts writing to disk what ``fd`` received; does not use ``fd`` after the exit.

    ``executor`` should do nothing else: its calls wait when the disk has a long queue.
    """

    def __init__(self, fd: int, executor: Executor) -> None:
        self._fd = fd
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._gap_s = _GAP_S
        self._written_at = -1  # the file's modification time at the last look, ns
        self._timer: asyncio.TimerHandle | None = None
        self._running: Future[None] | None = None

    def __enter__(self) -> None:
        """Start to look at the file now and then."""
        self._wait()

    def __exit__(self, *_: object) -> None:
        """Stop. A call that is running ends later, on its own descriptor."""
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self) -> None:
        self._timer = self._loop.call_later(self._gap_s, self._look)

    def _look(self) -> None:
        is_running = self._running is not None and not self._running.done()
        written_at = os.fstat(self._fd).st_mtime_ns
        if _BEGIN is None or is_running or written_at == self._written_at:
            self._gap_s = min(2 * self._gap_s, _LONGEST_GAP_S)
        else:
            self._written_at, self._gap_s = written_at, _GAP_S
            self._begin()
        self._wait()

    def _begin(self) -> None:
        with suppress(OSError):  # out of descriptors: the sync writes everything
            own = os.dup(self._fd)
            self._running = self._executor.submit(_begin, own)
