"""Creates sessions, and shows, lists and deletes uploads of either protocol, for the chunk API."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tusd_py import observe
from tusd_py.errors.artifacts import UploadConsumed
from tusd_py.errors.chunks import SessionExpired, UploadNotOpen
from tusd_py.errors.requests import InvalidField
from tusd_py.errors.uploads import UploadExpired, UploadNotFound
from tusd_py.model.body import StopSignal
from tusd_py.model.commits import SessionFacts
from tusd_py.model.events import EventType
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import (
    ChunkState,
    Growing,
    Joined,
    Ranged,
    Upload,
    UploadChunk,
    UploadKind,
    UploadState,
)
from tusd_py.ports.artifacts import ArtifactCatalog
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.locks import Locker, LockName, other_lock, upload_lock
from tusd_py.ports.ranges import Filter, RangeCatalog
from tusd_py.ports.store import Allocates, DataStore
from tusd_py.service.caller import Caller
from tusd_py.service.capabilities import Sync
from tusd_py.service.disposal import Disposal, given_up_on_error
from tusd_py.service.events import Events
from tusd_py.service.lookup import Lookup
from tusd_py.service.uploads import Uploads, Wanted
from tusd_py.settings import Config

#: Without users a key gives access to its upload, so it must be long enough not to be guessed.
_KEY_LENGTH: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSession:
    """The session that a client wants. ``size`` is in bytes; ``key`` makes the request repeatable."""

    size: int
    sha256: str | None = None
    metadata: Mapping[str, bytes]
    key: str | None = None


def _key_lock(caller: Caller, key: str) -> LockName:
    """Return the name of a key's lock."""
    return other_lock("key-" + hashlib.sha256(f"{caller.user or ''}\0{key}".encode()).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An upload and what is known of its bytes. ``received`` is in bytes."""

    upload: Upload
    facts: SessionFacts
    received: int
    chunk_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParallelUploads:
    """The uploads as the chunk API sees them."""

    config: Config
    catalog: Catalog
    store: DataStore
    space: Allocates
    sync: Sync
    locker: Locker
    ranges: RangeCatalog
    artifacts: ArtifactCatalog
    clock: Callable[[], float]
    lookup: Lookup
    events: Events
    disposal: Disposal
    uploads: Uploads

    async def find(self, upload_id: str, caller: Caller) -> Upload:
        """Return an upload. Raises UploadNotFound, SessionExpired, UploadConsumed."""
        try:
            return await self.lookup.find(upload_id, caller)
        except UploadExpired:
            raise SessionExpired(expired_at=await self._expired_at(upload_id)) from None
        except UploadNotFound:
            artifact_id = await self.artifact_of(upload_id, caller)
            if artifact_id is None:
                raise
            raise UploadConsumed(artifact_id) from None

    async def artifact_of(self, upload_id: str, caller: Caller) -> str | None:
        """Return the id of the artifact that an upload became; None: it did not."""
        artifact_id = await self.artifacts.made_of(upload_id)
        artifact = None if artifact_id is None else await self.artifacts.get(artifact_id)
        return artifact.id if artifact is not None and artifact.user in (None, caller.user) else None

    def now(self) -> float:
        """Return the time, in seconds since 1970."""
        return self.clock()

    async def _expired_at(self, upload_id: str) -> float | None:
        upload = await self.catalog.get(upload_id)
        if upload is None or upload.expires_at is None:
            return None
        is_tombstone = upload.state is UploadState.EXPIRED
        return upload.expires_at - (self.config.tombstone_for_s if is_tombstone else 0)

    async def create(self, wanted: WantedSession, caller: Caller) -> tuple[Upload, bool]:
        """Create a session and reserve the space for its bytes; return it, and whether it is new.

        Raises:
            MaxSizeExceeded, NoSpace, StorageFull, or whatever a hook raises: nothing is stored.
            InvalidField: The key was used for an upload of another size or sha256.
            UploadLocked: Another request with the same key is still running.
        """
        if wanted.key is None:
            return await self._make(wanted, caller), True
        if len(wanted.key) < _KEY_LENGTH:
            raise InvalidField("Idempotency-Key", f"must have at least {_KEY_LENGTH} characters")
        # One at a time: a repeated request would need the space twice while the first one is running.
        timeout_s = self.config.acquire_lock_timeout_s
        async with self.locker.hold(_key_lock(caller, wanted.key), StopSignal(), timeout_s=timeout_s):
            found = await self.ranges.find_key(caller.user, wanted.key)
            if found is not None:
                upload = await self._made_before(found, wanted, caller)
                if not await self._given_up_without_file(upload):
                    return upload, False
            return await self._make(wanted, caller), True

    async def _make(self, wanted: WantedSession, caller: Caller) -> Upload:
        """Create a session. Its row is written last, so every session that is found has its file and space.

        Until then its files are a leftover, which the sweep removes if the process dies. The lock keeps the
        sweep away while the process lives.
        """
        is_durable = self.config.syncs_answers
        asked = Wanted(length=wanted.size, kind=UploadKind.SESSION, metadata=wanted.metadata)
        admitted = await self.uploads.admit(asked, caller)
        upload = admitted.upload
        async with self.locker.hold(upload_lock(upload.id), StopSignal(), timeout_s=0) as held:
            await self.uploads.check_id(admitted)
            async with given_up_on_error(self.disposal, upload, held):
                await self.catalog.add_leftover(upload.id, durable=is_durable)
                await self.space.allocate(
                    upload.id, wanted.size, how=self.config.preallocate, min_free=self.config.min_free_bytes
                )
                await self.store.export(upload)
                if is_durable:
                    await self.sync(upload.id)
                await self.ranges.insert_session(
                    upload,
                    held,
                    expected_sha256=wanted.sha256,
                    key=wanted.key,
                    durable=is_durable,
                    event=self.events.event(EventType.CREATED, caller.request),
                )
        observe.log_created(upload.id, upload.length)
        return upload

    async def _given_up_without_file(self, upload: Upload) -> bool:
        """Remove an open session whose file is missing, as it accepts no bytes; return whether it was one."""
        if upload.state is not UploadState.OPEN or await self.store.size(upload.id) is not None:
            return False
        async with self.locker.hold(
            upload_lock(upload.id), StopSignal(), timeout_s=self.config.acquire_lock_timeout_s
        ) as held:
            await self.disposal.give_up(upload, held)
        return True

    async def _made_before(self, upload_id: str, wanted: WantedSession, caller: Caller) -> Upload:
        try:
            upload = await self.lookup.find(upload_id, caller)
        except (UploadNotFound, UploadExpired):
            raise InvalidField("Idempotency-Key", "belongs to an upload that is gone") from None
        if upload.length != wanted.size:
            raise InvalidField("Idempotency-Key", "belongs to an upload of another size")
        expected = (await self.ranges.facts(upload_id)).expected_sha256
        if None not in (expected, wanted.sha256) and expected != wanted.sha256:
            raise InvalidField("Idempotency-Key", "belongs to an upload of another sha256")
        return upload

    async def view(self, upload: Upload) -> View:
        """Return what is known of an upload; does not wait for writers."""
        facts = await self.ranges.facts(upload.id)
        if upload.state is UploadState.EXPIRED:
            return View(upload=upload, facts=facts, received=0, chunk_count=0)
        received = await self._received(upload, facts)
        count = await self._chunk_count(upload, facts, received)
        return View(upload=upload, facts=facts, received=received, chunk_count=count)

    async def _received(self, upload: Upload, facts: SessionFacts) -> int:
        if isinstance(upload.layout, Ranged) and upload.state is not UploadState.COMPLETE:
            return facts.received
        try:
            return await self.lookup.offset(upload)
        except UploadNotFound:  # its file is removed a moment before its row
            return 0

    async def _chunk_count(self, upload: Upload, facts: SessionFacts, received: int) -> int:
        match upload.layout:
            case Ranged():
                return facts.chunk_count
            case Joined():
                return await self.ranges.count(upload.id)
            case Growing():
                return int(received > 0)

    async def chunks(
        self, view: View, *, state: ChunkState | None = None, limit: int = -1, offset: int = 0
    ) -> list[UploadChunk]:
        """Return chunks by offset: the partials of a final; one chunk for an upload that grows."""
        upload = view.upload
        if not isinstance(upload.layout, Growing):
            found = self.catalog.chunks(upload, state=state, limit=limit, offset=offset)
            return [each async for each in found]
        chunks = _grown(view) if state in (None, ChunkState.RECEIVED) else []
        return chunks[offset : None if limit < 0 else offset + limit]

    async def count_chunks(self, view: View, *, state: ChunkState | None) -> int:
        """Return how many chunks are in ``state`` (None: any)."""
        if isinstance(view.upload.layout, Growing):
            return len(await self.chunks(view, state=state))
        return await self.ranges.count(view.upload.id, state=state)

    async def missing(self, view: View, *, limit: int = 1000) -> list[ByteRange]:
        """Return the first ranges that were not received."""
        upload = view.upload
        if upload.length is None or upload.state in (UploadState.COMPLETE, UploadState.EXPIRED):
            return []
        match upload.layout:
            case Ranged():
                return await self.ranges.missing(upload.id, limit=limit)
            case Growing() if view.received < upload.length:
                return [ByteRange(view.received, upload.length)]
            case _:
                return []

    async def list_uploads(self, wanted: Filter) -> tuple[int, list[View]]:
        """Return how many uploads match, and one page of them."""
        count, uploads = await self.ranges.list_uploads(wanted)
        views = []
        for upload in uploads:
            views.append(await self.view(upload))
            await asyncio.sleep(0)  # let other requests run between the uploads of a long list
        return count, views

    async def delete(self, upload: Upload, caller: Caller) -> None:
        """Delete an upload and free its space at once. Requests that are sending chunks get 404 at their end.

        Raises:
            UploadNotOpen: It is being committed. UploadLocked, or whatever a hook raises.
        """
        if upload.state is UploadState.COMMITTING:
            raise UploadNotOpen("committing", "the upload is just being committed")
        await self.uploads.terminate(upload.id, caller)


def _grown(view: View) -> list[UploadChunk]:
    """Return the bytes of a growing upload as one chunk."""
    upload = view.upload
    if not view.received:
        return []
    return [
        UploadChunk(
            id=upload.id,
            upload_id=upload.id,
            offset=0,
            size=view.received,
            sha256=view.facts.sha256 if upload.state is UploadState.COMPLETE else None,
            data_file=upload.id,
            created_at=upload.created_at,
            completed_at=upload.completed_at,
        )
    ]
