"""One request and its response, as the application sees them.

The interface is ASGI 3 (HTTP, spec version 2.4). In addition ``scope["extensions"]`` offers

``"http.response.zerocopysend"``
    as ASGI describes it, on every connection.

``"tusd_py"``
    this ``Exchange``, which is the request's ``Body`` (see ``tusd_py.model.body``). Read the body through it
    or through ``receive``, not through both.

``http.disconnect`` carries ``"tusd_py.ended"``: the value of the ``Ended`` member that says why the body
(or, after it, the connection) ended. All bytes that arrived before come first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from starlette.types import ASGIApp, Message, Scope

from tusd_py.model.body import Ended, Piece, StopSignal

from .body_buffer import BodyBuffer
from .direct_body import DirectBody
from .framing import Announced, Chunked
from .head import Head
from .pool import Pool
from .refusal import Headers
from .response import Response
from .wire import ClientGone, Wire

DRAINABLE = 256 * 1024  # bytes of unread body worth receiving to keep a connection

_BROKEN = frozenset((Ended.STALLED, Ended.MALFORMED, Ended.DISCONNECTED))  # no next request after these

_FAULT = b"Internal Server Error\n"

_logger = logging.getLogger("tusd_py.server")


class Exchange:
    """The request's body, and the ASGI callables ``receive`` and ``send``."""

    def __init__(
        self, wire: Wire, pool: Pool, head: Head, default_headers: bytes, on_end: Callable[[], None]
    ) -> None:
        self.head = head
        self.calls = pool
        self.buffer = BodyBuffer(wire, Chunked() if head.length is None else Announced(head.length))
        self.response = Response(wire, head.method, head.version, self._may_keep, default_headers)
        self.stopping = False
        self._wire = wire
        self._on_end = on_end  # called once: the response is queued and nothing uses the body any more
        self._awaits_continue = head.expects_continue and not self.buffer.framing.done
        self._body_taken = False  # the last http.request has been handed out
        self._stop: StopSignal | None = None  # while the body is being taken
        self._direct: DirectBody | None = None
        self._over: asyncio.Future[None] | None = None  # set while receive() waits for the end

    # For the application

    @property
    def length(self) -> int | None:
        """Bytes the client announced; None for a chunked body."""
        return self.head.length

    @property
    def trailers(self) -> Headers:
        """Trailer fields (lower-case name, value) of a chunked body; filled once it has ended."""
        return self.buffer.framing.trailers

    def open(self, stop: StopSignal) -> None:
        """See Body. ``stop`` is asked to stop with ``SHUTDOWN`` when the server goes down."""
        self._ask_for_body()
        self._stop = stop
        stop.on_request(self._on_stop)
        if self.stopping:
            stop.request(Ended.SHUTDOWN)

    async def take(self, room: int) -> tuple[Sequence[Piece], Ended | None]:
        """See Body."""
        buffer = self.buffer
        while True:
            pieces = buffer.take(room)
            if pieces:
                return pieces, None
            if room == 0 and (buffer.size or buffer.framing.left):
                return [], Ended.OVERRUN
            if buffer.ended is not None:
                return [], buffer.ended
            await buffer.wait()

    def direct(self, room: int) -> DirectBody | None:
        """See Body: for a large one of known length, from the socket by worker threads."""
        buffer, stop = self.buffer, self._stop
        left = buffer.framing.left
        if left is None or left <= self.calls.quick_bytes or room <= buffer.size:
            return None
        if stop is None or buffer.ended is not None or self._wire.tls:
            return None
        try:
            sock = self._wire.dup()
        except OSError:  # connection lost, or out of descriptors: the event loop's way needs none
            return None
        buffer.go_on()
        head = buffer.take(room)
        self._wire.pause_reading()
        self._direct = DirectBody(sock, buffer, head, self.calls, stop)
        return self._direct

    def close(self) -> None:
        """See Body."""
        self._stop = None
        self.buffer.go_on()
        if self._direct is not None:
            self._direct.close()
            self._direct = None
            self._wire.resume_reading()
        self._report_end()

    def _on_stop(self) -> None:
        if self._stop is not None and self._direct is None:  # else nothing reads it, or the reader checks
            self.buffer.stop(self._stop)

    async def receive(self) -> Message:
        """ASGI's ``receive``."""
        buffer = self.buffer
        while not (self._body_taken or self.response.complete):
            self._ask_for_body()
            pieces = buffer.take()
            if pieces or buffer.ended is Ended.COMPLETE:
                more = buffer.size > 0 or buffer.ended is not Ended.COMPLETE
                self._body_taken = not more
                body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                return {"type": "http.request", "body": bytes(body), "more_body": more}
            if buffer.ended is not None:
                break
            await buffer.wait()
        if buffer.ended is Ended.COMPLETE and not (self.response.complete or self._wire.lost):
            if self._over is None:
                self._over = self._wire.loop.create_future()
            await asyncio.shield(self._over)
        ended = buffer.ended
        if ended is None or ended is Ended.COMPLETE:
            ended = Ended.DISCONNECTED
        return {"type": "http.disconnect", "tusd_py.ended": ended.value}

    async def send(self, message: Message) -> None:
        """ASGI's ``send``."""
        if self._wire.lost:
            raise ClientGone("the client closed the connection")
        await self.response.send(message)
        if self.response.complete:
            self.finish()
            self._report_end()

    # For the connection

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Run the application; afterwards the exchange has ended, whatever the application did."""
        try:
            await app(scope, self.receive, self.send)
            if not self.response.complete and not self._wire.lost:
                _logger.error("the application returned without completing its response")
                await self._answer_failure()
        except Exception as error:
            if not _is_departure(error):
                _logger.exception("exception in the application")
            await self._answer_failure()
        except asyncio.CancelledError:
            self._wire.transport.abort()
            raise
        finally:
            self.finish()

    async def _answer_failure(self) -> None:
        """Answer 500 if nothing was sent yet; else close, so that the client sees an incomplete answer."""
        if self._wire.lost or self.response.complete:
            return
        try:
            if self.response.take_back():
                headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
                headers.append((b"content-length", b"%d" % len(_FAULT)))
                await self.send({"type": "http.response.start", "status": 500, "headers": headers})
                await self.send({"type": "http.response.body", "body": _FAULT})
        finally:
            if not self.response.complete:
                self._wire.transport.abort()

    def _report_end(self) -> None:
        if self.response.complete and self._stop is None:
            self._on_end()

    def on_eof(self) -> None:
        """Handle the client's FIN: an unfinished body ends here."""
        self.buffer.finish(Ended.DISCONNECTED)

    def on_lost(self) -> None:
        """Handle the end of the connection; bytes that had arrived can still be read."""
        self.buffer.finish(Ended.DISCONNECTED)
        if self._direct is not None:
            self._direct.on_lost()
        self.finish()

    def finish(self) -> None:
        """End every wait on this exchange."""
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
        if self._stop is not None:
            self._stop.request(Ended.STOPPED)

    def shut_down(self) -> None:
        """End a body that is still being received; the application may still answer."""
        self.stopping = True
        if self._stop is not None:
            self._stop.request(Ended.SHUTDOWN)
        else:
            stop = StopSignal()
            stop.request(Ended.SHUTDOWN)
            self.buffer.stop(stop)

    def on_tick(self, now: float, network_timeout_s: float) -> None:
        """End a body of which nothing arrives for too long."""
        (self._direct or self.buffer).on_tick(now, network_timeout_s)

    def _may_keep(self) -> bool:
        """Return whether the connection can be used again after the response that starts now."""
        if self.stopping or not self.head.keep_alive or self.buffer.ended in _BROKEN:
            return False
        if self._awaits_continue:
            # The client may or may not send its body now, so the start of its next request is unknown.
            return False
        left = self.buffer.framing.left
        return self.buffer.framing.done or (left is not None and left <= DRAINABLE)

    def _ask_for_body(self) -> None:
        if not self._awaits_continue:
            return
        self._awaits_continue = False
        buffer = self.buffer
        if not (buffer.size or buffer.framing.done or self.response.started or self._wire.lost):
            self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _is_departure(error: BaseException | None) -> bool:
    """Return whether ``error`` means that the client has left."""
    while error is not None:
        if isinstance(error, ClientGone):
            return True
        error = error.__cause__ or error.__context__
    return False
