"""The body of a request, and why it ended.

A body never raises because of the client: when a client vanishes, stalls or breaks the framing, the body
ends, and ``Ended`` says why. So a store needs no error path for the client's behaviour, and everything that
arrived before the end is kept ("store as much of the received data as possible": tus 1.0.0, PATCH).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from typing import Final, Protocol

#: A body that is asked to stop ends at the first gap as long as this ...
STOP_GAP_S: Final = 0.05
#: ... or after this time.
STOP_WITHIN_S: Final = 0.5

#: Bytes as they arrived.
Piece = bytes | bytearray | memoryview


class Ended(Enum):
    """Why a body ended."""

    COMPLETE = "complete"  # every byte the client announced has arrived
    OVERRUN = "overrun"  # the client sent more than the limit; exactly the limit was stored
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
    """The result of a body: how many bytes were stored, and why it ended."""

    count: int
    ended: Ended


class StopSignal:
    """How far a body is, and one way to end it early; for the event loop's thread.

    A body that is asked to stop stores what has already arrived and ends within ``STOP_WITHIN_S``, at the
    first gap of ``STOP_GAP_S``. Asking twice is harmless; the first reason stays.

    Another sender asks with its offset, because it can only continue from there. If the body stores a byte
    beyond that offset before it has ended, the request is withdrawn.

    Attributes:
        position: Where the body's next byte goes. The pump moves it on as it takes bytes, so whoever watches
            it sees whether any arrive.
        at: The offset with which the stop was asked for; None: it holds wherever the body is.
        until: When a body that is asked to stop must have ended, by ``time.monotonic()``.
        shown: The offset that others are told while the body arrives, where that is not the number of
            bytes that were taken: they await a checksum or the catalog's record.
    """

    __slots__ = ("_callbacks", "at", "position", "reason", "shown", "until")

    def __init__(self) -> None:
        self.position = 0
        self.reason: Ended | None = None
        self.at: int | None = None
        self.until = 0.0
        self.shown: int | None = None
        self._callbacks: list[Callable[[], None]] = []

    def request(self, reason: Ended = Ended.STOPPED, *, at: int | None = None) -> None:
        """Ask the body to end for ``reason`` (``STOPPED`` or ``SHUTDOWN``), if it is still at ``at``."""
        if self.reason is not None and (self.at is None or self.at == at):
            return
        if self.reason is None:
            self.until = monotonic() + STOP_WITHIN_S
        self.reason, self.at = reason, at
        for callback in self._callbacks:
            callback()

    def on_request(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` at every stop request; at once if there is one already."""
        self._callbacks.append(callback)
        if self.reason is not None:
            callback()

    def ends(self, ahead: int = 0) -> Ended | None:
        """Return why the body ends, which has ``ahead`` bytes beyond ``position`` at hand; None: it goes on.

        A request that the body has outrun is withdrawn.
        """
        if self.at is not None and self.at != (self.position + ahead if self.shown is None else self.shown):
            self.reason = self.at = None
        return self.reason

    def ends_at(self, last_byte: float) -> float:
        """Return when a body ends that is asked to, and that nothing has come for since ``last_byte``."""
        return min(last_byte + STOP_GAP_S, self.until)


class Calls(Protocol):
    """Where the calls that may block are made for a body; a cancelled caller outlasts what has begun."""

    @property
    def quick_bytes(self) -> int:
        """A write of at most so many bytes costs less than a visit to a thread; 0: none does."""

    async def run_quick(self, call: Callable[..., object], *args: object) -> object:
        """Make a call that takes microseconds on a healthy medium."""

    async def run(self, call: Callable[..., object], *args: object) -> object:
        """Make a call that may take long."""


class DirectSource(Protocol):
    """A body that moves its own bytes into a file, past the event loop."""

    async def move(self, fd: int, offset: int, room: int, hashes: Sequence[Hash]) -> tuple[int, Ended | None]:
        """Move the next bytes, at most ``room``, into the open file ``fd``, and hash them.

        Returns:
            How many bytes were moved, and why the body ended (None: it goes on).

        Raises:
            OSError: The medium failed. The bytes before it are in the file.
        """


class Body(Protocol):
    """The bytes of one request; ``tusd_py.transfer.pump`` reads them, once."""

    @property
    def length(self) -> int | None:
        """Bytes the client announced (``Content-Length``); None for a chunked body."""

    @property
    def calls(self) -> Calls:
        """Where the pump makes the calls that write and hash the bytes."""

    def open(self, stop: StopSignal) -> None:
        """Start to receive, and to obey ``stop``."""

    async def take(self, room: int) -> tuple[Sequence[Piece], Ended | None]:
        """Wait for bytes; return at most ``room`` of them, and why the body ended (None: it goes on).

        More bytes than ``room`` end the body with ``OVERRUN``.
        """

    def direct(self, room: int) -> DirectSource | None:
        """Return a source that moves ``room`` bytes past the event loop; None: it would gain nothing."""

    def close(self) -> None:
        """Receive no more bytes."""

    @property
    def trailers(self) -> Sequence[tuple[bytes, bytes]]:
        """Trailer fields (lower-case name, value) that followed a chunked body; known once it ended."""
