"""The one way of bytes from a request to where they are kept.

A body (the source) gives pieces as they arrive, a sink takes them at an offset. While one write is under
way the next pieces are collected, so that many small ones become few writes, and what has arrived is
written a moment later. Where the source can move its bytes into a file by itself, and the sink is one,
they are only counted here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

from tusd_py import observe
from tusd_py.model.body import Body, Calls, DirectSource, Ended, Hash, Piece, Received, StopSignal

#: What waits to be written while a write is under way; beyond it the client is made to wait.
_BACKLOG: Final = 4 << 20


class Sink(Protocol):
    """Takes bytes."""

    @property
    def fd(self) -> int | None:
        """The descriptor of the file that the bytes go to, when it is one."""

    @property
    def is_quick(self) -> bool:
        """Whether a small write never takes long."""

    def write(self, data: memoryview, offset: int) -> None:
        """Keep all of ``data`` at ``offset``; may block. Raises OSError: the medium failed."""


class FileSink:
    """An open file. Every byte goes to an explicit place; the file's own position is not used."""

    def __init__(self, fd: int, *, is_quick: bool = True) -> None:
        self.fd = fd
        self.is_quick = is_quick

    def write(self, data: memoryview, offset: int) -> None:
        """See Sink."""
        write_at(self.fd, data, offset)


def write_at(fd: int, data: memoryview, offset: int) -> None:
    """Write all of ``data`` at ``offset`` of the file ``fd``, however short the single writes are.

    Raises:
        OSError: The medium failed; what fitted before it is in the file.
    """
    done = os.pwrite(fd, data, offset)
    while done < len(data):
        done += os.pwrite(fd, data[done:], offset + done)


class NullSink:
    """Keeps nothing: for bytes that are only hashed."""

    fd = None
    is_quick = True

    def write(self, data: memoryview, offset: int) -> None:
        """See Sink."""


async def pump(
    body: Body, sink: Sink, offset: int = 0, *, limit: int, hashes: Sequence[Hash] = (), stop: StopSignal
) -> Received:
    """Move the body into ``sink`` from byte ``offset`` on, at most ``limit`` bytes.

    On return the bytes are in the sink (not necessarily on the medium) and each of ``hashes`` has taken
    exactly them, in order. Meanwhile ``stop.position`` says how far the body is. Blocking calls run off the
    event loop; memory does not grow with the body.

    Raises:
        OSError: The medium failed (``ENOSPC``, ``EIO`` ...). The bytes before it are in the sink.
    """
    stop.position = offset
    body.open(stop)
    try:
        if sink.fd is not None and (source := body.direct(limit)) is not None:
            ended = await _directly(source, sink.fd, hashes, offset + limit, stop)
        else:
            writer = _Writer(sink, offset, hashes, body.calls)
            ended = await _through_memory(body, writer, offset + limit, stop)
    finally:
        body.close()
    return Received(stop.position - offset, ended)


async def _directly(
    source: DirectSource, fd: int, hashes: Sequence[Hash], end: int, stop: StopSignal
) -> Ended:
    ended: Ended | None = None
    while ended is None:
        count, ended = await source.move(fd, stop.position, end - stop.position, hashes)
        stop.position += count
        observe.meter.received(count)
    return ended


async def _through_memory(body: Body, writer: _Writer, end: int, stop: StopSignal) -> Ended:
    ended: Ended | None = None
    try:
        while ended is None:
            pieces, ended = await body.take(end - stop.position)
            count = sum(map(len, pieces))
            stop.position += count
            observe.meter.received(count)
            await writer.take(pieces)
    finally:
        await writer.finish()
    return ended


class _Writer:
    """Writes pieces in order while the next ones are collected.

    What was collected is written as soon as the write before it is done, whether or not more arrives.
    """

    def __init__(self, sink: Sink, offset: int, hashes: Sequence[Hash], calls: Calls) -> None:
        self._sink = sink
        self._offset = offset
        self._hashes = hashes
        self._calls = calls
        self._pieces: list[Piece] = []
        self._size = 0
        self._write: asyncio.Task[object] | None = None
        self._error: BaseException | None = None

    async def take(self, pieces: Sequence[Piece]) -> None:
        """Take bytes; wait only when too many wait already. Raises OSError: an earlier write failed."""
        if self._error is not None:
            raise self._error
        self._pieces += pieces
        self._size += sum(map(len, pieces))
        if self._write is None and self._size:
            if self._sink.is_quick and self._size <= self._calls.quick_bytes:
                await self._calls.run_quick(self._next_write())
                return
            self._start()
        while self._size >= _BACKLOG and self._write is not None:
            await asyncio.wait({self._write})

    async def finish(self) -> None:
        """Write all that is left; return when no thread touches the sink any more."""
        cancelled: asyncio.CancelledError | None = None
        while self._write is not None:
            try:
                await asyncio.wait({self._write})
            except asyncio.CancelledError as error:  # a file must stay open until the thread is done
                cancelled = error
        if cancelled is not None:
            raise cancelled
        if self._error is not None:
            raise self._error

    def _next_write(self) -> partial[None]:
        pieces, offset = self._pieces, self._offset
        self._offset += self._size
        self._pieces, self._size = [], 0
        return partial(_write, self._sink, pieces, offset, self._hashes)

    def _start(self) -> None:
        self._write = asyncio.ensure_future(self._calls.run(self._next_write()))
        self._write.add_done_callback(self._written)

    def _written(self, write: asyncio.Task[object]) -> None:
        self._write = None
        self._error = asyncio.CancelledError() if write.cancelled() else write.exception()
        if self._error is not None:
            self._pieces, self._size = [], 0  # nothing may follow a hole
        elif self._pieces:
            self._start()


def _write(sink: Sink, pieces: Sequence[Piece], offset: int, hashes: Sequence[Hash]) -> None:
    data = memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))
    sink.write(data, offset)
    for digest in hashes:
        digest.update(data)
