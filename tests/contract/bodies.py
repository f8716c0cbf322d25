"""Bodies for data stores: bytes that have arrived, in pieces, and how they ended."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from tusd_py.model.body import Calls, Ended, StopSignal
from tusd_py.transfer.calls import Threads


@dataclass
class Sent:
    """``pieces`` one after the other, then ``ended``, or ``failure`` as the medium's."""

    pieces: Sequence[bytes]
    ended: Ended = Ended.COMPLETE
    failure: OSError | None = None
    calls: Calls = field(default_factory=Threads)
    stops: list[StopSignal] = field(default_factory=list)  # what the store handed over

    @property
    def length(self) -> int | None:
        """Bytes announced; these bodies are chunked."""
        return None

    @property
    def trailers(self) -> Sequence[tuple[bytes, bytes]]:
        """No trailers."""
        return ()

    def open(self, stop: StopSignal) -> None:
        """Remember who may end it."""
        self.stops.append(stop)

    async def take(self, room: int) -> tuple[Sequence[bytes], Ended | None]:
        """Give the next piece, as much of it as there is room for."""
        await asyncio.sleep(0)
        if not self.pieces:
            if self.failure is not None:
                raise self.failure
            return (), self.ended
        piece, self.pieces = self.pieces[0], self.pieces[1:]
        return [piece[:room]], Ended.OVERRUN if len(piece) > room else None

    def direct(self, room: int) -> None:
        """These bytes only come as pieces."""

    def close(self) -> None:
        """Nothing is open."""


def sent(*pieces: bytes) -> Sent:
    """A body that arrives as a whole."""
    return Sent(pieces)
