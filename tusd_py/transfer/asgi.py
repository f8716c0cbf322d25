"""Request bodies: through our own server's fast path where there is one, else from plain ASGI events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from starlette.types import Message, Receive, Scope

from tusd_py.model.body import Body, Ended, Hash, Received, StopSignal
from tusd_py.transfer.writing import write_pieces

#: What waits to be written while a write is under way; beyond it the client is made to wait.
_BACKLOG: Final = 4 << 20
#: How long a body that was asked to stop may go on, and the gap at which it ends sooner.
_GRACE_S: Final = 0.5
_GAP_S: Final = 0.05


def body_of(scope: Scope, receive: Receive) -> Body:
    """Return the body of a request; None of it has been asked for yet."""
    exchange = scope.get("extensions", {}).get("tusd_py")
    length = _length(scope)
    if exchange is not None:
        return _FastBody(exchange, length)
    return PortableBody(scope, receive, length)


def _length(scope: Scope) -> int | None:
    """Bytes that the client announced; a request with neither length nor chunked coding has no body."""
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0 if scope.get("http_version", "1.1") in ("1.0", "1.1") else None


class _FastBody:
    """The body as our own server gives it (see ``tusd_py.http1``)."""

    def __init__(self, exchange: Any, length: int | None) -> None:
        self._exchange = exchange
        self.length = length

    async def write_to(
        self,
        fd: int,
        offset: int,
        limit: int,
        *,
        hashes: Sequence[Hash] = (),
        stop: StopSignal,
        in_thread: bool = False,
    ) -> Received:
        """See Body."""
        received: Received = await self._exchange.write_body(
            fd, offset, limit, hashes=hashes, stop=stop, in_thread=in_thread
        )
        return received

    @property
    def trailers(self) -> Sequence[tuple[bytes, bytes]]:
        """See Body."""
        trailers: Sequence[tuple[bytes, bytes]] = self._exchange.trailers
        return trailers


class PortableBody:
    """The body from ``receive()``: works under every ASGI server, TLS and HTTP/2.

    While one write runs in a thread the next events are collected, so that many small events become
    few writes and what has arrived is in the file a moment later.
    """

    def __init__(self, scope: Scope, receive: Receive, length: int | None) -> None:
        self._scope = scope
        self._receive = receive
        self._header_count = len(scope["headers"])
        self._pending: asyncio.Task[Message] | None = None
        self.length = length

    @property
    def trailers(self) -> Sequence[tuple[bytes, bytes]]:
        """See Body. uvicorn's httptools protocol adds trailers to the header list, others drop them."""
        return [(bytes(n).lower(), bytes(v)) for n, v in list(self._scope["headers"])[self._header_count :]]

    async def write_to(
        self,
        fd: int,
        offset: int,
        limit: int,
        *,
        hashes: Sequence[Hash] = (),
        stop: StopSignal,
        in_thread: bool = False,
    ) -> Received:
        """See Body."""
        writer = WriteBehind(fd, offset, hashes)
        ended: Ended | None = None
        left = limit
        stopped = Stopped(stop)
        try:
            while ended is None:
                message = await self.next_event(stopped)
                if message is None:
                    ended = stopped.reason_at(offset + limit - left)
                    continue
                if message["type"] == "http.disconnect":
                    ended = Ended(message.get("tusd_py.ended", Ended.DISCONNECTED))
                    break
                data = message.get("body", b"")
                if len(data) > left:
                    ended = Ended.OVERRUN
                elif not message.get("more_body", False):
                    ended = Ended.COMPLETE
                await writer.take(data[:left])
                left -= min(left, len(data))
                if ended is None and stopped.is_over():
                    ended = stopped.reason_at(offset + limit - left)
        finally:
            self.let_go()
            await writer.finish()
        return Received(limit - left, ended)

    def let_go(self) -> None:
        """Ask for no more events."""
        if self._pending is not None:
            self._pending.cancel()

    async def next_event(self, stopped: Stopped) -> Message | None:
        """Return the next event; None when the stop was asked for and nothing more is at hand."""
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
            self._deadline = self._loop.time() + _GRACE_S
            self.future.set_result(None)

    def reason_at(self, position: int) -> Ended | None:
        """Return why a body that has come to ``position`` ends; None: it has outrun the request."""
        if self._stop.ends(position):
            return self._stop.reason
        self.future = self._loop.create_future()
        return None

    def is_over(self) -> bool:
        """Whether the stop was given so long ago that a body must end although more is at hand."""
        return self.future.done() and self._loop.time() >= self._deadline

    def patience(self) -> float:
        """Seconds that the next event may still take."""
        return max(0.0, min(_GAP_S, self._deadline - self._loop.time()))


class WriteBehind:
    """Writes blocks in order, in a thread, while the next ones are collected.

    What was collected is written as soon as the write before it is done, whether or not more arrives.
    """

    def __init__(self, fd: int, offset: int, hashes: Sequence[Hash]) -> None:
        self._fd = fd
        self._offset = offset
        self._hashes = hashes
        self._blocks: list[bytes | memoryview] = []
        self._size = 0
        self._write: asyncio.Future[int] | None = None
        self._error: BaseException | None = None

    async def take(self, data: bytes | memoryview) -> None:
        """Take a block; wait only when too much waits already. Raises OSError: an earlier write failed."""
        if self._error is not None:
            raise self._error
        if data:
            self._blocks.append(data)
            self._size += len(data)
        if self._write is None and self._blocks:
            self._start()
        while self._size >= _BACKLOG and self._write is not None:
            await asyncio.wait({self._write})

    async def finish(self) -> None:
        """Write all that is left; return when no thread touches the file any more."""
        cancelled: asyncio.CancelledError | None = None
        while self._write is not None:
            try:
                await asyncio.wait({self._write})
            except asyncio.CancelledError as error:  # the file must stay open until the thread is done
                cancelled = error
        if cancelled is not None:
            raise cancelled
        if self._error is not None:
            raise self._error

    def _start(self) -> None:
        blocks, self._blocks, self._size = self._blocks, [], 0
        offset, self._offset = self._offset, self._offset + sum(map(len, blocks))
        loop = asyncio.get_running_loop()
        self._write = loop.run_in_executor(None, write_pieces, self._fd, blocks, offset, self._hashes)
        self._write.add_done_callback(self._written)

    def _written(self, write: asyncio.Future[int]) -> None:
        self._write = None
        self._error = write.exception()
        if self._error is not None:
            self._blocks, self._size = [], 0  # nothing may follow a hole
        elif self._blocks:
            self._start()
