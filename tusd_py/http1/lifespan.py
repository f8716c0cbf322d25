"""ASGI's lifespan protocol; failures are exceptions, not log lines and ``sys.exit`` as in uvicorn."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from starlette.types import ASGIApp, Message

_logger = logging.getLogger("tusd_py.server")


class StartupFailed(Exception):
    """The application could not start; the message is its own."""


class Lifespan:
    """The lifespan of one application; has the attributes that ``uvicorn.Server`` uses."""

    def __init__(self, app: ASGIApp) -> None:
        self.state: dict[str, Any] = {}
        self.should_exit = False  # for uvicorn: a failure is an exception here
        self._app = app
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._answered: asyncio.Future[Message] | None = None
        self._listens = False  # the application has asked for an event, so it knows the protocol
        self._task: asyncio.Future[None] | None = None

    async def startup(self) -> None:
        """Start the application; one that does not support the lifespan protocol needs no start.

        Raises:
            StartupFailed: It reported a failure, or raised.
        """
        answer = await self._ask("lifespan.startup")
        error = self._error()
        if error is not None and self._listens:
            raise StartupFailed(str(error) or type(error).__name__) from error
        if answer is not None and answer["type"] == "lifespan.startup.failed":
            # An application may report its failure and raise it, too, a moment later.
            await asyncio.sleep(0)
            error = self._error()
            raise StartupFailed(str(error or answer.get("message") or "no reason given")) from error

    async def shutdown(self) -> None:
        """Let the application clean up; its failures are logged."""
        if self._task is None or self._task.done():
            return
        answer = await self._ask("lifespan.shutdown")
        error = self._error()
        if error is not None or (answer is not None and answer["type"] == "lifespan.shutdown.failed"):
            _logger.error("application shutdown failed: %s", error or (answer or {}).get("message", ""))

    async def _ask(self, event: str) -> Message | None:
        """Send ``event`` and return the answer; None when the application ended instead."""
        answered: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._answered = answered
        if self._task is None:
            scope = {
                "type": "lifespan",
                "asgi": {"version": "3.0", "spec_version": "2.0"},
                "state": self.state,
            }
            self._task = asyncio.ensure_future(self._app(scope, self.receive, self.send))
        self._events.put_nowait({"type": event})
        either: list[asyncio.Future[Any]] = [answered, self._task]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return answered.result() if answered.done() else None

    def _error(self) -> BaseException | None:
        return self._task.exception() if self._task is not None and self._task.done() else None

    async def receive(self) -> Message:
        """ASGI's ``receive``."""
        self._listens = True
        return await self._events.get()

    async def send(self, message: Message) -> None:
        """ASGI's ``send``."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(message)
