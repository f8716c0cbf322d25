"""Making, looking at and deleting uploads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tusd_py import observe
from tusd_py.errors import LengthExceeded, MaxSizeExceeded, UploadNotFound
from tusd_py.model.body import Body, StopSignal
from tusd_py.model.upload import Upload, UploadKind, new_upload_id
from tusd_py.service.append import Appender
from tusd_py.service.core import Caller, Core, Progress, full_medium_refused
from tusd_py.service.proof import Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The upload that a client asks for. ``length`` is in bytes; None: deferred."""

    length: int | None
    kind: UploadKind = UploadKind.SINGLE
    metadata: Mapping[str, bytes]
    metadata_header: str | None = None
    concat_header: str | None = None


class Uploads:
    """Create, look at and terminate."""

    def __init__(self, core: Core, appender: Appender) -> None:
        self._core = core
        self._appender = appender

    async def create(self, wanted: Wanted, caller: Caller) -> Progress:
        """Make an empty upload. One of length 0 is complete at once.

        On return the upload is in the catalog and its files are in the store.

        Raises:
            MaxSizeExceeded, StorageFull, or whatever a hook raises: nothing is left behind.
        """
        upload = await self.admit(wanted, caller)
        with full_medium_refused():
            await self._core.catalog.insert(upload, durable=self._core.config.durability == "patch")
            try:
                await self._core.store.create(upload)
                if self._core.config.durability == "patch":
                    await self._core.store.sync(upload.id)
            except OSError:
                await self._core.give_up(upload)
                raise
        observe.log("UploadCreated", id=upload.id, size=upload.length)
        if upload.length != 0:
            return Progress(upload, 0)
        try:
            done, reply = await self._core.finish(upload, caller.request)
        except BaseException:
            await self._core.give_up(upload)
            raise
        return Progress(done, 0, reply)

    async def create_with(self, wanted: Wanted, body: Body, proof: Proof, caller: Caller) -> Progress:
        """Make an upload and store the bytes that came along (tus 1.0.0, Creation With Upload).

        Raises:
            UploadError: Also for every way in which the body can end early. Then nothing is left
                behind: the client never learns the upload's URL, so nobody could go on with it.
        """
        if wanted.length is not None and body.length is not None and body.length > wanted.length:
            raise LengthExceeded(length=wanted.length, offset=0)
        made = await self.create(wanted, caller)
        if wanted.length == 0 and body.length == 0:
            return made
        try:
            return await self._appender.append(made.upload.id, 0, body, proof, caller)
        except BaseException:
            await self._core.give_up(made.upload)
            raise

    async def admit(self, wanted: Wanted, caller: Caller) -> Upload:
        """Return the upload to be made, after the limits and the application had their say."""
        limit = self._core.config.max_size
        if limit is not None and wanted.length is not None and wanted.length > limit:
            raise MaxSizeExceeded(max_size=limit)
        now = self._core.clock()
        after = self._core.config.expire_after_s
        upload = Upload(
            id=new_upload_id(),
            kind=wanted.kind,
            length=wanted.length,
            user=caller.user,
            metadata=wanted.metadata,
            metadata_header=wanted.metadata_header,
            concat_header=wanted.concat_header,
            created_at=now,
            expires_at=now + after if after else None,
        )
        metadata = await self._core.hooks.creating(upload, caller.request)
        if metadata is None:
            return upload
        return replace(upload, metadata=metadata, metadata_header=None)

    async def look(self, upload_id: str, caller: Caller) -> Progress:
        """Return how far an upload is. Waits for no writer and holds none up.

        Only an upload whose bytes are all there but which is not finished yet is finished first, because
        an offset equal to the length tells the client that all is done.

        Raises:
            UploadNotFound, UploadExpired; UploadLocked when somebody is just finishing it.
        """
        upload = await self._core.find(upload_id, caller)
        if await self._core.is_full(upload):
            settled = await self._core.settle(upload_id, caller.request)
            if settled is None:
                raise UploadNotFound
            upload = settled
        return Progress(upload, await self._core.offset(upload))

    async def terminate(self, upload_id: str, caller: Caller) -> None:
        """Delete an upload and free its space; whoever is writing to it is asked to stop first.

        Raises:
            UploadNotFound, UploadExpired, UploadLocked, or whatever a hook raises: nothing is deleted.
        """
        core = self._core
        async with core.locker.hold(
            upload_id,
            StopSignal(),
            timeout_s=core.config.acquire_lock_timeout_s,
            before_asking=lambda: core.find(upload_id, caller),  # not for somebody who may not delete it
        ):
            upload = await core.find(upload_id, caller)
            await core.hooks.terminating(upload, caller.request)
            await core.give_up(upload)
        observe.log("UploadTerminated", id=upload_id)
