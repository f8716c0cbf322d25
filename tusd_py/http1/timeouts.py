"""One coarse timer for all connections, instead of one timer for every read."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol


class Ticking(Protocol):
    """What wants to be asked now and then whether it has waited too long."""

    def on_tick(self, now: float) -> None:
        """Look at the clock; ``now`` is ``time.monotonic()``."""


class Sweep:
    """Ticks every registered connection; runs only while there is one.

    A limit of ``limit_s`` is thus noticed up to a tenth of it late, never early.
    """

    def __init__(self, limit_s: float) -> None:
        self._interval_s = min(1.0, limit_s / 10)
        self._connections: set[Ticking] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, connection: Ticking, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to tick ``connection``."""
        self._connections.add(connection)
        if self._timer is None:
            self._timer = loop.call_later(self._interval_s, self._tick, loop)

    def remove(self, connection: Ticking) -> None:
        """Leave ``connection`` alone from now on."""
        self._connections.discard(connection)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = monotonic()
        for connection in list(self._connections):
            connection.on_tick(now)
        self._timer = loop.call_later(self._interval_s, self._tick, loop) if self._connections else None


class SendingWatch:
    """Notices a client that does not take its response; a slow but steady one is never cut."""

    __slots__ = ("_amount", "_since")

    def __init__(self) -> None:
        self._amount = -1
        self._since = 0.0

    def stuck_for(self, amount: int, waiting: bool, now: float) -> float:
        """Return for how many seconds ``amount`` bytes have been sent while more were ``waiting``."""
        if amount != self._amount or not waiting:
            self._amount, self._since = amount, now
        return now - self._since
