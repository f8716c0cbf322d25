"""Receives chunks: any number at the same time, in any order, each written at its place.

The received ranges of an upload are disjoint and never written again, and each has a stored sha256; all
other rules follow from that. No lock is held: a claim in the catalog gives a range to one request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tusd_py import observe
from tusd_py.errors.chunks import (
    ChunkConflict,
    ChunkInProgress,
    ChunkSizeMismatch,
    ChunkTimeout,
    ChunkTooLarge,
    ContentRangeTotal,
    InvalidContentRange,
    RangeOverlap,
    UploadNotOpen,
)
from tusd_py.errors.server import ServerShutdown
from tusd_py.errors.uploads import UploadNotFound
from tusd_py.model.body import Body, Ended, Received, StopSignal
from tusd_py.model.claims import Busy, Forgotten, Granted, Repeat, Wish
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import ChunkState, Ranged, Upload, UploadChunk, UploadKind, UploadState, new_uuid
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.locks import Held, Locker, upload_lock
from tusd_py.ports.ranges import RangeCatalog
from tusd_py.ports.store import Allocates, DataFileMissing, DataStore
from tusd_py.service.caller import Caller
from tusd_py.service.capabilities import Digest, Sync
from tusd_py.service.claims import refusal_of
from tusd_py.service.durability import syncs_chunks
from tusd_py.service.expected import ExpectedDigests
from tusd_py.service.finishing import Finishing
from tusd_py.service.hashing import Sha256, digest
from tusd_py.service.lifetime import Lifetime
from tusd_py.service.liveness import Liveness
from tusd_py.service.lookup import Lookup
from tusd_py.settings import Config
from tusd_py.transfer.meanwhile import stopped_when_idle
from tusd_py.transfer.pump import NullSink, pump


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a chunk: its range, and the upload's size as the client gives it (None: it does not)."""

    range: ByteRange
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A received chunk, and whether this request stored it."""

    chunk: UploadChunk
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """Stores and deletes chunks."""

    config: Config
    catalog: Catalog
    store: DataStore
    space: Allocates
    digest: Digest
    sync: Sync
    locker: Locker
    ranges: RangeCatalog
    clock: Callable[[], float]
    lookup: Lookup
    finishing: Finishing
    lifetime: Lifetime
    liveness: Liveness

    async def put(
        self, upload: Upload, place: Place, body: Body, expected: ExpectedDigests, caller: Caller
    ) -> Stored:
        """Store a chunk. On return its bytes are in the file and verified.

        Raises:
            InvalidContentRange, ContentRangeTotal, ChunkTooLarge, UploadNotOpen, RangeOverlap,
            ChunkInProgress, TooManyChunks, UploadNotFound: before a byte of the body was read.
            ChunkConflict: The range was received before with other bytes; those are kept.
            ChunkSizeMismatch, ChunkDigestMismatch, ChunkTimeout, ServerShutdown, StorageFull: the range
                counts as missing.
        """
        self._check_place(upload, place)
        if body.length is not None and body.length != place.range.size:
            raise ChunkSizeMismatch(expected=place.range.size, actual=body.length)
        upload = await self._kept_as_ranges(upload, place.range)
        stored = await self._stored(upload, place.range, body, expected)
        if upload.kind is not UploadKind.SESSION:
            await self._finish_if_full(upload.id, caller)
        return stored

    async def _stored(
        self, upload: Upload, wanted: ByteRange, body: Body, expected: ExpectedDigests
    ) -> Stored:
        chunk_id = new_uuid()
        with self.liveness.writing(chunk_id):
            answer = await self._claim(upload, wanted, chunk_id)
            if isinstance(answer, Repeat):
                return Stored(await self._compared(answer.chunk, body, expected), is_new=False)
            try:
                chunk = await self._written(upload, answer.chunk, body, expected)
            except BaseException:
                await self.ranges.drop_claim(answer.chunk)
                raise
        observe.log("ChunkStored", id=upload.id, offset=chunk.offset, size=chunk.size)
        return Stored(chunk, is_new=True)

    async def delete(self, upload: Upload, offset: int) -> None:
        """Delete the chunk at byte ``offset``; its bytes count as missing again.

        Raises ChunkNotFound, UploadNotOpen, ChunkInProgress.
        """
        ranges = self.ranges
        answer = await ranges.delete_chunk(upload.id, offset)
        if isinstance(answer, Busy) and await self.liveness.drop_claim_of_dead(answer.chunk):
            answer = await ranges.delete_chunk(upload.id, offset)
        if not isinstance(answer, Forgotten):
            raise await refusal_of(answer, ranges, upload.id)

    def _check_place(self, upload: Upload, place: Place) -> None:
        if upload.kind is UploadKind.FINAL:
            raise UploadNotOpen("final", "a final upload takes no bytes of its own")
        if upload.length is None:
            raise UploadNotOpen("open", "the length of the upload is not known yet")
        if place.range.stop > upload.length:
            raise InvalidContentRange(
                f"Content-Range ends beyond the upload, which has {upload.length} bytes", size=upload.length
            )
        is_strict = self.config.content_range_total == "strict"
        if is_strict and place.total is not None and place.total != upload.length:
            raise ContentRangeTotal(size=upload.length, total=place.total)
        limit = self.config.max_chunk_size
        if limit is not None and place.range.size > limit:
            raise ChunkTooLarge(limit=limit)

    async def _kept_as_ranges(self, upload: Upload, wanted: ByteRange) -> Upload:
        """Return an upload kept as ranges; converts one that tus created.

        Raises UploadNotOpen, UploadNotFound, RangeOverlap, ChunkInProgress: no writer was asked to stop.
        """
        if isinstance(upload.layout, Ranged):
            return upload

        async def look() -> Upload:
            current = await self.catalog.get(upload.id)
            if current is None or current.length is None:
                raise UploadNotFound
            if not isinstance(current.layout, Ranged):
                await self._check_prospects(current, wanted, current.length)
            return current

        async def check() -> None:
            # A chunk that will be refused must not stop a PATCH.
            current = await look()
            if not isinstance(current.layout, Ranged) and wanted.start < await self.lookup.offset(current):
                raise ChunkInProgress(wanted)  # a PATCH is about to write this range

        async with self.locker.hold(
            upload_lock(upload.id),
            StopSignal(),
            timeout_s=self.config.acquire_lock_timeout_s,
            before_asking=check,
        ) as held:
            current = await look()
            if not isinstance(current.layout, Ranged):
                current = await self._convert(current, current.length or 0, held)
        return current

    async def _check_prospects(self, upload: Upload, wanted: ByteRange, length: int) -> None:
        """Refuse a chunk that cannot be stored in an upload that tus created."""
        if upload.state is not UploadState.OPEN:
            raise UploadNotOpen("completed" if upload.state is UploadState.COMPLETE else upload.state.value)
        held = await self.lookup.offset(upload)
        if wanted.start < held and wanted != ByteRange(0, held):
            missing = [ByteRange(held, length)] if held < length else []
            raise RangeOverlap(conflicts=[ByteRange(0, held)], missing=missing)

    async def _convert(self, upload: Upload, length: int, lock: Held) -> Upload:
        """Allocate the whole file of an upload; what it holds becomes one chunk. Its lock is ``lock``."""
        held = await self.lookup.offset(upload)
        chunk = None
        if held:
            taken = Sha256()
            await digest(self.digest, upload.id, 0, held, taken)
            chunk = UploadChunk(
                id=new_uuid(),
                upload_id=upload.id,
                offset=0,
                size=held,
                data_file=upload.id,
                sha256=taken.hexdigest(),
                created_at=upload.created_at,
                completed_at=self.clock(),
            )
            if syncs_chunks(self.config, upload):
                await self.sync(upload.id)
        # The file grows only after the catalog and the export say that its size means nothing any more.
        lock.check()
        ranged = replace(upload, layout=Ranged(held))
        await self.store.export(ranged)
        await self.ranges.convert(upload, chunk, lock)
        await self.space.allocate(upload.id, length, how=self.config.preallocate, min_free=0)
        return ranged

    async def _claim(self, upload: Upload, wanted: ByteRange, chunk_id: str) -> Granted | Repeat:
        config = self.config
        wish = Wish(
            upload_id=upload.id,
            range=wanted,
            chunk_id=chunk_id,
            worker=self.liveness.worker,
            at=self.clock(),
            replace=config.on_chunk_conflict == "replace",
            max_chunks=config.max_chunks,
        )
        answer = await self.liveness.claim(wish)
        if not isinstance(answer, Granted | Repeat):
            raise await refusal_of(answer, self.ranges, upload.id)
        return answer

    async def _written(
        self, upload: Upload, chunk: UploadChunk, body: Body, expected: ExpectedDigests
    ) -> UploadChunk:
        taken, stop = Sha256(), StopSignal()
        others = expected.hashes()
        with (
            self.lifetime.kept(upload),
            stopped_when_idle(stop, self.config.chunk_idle_timeout_s),
        ):
            try:
                received = await self.store.write(
                    upload.id,
                    chunk.offset,
                    body,
                    limit=chunk.size,
                    hashes=[taken, *others],
                    stop=stop,
                )
                _check_end(received, chunk.size)
                expected.verify(taken, others)
                if syncs_chunks(self.config, upload):
                    await self.sync(upload.id)
            except DataFileMissing:  # the upload was deleted meanwhile
                raise UploadNotFound from None
            is_durable = self.config.syncs_answers
            now, expires_at = self.clock(), self.lifetime.expiry(UploadState.OPEN)
            sha256 = taken.hexdigest()
            if not await self.ranges.record(
                chunk, sha256=sha256, at=now, expires_at=expires_at, durable=is_durable
            ):
                raise UploadNotFound
        return replace(chunk, state=ChunkState.RECEIVED, sha256=sha256, worker=None, completed_at=now)

    async def _compared(self, chunk: UploadChunk, body: Body, expected: ExpectedDigests) -> UploadChunk:
        """Hash a repeated chunk without writing it."""
        taken, stop = Sha256(), StopSignal()
        others = expected.hashes()
        with stopped_when_idle(stop, self.config.chunk_idle_timeout_s):
            received = await pump(body, NullSink(), limit=chunk.size, hashes=[taken, *others], stop=stop)
        _check_end(received, chunk.size)
        expected.verify(taken, others)
        if taken.hexdigest() != chunk.sha256:
            raise ChunkConflict(chunk)
        return chunk

    async def _finish_if_full(self, upload_id: str, caller: Caller) -> None:
        """Finish an upload of tus that chunks filled: it is complete with its last byte."""
        upload = await self.catalog.get(upload_id)
        if upload is not None and await self.finishing.is_due(upload):
            await self.finishing.finish_if_due(upload_id, caller.request)


def _check_end(received: Received, size: int) -> None:
    match received.ended:
        case Ended.COMPLETE if received.count == size:
            return
        case Ended.OVERRUN:
            raise ChunkSizeMismatch(expected=size, actual=None)
        case Ended.STALLED:
            raise ChunkTimeout
        case Ended.SHUTDOWN:
            raise ServerShutdown
        case _:
            raise ChunkSizeMismatch(expected=size, actual=received.count)
