"""Appends bytes that count only when their checksum has been verified."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tusd_py.model.body import Body, Ended, Received
from tusd_py.model.upload import GROWING, Growing, Upload
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.locks import Held
from tusd_py.ports.store import DataStore, Truncates
from tusd_py.service.capabilities import Digest, Sync
from tusd_py.service.expected import ExpectedChecksum
from tusd_py.settings import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAppend:
    """Writes bytes in place, marked as unverified, and discards them if they are wrong; under the lock.

    A body is verified at its end and may be larger than the memory, so the store must be able to discard it.
    """

    config: Config
    catalog: Catalog
    store: DataStore
    rollback: Truncates
    sync: Sync
    digest: Digest

    async def recovered(self, upload: Upload, held: Held) -> Upload:
        """Discard unverified bytes that an earlier request left because its process died."""
        if not isinstance(upload.layout, Growing) or upload.layout.unverified_from is None:
            return upload
        await self._discard(upload, upload.layout.unverified_from, held)
        return replace(upload, layout=GROWING)

    async def write(
        self,
        upload: Upload,
        offset: int,
        body: Body,
        expected: ExpectedChecksum,
        held: Held,
        *,
        limit: int,
    ) -> Received:
        """Store ``body``, at most ``limit`` bytes; none of it unless it is complete and correct.

        Raises ChecksumMismatch, MalformedHeader, StorageFull.
        """
        is_durable = self.config.syncs_answers
        await self.catalog.set_unverified(upload.id, offset, held, durable=is_durable)
        hashes = [] if expected.checksum is None else [expected.checksum.new_hash()]
        try:
            received = await self.store.write(
                upload.id, offset, body, limit=limit, hashes=hashes, stop=held.stop
            )
            if received.ended is Ended.COMPLETE:
                await expected.verify(self.digest, upload.id, offset, received.count, hashes)
                if is_durable:
                    await self.sync(upload.id)
        except BaseException:
            await self._discard(upload, offset, held)
            raise
        if received.ended is not Ended.COMPLETE:
            await self._discard(upload, offset, held)
            return Received(0, received.ended)
        await self.catalog.set_unverified(upload.id, None, held, durable=is_durable)
        return received

    async def _discard(self, upload: Upload, offset: int, held: Held) -> None:
        held.check()  # another request may be writing here by now
        await self.rollback.truncate(upload.id, offset)
        await self.catalog.set_unverified(upload.id, None, held)
