"""The sweep: removes what has expired, and finishes what a crash left."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from tusd_py import observe
from tusd_py.model.events import EventType
from tusd_py.model.upload import Upload, UploadState
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.events import Outbox
from tusd_py.ports.locks import Locker, other_lock, upload_lock
from tusd_py.ports.store import TidiesExports
from tusd_py.service.disposal import Disposal
from tusd_py.service.finishing import Finishing
from tusd_py.settings import Config

_BATCH = 200
#: A temporary file older than this was left by a crash. Also the time between two looks at all files.
_ABANDONED_AFTER_S = 3600.0
#: Most events that are kept while none is delivered.
_MOST_EVENTS = 100_000
#: Lock that allows one sweep at a time among the workers.
_SWEEP_LOCK = other_lock("sweep")
#: The same for the work at the start, so that a sweep is not skipped meanwhile.
_RECOVERY_LOCK = other_lock("recovery")


@dataclass(slots=True)
class Swept:
    """The ids of what one sweep did, or would do."""

    expired: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


@contextmanager
def _logged(event: str, upload_id: str) -> Iterator[None]:
    """Log a failure with one upload, and go on with the others."""
    try:
        yield
    except Exception:
        observe.LOGGER.exception(event, extra={"fields": {"id": upload_id}})


@dataclass(slots=True, kw_only=True)
class Sweeper:
    """Expires uploads, removes tombstones and leftovers, and finishes full uploads."""

    config: Config
    catalog: Catalog
    locker: Locker
    exports: TidiesExports | None
    clock: Callable[[], float]
    finishing: Finishing
    disposal: Disposal
    outbox: Outbox
    _tidied_at: float | None = field(default=None, init=False)

    async def sweep(self) -> Swept:
        """Do all that is due; nothing while another process sweeps.

        An upload that is being written to does not expire, however old it is.
        """
        swept = Swept()
        async with self.locker.hold_if_free(_SWEEP_LOCK) as held:
            if held:
                await self._sweep_expired(swept)
                await self._remove_leftovers(swept)
                await self._remove_unfinished_exports()
                await self._drop_events()
                await self.catalog.keep_room()
        return swept

    async def recover(self) -> Swept:
        """Finish the uploads whose bytes are all there but whose process died before it could finish them.

        Called once at the start, not in every sweep: a hook would refuse an upload again and again.
        """
        swept = Swept()
        async with self.locker.hold_if_free(_RECOVERY_LOCK) as held:
            if held:
                await self._finish_full(swept)
        return swept

    async def preview(self) -> Swept:
        """Return what a sweep would do now, without doing it."""
        swept = Swept()
        for upload_id in await self.catalog.expired(self.clock(), limit=2**31):
            upload = await self.catalog.get(upload_id)
            if upload is not None:
                due = swept.forgotten if upload.state is UploadState.EXPIRED else swept.expired
                due.append(upload_id)
        for name in await self.catalog.removable():
            async with self._abandoned(name) as is_abandoned:
                if is_abandoned:
                    swept.removed.append(name)
        swept.finished = [upload.id async for upload in self._full()]
        return swept

    async def _sweep_expired(self, swept: Swept) -> None:
        seen: set[str] = set()
        while True:
            due = await self.catalog.expired(self.clock(), limit=_BATCH + len(seen))
            fresh = [upload_id for upload_id in due if upload_id not in seen]
            if not fresh:
                return
            for upload_id in fresh:
                seen.add(upload_id)
                with _logged("UploadNotExpired", upload_id):
                    await self._expire(upload_id, swept)

    async def _expire(self, upload_id: str, swept: Swept) -> None:
        async with self.locker.hold_if_free(upload_lock(upload_id)) as held:
            if held is None:
                return
            upload = await self.catalog.get(upload_id)
            now = self.clock()
            if upload is None or upload.expires_at is None or upload.expires_at > now:
                return
            if upload.state is UploadState.EXPIRED:
                await self.disposal.give_up(upload, held)
                swept.forgotten.append(upload_id)
                return
            await self.disposal.give_up(
                upload, held, EventType.EXPIRED, tombstone_until=now + self.config.tombstone_for_s
            )
            swept.expired.append(upload_id)
            observe.log("UploadExpired", id=upload_id)

    async def _remove_leftovers(self, swept: Swept) -> None:
        for name in await self.catalog.removable():
            with _logged("LeftoverNotRemoved", name):
                async with self._abandoned(name) as is_abandoned:
                    if is_abandoned:
                        await self.disposal.remove(name)
                        swept.removed.append(name)

    async def _drop_events(self) -> None:
        dropped = await self.outbox.drop_oldest(most=_MOST_EVENTS)
        if dropped:
            observe.log("EventsDropped", level=logging.ERROR, count=dropped)

    @asynccontextmanager
    async def _abandoned(self, name: str) -> AsyncIterator[bool]:
        """Whether no creation of this upload is running, which would hold its lock; holds it meanwhile."""
        async with self.locker.hold_if_free(upload_lock(name)) as held:
            yield held is not None and await self.catalog.is_leftover(name)

    async def _remove_unfinished_exports(self) -> None:
        now = self.clock()
        if self.exports is None or (
            self._tidied_at is not None and abs(now - self._tidied_at) < _ABANDONED_AFTER_S
        ):
            return
        self._tidied_at = now
        before = now - _ABANDONED_AFTER_S
        for name in await self.exports.unfinished_exports(before=before):
            # Another process may be about to write it again; that holds the upload's lock.
            with _logged("ExportNotTidied", name):
                async with self.locker.hold_if_free(upload_lock(name)) as held:
                    if held:
                        await self.exports.remove_unfinished_export(name, before=before)

    async def _finish_full(self, swept: Swept) -> None:
        async for upload in self._full():
            async with self.locker.hold_if_free(upload_lock(upload.id)) as held:
                if held is None:
                    continue
                current = await self.catalog.get(upload.id)
                if current is None or not await self.finishing.is_due(current):
                    continue
                with _logged("UploadNotFinished", upload.id):
                    await self.finishing.finish(current, held, None)
                    swept.finished.append(upload.id)

    async def _full(self) -> AsyncIterator[Upload]:
        after = ""
        while True:
            uploads = await self.catalog.open_uploads(after=after, limit=_BATCH)
            for upload in uploads:
                if await self.finishing.is_due(upload):
                    yield upload
            if len(uploads) < _BATCH:
                return  # one pass: under load, new uploads are created faster than they are read
            after = uploads[-1].id
