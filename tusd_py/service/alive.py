"""Hashing, and watching over a body as it arrives: it ends when its sender falls silent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tusd_py.errors.uploads import UploadNotFound
from tusd_py.model.body import Ended, StopSignal
from tusd_py.ports.store import DataFileMissing
from tusd_py.service.capabilities import Digest

#: Bytes read in one visit to a thread. No visit can be broken off; a server that goes down waits for it.
_SLICE: Final = 64 << 20


class Sha256:
    """A sha256 that hands on to ``further`` what it takes; see ``model.body.Hash``."""

    def __init__(self, further: Sha256 | None = None) -> None:
        self._hash = hashlib.sha256()
        self._further = further

    def update(self, data: memoryview, /) -> None:
        """Take the next bytes."""
        self._hash.update(data)
        if self._further is not None:
            self._further.update(data)

    def digest(self) -> bytes:
        """Return the digest of everything taken so far."""
        return self._hash.digest()

    def hexdigest(self) -> str:
        """Return the digest in lower-case hexadecimal digits."""
        return self._hash.hexdigest()


async def digest(of: Digest, data_file: str, start: int, stop: int, taken: Sha256) -> None:
    """Feed bytes ``start`` to ``stop`` of a data file to ``taken``; can be cancelled on the way.

    Raises UploadNotFound when the file is gone; one that is shorter just ends.
    """
    while start < stop:
        until = min(start + _SLICE, stop)
        try:
            await of(data_file, start, until, taken)
        except DataFileMissing:
            raise UploadNotFound from None
        start = until


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

    watcher: asyncio.Task[None] | None = None

    def start() -> None:
        nonlocal watcher
        watcher = asyncio.create_task(watch())

    # A task is only made for the few bodies that take longer than this.
    timer = asyncio.get_running_loop().call_later(timeout_s / 2, start)
    try:
        yield
    finally:
        timer.cancel()
        if watcher is not None:
            watcher.cancel()
