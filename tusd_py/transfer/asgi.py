"""Request bodies: from our own server if it runs us, else from plain ASGI events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

from starlette.types import Message, Receive, Scope

from tusd_py.model.body import Body, Ended, Piece, StopSignal
from tusd_py.transfer.calls import Threads


def body_of(scope: Scope, receive: Receive) -> Body:
    """Return the body of a request; nothing has been read from it yet."""
    exchange: Body | None = scope.get("extensions", {}).get("tusd_py")
    return exchange or PortableBody(scope, receive, _length(scope))


def _length(scope: Scope) -> int | None:
    """Return the bytes that the client announced; None for a chunked body, 0 without a body."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0 if scope.get("http_version", "1.1") in ("1.0", "1.1") else None


class PortableBody:
    """A body from ``receive()``; works under every ASGI server, with TLS and with HTTP/2."""

    calls = Threads()

    def __init__(self, scope: Scope, receive: Receive, length: int | None) -> None:
        self._scope = scope
        self._receive = receive
        self._header_count = len(scope["headers"])
        self._pending: asyncio.Task[Message] | None = None
        self._stop: StopSignal
        self._asked: asyncio.Future[None]  # done: the body was asked to stop
        self.length = length

    @property
    def trailers(self) -> Sequence[tuple[bytes, bytes]]:
        """See Body. uvicorn's httptools protocol adds trailers to the header list, others drop them."""
        return [(bytes(n).lower(), bytes(v)) for n, v in list(self._scope["headers"])[self._header_count :]]

    def open(self, stop: StopSignal) -> None:
        """See Body."""
        self._stop = stop
        self._asked = asyncio.get_running_loop().create_future()
        stop.on_request(self._on_stop)

    def _on_stop(self) -> None:
        if not self._asked.done():
            self._asked.set_result(None)

    async def take(self, room: int) -> tuple[Sequence[Piece], Ended | None]:
        """See Body."""
        ended, data = await self.next_event()
        if len(data) > room:
            return [data[:room]], Ended.OVERRUN
        return [data], ended

    def direct(self, room: int) -> None:
        """See Body. There is no such way: all bytes arrive in events."""

    def close(self) -> None:
        """See Body."""
        if self._pending is not None:
            self._pending.cancel()

    async def next_event(self) -> tuple[Ended | None, bytes]:
        """Return why the body ended with the next event (None: it goes on), and the event's bytes."""
        while (message := await self._next_message()) is None:
            reason = self._stop.ends()
            if reason is not None:
                return reason, b""
            self._asked = asyncio.get_running_loop().create_future()  # the body has outrun the request
        if message["type"] == "http.disconnect":
            return Ended(message.get("tusd_py.ended", Ended.DISCONNECTED)), b""
        return None if message.get("more_body", False) else Ended.COMPLETE, message.get("body", b"")

    async def _next_message(self) -> Message | None:
        """Return the next event; None when a stop was requested and it is time to end."""
        stop, asked = self._stop, self._asked
        if asked.done() and monotonic() >= stop.until:
            return None
        if self._pending is None:
            self._pending = asyncio.ensure_future(self._receive())
        # A dead peer never sends another byte, so a stop request must end the wait itself: checking the
        # signal between two events would keep the lock until TCP gives up.
        waits: set[asyncio.Future[Any]] = {self._pending}
        if not asked.done():
            await asyncio.wait({*waits, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not self._pending.done():
            now = monotonic()
            await asyncio.wait(waits, timeout=max(0.0, stop.ends_at(last_byte=now) - now))
        if not self._pending.done():
            return None
        task, self._pending = self._pending, None
        return task.result()
