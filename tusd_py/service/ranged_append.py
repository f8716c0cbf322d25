"""Appends the body of a tus PATCH to an upload kept as ranges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tusd_py.errors.uploads import CommittedIsImmutable, OutOfOrder, UploadLocked, UploadNotFound
from tusd_py.model.body import Body, Ended, Hash, Received, StopSignal
from tusd_py.model.claims import Busy, Granted, Overlap, Repeat, Wish
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import Ranged, Upload, UploadChunk, UploadKind, UploadState, new_uuid
from tusd_py.ports.ranges import RangeCatalog
from tusd_py.ports.store import DataStore
from tusd_py.service.capabilities import Digest, Sync
from tusd_py.service.claims import refusal_of
from tusd_py.service.durability import syncs_chunks
from tusd_py.service.expected import ExpectedChecksum
from tusd_py.service.hashing import Sha256
from tusd_py.service.lifetime import Lifetime
from tusd_py.service.liveness import Liveness
from tusd_py.settings import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class RangedAppend:
    """Writes the body of a PATCH as one more chunk. The caller holds the upload's lock."""

    config: Config
    store: DataStore
    digest: Digest
    sync: Sync
    ranges: RangeCatalog
    clock: Callable[[], float]
    lifetime: Lifetime
    liveness: Liveness

    async def check(self, upload: Upload) -> None:
        """Refuse an upload that a PATCH cannot continue; accepts every upload not kept as ranges.

        Raises CommittedIsImmutable, OutOfOrder.
        """
        if not isinstance(upload.layout, Ranged):
            return
        if upload.kind is UploadKind.SESSION and upload.state is not UploadState.OPEN:
            raise CommittedIsImmutable
        if upload.state is UploadState.OPEN:
            facts = await self.ranges.facts(upload.id)
            if facts.received > upload.layout.prefix:
                raise OutOfOrder

    async def write(
        self, upload: Upload, offset: int, body: Body, expected: ExpectedChecksum, stop: StopSignal
    ) -> Received:
        """Store the body at ``offset`` as a received range, if it has the checksum of ``expected``.

        Raises UploadLocked, RangeOverlap, ChecksumMismatch, MalformedHeader, StorageFull.
        """
        stop_at = upload.length or 0
        if body.length is not None:
            stop_at = min(stop_at, offset + body.length)
        if stop_at == offset:
            return Received(0, Ended.COMPLETE)
        chunk_id = new_uuid()
        with self.liveness.writing(chunk_id):
            chunk = await self._claim(upload, ByteRange(offset, stop_at), chunk_id)
            try:
                with self.lifetime.kept(upload):
                    received = await self._write(upload, chunk, body, expected, stop)
            except BaseException:
                await self.ranges.drop_claim(chunk)
                raise
            if received.count == 0:
                await self.ranges.drop_claim(chunk)
        return received

    async def _claim(self, upload: Upload, wanted: ByteRange, chunk_id: str) -> UploadChunk:
        wish = Wish(
            upload_id=upload.id,
            range=wanted,
            chunk_id=chunk_id,
            worker=self.liveness.worker,
            at=self.clock(),
            max_chunks=None,  # a tus client cannot choose the size of its chunks
        )
        answer = await self.liveness.claim(wish)
        if isinstance(answer, Busy):
            raise UploadLocked
        if isinstance(answer, Granted):
            return answer.chunk
        if isinstance(answer, Repeat):  # received as a chunk since we looked: its bytes stay as they are
            answer = Overlap([answer.chunk.range])
        raise await refusal_of(answer, self.ranges, upload.id)

    async def _write(
        self, upload: Upload, chunk: UploadChunk, body: Body, expected: ExpectedChecksum, stop: StopSignal
    ) -> Received:
        taken, offset = Sha256(), chunk.offset
        hashes: list[Hash] = [taken]
        if expected.checksum is not None:
            hashes.append(expected.checksum.new_hash())
        received = await self.store.write(upload.id, offset, body, limit=chunk.size, hashes=hashes, stop=stop)
        if stop.at is not None and received.ended is Ended.STOPPED:
            return Received(0, received.ended)  # another sender starts at the same offset
        if expected.is_asked_for:
            if received.ended is not Ended.COMPLETE:
                return Received(0, received.ended)
            await expected.verify(self.digest, upload.id, offset, received.count, hashes)
        if received.count:
            if syncs_chunks(self.config, upload):
                await self.sync(upload.id)
            is_durable = self.config.syncs_answers
            stored = replace(chunk, size=received.count)
            is_there = await self.ranges.record(
                stored,
                sha256=taken.hexdigest(),
                at=self.clock(),
                expires_at=self.lifetime.expiry(UploadState.OPEN),
                durable=is_durable,
            )
            if not is_there:
                raise UploadNotFound
        return received
