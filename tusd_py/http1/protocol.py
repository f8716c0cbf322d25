"""One connection: starts its requests in order, and drops bytes that no request reads.

Use it as ``uvicorn.Config(http=protocol_for(Context(settings)))``. A request is parsed only
after the response to the one before it is complete and its body consumed, so pipelining needs no queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from time import monotonic
from typing import Any, cast

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.utils import get_local_addr, get_remote_addr
from uvicorn.server import ServerState

from tusd_py import observe

from .context import Context
from .exchange import Exchange
from .head import Head, end_of_head, parse
from .refusal import Refused, answer
from .wire import Wire

_LINGER_S = 2.0
_LAST_LINGER_S = 0.1  # while the server ends
_LINGER_BYTES = 16 * 1024 * 1024
_PIPELINED = 64 * 1024  # bytes of later requests kept while one is being answered


class _Phase(Enum):
    HEAD = auto()  # waits for a request
    EXCHANGE = auto()  # the application handles one
    DRAIN = auto()  # answered; the small rest of its body is read and dropped
    LINGER = auto()  # answered for the last time; the client gets a moment to read the answer


class UploadProtocol(asyncio.Protocol):
    """HTTP/1.1 on one connection (RFC 9112)."""

    def __init__(
        self,
        context: Context,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._context = context
        self._app = config.loaded_app
        self._root_path = config.root_path
        self._server_state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._phase = _Phase.HEAD
        self._pending = b""  # received, not yet parsed
        self._since = monotonic()  # start of the phase, or of the head
        self._eof = False  # the client sends nothing more
        self._lingered = 0  # bytes
        self._exchange: Exchange | None = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start with a new connection."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its class
        self._wire = Wire(transport, self._loop)
        self._client = get_remote_addr(transport)
        self._server = get_local_addr(transport)
        observe.meter.connections(1)
        self._server_state.connections.add(self)  # type: ignore[arg-type] # it names its own protocols

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is running."""
        observe.meter.connections(-1)
        self._server_state.connections.discard(self)
        self._wire.on_lost()
        if self._exchange is not None:
            self._exchange.on_lost()

    def pause_writing(self) -> None:
        """Make the application's writes wait."""
        self._wire.on_full()

    def resume_writing(self) -> None:
        """Let the application's writes continue."""
        self._wire.on_drained()

    def eof_received(self) -> bool:
        """Handle the client's FIN; it still gets answers, except over TLS, which cannot be half closed."""
        self._eof = True
        if self._phase is _Phase.EXCHANGE and self._exchange is not None:
            self._exchange.on_eof()
            return not self._wire.tls
        if self._phase is _Phase.HEAD and self._pending:
            self._loop.call_soon(self._next)
            return not self._wire.tls
        return False

    def data_received(self, data: bytes) -> None:
        """Handle bytes from the socket."""
        if self._phase is _Phase.LINGER:
            self._lingered += len(data)
            if self._lingered > _LINGER_BYTES:
                self._wire.transport.close()
            return
        exchange = self._exchange
        if exchange is not None:
            data = exchange.buffer.feed(data) if not exchange.buffer.framing.done else data
            if self._phase is _Phase.EXCHANGE:
                self._pending += data
                if len(self._pending) >= _PIPELINED:
                    self._wire.pause_reading()
                return
            if not exchange.buffer.framing.done:
                return
            self._await_head()
        if not self._pending:
            self._since = monotonic()
        self._pending += data
        self._parse()

    # Requests

    def _parse(self) -> None:
        """Start the request at the front of the pending bytes, if its head is complete."""
        if self._pending.startswith(b"\r\n"):  # RFC 9112, section 2.2: a client may send an extra one
            self._pending = self._pending.lstrip(b"\r\n")
        end = end_of_head(self._pending)
        most = self._context.settings.max_head_bytes
        try:
            if end > most or (not end and len(self._pending) > most):
                raise Refused(431, "the header section is too large")
            if not end:
                return
            head = parse(self._pending[:end])
        except Refused as refused:
            self._refuse(refused)
            return
        body = self._pending[end:]
        self._pending = b""
        self._start(head, body)

    def _start(self, head: Head, body: bytes) -> None:
        context = self._context
        lines = context.default_lines(self._server_state.default_headers)
        exchange = self._exchange = Exchange(self._wire, context.pool, head, lines, self._on_end)
        self._phase = _Phase.EXCHANGE
        if context.stopping:
            exchange.shut_down()
        if body:
            self._pending = body if exchange.buffer.framing.done else exchange.buffer.feed(body)
        if self._eof:
            exchange.on_eof()
        task = self._loop.create_task(exchange.run(self._app, self._scope(head, exchange)))
        tasks = self._server_state.tasks
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def _scope(self, head: Head, exchange: Exchange) -> Scope:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": head.version,
            "method": head.method,
            "scheme": "https" if self._wire.tls else "http",
            "path": self._root_path + head.path,
            "raw_path": self._root_path.encode() + head.raw_path,
            "query_string": head.query,
            "root_path": self._root_path,
            "headers": head.headers,
            "client": self._client,
            "server": self._server,
            "state": self._app_state.copy(),
            "extensions": {"http.response.zerocopysend": {}, "tusd_py": exchange},
        }

    def _on_end(self) -> None:
        """Continue after a complete response."""
        exchange = self._exchange
        if exchange is None or self._phase is not _Phase.EXCHANGE:
            return
        if self._wire.lost:
            return
        exchange.buffer.abandon()
        if not exchange.response.keep_alive:
            self._linger(drained=exchange.buffer.framing.done and not self._pending)
        elif exchange.buffer.framing.done:
            self._await_head()
            if self._pending or self._eof or self._context.stopping:
                self._loop.call_soon(self._next)  # not within the application's send()
            else:
                self._wire.resume_reading()
        elif self._eof:
            self._wire.transport.close()
        else:
            self._phase, self._since = _Phase.DRAIN, monotonic()
            self._wire.resume_reading()

    def _await_head(self) -> None:
        self._phase, self._since = _Phase.HEAD, monotonic()
        self._exchange = None

    def _next(self) -> None:
        if self._wire.lost or self._phase is not _Phase.HEAD:
            return
        if self._pending:
            self._parse()
        if self._phase is _Phase.HEAD:
            if self._eof or self._context.stopping:
                self._wire.transport.close()
            else:
                self._wire.resume_reading()

    # Ends

    def _refuse(self, refused: Refused) -> None:
        """Answer a request that the application never sees."""
        settings = self._context.settings
        headers = [*self._server_state.default_headers, *settings.error_headers]
        self._wire.write(answer(refused.status, refused.reason, headers))
        self._linger(drained=False)

    def _linger(self, *, drained: bool) -> None:
        """Close after the client could read the answer; with unread bytes, closing would send RST."""
        transport = self._wire.transport
        self._pending = b""
        if drained or self._eof or self._wire.lost:
            transport.close()
            return
        self._phase, self._since = _Phase.LINGER, monotonic()
        if transport.can_write_eof():
            transport.write_eof()
        self._wire.resume_reading()
        self._loop.call_later(_LAST_LINGER_S if self._context.stopping else _LINGER_S, transport.close)

    def shutdown(self) -> None:
        """Close an idle connection now, another one after its answer (called by uvicorn)."""
        if self._phase is _Phase.EXCHANGE and self._exchange is not None:
            self._exchange.shut_down()
        elif self._phase is _Phase.LINGER:
            self._loop.call_later(_LAST_LINGER_S, self._wire.transport.close)
        else:
            self._wire.transport.close()

    def on_tick(self, now: float) -> None:
        """End waits that have become too long."""
        limit = self._context.settings.network_timeout_s
        if self._phase is _Phase.EXCHANGE and self._exchange is not None:
            self._exchange.on_tick(now, limit)
        elif self._phase is not _Phase.LINGER and now - self._since > limit:
            self._wire.transport.close()
        if self._wire.stuck_for(now) > 2 * limit:
            self._wire.transport.abort()


def protocol_for(context: Context) -> Callable[..., asyncio.Protocol]:
    """Return the factory of protocols for ``uvicorn.Config(http=...)``."""

    def make(**keywords: Any) -> asyncio.Protocol:
        return UploadProtocol(context, **keywords)

    return make
