"""The bytes of one request on their way to a data store, and why they ended.

A body never raises because of the client: one that vanishes, stalls or breaks the framing just ends,
and ``Ended`` says why. So a store needs no error path for the client's behaviour, and whatever
arrived before the end is kept ("store as much of the received data as possible": tus 1.0.0, PATCH).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Ended(Enum):
    """Why a body ended."""

    COMPLETE = "complete"  # every byte the client announced has arrived
    OVERRUN = "overrun"  # the client sent more than the limit; exactly the limit was taken
    DISCONNECTED = "disconnected"  # FIN or RST before the end of the body
    STOPPED = "stopped"  # another request asked for the upload
    STALLED = "stalled"  # no byte for the network time-out
    SHUTDOWN = "shutdown"  # the server is going down
    MALFORMED = "malformed"  # the chunked coding is broken


class Hash(Protocol):
    """The part of a ``hashlib`` object that a body needs; ``update`` may run in a worker thread."""

    def update(self, data: memoryview, /) -> None:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """Return the digest of everything taken so far."""


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a body: how many bytes were taken, and why it ended."""

    count: int
    ended: Ended


class StopSignal:
    """One way to end a body early, from the event loop's thread.

    A body that is asked to stop takes what has already arrived and ends within half a second, at the
    first moment it would have to wait. Asking twice is harmless; the first reason stays.
    """

    __slots__ = ("_callbacks", "reason")

    def __init__(self) -> None:
        self.reason: Ended | None = None
        self._callbacks: list[Callable[[], None]] = []

    def request(self, reason: Ended = Ended.STOPPED) -> None:
        """Ask the body to end for ``reason`` (``STOPPED`` or ``SHUTDOWN``)."""
        if self.reason is None:
            self.reason = reason
            callbacks, self._callbacks = self._callbacks, []
            for callback in callbacks:
                callback()

    def on_request(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once when the stop is asked for; at once when it already was."""
        if self.reason is None:
            self._callbacks.append(callback)
        else:
            callback()


class Body(Protocol):
    """The bytes of one request; taken once."""

    @property
    def length(self) -> int | None:
        """Bytes the client announced (``Content-Length``); None for a chunked body."""

    async def write_to(
        self, fd: int, offset: int, limit: int, *, hashes: Sequence[Hash] = (), stop: StopSignal
    ) -> Received:
        """Write the body into the open file ``fd`` from byte ``offset`` on, at most ``limit`` bytes.

        Every byte goes to an explicit place; the file's own position is not used. On return the bytes
        are in the file (not necessarily on the medium) and each of ``hashes`` has taken exactly them,
        in order. Blocking calls run off the event loop; memory does not grow with the body.

        Raises:
            OSError: The medium failed (``ENOSPC``, ``EIO`` ...). The bytes before it are in the file.
        """

    @property
    def trailers(self) -> Sequence[tuple[bytes, bytes]]:
        """Trailer fields (lower-case name, value) that followed a chunked body; known once it ended."""
