"""Appends the body of a request to an upload: the rules, in the order in which they apply."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tusd_py import observe
from tusd_py.errors import UploadError
from tusd_py.errors.commits import SessionIncomplete
from tusd_py.errors.requests import FeatureDisabled, InvalidUploadLength
from tusd_py.errors.server import ServerShutdown
from tusd_py.errors.uploads import (
    FinalIsImmutable,
    LengthExceeded,
    MaxSizeExceeded,
    OffsetMismatch,
    ReadTimeout,
    UnexpectedEof,
    UploadInterrupted,
    UploadNotFound,
    UploadStopped,
)
from tusd_py.model.body import Body, Ended, StopSignal
from tusd_py.model.events import EventType
from tusd_py.model.upload import MAX_LENGTH, Ranged, Upload, UploadKind, UploadState
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.locks import Held, Locker, upload_lock
from tusd_py.ports.store import DataStore
from tusd_py.service.caller import Caller, Progress
from tusd_py.service.capabilities import Sync
from tusd_py.service.disposal import Disposal
from tusd_py.service.expected import ExpectedChecksum
from tusd_py.service.finishing import Finishing, completes
from tusd_py.service.lifetime import Lifetime
from tusd_py.service.lookup import Lookup
from tusd_py.service.ranged_append import RangedAppend
from tusd_py.service.receiving import Receiving
from tusd_py.service.verified_append import VerifiedAppend
from tusd_py.settings import Config


@dataclass(frozen=True, slots=True)
class _Written:
    """An upload after a body: how many of its bytes count, and why the body ended."""

    offset: int
    ended: Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Appender:
    """Appends bodies to uploads, one at a time for each upload."""

    config: Config
    catalog: Catalog
    store: DataStore
    sync: Sync
    locker: Locker
    lookup: Lookup
    finishing: Finishing
    lifetime: Lifetime
    disposal: Disposal
    receiving: Receiving
    ranged: RangedAppend
    verified: VerifiedAppend | None  # None: the data store cannot discard bytes

    async def append(
        self,
        upload_id: str,
        offset: int,
        body: Body,
        expected: ExpectedChecksum,
        caller: Caller,
        *,
        length: int | None = None,
    ) -> Progress:
        """Store ``body`` at ``offset`` (bytes) and return the upload with its new offset.

        On return every byte below the new offset is in the data file, is verified if ``expected`` has a
        checksum, and survives a power cut as the durability setting says.

        Args:
            length: Total number of bytes, if the client declares the length of a deferred upload.

        Raises:
            FeatureDisabled, UploadNotFound, UploadExpired, FinalIsImmutable, OffsetMismatch, UploadLocked,
            InvalidUploadLength, MaxSizeExceeded: nothing was written.
            LengthExceeded: The body is longer than the upload. If it was announced so, nothing was written;
                else the upload's bytes are stored and complete, the rest is not.
            ChecksumMismatch, MalformedHeader: the body's bytes were discarded.
            UnexpectedEof, ReadTimeout, UploadInterrupted, ServerShutdown, StorageFull: the bytes that had
                arrived are stored, unless they awaited their checksum.
        """
        self.check_offered(expected)
        stop = StopSignal()

        async def check() -> None:
            # A request that would be refused must not stop a writer.
            current = await self.lookup.find_in_use(upload_id, caller)
            await self._check(current, offset)

        name, timeout_s = upload_lock(upload_id), self.config.acquire_lock_timeout_s
        hold = self.locker.hold(name, stop, timeout_s=timeout_s, at=offset, before_asking=check)
        async with hold as held:
            upload = await self._found(upload_id, held, caller)
            await self._check(upload, offset)
            declared = upload if length is None else self._declared(upload, offset, length)
            self._check_room(declared, offset, body)
            if declared.length != upload.length:
                await self._keep_length(declared, held)
            if upload.state is UploadState.COMPLETE and body.length == 0:
                return Progress(upload, offset)
            return await self._received(declared, offset, body, expected, held, caller)

    def check_offered(self, expected: ExpectedChecksum) -> None:
        """Raise FeatureDisabled for a checksum if the store could not discard wrong bytes."""
        if expected.is_asked_for and self.verified is None:
            raise FeatureDisabled("Upload-Checksum is not offered here")

    async def fill(
        self, upload: Upload, body: Body, expected: ExpectedChecksum, held: Held, caller: Caller
    ) -> Progress:
        """Store the first bytes of an upload whose URL no client knows yet; its lock is ``held``.

        Raises:
            UploadError: As ``append``. If the body ended early, the upload is not finished.
        """
        self._check_room(upload, 0, body)
        async with self.receiving.told(upload, 0, held.stop, caller.request):
            written = await self._write(upload, 0, body, expected, held)
        if written.ended is not Ended.COMPLETE:
            raise self._early_end(upload, written)
        return await self._conclude(upload, written, held, caller)

    async def _received(
        self,
        upload: Upload,
        offset: int,
        body: Body,
        expected: ExpectedChecksum,
        held: Held,
        caller: Caller,
    ) -> Progress:
        try:
            async with self.receiving.told(upload, offset, held.stop, caller.request):
                written = await self._write(upload, offset, body, expected, held)
        except UploadStopped:
            await self.disposal.give_up(upload, held, EventType.TERMINATED, caller.request)
            observe.log("UploadTerminated", id=upload.id)
            raise
        return await self._conclude(upload, written, held, caller)

    async def _found(self, upload_id: str, held: Held, caller: Caller) -> Upload:
        """Return the upload, without unverified bytes that an earlier request left."""
        upload = await self.lookup.find(upload_id, caller)
        return upload if self.verified is None else await self.verified.recovered(upload, held)

    async def _check(self, upload: Upload, offset: int) -> None:
        if upload.kind is UploadKind.FINAL:
            raise FinalIsImmutable
        expected = await self.lookup.offset(upload)
        if offset != expected:
            raise OffsetMismatch(expected=expected, provided=offset)
        await self.ranged.check(upload)

    def _declared(self, upload: Upload, offset: int, length: int) -> Upload:
        """Return the upload with the length that the client declares; nothing is stored yet."""
        if upload.length == length:  # a retry after a lost answer repeats it
            return upload
        if upload.length is not None:
            raise InvalidUploadLength("Upload-Length", f"is {upload.length} and cannot be changed")
        if length < offset:
            raise InvalidUploadLength("Upload-Length", f"must not be below the offset of {offset} bytes")
        limit = self.config.max_size
        if limit is not None and length > limit:
            raise MaxSizeExceeded(max_size=limit)
        return replace(upload, length=length)

    async def _keep_length(self, upload: Upload, held: Held) -> None:
        refused = await self.catalog.set_length(
            upload.id, upload.length or 0, held, max_size=self.config.max_size
        )
        if refused is not None:
            raise MaxSizeExceeded(max_size=refused.limit)
        await self.store.export(upload)

    def _check_room(self, upload: Upload, offset: int, body: Body) -> None:
        """Refuse a body whose announced length does not fit; nothing of it is stored."""
        if body.length is None or offset + body.length <= self._limit(upload):
            return
        raise self._too_long(upload, offset)

    def _limit(self, upload: Upload) -> int:
        """Return the offset at which the upload ends at the latest."""
        if upload.length is not None:
            return upload.length
        return self.config.max_size or MAX_LENGTH

    def _too_long(self, upload: Upload, offset: int) -> UploadError:
        if upload.length is None:
            return MaxSizeExceeded(max_size=self._limit(upload))
        return LengthExceeded(length=upload.length, offset=offset)

    async def _write(
        self, upload: Upload, offset: int, body: Body, expected: ExpectedChecksum, held: Held
    ) -> _Written:
        room = self._limit(upload) - offset
        observe.log("ChunkWriteStart", logger=observe.REQUESTS, id=upload.id, maxSize=room, offset=offset)
        written = await self._store(upload, offset, body, expected, held)
        count = written.offset - offset
        observe.log("ChunkWriteComplete", logger=observe.REQUESTS, id=upload.id, bytesWritten=count)
        return written

    async def _store(
        self, upload: Upload, offset: int, body: Body, expected: ExpectedChecksum, held: Held
    ) -> _Written:
        if isinstance(upload.layout, Ranged) and upload.state is UploadState.OPEN:
            held.stop.shown = offset
            received = await self.ranged.write(upload, offset, body, expected, held.stop)
            return _Written(offset + received.count, received.ended)
        limit = self._limit(upload) - offset
        if expected.is_asked_for and upload.state is UploadState.OPEN and self.verified is not None:
            held.stop.shown = offset
            received = await self.verified.write(upload, offset, body, expected, held, limit=limit)
        else:
            received = await self.store.write(upload.id, offset, body, limit=limit, hashes=(), stop=held.stop)
            if self.config.syncs_answers:
                await self.sync(upload.id)
        return _Written(offset + received.count, received.ended)

    async def _conclude(self, upload: Upload, written: _Written, held: Held, caller: Caller) -> Progress:
        """Renew the expiry, finish a full upload, and raise if the body ended early."""
        held.check()
        progress = Progress(upload, written.offset)
        if completes(upload, written.offset):
            progress = await self._finished(progress, held, caller)
        elif upload.state is UploadState.OPEN:
            progress = replace(progress, upload=await self.lifetime.renewed(progress.upload))
        # Stopped or stalled after the last byte, before the end of the coding: nothing is missing.
        is_whole = written.offset == upload.length and written.ended is not Ended.OVERRUN
        if written.ended is Ended.COMPLETE or is_whole:
            return progress
        raise self._early_end(upload, written)

    async def _finished(self, progress: Progress, held: Held, caller: Caller) -> Progress:
        """Finish a full upload. It is not full if a chunk before these bytes was deleted meanwhile."""
        try:
            done, reply = await self.finishing.finish(progress.upload, held, caller.request)
        except SessionIncomplete:
            current = await self.catalog.get(progress.upload.id)
            if current is None:
                raise UploadNotFound from None
            return Progress(current, await self.lookup.offset(current))
        return Progress(done, progress.offset, reply)

    def _early_end(self, upload: Upload, written: _Written) -> UploadError:
        event = "UploadInterrupted" if written.ended is Ended.STOPPED else "BodyReadError"
        observe.log(event, logger=observe.REQUESTS, id=upload.id, error=written.ended.value)
        match written.ended:
            case Ended.OVERRUN:
                return self._too_long(upload, written.offset)
            case Ended.STOPPED:
                return UploadInterrupted(offset=written.offset)
            case Ended.STALLED:
                return ReadTimeout()
            case Ended.SHUTDOWN:
                return ServerShutdown()
            case _:
                return UnexpectedEof()
