"""Moves a body of known length from the socket into a file, past the event loop's buffers.

The transport is paused, and a thread moves the bytes (see ``movers``). When the socket is empty the thread
returns, and the event loop watches the socket until there is more: thousands of stalled uploads hold a
descriptor each, but no thread and no buffer.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import Enum, auto
from time import monotonic

from tusd_py.model.body import STOP_GAP_S, Ended, Hash, StopSignal
from tusd_py.transfer.pump import write_at

from .body_buffer import BodyBuffer
from .movers import Mover, mover_for
from .pool import Pool

_LINGER_MS = 3  # the thread itself waits this long at an empty socket: cheaper than a return to the loop


class _Pause(Enum):
    """Why a thread returned the body to the event loop."""

    FULL = auto()  # all wanted bytes are in the file
    DRY = auto()  # the socket is empty at the moment
    SLICE = auto()  # its time slice has ended
    GONE = auto()  # FIN or RST


@dataclass(slots=True)
class _Turn:
    """What a thread moves in one time slice."""

    fd: int
    offset: int  # bytes; where the next one goes
    wanted: int  # bytes still to move
    hashes: Sequence[Hash]
    slice_s: float  # seconds; then others get a turn
    linger: bool  # whether to wait a little at an empty socket
    hashers: Executor | None  # idle threads for hashing
    received: int = 0  # bytes from the socket


class DirectBody:
    """A body that moves from the socket into a file; see ``model.body.DirectSource``.

    The pump calls ``move`` for one turn after another. During a turn the body belongs to the thread, between
    turns to the event loop.
    """

    def __init__(
        self,
        sock: socket.socket,
        buffer: BodyBuffer,
        head: list[bytes | bytearray],
        pool: Pool,
        stop: StopSignal,
    ) -> None:
        self._sock = sock  # non-blocking, ours to close
        self._buffer = buffer  # the transport, to which ``sock`` belongs, is paused
        self._head = head  # what it had already received
        self._pool = pool
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._pause: _Pause | None = None
        self._last_byte = monotonic()
        self._waiter: asyncio.Future[None] | None = None
        self._waiting_since: float | None = None
        self._stalled = False
        stop.on_request(self._wake)

    async def move(self, fd: int, offset: int, room: int, hashes: Sequence[Hash]) -> tuple[int, Ended | None]:
        """See DirectSource. Waits for the client if the last turn left the socket empty."""
        reason = self._reason_to_end()
        if reason is None and self._pause is _Pause.DRY:
            reason = await self._until_readable()
        if reason is not None:
            self._buffer.finish(reason)
            return 0, reason
        pool, wanted = self._pool, min(room, sum(map(len, self._head)) + (self._buffer.framing.left or 0))
        turn = _Turn(fd, offset, wanted, hashes, pool.slice_s, pool.has_spare, pool.spare_hashers)
        try:
            self._pause = await pool.run(self._work, turn)
        finally:
            self._buffer.skip(turn.received)
        ended: Ended | None = None
        if self._pause is _Pause.FULL:
            ended = Ended.OVERRUN if self._buffer.framing.left else Ended.COMPLETE
        elif self._pause is _Pause.GONE:
            ended = Ended.DISCONNECTED
            self._buffer.finish(ended)
        return turn.offset - offset, ended

    def close(self) -> None:
        """Return the socket to the transport."""
        self._sock.close()
        if self._pause is not _Pause.FULL:
            self._buffer.finish(Ended.STOPPED)

    # In a thread

    def _work(self, turn: _Turn) -> _Pause:
        """Move what the socket has; on return all of it is written and hashed.

        Raises:
            OSError: The medium failed. An error of the socket ends the body.
        """
        while self._head:
            piece = self._head.pop(0)
            write_at(turn.fd, memoryview(piece), turn.offset)
            for taken in turn.hashes:
                taken.update(memoryview(piece))
            turn.offset += len(piece)
            turn.wanted -= len(piece)
        mover = mover_for(turn.hashes, turn.hashers)
        try:
            return self._receive(turn, mover)
        finally:
            mover.finish()

    def _receive(self, turn: _Turn, mover: Mover) -> _Pause:
        until = monotonic() + turn.slice_s
        while turn.wanted:
            try:
                count = mover.receive(self._sock, turn.wanted)
            except BlockingIOError:
                if turn.linger and self._stop.reason is None and _is_readable_soon(self._sock):
                    continue
                return _Pause.DRY
            except OSError:
                return _Pause.GONE
            if count == 0:
                return _Pause.GONE
            self._last_byte = monotonic()
            turn.received += count  # before the write may fail: the framing depends on it
            mover.write(turn.fd, count, turn.offset)
            turn.offset += count
            turn.wanted -= count
            if self._last_byte > until and turn.wanted:
                return _Pause.SLICE
        return _Pause.FULL

    # On the event loop

    def _reason_to_end(self) -> Ended | None:
        """Return why the body ends after a turn: a stop was requested and it is time; None: it goes on."""
        stop = self._stop
        if self._pause is None or (reason := stop.ends()) is None:
            return None
        ends_at = stop.ends_at(self._last_byte) if self._pause is _Pause.DRY else stop.until
        return reason if monotonic() >= ends_at else None

    def on_lost(self) -> None:
        """End the body after the bytes that the kernel has; closing the transport's descriptor would not."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RD)

    def on_tick(self, now: float, network_timeout_s: float) -> None:
        """End the body when nothing has come for too long."""
        since = self._waiting_since
        if since is not None and now - max(since, self._last_byte) > network_timeout_s:
            self._stalled = True
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _until_readable(self) -> Ended | None:
        """Wait for bytes, the end of the connection or a stop; return why the body ended, if it did."""
        descriptor = self._sock.fileno()
        self._waiter = self._loop.create_future()
        self._waiting_since = monotonic()
        self._loop.add_reader(descriptor, self._wake)
        timer = self._loop.call_later(STOP_GAP_S, self._wake) if self._stop.reason is not None else None
        try:
            await self._waiter
        finally:
            self._loop.remove_reader(descriptor)
            if timer is not None:
                timer.cancel()
            self._waiter = self._waiting_since = None
        return Ended.STALLED if self._stalled else None


def _is_readable_soon(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(_LINGER_MS))
