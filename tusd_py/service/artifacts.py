"""Artifacts: complete content, named by its digest. A session's file is renamed, never copied.

The steps are: insert a pending row, rename the file, mark the row as ready, remove the upload. Whenever a
process dies, the name of the file shows which steps are left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from tusd_py import observe
from tusd_py.errors.artifacts import ArtifactExists, ArtifactLost, ArtifactNotFound, UploadNotCommitted
from tusd_py.errors.chunks import ChunkTimeout
from tusd_py.errors.commits import DigestMismatch
from tusd_py.errors.requests import InvalidBody
from tusd_py.errors.server import ServerShutdown, StorageFull
from tusd_py.errors.uploads import MaxSizeExceeded, UploadNotFound
from tusd_py.model.artifacts import Artifact
from tusd_py.model.body import Body, Ended, Received, StopSignal
from tusd_py.model.digests import Checksum
from tusd_py.model.upload import MAX_LENGTH, Joined, Upload, UploadState, new_uuid
from tusd_py.ports.artifacts import ArtifactCatalog
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.locks import Held, Locker, LockName, other_lock, upload_lock
from tusd_py.ports.ranges import RangeCatalog
from tusd_py.ports.store import STATE_FOLDER, DataStore, MovesFiles, StoreFailed
from tusd_py.service.caller import Caller
from tusd_py.service.capabilities import Digest
from tusd_py.service.disposal import Disposal
from tusd_py.service.finishing import Finishing
from tusd_py.service.hashing import Sha256, digest
from tusd_py.service.lookup import Lookup
from tusd_py.service.reading import Reading
from tusd_py.service.uploads import Uploads, Wanted
from tusd_py.settings import Config
from tusd_py.transfer.meanwhile import stopped_when_idle

#: Where the files of artifacts are, below the upload directory. No upload id has a slash.
FOLDER: Final = f"{STATE_FOLDER}/artifacts"


@dataclass(frozen=True, slots=True)
class Made:
    """An artifact, and whether this request created it."""

    artifact: Artifact
    is_new: bool


def file_of(artifact: Artifact) -> str:
    """Return the name of an artifact's data file in the store."""
    return f"{FOLDER}/{artifact.sha256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """Creates, finds and deletes artifacts."""

    config: Config
    catalog: Catalog
    store: DataStore
    files: MovesFiles
    digest: Digest
    locker: Locker
    ranges: RangeCatalog
    artifacts: ArtifactCatalog
    clock: Callable[[], float]
    lookup: Lookup
    finishing: Finishing
    disposal: Disposal
    uploads: Uploads
    reading: Reading

    async def from_upload(self, upload: Upload, caller: Caller) -> Made:
        """Create an artifact from a complete upload, and remove the upload.

        Raises UploadNotCommitted, UploadNotFound, UploadLocked, ArtifactExists.
        """

        async def check() -> None:
            # A writer must not be stopped for an artifact that cannot be created yet.
            current = await self.lookup.find_in_use(upload.id, caller)
            if current.state is UploadState.OPEN and not await self.finishing.is_due(current):
                raise UploadNotCommitted(upload.id)

        async with self.locker.hold(
            upload_lock(upload.id),
            StopSignal(),
            timeout_s=self.config.acquire_lock_timeout_s,
            before_asking=check,
        ) as held:
            upload = await self.lookup.find(upload.id, caller)
            if await self.finishing.is_due(upload):
                upload, _ = await self.finishing.finish(upload, held, caller.request)
            if upload.state is not UploadState.COMPLETE:
                raise UploadNotCommitted(upload.id)
            if not isinstance(upload.layout, Joined) and await self.store.size(upload.id) != upload.length:
                raise UploadNotFound  # its file was lost, or cut, after it was verified
            return await self._place(upload, await self.sha256_of(upload, held), held)

    async def from_body(
        self,
        body: Body,
        expected: Callable[[], Sequence[Checksum]],
        metadata: dict[str, bytes],
        caller: Caller,
    ) -> Made:
        """Create an artifact from the bytes of one request.

        Args:
            expected: Returns the sha256 that the client gives; called after the body.

        Raises MaxSizeExceeded, DigestMismatch, InvalidBody, ChunkTimeout ...: nothing is stored.
        """
        made = await self.uploads.create(Wanted(length=None, metadata=metadata), caller)
        upload = made.upload
        async with self.locker.hold(
            upload_lock(upload.id), StopSignal(), timeout_s=self.config.acquire_lock_timeout_s
        ) as held:
            try:
                upload, sha256 = await self._receive(upload, body, expected, held)
                upload, _ = await self.finishing.finish(upload, held, caller.request)
                return await self._place(upload, sha256, held)
            except BaseException:
                if await self.catalog.get(upload.id) is not None:
                    await self.disposal.give_up(upload, held)
                raise

    async def _receive(
        self, upload: Upload, body: Body, expected: Callable[[], Sequence[Checksum]], held: Held
    ) -> tuple[Upload, str]:
        taken, stop = Sha256(), StopSignal()
        limit = self.config.max_size or MAX_LENGTH
        with stopped_when_idle(stop, self.config.chunk_idle_timeout_s):
            received = await self.store.write(upload.id, 0, body, limit=limit, hashes=[taken], stop=stop)
        _check_end(received, limit)
        for checksum in expected():
            if not checksum.matches(taken):
                raise DigestMismatch(expected=checksum.expected.hex(), actual=taken.hexdigest())
        # No final names it, so it cannot be too large for one.
        await self.catalog.set_length(upload.id, received.count, held, max_size=None)
        return replace(upload, length=received.count), taken.hexdigest()

    async def sha256_of(self, upload: Upload, held: Held) -> str:
        """Return the digest of a complete upload; if it is unknown, read the upload and store the digest."""
        facts = await self.ranges.facts(upload.id)
        if facts.sha256 is not None:
            return facts.sha256
        taken = Sha256()
        for segment in await self.reading.segments(upload):
            await digest(self.digest, segment.data_file, segment.start, segment.start + segment.size, taken)
        await self.ranges.set_sha256(upload.id, taken.hexdigest(), held)
        return taken.hexdigest()

    async def _place(self, upload: Upload, sha256: str, held: Held) -> Made:
        """Give the content its final name. The upload's lock is ``held``."""
        wanted = Artifact(
            id=new_uuid(),
            sha256=sha256,
            size=upload.length or 0,
            user=upload.user,
            upload_id=upload.id,
            created_at=self.clock(),
            is_ready=False,
        )
        async with self.locker.hold(
            _lock_name(sha256), StopSignal(), timeout_s=self.config.acquire_lock_timeout_s
        ) as content:
            held.check()  # the wait for the other lock may have been long
            await self._recover_content(sha256, content)
            artifact = await self.artifacts.insert_pending(wanted, content)
            is_new, is_there = artifact.id == wanted.id, await self._is_there(artifact)
            if is_there and not is_new and self.config.duplicate_artifact == "reject":
                raise ArtifactExists(artifact.id)
            try:
                if not is_there:
                    await self._move(upload, artifact)
            except Exception:  # a full medium, a source that is too short, anything: undo the row
                if is_new and await self.store.size(file_of(artifact)) is None:
                    await self.artifacts.delete(artifact, content)
                raise
            await self.artifacts.finish(artifact, content, upload_id=upload.id)
            await self.disposal.give_up(upload, held)
        event = "ArtifactCreated" if is_new else "ArtifactKnown" if is_there else "ArtifactRestored"
        observe.log(event, id=artifact.id, upload=upload.id, size=artifact.size)
        return Made(replace(artifact, is_ready=True), is_new=is_new)

    async def _is_there(self, artifact: Artifact) -> bool:
        """Whether the content exists. Rows alone do not prove it: somebody may have removed the file."""
        if not await self.artifacts.has_file(artifact.sha256):
            return False
        return await self.store.size(file_of(artifact)) == artifact.size

    async def _move(self, upload: Upload, artifact: Artifact) -> None:
        if not isinstance(upload.layout, Joined):
            # A second name, not a rename: whether a final needs the file is decided when the upload is
            # removed, in the same transaction.
            with suppress(StoreFailed, StorageFull):
                await self.files.link(upload.id, file_of(artifact))
                return
        # A final's bytes are in files that other uploads need, and some file systems have no links: then
        # the bytes are copied, once.
        pieces = [(each.data_file, each.start, each.size) for each in await self.reading.segments(upload)]
        temporary, taken = f"{FOLDER}/.new-{artifact.id}", Sha256()
        try:
            await self.files.join(pieces, temporary, taken)
            if taken.hexdigest() != artifact.sha256:
                raise EOFError("a data file is not what it was")
            await self.files.move(temporary, file_of(artifact))
        except BaseException:
            await self.store.remove(temporary)
            raise

    async def recover(self) -> None:
        """Finish or undo what dead processes left between two steps."""
        for artifact in await self.artifacts.pending():
            async with self.locker.hold_if_free(_lock_name(artifact.sha256)) as held:
                if held:
                    await self._recover_one(artifact, held)

    async def _recover_content(self, sha256: str, held: Held) -> None:
        """Finish or undo what dead processes left of this content, whose lock is ``held``."""
        for artifact in await self.artifacts.pending(sha256):
            await self._recover_one(artifact, held)

    async def _recover_one(self, artifact: Artifact, held: Held) -> None:
        await self.store.remove(f"{FOLDER}/.new-{artifact.id}")
        if await self.store.size(file_of(artifact)) != artifact.size:
            await self.artifacts.delete(artifact, held)
            return
        await self.artifacts.finish(artifact, held, upload_id=artifact.upload_id)
        upload = artifact.upload_id and await self.catalog.get(artifact.upload_id)
        if upload:
            await self.disposal.give_up(upload, held)
        observe.log("ArtifactRecovered", id=artifact.id)

    async def get(self, artifact_id: str, caller: Caller) -> Artifact:
        """Return an artifact. Raises ArtifactNotFound."""
        artifact = await self.artifacts.get(artifact_id)
        if artifact is None or artifact.user not in (None, caller.user):
            raise ArtifactNotFound
        return artifact

    async def delete(self, artifact_id: str, caller: Caller) -> None:
        """Delete an artifact; its file is removed with the last artifact of that content."""
        artifact = await self.get(artifact_id, caller)
        async with self.locker.hold(
            _lock_name(artifact.sha256), StopSignal(), timeout_s=self.config.acquire_lock_timeout_s
        ) as held:
            await self._recover_content(artifact.sha256, held)
            await self.get(artifact_id, caller)
            await self.artifacts.set_pending(artifact, held)
            if not await self.artifacts.has_file(artifact.sha256):
                await self.store.remove(file_of(artifact))
            await self.artifacts.delete(artifact, held)
        observe.log("ArtifactDeleted", id=artifact_id)

    async def list_artifacts(
        self, caller: Caller, *, of_nobody: bool, sha256: str | None, limit: int, offset: int
    ) -> tuple[int, list[Artifact]]:
        """Return how many artifacts there are, and one page of them."""
        return await self.artifacts.list_artifacts(
            caller.user, of_nobody=of_nobody, sha256=sha256, limit=limit, offset=offset
        )

    async def check(self, artifact: Artifact) -> None:
        """Check that an artifact can be read.

        Raises ArtifactNotFound: it is being deleted; ArtifactLost: its file was removed or cut.
        """
        if await self.store.size(file_of(artifact)) == artifact.size:
            return
        if await self.artifacts.get(artifact.id) is None:
            raise ArtifactNotFound
        observe.log("ArtifactLost", level=logging.ERROR, id=artifact.id, sha256=artifact.sha256)
        raise ArtifactLost


def _lock_name(sha256: str) -> LockName:
    return other_lock(f"artifact-{sha256}")


def _check_end(received: Received, limit: int) -> None:
    match received.ended:
        case Ended.COMPLETE:
            return
        case Ended.OVERRUN:
            raise MaxSizeExceeded(max_size=limit)
        case Ended.STALLED:
            raise ChunkTimeout
        case Ended.SHUTDOWN:
            raise ServerShutdown
        case Ended.STOPPED:
            raise UploadNotFound
        case _:
            raise InvalidBody("the body ended early")
