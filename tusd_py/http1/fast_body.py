"""A body of known length from the socket into a file, past the event loop's buffers.

While the transport is paused a worker thread moves the bytes (see ``movers``). It goes back to the event loop
when the socket has run dry, and the loop watches the socket until there is more: thousands of stalled uploads
hold a descriptor each, but no thread and no buffer.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from enum import Enum, auto
from time import monotonic

from tusd_py.model.body import STOP_GAP_S, STOP_WITHIN_S, Ended, Hash, StopSignal
from tusd_py.transfer.writing import write_at

from .movers import Mover, mover_for
from .pool import Pool

_LINGER_MS = 3  # a dry socket is watched this long by the thread itself: cheaper than a trip to the loop


class _Pause(Enum):
    """Why a thread gave the body back."""

    FULL = auto()  # everything wanted is in the file
    DRY = auto()  # the socket has nothing more at the moment
    SLICE = auto()  # its time was up
    GONE = auto()  # FIN or RST


@dataclass(slots=True)
class Intake:
    """One body on its way; a thread and the event loop hold it in turns."""

    sock: socket.socket  # non-blocking
    fd: int
    offset: int  # bytes; where the next one goes
    wanted: int  # bytes still to take
    hashes: Sequence[Hash]
    head: list[bytes | bytearray]  # what the transport had already received
    received: int = 0  # bytes from the socket, without ``head``
    hurry: bool = False  # set by the loop: do not linger
    slice_s: float = 0.0  # set by the loop: how long to go on before others get a turn
    last_byte: float = field(default_factory=monotonic)


def _pump(intake: Intake, linger: bool, hashers: Executor | None) -> _Pause:
    """Move what there is (in a worker thread); on return all of it is written and hashed.

    Raises:
        OSError: The medium failed. The socket's own errors are an end like any other.
    """
    _write_head(intake)
    mover = mover_for(intake.hashes, hashers)
    try:
        return _move(intake, linger, mover)
    finally:
        mover.finish()


def _move(intake: Intake, linger: bool, mover: Mover) -> _Pause:
    until = monotonic() + intake.slice_s
    while intake.wanted:
        try:
            count = mover.receive(intake.sock, intake.wanted)
        except BlockingIOError:
            if linger and not intake.hurry and _readable(intake.sock):
                continue
            return _Pause.DRY
        except OSError:
            return _Pause.GONE
        if count == 0:
            return _Pause.GONE
        intake.last_byte = monotonic()
        intake.received += count  # before the write may fail: the framing depends on it
        mover.write(intake.fd, count, intake.offset)
        intake.offset += count
        intake.wanted -= count
        if intake.last_byte > until and intake.wanted:
            return _Pause.SLICE
    return _Pause.FULL


def _write_head(intake: Intake) -> None:
    while intake.head:
        piece = intake.head.pop(0)
        write_at(intake.fd, memoryview(piece), intake.offset, intake.hashes)
        intake.offset += len(piece)
        intake.wanted -= len(piece)


def _readable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(_LINGER_MS))


class DirectBody:
    """Runs one ``Intake`` to its end."""

    def __init__(self, intake: Intake, loop: asyncio.AbstractEventLoop, stop: StopSignal) -> None:
        self._intake = intake
        self._loop = loop
        self._stop = stop
        self._stop_at: float | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._waiting_since: float | None = None
        self._stalled = False

    async def run(self, pool: Pool) -> Ended:
        """Receive until everything wanted is there or the client, a stop or a stall ends it.

        Raises:
            OSError: The medium failed.
        """
        self._stop.on_request(self._on_stop)
        while True:
            self._intake.slice_s = pool.slice_s
            pause = await pool.run(_pump, self._intake, pool.has_spare, pool.spare_hashers)
            if pause is _Pause.FULL:
                return Ended.COMPLETE
            if pause is _Pause.GONE:
                return Ended.DISCONNECTED
            reason = self._reason_to_end(pause)
            if reason is not None:
                return reason
            if pause is _Pause.DRY:
                await self._until_readable()
            if self._stalled:
                return Ended.STALLED

    def _reason_to_end(self, pause: _Pause) -> Ended | None:
        """Return why the body ends here, if it was asked to and its time has come."""
        if self._stop_at is None:
            return None
        if not self._stop.ends(self._intake.offset):
            self._stop_at = None
            self._intake.hurry = False
            return None
        gap_ends = self._intake.last_byte + STOP_GAP_S if pause is _Pause.DRY else self._stop_at
        return self._stop.reason if monotonic() >= min(gap_ends, self._stop_at) else None

    def _on_stop(self) -> None:
        if self._stop_at is None:
            self._stop_at = monotonic() + STOP_WITHIN_S
        self._intake.hurry = True
        self._wake()

    def on_lost(self) -> None:
        """End the body behind what the kernel has; closing the transport's descriptor would not."""
        with contextlib.suppress(OSError):
            self._intake.sock.shutdown(socket.SHUT_RD)

    def on_tick(self, now: float, network_timeout_s: float) -> None:
        """End the body when nothing has come for too long."""
        since = self._waiting_since
        if since is not None and now - max(since, self._intake.last_byte) > network_timeout_s:
            self._stalled = True
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _until_readable(self) -> None:
        """Wait for bytes, for the end of the connection, for a stop or the gap that ends a stopped body."""
        descriptor = self._intake.sock.fileno()
        self._waiter = self._loop.create_future()
        self._waiting_since = monotonic()
        self._loop.add_reader(descriptor, self._wake)
        timer = self._loop.call_later(STOP_GAP_S, self._wake) if self._stop_at is not None else None
        try:
            await self._waiter
        finally:
            self._loop.remove_reader(descriptor)
            if timer is not None:
                timer.cancel()
            self._waiter = self._waiting_since = None
