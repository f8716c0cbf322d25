"""The sweep: what expired goes, and what a crash left undone is done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from tusd_py import observe
from tusd_py.model.upload import Upload, UploadState
from tusd_py.ports.locks import other_lock, upload_lock
from tusd_py.service.core import Core

_BATCH = 200
#: A temporary file as old as this was left by a crash; how often we look, too: it means listing everything.
_ABANDONED_AFTER_S = 3600.0
#: Lock that keeps the sweeps of several workers apart. No upload can have this id.
_SWEEP_LOCK = other_lock("sweep")


@dataclass(slots=True)
class Swept:
    """What one sweep did, or would do: ids."""

    expired: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


@contextmanager
def _logged(event: str, upload_id: str) -> Iterator[None]:
    """Log what goes wrong with one upload, so that it does not keep the others waiting."""
    try:
        yield
    except Exception:
        observe.LOGGER.exception(event, extra={"fields": {"id": upload_id}})


class Sweeper:
    """Expires, forgets, finishes and tidies up."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._tidied_at: float | None = None

    async def sweep(self) -> Swept:
        """Do all that is due; nothing when another process is at it.

        An upload that somebody is writing to is left alone, however old it is.
        """
        swept = Swept()
        async with self._core.locker.hold_if_free(_SWEEP_LOCK) as held:
            if held:
                await self._sweep_expired(swept)
                await self._remove_leftovers(swept)
                await self._remove_unfinished_exports()
                await self._core.catalog.keep_room()
        return swept

    async def recover(self) -> Swept:
        """Finish the uploads of which all bytes are there but whose process died before it could say so.

        Done once at the start: an upload that a hook refused would otherwise come up again and again.
        """
        swept = Swept()
        async with self._core.locker.hold_if_free(_SWEEP_LOCK) as held:
            if held:
                await self._finish_full(swept)
        return swept

    async def preview(self) -> Swept:
        """Return what a sweep would do now, without doing it."""
        swept = Swept()
        for upload_id in await self._core.catalog.expired(self._core.clock(), limit=2**31):
            upload = await self._core.catalog.get(upload_id)
            if upload is not None:
                due = swept.forgotten if upload.state is UploadState.EXPIRED else swept.expired
                due.append(upload_id)
        for name in await self._core.catalog.removable():
            async with self._abandoned(name) as is_abandoned:
                if is_abandoned:
                    swept.removed.append(name)
        swept.finished = [upload.id async for upload in self._full()]
        return swept

    async def _sweep_expired(self, swept: Swept) -> None:
        seen: set[str] = set()
        while True:
            due = await self._core.catalog.expired(self._core.clock(), limit=_BATCH + len(seen))
            fresh = [upload_id for upload_id in due if upload_id not in seen]
            if not fresh:
                return
            for upload_id in fresh:
                seen.add(upload_id)
                with _logged("UploadNotExpired", upload_id):
                    await self._expire(upload_id, swept)

    async def _expire(self, upload_id: str, swept: Swept) -> None:
        core = self._core
        async with core.locker.hold_if_free(upload_lock(upload_id)) as held:
            upload = await core.catalog.get(upload_id) if held else None
            now = core.clock()
            if upload is None or upload.expires_at is None or upload.expires_at > now:
                return
            if upload.state is UploadState.EXPIRED:
                await core.give_up(upload)
                swept.forgotten.append(upload_id)
                return
            await core.give_up(upload, tombstone_until=now + core.config.tombstone_for_s)
            swept.expired.append(upload_id)
            observe.log("UploadExpired", id=upload_id)

    async def _remove_leftovers(self, swept: Swept) -> None:
        for name in await self._core.catalog.removable():
            with _logged("LeftoverNotRemoved", name):
                async with self._abandoned(name) as is_abandoned:
                    if is_abandoned:
                        await self._core.remove(name)
                        swept.removed.append(name)

    @asynccontextmanager
    async def _abandoned(self, name: str) -> AsyncIterator[bool]:
        """Say, and keep it so, whether a leftover is nobody's: one who makes an upload holds its lock."""
        async with self._core.locker.hold_if_free(upload_lock(name)) as held:
            yield held is not None and await self._core.catalog.is_leftover(name)

    async def _remove_unfinished_exports(self) -> None:
        core, now = self._core, self._core.clock()
        if self._tidied_at is not None and abs(now - self._tidied_at) < _ABANDONED_AFTER_S:
            return
        self._tidied_at = now
        before = now - _ABANDONED_AFTER_S
        for name in await core.store.unfinished_exports(before=before):
            # Old as it is, another process may be about to write it again: that holds the upload's lock.
            with _logged("ExportNotTidied", name):
                async with core.locker.hold_if_free(upload_lock(name)) as held:
                    if held:
                        await core.store.remove_unfinished_export(name, before=before)

    async def _finish_full(self, swept: Swept) -> None:
        async for upload in self._full():
            async with self._core.locker.hold_if_free(upload_lock(upload.id)) as held:
                current = await self._core.catalog.get(upload.id) if held else None
                if current is None or not await self._core.is_full(current):
                    continue
                with _logged("UploadNotFinished", upload.id):
                    await self._core.finish(current, None)
                    swept.finished.append(upload.id)

    async def _full(self) -> AsyncIterator[Upload]:
        after = ""
        while True:
            uploads = await self._core.catalog.open_uploads(after=after, limit=_BATCH)
            for upload in uploads:
                if await self._core.is_full(upload):
                    yield upload
            if len(uploads) < _BATCH:
                return  # not until there are none: under load new ones are made faster than they are read
            after = uploads[-1].id
