"""Appending, as tus does it, to an upload that is kept as ranges."""

from __future__ import annotations

from dataclasses import replace

from tusd_py.errors import UploadLocked
from tusd_py.errors.chunks import OutOfOrder
from tusd_py.errors.commits import CommittedIsImmutable
from tusd_py.model.body import Body, Ended, Hash, Received, StopSignal
from tusd_py.model.claims import Busy, Granted, Repeat, Wish
from tusd_py.model.ranges import ByteRange, Chunk
from tusd_py.model.upload import Upload, UploadKind, UploadState, new_uuid
from tusd_py.service.alive import Sha256, kept_from_expiry
from tusd_py.service.claims import refusal_of
from tusd_py.service.core import Core
from tusd_py.service.liveness import Liveness
from tusd_py.service.proof import Proof


class RangedAppend:
    """Writes the body of a PATCH as one more chunk. The caller holds the upload's lock."""

    def __init__(self, core: Core, liveness: Liveness) -> None:
        self._core = core
        self._liveness = liveness

    async def check(self, upload: Upload) -> None:
        """Refuse what no PATCH can go on with; fine for every upload that is not kept as ranges.

        Raises CommittedIsImmutable, OutOfOrder.
        """
        if upload.prefix is None:
            return
        if upload.kind is UploadKind.SESSION and upload.state is not UploadState.OPEN:
            raise CommittedIsImmutable
        if upload.state is UploadState.OPEN:
            facts = await self._core.ranges.facts(upload.id)
            if facts.received > upload.prefix:
                raise OutOfOrder

    async def write(
        self, upload: Upload, offset: int, body: Body, proof: Proof, stop: StopSignal
    ) -> Received:
        """Store what arrives at ``offset`` as a received range, unless it is not what ``proof`` says.

        Raises UploadLocked, ChecksumMismatch, MalformedHeader, StorageFull.
        """
        stop_at = upload.length or 0
        if body.length is not None:
            stop_at = min(stop_at, offset + body.length)
        if stop_at == offset:
            return Received(0, Ended.COMPLETE)
        chunk_id = new_uuid()
        with self._liveness.writing(chunk_id):
            chunk = await self._claim(upload, ByteRange(offset, stop_at), chunk_id)
            try:
                with kept_from_expiry(self._core, upload):
                    received = await self._write(upload, chunk, body, proof, stop)
            except BaseException:
                await self._core.ranges.drop_claim(chunk)
                raise
            if received.count == 0:
                await self._core.ranges.drop_claim(chunk)
        return received

    async def _claim(self, upload: Upload, wanted: ByteRange, chunk_id: str) -> Chunk:
        wish = Wish(
            upload_id=upload.id,
            range=wanted,
            chunk_id=chunk_id,
            worker=self._liveness.worker,
            at=self._core.clock(),
            max_chunks=None,  # a tus client cannot choose larger chunks after a broken connection
        )
        answer = await self._liveness.claim(wish)
        if isinstance(answer, Busy):
            raise UploadLocked
        if not isinstance(answer, Granted | Repeat):
            raise await refusal_of(answer, self._core.ranges, upload.id)
        return answer.chunk

    async def _write(
        self, upload: Upload, chunk: Chunk, body: Body, proof: Proof, stop: StopSignal
    ) -> Received:
        core, taken, offset = self._core, Sha256(), chunk.range.start
        hashes: list[Hash] = [taken]
        if proof.checksum is not None:
            hashes.append(proof.checksum.new_hash())
        received = await core.store.write(
            upload.id, offset, body, limit=chunk.range.size, hashes=hashes, stop=stop
        )
        if stop.at is not None and received.ended is Ended.STOPPED:
            return Received(0, received.ended)  # another sender has begun at this very byte
        if proof.is_asked_for:
            if received.ended is not Ended.COMPLETE:
                return Received(0, received.ended)
            await proof.verify(core.store, upload.id, offset, received.count, hashes)
        if received.count:
            if core.syncs_chunks(upload):
                await core.store.sync(upload.id)
            is_durable = core.config.durability == "patch"
            stored = replace(chunk, range=ByteRange(offset, offset + received.count))
            await core.ranges.record(
                stored,
                sha256=taken.hexdigest(),
                at=core.clock(),
                expires_at=core.expiry(UploadState.OPEN),
                durable=is_durable,
            )
        return received
