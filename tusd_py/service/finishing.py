"""Finishes uploads: calls the hook, records the completion, and finishes finals that waited for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from tusd_py import observe
from tusd_py.errors import UploadError
from tusd_py.errors.commits import SessionIncomplete
from tusd_py.model.body import StopSignal
from tusd_py.model.commits import Begun
from tusd_py.model.events import EventType
from tusd_py.model.upload import (
    GROWING,
    ChunkState,
    Growing,
    Joined,
    Ranged,
    Upload,
    UploadKind,
    UploadState,
)
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.hooks import HookReply, Hooks, IncomingRequest
from tusd_py.ports.locks import Held, Locker, upload_lock
from tusd_py.ports.ranges import RangeCatalog
from tusd_py.ports.store import DataStore, StoreFailed
from tusd_py.service.capabilities import Sync
from tusd_py.service.claims import refusal_of
from tusd_py.service.events import Events
from tusd_py.service.lifetime import Lifetime
from tusd_py.settings import Config


def completes(upload: Upload, offset: int) -> bool:
    """Whether ``offset`` bytes complete an open upload; a session is only completed by its commit."""
    return (
        upload.state is UploadState.OPEN and offset == upload.length and upload.kind is not UploadKind.SESSION
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finishing:
    """Finishes uploads."""

    config: Config
    catalog: Catalog
    store: DataStore
    sync: Sync
    locker: Locker
    hooks: Hooks
    ranges: RangeCatalog
    events: Events
    lifetime: Lifetime
    clock: Callable[[], float]

    async def finish(
        self, upload: Upload, held: Held, request: IncomingRequest | None
    ) -> tuple[Upload, HookReply | None]:
        """Finish an upload whose bytes are all there; its lock is ``held``.

        The hook runs before the completion is recorded, so a crash repeats the hook and never skips it.

        Raises:
            SessionIncomplete: A chunk was deleted meanwhile; nothing was changed.
            UploadLocked: The lock was lost; nothing was changed. StorageFull, or whatever the hook raises.
        """
        if not isinstance(upload.layout, Ranged) or upload.state is not UploadState.OPEN:
            return await self._finish(upload, held, request)
        # Chunks change without the upload's lock; from here on none of this upload may.
        await self.begin_commit(upload.id, held)
        try:
            return await self._finish(upload, held, request)
        except BaseException:
            await self.ranges.reopen(upload.id, held)
            raise

    async def begin_commit(self, upload_id: str, held: Held) -> None:
        """Begin a commit, so that no chunk changes any more; the caller completes or reopens the upload.

        Raises SessionIncomplete, UploadNotOpen, UploadNotFound: nothing was changed.
        """
        try:
            answer = await self.ranges.begin_commit(upload_id, held)
        except asyncio.CancelledError:  # the change may have been made already
            await self.ranges.reopen(upload_id, held)
            raise
        if not isinstance(answer, Begun):
            raise await refusal_of(answer, self.ranges, upload_id)

    async def _finish(
        self, upload: Upload, held: Held, request: IncomingRequest | None
    ) -> tuple[Upload, HookReply | None]:
        now = self.clock()
        is_durable = self.config.syncs_completion
        if not isinstance(upload.layout, Joined) and is_durable:
            await self.sync(upload.id)
        done = replace(
            upload,
            state=UploadState.COMPLETE,
            completed_at=now,
            expires_at=self.lifetime.expiry(UploadState.COMPLETE),
            layout=GROWING if isinstance(upload.layout, Growing) else upload.layout,
        )
        held.check()
        reply = await self.hooks.finishing(done, request)
        filled = await self.catalog.complete(
            done,
            now,
            held,
            expires_at=done.expires_at,
            durable=is_durable,
            event=self.events.event(EventType.COMPLETED, request),
        )
        if isinstance(upload.layout, Ranged):
            await self._export_complete(done)
        observe.log("UploadFinished", id=upload.id, size=upload.length)
        for final_id in filled:
            try:
                await self.finish_if_due(final_id, request)
            except Exception:  # the partial is complete all the same; the sweep tries the final again
                observe.LOGGER.exception("FinalNotFinished", extra={"fields": {"id": final_id}})
        return done, reply

    async def _export_complete(self, upload: Upload) -> None:
        """Replace the export of an upload kept as ranges by one that says that it is complete."""
        try:
            await self.store.export(upload)
        except (StoreFailed, UploadError):
            # The upload is complete all the same; the export matters only if the catalog is lost.
            observe.LOGGER.exception("UploadNotExported", extra={"fields": {"id": upload.id}})

    async def finish_if_due(self, upload_id: str, request: IncomingRequest | None = None) -> Upload | None:
        """Finish an upload whose bytes are all there but which is not finished, as after a crash.

        Returns:
            The upload as it is now; None when it does not exist.

        Raises:
            UploadLocked: Another request holds it for longer than the lock time-out.
        """
        async with self.locker.hold(
            upload_lock(upload_id), StopSignal(), timeout_s=self.config.acquire_lock_timeout_s
        ) as held:
            return await self.finish_held_if_due(upload_id, held, request)

    async def finish_held_if_due(
        self, upload_id: str, held: Held, request: IncomingRequest | None
    ) -> Upload | None:
        """Do as ``finish_if_due``; the upload's lock is ``held``."""
        upload = await self.catalog.get(upload_id)
        if upload is not None and await self.is_due(upload):
            try:
                upload, _ = await self.finish(upload, held, request)
            except SessionIncomplete:  # a chunk was deleted meanwhile
                upload = await self.catalog.get(upload_id)
        return upload

    async def is_due(self, upload: Upload) -> bool:
        """Whether all bytes of an upload are there and it is not finished."""
        if upload.state is not UploadState.OPEN or upload.length is None:
            return False
        match upload.layout:
            case Joined():
                return await self.ranges.count(upload.id, state=ChunkState.RECEIVING) == 0
            case Ranged(prefix):
                return completes(upload, prefix)
            case Growing() as growing:
                stored = await self.store.size(upload.id)
                return stored is not None and growing.offset(stored) == upload.length
