"""One process that serves: uvicorn's server with our protocol, signals and shutdown."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from .context import Context
from .lifespan import Lifespan
from .listening import BACKLOG, announce_end, tls_context
from .protocol import UploadProtocol, protocol_for
from .settings import ServerSettings

_POLL_S = 0.02
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})
_LOG_AGAIN_S = 10.0
_LAST_WRITES_S = 2.0  # for writes that were running when the time was up

_logger = logging.getLogger("tusd_py.server")


class Worker(uvicorn.Server):
    """Serves until it is told to stop.

    The first SIGTERM or SIGINT ends it gracefully. A second one ends the process at once with status 1,
    except in a supervised worker: there the supervisor decides, because a terminal sends SIGINT to both.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, *, lifeline: int | None = None) -> None:
        self._context = Context(settings)
        self._settings = settings
        self._lifeline = lifeline  # a pipe that the supervisor holds open; it also means "supervised"
        self._stop = asyncio.Event()
        self._log_full_from = 0.0  # monotonic
        tls = tls_context(settings)
        super().__init__(
            uvicorn.Config(
                cast("Any", app),
                http=cast("type[asyncio.Protocol]", protocol_for(self._context)),
                ws="none",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                ssl_context_factory=None if tls is None else lambda *_: tls,
            )
        )

    def run_until_stopped(self, sockets: list[socket.socket], on_ready: Callable[[], None]) -> None:
        """Serve; call ``on_ready`` once requests are accepted.

        Raises:
            StartupFailed: The application could not start.
        """
        with asyncio.Runner(loop_factory=_loop_factory(self._settings.loop)) as runner:
            runner.run(self._serve_sockets(sockets, on_ready))

    async def _serve_sockets(self, sockets: list[socket.socket], on_ready: Callable[[], None]) -> None:
        self.config.load()
        self._take_signals()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_loop_error)
        if isinstance(loop, asyncio.BaseEventLoop):  # it tries to accept so often, also after a failure
            self.config.backlog = 1
        lifespan = Lifespan(self.config.loaded_app)
        self.lifespan = lifespan
        await self.startup(sockets)
        for listener in sockets:
            listener.listen(BACKLOG)
        on_ready()
        await self.on_tick(0)  # makes the Date header
        ticking = asyncio.create_task(self._tick())
        await self._stop.wait()
        await self.shutdown(sockets)
        ticking.cancel()

    async def _tick(self) -> None:
        """Check the time-outs of every connection with one timer, instead of one timer for each read.

        So a time-out may come up to a tenth of its length late, and never early.
        """
        loop, interval_s = asyncio.get_running_loop(), min(1.0, self._settings.network_timeout_s / 10)
        while True:
            await asyncio.sleep(interval_s)
            await self.on_tick(0)  # renews the Date header
            now = monotonic()
            for connection in cast("set[UploadProtocol]", self.server_state.connections):
                loop.call_soon(connection.on_tick, now)  # so that no failure of one keeps the others waiting

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log now and then that no connection can be accepted; asyncio would log a stack every time."""
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _NO_DESCRIPTORS:
            loop.default_exception_handler(context)
        elif monotonic() >= self._log_full_from:
            self._log_full_from = monotonic() + _LOG_AGAIN_S
            _logger.error("new connections have to wait: %s", error.strerror)

    def stop(self) -> None:
        """End gracefully; call it on the event loop."""
        if self._lifeline is None:
            if self._stop.is_set():
                os._exit(1)
            announce_end(self._settings)
        self._stop.set()

    def _take_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        if self._lifeline is not None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            loop.add_reader(self._lifeline, self._on_lifeline, self._lifeline)
        else:
            loop.add_signal_handler(signal.SIGINT, self.stop)

    def _on_lifeline(self, lifeline: int) -> None:
        asyncio.get_running_loop().remove_reader(lifeline)
        self.stop()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, end bodies, wait for the answers, then let the application clean up."""
        self._context.stopping = True
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        give_up = monotonic() + self._settings.shutdown_timeout_s
        # Polled: connections and tasks leave uvicorn's sets in many places, and this happens once.
        state = self.server_state
        while (state.connections or state.tasks) and monotonic() < give_up:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:  # each waits for the thread that writes for it; only then are locks released
            await asyncio.wait(tasks, timeout=_LAST_WRITES_S)
        await self.lifespan.shutdown()


def _loop_factory(wanted: str) -> Callable[[], asyncio.AbstractEventLoop]:
    if wanted != "asyncio":
        try:
            import uvloop  # noqa: PLC0415 - it is optional

            return cast("Callable[[], asyncio.AbstractEventLoop]", uvloop.new_event_loop)
        except ImportError:
            if wanted == "uvloop":
                raise
    return asyncio.new_event_loop
