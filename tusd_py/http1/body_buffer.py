"""Bytes of a body between the transport and the reader of the body.

All bytes that arrived before the end can be read, whatever the end was: a lost connection drops nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic

from tusd_py.model.body import Ended, StopSignal

from .framing import Announced, Chunked
from .wire import Wire

BACKLOG = 256 * 1024  # bytes kept for an application that does not read
_SMALL = 4096  # smaller pieces are joined: a million tiny ones would need far more memory than their bytes
_MOST_PIECES = 512  # below IOV_MAX on every system


class BodyBuffer:
    """Bytes between the transport and the reader of the body."""

    __slots__ = (
        "_pieces",
        "_stop",
        "_waiter",
        "_waiting_since",
        "_wire",
        "ended",
        "framing",
        "last_byte",
        "size",
    )

    def __init__(self, wire: Wire, framing: Announced | Chunked) -> None:
        self.framing = framing
        self.ended: Ended | None = Ended.COMPLETE if framing.done else None
        self.size = 0  # bytes that wait to be taken
        self.last_byte = monotonic()
        self._wire = wire
        self._pieces: deque[bytes | bytearray] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._waiting_since: float | None = None
        self._stop: StopSignal | None = None

    def feed(self, data: bytes) -> bytes:
        """Accept bytes from the connection; return those that belong to the next request."""
        if self.framing.broken:
            return b""
        self.last_byte = monotonic()
        payload, rest = self.framing.feed(data)
        if payload and self.ended is None:
            self._append(payload)
        if self.framing.done:
            self.finish(Ended.COMPLETE)
        elif self.framing.broken:
            self.finish(Ended.MALFORMED)
        elif payload:
            self._wake()
        return rest

    def _append(self, payload: bytes) -> None:
        self.size += len(payload)
        last = self._pieces[-1] if self._pieces else None
        if len(payload) >= _SMALL:
            self._pieces.append(payload)
        elif isinstance(last, bytearray) and len(last) < 16 * _SMALL:
            last += payload
        else:
            self._pieces.append(bytearray(payload))
        if self.size >= BACKLOG:
            self._wire.pause_reading()

    def finish(self, ended: Ended) -> None:
        """End the body; the first reason stays. Bytes that arrive later are dropped."""
        if self.ended is None:
            self.ended = ended
        self._wake()

    def skip(self, count: int) -> None:
        """Count ``count`` bytes of an announced body that were received past the transport."""
        if isinstance(self.framing, Announced):
            self.framing.left -= count
            if self.framing.done:
                self.finish(Ended.COMPLETE)

    def abandon(self) -> None:
        """Drop all bytes, those to come as well; only the framing is followed to its end."""
        self.finish(Ended.STOPPED)
        if self.size:
            self._pieces.clear()
            self.size = 0

    def take(self, limit: int | None = None) -> list[bytes | bytearray]:
        """Return what has arrived, at most ``limit`` bytes, and receive more."""
        taken: list[bytes | bytearray] = []
        room = self.size if limit is None else min(limit, self.size)
        while room and len(taken) < _MOST_PIECES:
            piece = self._pieces.popleft()
            if len(piece) > room:
                self._pieces.appendleft(piece[room:])
                piece = piece[:room]
            room -= len(piece)
            self.size -= len(piece)
            taken.append(piece)
        if self.ended is None and self.size < BACKLOG:
            self._wire.resume_reading()
        return taken

    async def wait(self) -> None:
        """Wait until bytes arrive or the body ends."""
        if self.size or self.ended is not None:
            return
        self._wire.resume_reading()
        self._waiter = self._wire.loop.create_future()
        self._waiting_since = monotonic()
        try:
            await self._waiter
        finally:
            self._waiter = self._waiting_since = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def on_tick(self, now: float, network_timeout_s: float) -> None:
        """End a body of which nothing arrives for too long while a reader waits."""
        since = self._waiting_since
        if since is not None and now - max(since, self.last_byte) > network_timeout_s:
            self.finish(Ended.STALLED)

    def stop(self, stop: StopSignal) -> None:
        """End the body at the next gap, but soon, unless it has outrun the request by then."""
        if self._stop is None and self.ended is None:
            self._stop = stop
            self._wire.resume_reading()
            # One iteration of the loop, for bytes that the kernel already has.
            self._wire.loop.call_later(0.001, self._stop_at_gap, stop)

    def go_on(self) -> None:
        """Forget the stop: who was to be stopped takes no more from here."""
        self._stop = None

    def _stop_at_gap(self, stop: StopSignal) -> None:
        if self.ended is not None or self._stop is not stop:
            return
        reason = stop.ends(ahead=self.size)
        if reason is None:
            self._stop = None
            return
        now, ends_at = monotonic(), stop.ends_at(self.last_byte)
        if now >= ends_at:
            self.finish(reason)
        else:
            self._wire.loop.call_later(ends_at - now, self._stop_at_gap, stop)
