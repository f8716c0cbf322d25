"""Detects whether the worker that holds a claim is alive.

Every worker process holds a lock of its own while it lives. It ends with the process, so if that lock is
free, its owner is dead. There are no leases: a stalled writer can never continue on another request's range.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tusd_py import observe
from tusd_py.model.claims import Answer, Busy, Wish
from tusd_py.model.upload import UploadChunk
from tusd_py.ports.locks import Locker, LockName, other_lock
from tusd_py.ports.ranges import RangeCatalog


def new_worker_name() -> LockName:
    """Return the name of a worker, which is that of its lock."""
    return other_lock(f"worker-{os.getpid()}-{secrets.token_hex(8)}")


class Liveness:
    """Claims ranges, and removes the claims of dead workers."""

    def __init__(self, locker: Locker, ranges: RangeCatalog, worker: LockName) -> None:
        self._locker = locker
        self._ranges = ranges
        self.worker = worker  # our own name; the caller of this holds its lock
        self._writing: set[str] = set()  # ids of the chunks that requests of this process claim now

    @contextmanager
    def writing(self, chunk_id: str) -> Iterator[None]:
        """Mark a chunk as claimed by a request of this process; enter it before the claim is made."""
        self._writing.add(chunk_id)
        try:
            yield
        finally:
            self._writing.discard(chunk_id)

    async def claim(self, wish: Wish) -> Answer:
        """Claim a range; ``Busy`` only if the worker that claims it is alive."""
        while isinstance(answer := await self._ranges.claim(wish), Busy):
            if not await self.drop_claim_of_dead(answer.chunk):
                break
        return answer

    async def drop_claim_of_dead(self, chunk: UploadChunk) -> bool:
        """Remove a claim whose request has ended; return whether it had.

        A claim of this process can be left over, too: on a full disk it could not be removed.
        """
        if chunk.worker != self.worker:
            return await self.drop_claims_of_dead([chunk.worker])
        if chunk.id in self._writing:
            return False
        await self._ranges.drop_claim(chunk)
        return True

    async def drop_claims_of_dead(self, workers: Iterable[str | None]) -> bool:
        """Remove the claims of those among ``workers`` that are dead; return whether there was one."""
        is_any = False
        for worker in workers:
            if worker is None or worker == self.worker:
                continue
            async with self._locker.hold_if_free(LockName(worker)) as held:
                if held:  # its owner is dead
                    await self._ranges.drop_claims_of(worker, held)
                    observe.log("ClaimsDropped", worker=worker)
                    is_any = True
        return is_any

    async def drop_claims_of_all_dead(self) -> None:
        """Remove the claims of all dead workers."""
        await self.drop_claims_of_dead(await self._ranges.claimants())
