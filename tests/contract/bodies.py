"""Bodies for data stores: bytes that have arrived, in pieces, and how they ended."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from tusd_py.model.body import Body, Ended, Hash, Received, StopSignal


@dataclass
class Sent(Body):
    """``pieces`` one after the other, then ``ended``, or ``failure`` as the medium's."""

    pieces: Sequence[bytes]
    ended: Ended = Ended.COMPLETE
    failure: OSError | None = None
    stops: list[StopSignal] = field(default_factory=list)  # what the store handed over

    @property
    def length(self) -> int | None:
        """Bytes announced; these bodies are chunked."""
        return None

    @property
    def trailers(self) -> Sequence[tuple[bytes, bytes]]:
        """No trailers."""
        return ()

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
        """Write each piece to its place, as a server's body does."""
        self.stops.append(stop)
        count = 0
        for piece in self.pieces:
            part = piece[: limit - count]
            os.pwrite(fd, part, offset + count)
            count += len(part)
            for taken in hashes:
                taken.update(memoryview(part))
            if len(part) < len(piece):
                return Received(count, Ended.OVERRUN)
            await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return Received(count, self.ended)


def sent(*pieces: bytes) -> Sent:
    """A body that arrives as a whole."""
    return Sent(pieces)
