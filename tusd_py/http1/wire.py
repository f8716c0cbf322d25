"""One connection's transport: writing with flow control, and reading on demand."""

from __future__ import annotations

import asyncio
import socket
from typing import cast


class ClientGone(OSError):
    """The connection was lost before the response was sent; raised by ASGI's ``send`` (spec 2.4)."""


class Wire:
    """What the exchange, the buffer and the response share of a connection."""

    __slots__ = ("_drained", "_given", "_reading", "_taken", "_taken_at", "loop", "lost", "tls", "transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self.loop = loop
        self.tls = transport.get_extra_info("sslcontext") is not None
        self.lost = False
        self._reading = True
        self._drained: asyncio.Future[None] | None = None  # pending while the transport's buffer is full
        self._given = 0  # bytes, to the transport or past it
        self._taken = -1  # bytes that had gone to the socket at the last look ...
        self._taken_at = 0.0  # ... and when that number last changed

    def pause_reading(self) -> None:
        """Stop reading from the socket; harmless when already paused."""
        if self._reading and not self.transport.is_closing():
            self._reading = False
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Undo ``pause_reading``; harmless when not paused."""
        if not self._reading and not self.transport.is_closing():
            self._reading = True
            self.transport.resume_reading()

    @property
    def full(self) -> bool:
        """Whether ``drain`` would wait."""
        return self._drained is not None

    def write(self, data: bytes) -> None:
        """Queue ``data``; await ``drain`` afterwards unless it is small."""
        self._given += len(data)
        self.transport.write(data)

    async def drain(self) -> None:
        """Wait until the transport accepts more.

        Raises:
            ClientGone: The connection is lost.
        """
        if self._drained is not None:
            await asyncio.shield(self._drained)
        if self.lost:
            raise ClientGone("the client closed the connection")

    async def flush(self) -> None:
        """Wait until everything written has gone to the socket.

        Raises:
            ClientGone: The connection is lost.
        """
        self.transport.set_write_buffer_limits(high=0)
        try:
            await self.drain()
        finally:
            self.transport.set_write_buffer_limits()

    def count_sent(self, count: int) -> None:
        """Count bytes sent past the transport, for ``stuck_for``."""
        self._given += count

    def stuck_for(self, now: float) -> float:
        """Return for how many seconds the client has read none of the bytes that wait for it.

        Call it regularly. A slow but steady client is never stuck.
        """
        waiting = 0 if self.lost else self.transport.get_write_buffer_size()
        taken = self._given - waiting
        if taken != self._taken or not (waiting or self.full):
            self._taken, self._taken_at = taken, now
        return now - self._taken_at

    def on_full(self) -> None:
        """Handle asyncio's ``pause_writing``."""
        if self._drained is None:
            self._drained = self.loop.create_future()

    def on_drained(self) -> None:
        """Handle asyncio's ``resume_writing``."""
        if self._drained is not None:
            if not self._drained.done():
                self._drained.set_result(None)
            self._drained = None

    def on_lost(self) -> None:
        """Handle asyncio's ``connection_lost``."""
        self.lost = True
        self.on_drained()

    def dup(self) -> socket.socket:
        """Return a second descriptor of the connection's socket.

        An event loop refuses to watch the descriptor of a transport that it owns, but it accepts a
        duplicate. The caller closes it.

        Raises:
            ClientGone: The connection is lost.
        """
        own = cast("socket.socket | None", self.transport.get_extra_info("socket"))
        if self.lost or own is None or own.fileno() < 0:
            raise ClientGone("the client closed the connection")
        duplicate = own.dup()
        duplicate.setblocking(False)
        return duplicate
