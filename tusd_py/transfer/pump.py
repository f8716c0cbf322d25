"""Moves the bytes of a request into a data store.

A body (the source) returns pieces as they arrive, and a sink writes them at an offset. While one write is
running the next pieces are collected, so that many small pieces become few writes. If the source can move its
bytes into a file by itself, and the sink is a file, the pump only counts them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

from tusd_py import observe
from tusd_py.model.body import Body, Calls, DirectSource, Ended, Hash, Piece, Received, StopSignal

#: Bytes collected while a write is running; with more, the pump stops reading from the client.
_BACKLOG: Final = 4 << 20


class Sink(Protocol):
    """Where bytes are written."""

    @property
    def fd(self) -> int | None:
        """The descriptor of the file that the bytes go to; None when there is none."""

    @property
    def is_quick(self) -> bool:
        """Whether a small write may run on the event loop."""

    def write(self, data: memoryview, offset: int) -> None:
        """Write all of ``data`` at ``offset``; may block. Raises OSError: the medium failed."""


class FileSink:
    """An open file. Bytes are written at explicit offsets; the file's own position is not used."""

    def __init__(self, fd: int, *, is_quick: bool = True) -> None:
        self.fd = fd
        self.is_quick = is_quick

    def write(self, data: memoryview, offset: int) -> None:
        """See Sink."""
        write_at(self.fd, data, offset)


def write_at(fd: int, data: memoryview, offset: int) -> None:
    """Write all of ``data`` at ``offset`` of the file ``fd``, in several writes if necessary.

    Raises:
        OSError: The medium failed; what fitted before it is in the file.
    """
    done = os.pwrite(fd, data, offset)
    while done < len(data):
        done += os.pwrite(fd, data[done:], offset + done)


class NullSink:
    """Discards bytes that only have to be hashed."""

    fd = None
    is_quick = True

    def write(self, data: memoryview, offset: int) -> None:
        """See Sink."""


async def pump(
    body: Body, sink: Sink, offset: int = 0, *, limit: int, hashes: Sequence[Hash] = (), stop: StopSignal
) -> Received:
    """Move the body into ``sink`` from byte ``offset`` on, at most ``limit`` bytes.

    On return the bytes are in the sink (not necessarily durable) and each of ``hashes`` has hashed exactly
    them, in order. Meanwhile ``stop.position`` says how far the body is. Blocking calls run off the event
    loop; memory does not grow with the body.

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
    """Writes pieces in order, and collects the next ones meanwhile.

    Collected pieces are written as soon as the previous write has ended, even if no more arrive.
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
        """Accept pieces; wait only while too many are collected. Raises OSError: an earlier write failed."""
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
        """Write what is left; return when no thread uses the sink any more."""
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
