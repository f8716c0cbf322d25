"""Final uploads: the bytes of partial uploads in order, without copying them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tusd_py import observe
from tusd_py.errors.requests import InvalidConcat
from tusd_py.errors.uploads import MaxSizeExceeded, UploadExpired, UploadNotFound
from tusd_py.model.body import StopSignal
from tusd_py.model.events import EventType
from tusd_py.model.finals import PartialGone, TooLarge
from tusd_py.model.upload import MAX_LENGTH, ChunkState, Upload, UploadChunk, UploadKind
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.hooks import IncomingRequest
from tusd_py.ports.locks import Held, Locker, upload_lock
from tusd_py.ports.store import Concatenates
from tusd_py.service.caller import Caller, Progress
from tusd_py.service.disposal import Disposal, given_up_on_error
from tusd_py.service.events import Events
from tusd_py.service.finishing import Finishing
from tusd_py.service.lookup import Lookup
from tusd_py.service.uploads import Uploads, Wanted
from tusd_py.settings import Config

_UNKNOWN = "names an upload that does not exist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenation:
    """Creates finals. The cost is one transaction, whatever the partials' sizes."""

    config: Config
    catalog: Catalog
    finals: Concatenates
    locker: Locker
    lookup: Lookup
    finishing: Finishing
    events: Events
    disposal: Disposal
    uploads: Uploads

    async def create(self, wanted: Wanted, partial_ids: Sequence[str], caller: Caller) -> Progress:
        """Create a final from the partials, in this order; a partial may occur more than once.

        A final of complete partials is complete on return; one of unfinished partials when the last of them
        is complete. The partials do not change.

        Raises:
            InvalidConcat: One of the ids does not name a partial upload of this caller.
            MaxSizeExceeded: The sum of the lengths is larger than the limit.
        """
        partials = [await self._partial(upload_id, caller) for upload_id in partial_ids]
        length = _sum([partial.length for partial in partials])
        largest = self.config.max_size or MAX_LENGTH
        if length is not None and length > largest:
            raise MaxSizeExceeded(max_size=largest)
        admitted = await self.uploads.admit(replace(wanted, length=length), caller)
        async with self.locker.hold(upload_lock(admitted.upload.id), StopSignal(), timeout_s=0) as held:
            await self.uploads.check_id(admitted)
            final = await self._insert(admitted.upload, partials, held, caller.request)
            observe.log_created(final.id, final.length)
            if not await self.finishing.is_due(final):
                return Progress(final, 0, admitted.reply)
            async with given_up_on_error(self.disposal, final, held):
                done, reply = await self.finishing.finish(final, held, caller.request)
                return Progress(done, final.length or 0, admitted.then(reply))

    async def _partial(self, upload_id: str, caller: Caller) -> Upload:
        try:
            upload = await self.lookup.find(upload_id, caller)
        except (UploadNotFound, UploadExpired):
            raise InvalidConcat("Upload-Concat", _UNKNOWN) from None
        if upload.kind is not UploadKind.PARTIAL:
            raise InvalidConcat("Upload-Concat", "names an upload that is not a partial one")
        if await self.finishing.is_due(upload):
            return await self.finishing.finish_if_due(upload_id, caller.request) or upload
        return upload

    async def _insert(
        self, final: Upload, partials: Sequence[Upload], held: Held, request: IncomingRequest | None
    ) -> Upload:
        chunks = _chunks_of(final, partials)
        inserted = await self.catalog.insert_final(
            final,
            chunks,
            max_size=self.config.max_size,
            durable=self.config.syncs_completion,
            event=self.events.event(EventType.CREATED, request),
        )
        if isinstance(inserted, PartialGone):  # deleted or expired meanwhile
            raise InvalidConcat("Upload-Concat", _UNKNOWN)
        if isinstance(inserted, TooLarge):
            raise MaxSizeExceeded(max_size=inserted.limit)
        async with given_up_on_error(self.disposal, inserted, held):
            await self.finals.export_final(inserted, chunks)
        return inserted


def _sum(lengths: Sequence[int | None]) -> int | None:
    known = [length for length in lengths if length is not None]
    return sum(known) if len(known) == len(lengths) else None


def _chunks_of(final: Upload, partials: Sequence[Upload]) -> list[UploadChunk]:
    """Return the chunks of a final, without sizes: the catalog fills them in."""
    chunks, offset = [], 0
    for partial in partials:
        size = partial.length or 0
        chunks.append(
            UploadChunk(
                id=partial.id,
                upload_id=final.id,
                offset=offset,
                size=size,
                state=ChunkState.RECEIVING,
                data_file=partial.id,
                source_id=partial.id,
                created_at=final.created_at,
            )
        )
        offset += size
    return chunks
