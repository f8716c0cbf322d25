"""Creates, looks up and deletes uploads, for tus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tusd_py import observe
from tusd_py.errors.uploads import HookFailure, LengthExceeded, MaxSizeExceeded, UploadExpired, UploadNotFound
from tusd_py.model.body import Body, StopSignal
from tusd_py.model.events import EventType
from tusd_py.model.upload import (
    GROWING,
    JOINED,
    Joined,
    Layout,
    Ranged,
    Upload,
    UploadKind,
    new_upload_id,
    new_uuid,
)
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.hooks import HookReply, Hooks, IncomingRequest
from tusd_py.ports.locks import Held, Locker, upload_lock
from tusd_py.ports.store import DataStore
from tusd_py.service.append import Appender
from tusd_py.service.caller import Caller, Progress
from tusd_py.service.capabilities import Sync
from tusd_py.service.disposal import Disposal, given_up_on_error
from tusd_py.service.events import Events
from tusd_py.service.expected import ExpectedChecksum
from tusd_py.service.finishing import Finishing
from tusd_py.service.lookup import Lookup
from tusd_py.settings import Config

#: How long HEAD and GET wait for an upload to be finished: they are answered soon, whatever a hook does.
_AT_ONCE_S: Final = 0.1
#: How uploads of the kinds that do not grow keep their bytes.
_LAYOUTS: Final[Mapping[UploadKind, Layout]] = {UploadKind.SESSION: Ranged(), UploadKind.FINAL: JOINED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The upload that a client wants. ``length`` is in bytes; None: deferred."""

    length: int | None
    kind: UploadKind = UploadKind.SINGLE
    metadata: Mapping[str, bytes]
    metadata_header: str | None = None
    concat_header: str | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """An upload that may be made, and what a hook adds to the answer."""

    upload: Upload
    reply: HookReply | None = None
    is_id_chosen: bool = False  # by a hook: it may be somebody's already

    def then(self, reply: HookReply | None) -> HookReply | None:
        """Return what is added to the answer after a later hook."""
        return reply if self.reply is None else self.reply.followed_by(reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """Creates, looks up and terminates uploads."""

    config: Config
    catalog: Catalog
    store: DataStore
    sync: Sync
    locker: Locker
    hooks: Hooks
    events: Events
    clock: Callable[[], float]
    lookup: Lookup
    finishing: Finishing
    disposal: Disposal
    appender: Appender
    #: By upload id.
    _finishing_now: dict[str, asyncio.Task[tuple[bool, Upload | None]]] = field(
        default_factory=dict, init=False
    )

    async def create(self, wanted: Wanted, caller: Caller) -> Progress:
        """Create an empty upload; one of length 0 is complete at once.

        On return the upload is in the catalog and its files are in the store.

        Raises:
            MaxSizeExceeded, StorageFull, or whatever a hook raises: nothing is stored.
        """
        admitted = await self.admit(wanted, caller)
        upload = admitted.upload
        if upload.length != 0 and not admitted.is_id_chosen:
            await self._insert(admitted, None, caller.request)
            return Progress(upload, 0, admitted.reply)
        async with self.locker.hold(upload_lock(upload.id), StopSignal(), timeout_s=0) as held:
            await self._insert(admitted, held, caller.request)
            if upload.length != 0:
                return Progress(upload, 0, admitted.reply)
            async with given_up_on_error(self.disposal, upload, held):
                done, reply = await self.finishing.finish(upload, held, caller.request)
                return Progress(done, 0, admitted.then(reply))

    async def create_with(
        self, wanted: Wanted, body: Body, expected: ExpectedChecksum, caller: Caller
    ) -> Progress:
        """Create an upload with its first bytes (tus 1.0.0, Creation With Upload).

        Raises:
            UploadError: Also if the body ends early, for whatever reason. Then nothing is stored: the client
                never learns the upload's URL, so nobody could continue it.
        """
        self.appender.check_offered(expected)
        if wanted.length is not None and body.length is not None and body.length > wanted.length:
            raise LengthExceeded(length=wanted.length, offset=0)
        admitted = await self.admit(wanted, caller)
        upload = admitted.upload
        # Locked from the start: a sweep must not find the upload full before this request finishes it.
        async with self.locker.hold(upload_lock(upload.id), StopSignal(), timeout_s=0) as held:
            await self._insert(admitted, held, caller.request)
            async with given_up_on_error(self.disposal, upload, held):
                progress = await self.appender.fill(upload, body, expected, held, caller)
                return replace(progress, reply=admitted.then(progress.reply))

    async def check_id(self, admitted: Admitted) -> None:
        """Make sure that an id that a hook chose is nobody's yet; the caller has its lock.

        Raises HookFailure: it is somebody's.
        """
        upload_id = admitted.upload.id
        if admitted.is_id_chosen and (
            await self.catalog.get(upload_id) is not None
            or await self.store.size(upload_id) is not None
            or await self.catalog.is_leftover(upload_id)  # the next sweep removes what has this name
        ):
            observe.log("HookChoseTakenId", level=logging.ERROR, id=upload_id)
            raise HookFailure("pre-create")

    async def _insert(self, admitted: Admitted, held: Held | None, request: IncomingRequest | None) -> None:
        await self.check_id(admitted)
        upload = admitted.upload
        created = self.events.event(EventType.CREATED, request)
        try:
            await self.catalog.insert(upload, durable=self.config.syncs_answers, event=created)
        except asyncio.CancelledError:  # the upload may have been inserted already
            await self.disposal.give_up(upload, held)
            raise
        async with given_up_on_error(self.disposal, upload, held):
            await self.store.create(upload)
            if self.config.syncs_answers:
                await self.sync(upload.id)
        observe.log_created(upload.id, upload.length)

    async def admit(self, wanted: Wanted, caller: Caller) -> Admitted:
        """Return the upload to create, after the limits and the hooks accepted it."""
        limit = self.config.max_size
        if limit is not None and wanted.length is not None and wanted.length > limit:
            raise MaxSizeExceeded(max_size=limit)
        now = self.clock()
        after = self.config.expire_after_s
        is_session = wanted.kind is UploadKind.SESSION
        upload = Upload(
            id=new_uuid() if is_session else new_upload_id(),
            kind=wanted.kind,
            length=wanted.length,
            user=caller.user,
            metadata=wanted.metadata,
            metadata_header=wanted.metadata_header,
            concat_header=wanted.concat_header,
            created_at=now,
            expires_at=now + after if after else None,
            layout=_LAYOUTS.get(wanted.kind, GROWING),
        )
        changes = await self.hooks.creating(upload, caller.request)
        if changes is None:
            return Admitted(upload)
        if changes.metadata is not None:
            upload = replace(upload, metadata=changes.metadata, metadata_header=None)
        if changes.id is not None:
            upload = replace(upload, id=changes.id)
        return Admitted(upload, changes.reply, is_id_chosen=changes.id is not None)

    async def look(self, upload_id: str, caller: Caller) -> Progress:
        """Return an upload and its offset. Does not wait for a writer or a hook, and delays none.

        If all bytes are there but the upload was not finished (its process died, or a hook failed), this
        starts to finish it: the answer says so if that takes no time; else it continues in the background.

        Raises:
            UploadNotFound, UploadExpired, or what the hook raises within that time.
        """
        upload = await self._find(upload_id, caller)
        offset = await self.lookup.offset(upload)
        # Not for a final: its offset is 0 until it is finished.
        if (offset == upload.length or isinstance(upload.layout, Joined)) and await self.finishing.is_due(
            upload
        ):
            return await self._finished(Progress(upload, offset), caller)
        return Progress(upload, offset)

    async def _finished(self, progress: Progress, caller: Caller) -> Progress:
        """Return the upload finished, or as it is if that takes longer or another request is doing it."""
        upload_id = progress.upload.id
        task = self._finishing_now.get(upload_id)
        if task is None:
            task = asyncio.create_task(self._finish_if_free(upload_id, caller))
            self._finishing_now[upload_id] = task
        await asyncio.wait({task}, timeout=_AT_ONCE_S)
        if not task.done():
            task.add_done_callback(_log_failure)
            return progress
        is_ours, finished = task.result()
        if not is_ours:
            return progress
        if finished is None:
            raise UploadNotFound
        return Progress(finished, await self.lookup.offset(finished))

    async def _finish_if_free(self, upload_id: str, caller: Caller) -> tuple[bool, Upload | None]:
        """Finish an upload if its lock is free (its holder does that otherwise); return whether it was."""
        try:
            async with self.locker.hold_if_free(upload_lock(upload_id)) as held:
                if held is None:
                    return False, None
                return True, await self.finishing.finish_held_if_due(upload_id, held, caller.request)
        finally:
            # Here and not in a callback, which runs later: the next look must not get this try's failure.
            del self._finishing_now[upload_id]

    async def close(self) -> None:
        """Cancel what is being finished; the next look at the upload starts again."""
        for task in list(self._finishing_now.values()):
            task.cancel()
        await asyncio.gather(*self._finishing_now.values(), return_exceptions=True)

    async def _find(self, upload_id: str, caller: Caller) -> Upload:
        try:
            return await self.lookup.find(upload_id, caller)
        except UploadExpired:
            async with self.locker.hold_if_free(upload_lock(upload_id)) as held:
                if held:
                    raise
        return await self.lookup.find_in_use(upload_id, caller)

    async def terminate(self, upload_id: str, caller: Caller) -> HookReply | None:
        """Delete an upload and free its space; a writer is asked to stop first.

        Returns:
            What a hook adds to the answer.

        Raises:
            UploadNotFound, UploadExpired, UploadLocked, or whatever a hook raises: nothing was deleted, and
            no writer was asked to stop unless the hook agreed.
        """
        asked, reply = False, None

        async def ask(upload: Upload) -> Upload:
            nonlocal asked, reply
            if not asked:
                reply = await self.hooks.terminating(upload, caller.request)
                asked = True
            return upload

        async def before_asking() -> None:
            await ask(await self.lookup.find_in_use(upload_id, caller))

        async with self.locker.hold(
            upload_lock(upload_id),
            StopSignal(),
            timeout_s=self.config.acquire_lock_timeout_s,
            before_asking=before_asking,
        ) as held:
            upload = await ask(await self.lookup.find(upload_id, caller))
            await self.disposal.give_up(upload, held, EventType.TERMINATED, caller.request)
        observe.log("UploadTerminated", id=upload_id)
        return reply


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        observe.LOGGER.error("UploadNotFinished", exc_info=task.exception())
