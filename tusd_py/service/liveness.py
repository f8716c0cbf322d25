"""Whether the worker that holds a claim is still there.

Every worker process holds a lock for as long as it lives. The kernel frees it with the process, so whoever
can have that lock knows that its owner is gone. There are no leases: a stalled writer never wakes up over
somebody else's bytes.
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
    """Gives up the claims of workers that are gone."""

    def __init__(self, locker: Locker, ranges: RangeCatalog, worker: LockName) -> None:
        self._locker = locker
        self._ranges = ranges
        self.worker = worker  # our own name; its lock is held by whoever made us
        self._writing: set[str] = set()  # ids of the chunks that requests of this process claim now

    @contextmanager
    def writing(self, chunk_id: str) -> Iterator[None]:
        """Say that a request claims a chunk, from before it does until it has let go of it."""
        self._writing.add(chunk_id)
        try:
            yield
        finally:
            self._writing.discard(chunk_id)

    async def claim(self, wish: Wish) -> Answer:
        """Claim a range; ``Busy`` only when whoever has it is alive."""
        while isinstance(answer := await self._ranges.claim(wish), Busy):
            if not await self.drop_claim_of_dead(answer.chunk):
                break
        return answer

    async def drop_claim_of_dead(self, chunk: UploadChunk) -> bool:
        """Give up a claim whose request is gone; whether it was.

        One of this process can be left over, too: on a full disk it could not be dropped.
        """
        if chunk.worker != self.worker:
            return await self.drop_claims_of_dead([chunk.worker])
        if chunk.id in self._writing:
            return False
        await self._ranges.drop_claim(chunk)
        return True

    async def drop_claims_of_dead(self, workers: Iterable[str | None]) -> bool:
        """Give up the claims of those among ``workers`` that are dead; whether there was one."""
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
        """Give up the claims of all dead workers."""
        await self.drop_claims_of_dead(await self._ranges.claimants())
