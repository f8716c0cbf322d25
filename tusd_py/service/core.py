"""What the use cases share: looking an upload up, finishing it, giving it up."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tusd_py import observe
from tusd_py.errors import UploadError, UploadExpired, UploadNotFound
from tusd_py.errors.commits import SessionIncomplete
from tusd_py.model.body import StopSignal
from tusd_py.model.upload import Upload, UploadKind, UploadState, is_upload_id
from tusd_py.ports.artifacts import ArtifactCatalog
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.hooks import HookReply, Hooks, IncomingRequest
from tusd_py.ports.locks import Locker, upload_lock
from tusd_py.ports.ranges import RangeCatalog
from tusd_py.ports.store import DataFileMissing, DataStore
from tusd_py.settings import Config


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and by which request; None: by none, as the sweep does."""

    user: str | None = None
    request: IncomingRequest | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """An upload and how many of its bytes count (the offset), after a request."""

    upload: Upload
    offset: int
    reply: HookReply | None = None


class given_up_on_error:
    """Give up an upload that was just made when what follows fails in any way; hold its lock."""

    def __init__(self, core: Core, upload: Upload) -> None:
        self._core = core
        self._upload = upload

    async def __aenter__(self) -> None:
        """Begin."""

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Free what was taken, if anything was raised."""
        if error is not None:
            await self._core.give_up(self._upload)


def is_filled(upload: Upload, offset: int) -> bool:
    """Whether ``offset`` bytes make an open upload complete; a session is only by its commit."""
    return (
        upload.state is UploadState.OPEN and offset == upload.length and upload.kind is not UploadKind.SESSION
    )


@dataclass(frozen=True, slots=True)
class Core:
    """The parts that every use case works with."""

    config: Config
    catalog: Catalog
    store: DataStore
    locker: Locker
    hooks: Hooks
    ranges: RangeCatalog
    artifacts: ArtifactCatalog
    clock: Callable[[], float] = field(default=time.time)

    async def find(self, upload_id: str, caller: Caller) -> Upload:
        """Return an upload that is there and the caller's.

        An upload that only the directory knows (left by tusd, or by a catalog that was lost) is taken
        into the catalog first.

        Raises:
            UploadNotFound: There is none, or it is another user's.
            UploadExpired: It has expired.
        """
        upload = await self.find_in_use(upload_id, caller)
        if upload.expires_at is not None and upload.expires_at <= self.clock():
            raise UploadExpired
        return upload

    async def find_in_use(self, upload_id: str, caller: Caller) -> Upload:
        """Return an upload as ``find`` does, for when somebody is writing to it.

        While its bytes arrive an upload does not expire, however long that takes; its writer renews it
        at the end.
        """
        if not is_upload_id(upload_id):
            raise UploadNotFound
        upload = await self.catalog.get(upload_id) or await self.adopt(upload_id)
        if upload is None or (upload.user is not None and upload.user != caller.user):
            raise UploadNotFound
        if upload.state is UploadState.EXPIRED:
            raise UploadExpired
        return upload

    async def adopt(self, upload_id: str) -> Upload | None:
        """Take an upload that only the directory knows into the catalog; None when there is none."""
        if await self.catalog.is_leftover(upload_id):
            return None
        adopted = await self.store.adopt(upload_id)
        if adopted is None:
            return None
        upload = replace(adopted.upload, expires_at=self.expiry(adopted.upload.state))
        await self.catalog.insert(upload, adopted.chunks)
        return await self.catalog.get(upload_id)

    def expiry(self, state: UploadState) -> float | None:
        """Return when an upload that is in ``state`` since now expires; None: never."""
        after = self.config.expire_after_s
        if state is UploadState.COMPLETE:
            after = self.config.expire_complete_after_s
        return self.clock() + after if after else None

    async def offset(self, upload: Upload) -> int:
        """Return how many bytes of the upload count. Raises UploadNotFound when its data file is gone."""
        if upload.state is UploadState.COMPLETE and upload.length is not None:
            return upload.length
        if upload.kind is UploadKind.FINAL:
            return 0
        if upload.prefix is not None:
            return upload.prefix
        stored = await self.store.size(upload.id)
        if stored is None:
            raise UploadNotFound
        return upload.offset(stored)

    async def finish(
        self, upload: Upload, request: IncomingRequest | None
    ) -> tuple[Upload, HookReply | None]:
        """Complete an upload whose bytes are all there; the caller holds its lock.

        The hook comes first and the record last, so that a crash repeats the hook and never loses it.

        Raises:
            SessionIncomplete: A chunk of it was deleted since the caller looked; nothing was changed.
            StorageFull, or whatever the hook raises.
        """
        if upload.prefix is None or upload.state is not UploadState.OPEN:
            return await self._finish(upload, request)
        # Chunks come and go without the upload's lock: from here on none of this one does.
        await self.begin_commit(upload.id)
        try:
            return await self._finish(upload, request)
        except BaseException:
            await self.ranges.reopen(upload.id)
            raise

    async def begin_commit(self, upload_id: str) -> None:
        """Let no chunk of an upload change any more; whoever calls it completes the upload or reopens it.

        Raises SessionIncomplete, UploadNotOpen: nothing was changed.
        """
        try:
            await self.ranges.begin_commit(upload_id)
        except asyncio.CancelledError:  # that may have come too late
            await self.ranges.reopen(upload_id)
            raise

    async def _finish(
        self, upload: Upload, request: IncomingRequest | None
    ) -> tuple[Upload, HookReply | None]:
        now = self.clock()
        is_durable = self.config.durability != "none"
        if upload.kind is not UploadKind.FINAL and is_durable:
            await self.store.sync(upload.id)
        done = replace(
            upload,
            state=UploadState.COMPLETE,
            completed_at=now,
            expires_at=self.expiry(UploadState.COMPLETE),
            unverified_from=None,
        )
        reply = await self.hooks.finishing(done, request)
        filled = await self.catalog.complete(done, now, expires_at=done.expires_at, durable=is_durable)
        if upload.prefix is not None:
            await self._export_complete(done)
        observe.log("UploadFinished", level=logging.DEBUG, id=upload.id, size=upload.length)
        for final_id in filled:
            try:
                await self.finish_if_full(final_id, request)
            except Exception:  # the partial is complete whatever becomes of the final; the sweep tries again
                observe.LOGGER.exception("FinalNotFinished", extra={"fields": {"id": final_id}})
        return done, reply

    async def _export_complete(self, upload: Upload) -> None:
        """Say in the export of what was kept as ranges that all of its bytes are there."""
        try:
            await self.store.export(upload)
        except (OSError, UploadError, DataFileMissing):
            # It is complete all the same; only a lost catalog would make its sender start again.
            observe.LOGGER.exception("UploadNotExported", extra={"fields": {"id": upload.id}})

    async def finish_if_full(self, upload_id: str, request: IncomingRequest | None = None) -> Upload | None:
        """Finish an upload of which all bytes are there, if it is not finished; what a crash left undone.

        Returns:
            The upload as it now is; None when it is gone.

        Raises:
            UploadLocked: Somebody holds it for longer than the lock time-out.
        """
        async with self.locker.hold(
            upload_lock(upload_id), StopSignal(), timeout_s=self.config.acquire_lock_timeout_s
        ):
            return await self.finish_held_if_full(upload_id, request)

    async def finish_held_if_full(self, upload_id: str, request: IncomingRequest | None) -> Upload | None:
        """Do as ``finish_if_full``; the caller has the upload's lock."""
        upload = await self.catalog.get(upload_id)
        if upload is not None and await self.is_full(upload):
            try:
                upload, _ = await self.finish(upload, request)
            except SessionIncomplete:  # since we looked a chunk was deleted
                upload = await self.catalog.get(upload_id)
        return upload

    async def is_full(self, upload: Upload) -> bool:
        """Whether the upload is open though all its bytes are there."""
        if upload.state is not UploadState.OPEN or upload.length is None:
            return False
        if upload.prefix is not None:
            return is_filled(upload, upload.prefix)
        if upload.kind is UploadKind.FINAL:
            return all(chunk.size is not None for chunk in await self.catalog.chunks(upload.id))
        stored = await self.store.size(upload.id)
        return stored is not None and upload.offset(stored) == upload.length

    def syncs_chunks(self, upload: Upload) -> bool:
        """Whether a chunk's bytes are synced before the catalog says that they were received.

        The commit of a session reads all of it again, so it notices what a power cut took. What tus began
        is complete with its last byte, and after a power cut a row may be there without its bytes.
        """
        durability = self.config.durability
        return durability == "patch" or (durability == "finish" and upload.kind is not UploadKind.SESSION)

    async def give_up(self, upload: Upload, *, tombstone_until: float | None = None) -> None:
        """Free everything that only this upload uses; the caller holds its lock.

        The one way in which an upload goes: deleted, expired or refused. A data file that a final still
        uses stays until that goes, too.
        """
        names = await self.catalog.release(upload.id, tombstone_until=tombstone_until)
        await self.store.remove_export(upload.id)
        for name in names:
            await self.remove(name)

    async def remove(self, name: str) -> None:
        """Remove the files of a leftover that nothing refers to."""
        await self.store.remove_export(name)
        await self.store.remove(name)
        await self.catalog.forget_leftover(name)
