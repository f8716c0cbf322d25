"""Request bodies: through our own server's fast path where there is one, else from plain ASGI events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.types import Message, Receive, Scope

from tusd_py.model.body import (
    STOP_GAP_S,
    STOP_WITHIN_S,
    Body,
    Ended,
    Piece,
    StopSignal,
)
from tusd_py.transfer.calls import Threads


def body_of(scope: Scope, receive: Receive) -> Body:
    """Return the body of a request; None of it has been asked for yet."""
    exchange: Body | None = scope.get("extensions", {}).get("tusd_py")
    return exchange or PortableBody(scope, receive, _length(scope))


def _length(scope: Scope) -> int | None:
    """Bytes that the client announced; a request with neither length nor chunked coding has no body."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0 if scope.get("http_version", "1.1") in ("1.0", "1.1") else None


class PortableBody:
    """The body from ``receive()``: works under every ASGI server, TLS and HTTP/2."""

    calls = Threads()

    def __init__(self, scope: Scope, receive: Receive, length: int | None) -> None:
        self._scope = scope
        self._receive = receive
        self._header_count = len(scope["headers"])
        self._pending: asyncio.Task[Message] | None = None
        self._stopped: Stopped
        self.length = length

    @property
    def trailers(self) -> Sequence[tuple[bytes, bytes]]:
        """See Body. uvicorn's httptools protocol adds trailers to the header list, others drop them."""
        return [(bytes(n).lower(), bytes(v)) for n, v in list(self._scope["headers"])[self._header_count :]]

    def open(self, stop: StopSignal) -> None:
        """See Body."""
        self._stopped = Stopped(stop)

    async def take(self, room: int) -> tuple[Sequence[Piece], Ended | None]:
        """See Body."""
        ended, data = await self.next_event()
        if len(data) > room:
            return [data[:room]], Ended.OVERRUN
        return [data], ended

    def direct(self, room: int) -> None:
        """See Body. Only events come here."""

    def close(self) -> None:
        """See Body."""
        if self._pending is not None:
            self._pending.cancel()

    async def next_event(self) -> tuple[Ended | None, bytes]:
        """Return why the body ended with the next event, if it did, and the bytes in it."""
        while (message := await self._next_message()) is None:
            reason = self._stopped.reason()
            if reason is not None:
                return reason, b""
        if message["type"] == "http.disconnect":
            return Ended(message.get("tusd_py.ended", Ended.DISCONNECTED)), b""
        return None if message.get("more_body", False) else Ended.COMPLETE, message.get("body", b"")

    async def _next_message(self) -> Message | None:
        """Return the next event; None when the stop was asked for and it is time to end."""
        stopped = self._stopped
        if stopped.is_over():
            return None
        if self._pending is None:
            self._pending = asyncio.ensure_future(self._receive())
        # A dead peer never sends another byte, so the wait itself must end when the stop is asked for:
        # looking at the signal between two events would hold the lock until TCP gives up.
        waits: set[asyncio.Future[Any]] = {self._pending}
        if not stopped.future.done():
            await asyncio.wait({*waits, stopped.future}, return_when=asyncio.FIRST_COMPLETED)
        if not self._pending.done():
            await asyncio.wait(waits, timeout=stopped.patience())
        if not self._pending.done():
            return None
        task, self._pending = self._pending, None
        return task.result()


class Stopped:
    """A stop signal as something to wait for, and how patient to be once it was given."""

    def __init__(self, stop: StopSignal) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = stop
        self.future: asyncio.Future[None] = self._loop.create_future()
        self._deadline = 0.0
        stop.on_request(self._request)

    def _request(self) -> None:
        if not self.future.done():
            self._deadline = self._loop.time() + STOP_WITHIN_S
            self.future.set_result(None)

    def reason(self) -> Ended | None:
        """Return why the body ends; None: it has outrun the request."""
        if self._stop.ends():
            return self._stop.reason
        self.future = self._loop.create_future()
        return None

    def is_over(self) -> bool:
        """Whether the stop was given so long ago that a body must end although more is at hand."""
        return self.future.done() and self._loop.time() >= self._deadline

    def patience(self) -> float:
        """Seconds that the next event may still take."""
        return max(0.0, min(STOP_GAP_S, self._deadline - self._loop.time()))
