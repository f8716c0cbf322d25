"""A body into a file by way of the event loop: for TLS and the chunked coding, and for small bodies.

While one write is under way the loop goes on receiving, up to ``WRITING_BACKLOG`` bytes, and all of
that is the next write. So nothing is held back longer than one write takes, and a slow medium gets
large writes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from tusd_py.model.body import Ended, Hash, Received, StopSignal
from tusd_py.transfer.writing import write_pieces

from .inbox import WRITING_BACKLOG, Inbox
from .pool import Pool

SMALL = 64 * 1024  # bytes that are written in less time than a trip to a thread takes


async def receive(
    inbox: Inbox,
    pool: Pool,
    place: tuple[int, int, int],
    hashes: Sequence[Hash],
    stop: StopSignal,
    write_small: Callable[..., Awaitable[int]],
) -> Received:
    """Write the body to ``place`` (descriptor, offset, limit); as ``tusd_py.model.body.Body.write_to``."""
    fd, offset, limit = place
    inbox.backlog = WRITING_BACKLOG
    count = taken = 0

    def reason_to_end() -> Ended | None:
        return stop.reason if stop.ends(offset + taken + inbox.buffered) else None

    stop.on_request(lambda: inbox.stop(reason_to_end))
    while True:
        pieces = inbox.take(limit - count)
        if pieces:
            size = sum(map(len, pieces))
            taken += size
            write = write_small if size <= SMALL else pool.run
            count += await write(write_pieces, fd, pieces, offset + count, hashes)
        elif count == limit and (inbox.buffered or inbox.framing.left):
            return Received(count, Ended.OVERRUN)
        elif inbox.ended is not None:
            return Received(count, inbox.ended)
        else:
            await inbox.wait()
