"""Artifacts: complete content under its digest. A session's file is renamed, never copied.

Order of making one: a pending row, the rename, the row is ready, the upload goes. Whatever moment a process
dies at, looking whether the file has its final name says what is left to do.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from tusd_py import observe
from tusd_py.errors import MaxSizeExceeded, ServerShutdown, StorageFull, UploadNotFound
from tusd_py.errors.chunks import ChunkTimeout, InvalidBody
from tusd_py.errors.commits import (
    ArtifactExists,
    ArtifactLost,
    ArtifactNotFound,
    DigestMismatch,
    UploadNotCommitted,
)
from tusd_py.model.body import Body, Ended, Received, StopSignal
from tusd_py.model.ranges import Artifact
from tusd_py.model.upload import Upload, UploadKind, UploadState, new_uuid
from tusd_py.ports.locks import LockName, other_lock, upload_lock
from tusd_py.ports.store import DataFileMissing
from tusd_py.service.alive import Sha256, digest, stopped_when_idle
from tusd_py.service.chunks import ExpectedDigests
from tusd_py.service.core import Caller, Core
from tusd_py.service.reading import Reading
from tusd_py.service.uploads import Uploads, Wanted

#: Where the files of artifacts are, below the upload directory. No upload id has a slash.
FOLDER: Final = ".tusd-py/artifacts"


@dataclass(frozen=True, slots=True)
class Made:
    """An artifact, and whether this request made it."""

    artifact: Artifact
    is_new: bool


def file_of(artifact: Artifact) -> str:
    """Return the name of an artifact's data file in the store."""
    return f"{FOLDER}/{artifact.sha256}"


class Artifacts:
    """Makes, finds and deletes artifacts."""

    def __init__(self, core: Core, uploads: Uploads, reading: Reading) -> None:
        self._core = core
        self._uploads = uploads
        self._reading = reading

    async def from_upload(self, upload: Upload, caller: Caller) -> Made:
        """Make an artifact of a complete upload, which goes.

        Raises UploadNotCommitted, UploadNotFound, UploadLocked, ArtifactExists.
        """
        core = self._core

        async def check() -> None:
            # Whoever is still writing to it must not be stopped for an artifact that cannot be made yet.
            current = await core.find_in_use(upload.id, caller)
            if current.state is UploadState.OPEN and not await core.is_full(current):
                raise UploadNotCommitted(upload.id)

        async with core.locker.hold(
            upload_lock(upload.id),
            StopSignal(),
            timeout_s=core.config.acquire_lock_timeout_s,
            before_asking=check,
        ):
            upload = await core.find(upload.id, caller)
            if await core.is_full(upload):
                upload, _ = await core.finish(upload, caller.request)
            if upload.state is not UploadState.COMPLETE:
                raise UploadNotCommitted(upload.id)
            if upload.kind is not UploadKind.FINAL and await core.store.size(upload.id) != upload.length:
                raise UploadNotFound  # its file was lost, or cut, after it was verified
            return await self._place(upload, await self.sha256_of(upload))

    async def from_body(
        self, body: Body, claims: ExpectedDigests, metadata: dict[str, bytes], caller: Caller
    ) -> Made:
        """Make an artifact of the bytes of one request.

        Raises MaxSizeExceeded, DigestMismatch, InvalidBody, ChunkTimeout ...: nothing is left behind.
        """
        made = await self._uploads.create(Wanted(length=None, metadata=metadata), caller)
        upload, core = made.upload, self._core
        async with core.locker.hold(
            upload_lock(upload.id), StopSignal(), timeout_s=core.config.acquire_lock_timeout_s
        ):
            try:
                upload, sha256 = await self._receive(upload, body, claims)
                upload, _ = await core.finish(upload, caller.request)
                return await self._place(upload, sha256)
            except BaseException:
                if await core.catalog.get(upload.id) is not None:
                    await core.give_up(upload)
                raise

    async def _receive(self, upload: Upload, body: Body, claims: ExpectedDigests) -> tuple[Upload, str]:
        core, taken, stop = self._core, Sha256(), StopSignal()
        limit = core.config.max_size or 2**63 - 1
        with stopped_when_idle(stop, taken, core.config.chunk_idle_timeout_s):
            received = await core.store.write(upload.id, 0, body, limit=limit, hashes=[taken], stop=stop)
        _check_end(received, limit)
        for checksum in [*claims.known, *claims.late()]:
            if checksum.expected != taken.digest():
                raise DigestMismatch(expected=checksum.expected.hex(), actual=taken.hexdigest())
        await core.catalog.set_length(upload.id, received.count, max_size=core.config.max_size)
        return replace(upload, length=received.count), taken.hexdigest()

    async def sha256_of(self, upload: Upload) -> str:
        """Return the digest of a complete upload; read and remembered when it is not known yet."""
        facts = await self._core.ranges.facts(upload.id)
        if facts.sha256 is not None:
            return facts.sha256
        taken = Sha256()
        for segment in await self._reading.segments(upload):
            await digest(self._core, segment.data_file, segment.start, segment.start + segment.size, taken)
        await self._core.ranges.set_sha256(upload.id, taken.hexdigest())
        return taken.hexdigest()

    async def _place(self, upload: Upload, sha256: str) -> Made:
        """Give the content its final name. The caller has the upload's lock."""
        core = self._core
        wanted = Artifact(
            id=new_uuid(),
            sha256=sha256,
            size=upload.length or 0,
            user=upload.user,
            upload_id=upload.id,
            created_at=core.clock(),
            is_ready=False,
        )
        async with core.locker.hold(
            _lock_name(sha256), StopSignal(), timeout_s=core.config.acquire_lock_timeout_s
        ):
            await self._recover_content(sha256)
            artifact = await core.artifacts.insert_pending(wanted)
            is_new, is_there = artifact.id == wanted.id, await self._is_there(artifact)
            if is_there and not is_new and core.config.duplicate_artifact == "reject":
                raise ArtifactExists(artifact.id)
            try:
                if not is_there:
                    await self._move(upload, artifact)
            except Exception:  # a full medium, a source that is too short: whatever it is, undo the row
                if is_new and await core.store.size(file_of(artifact)) is None:
                    await core.artifacts.delete(artifact)
                raise
            await core.artifacts.finish(artifact, upload_id=upload.id)
            await core.give_up(upload)
        event = "ArtifactCreated" if is_new else "ArtifactKnown" if is_there else "ArtifactRestored"
        observe.log(event, id=artifact.id, upload=upload.id, size=artifact.size)
        return Made(replace(artifact, is_ready=True), is_new=is_new)

    async def _is_there(self, artifact: Artifact) -> bool:
        """Whether that content is there. Its rows alone do not say so: a hand may have removed its file."""
        if not await self._core.artifacts.has_file(artifact.sha256):
            return False
        return await self._core.store.size(file_of(artifact)) == artifact.size

    async def _move(self, upload: Upload, artifact: Artifact) -> None:
        core = self._core
        if upload.kind is not UploadKind.FINAL:
            # A second name and not a new one: whether a final needs the file is decided only when the
            # upload is given up, in one transaction with that.
            with suppress(OSError, StorageFull, DataFileMissing):
                await core.store.link(upload.id, file_of(artifact))
                return
        # A final's bytes are spread over files that others need, and some file systems have no links:
        # here, once, they are copied.
        pieces = [(each.data_file, each.start, each.size) for each in await self._reading.segments(upload)]
        temporary, taken = f"{FOLDER}/.new-{artifact.id}", Sha256()
        try:
            await core.store.join(pieces, temporary, taken)
            if taken.hexdigest() != artifact.sha256:
                raise EOFError("a data file is not what it was")
            await core.store.move(temporary, file_of(artifact))
        except BaseException:
            await core.store.remove(temporary)
            raise

    async def recover(self) -> None:
        """Finish or undo what a dead process left between two steps."""
        for artifact in await self._core.artifacts.pending():
            async with self._core.locker.hold_if_free(_lock_name(artifact.sha256)) as held:
                if held:
                    await self._recover_one(artifact)

    async def _recover_content(self, sha256: str) -> None:
        """Finish or undo what dead processes left of this content; the caller has the content's lock."""
        for artifact in await self._core.artifacts.pending(sha256):
            await self._recover_one(artifact)

    async def _recover_one(self, artifact: Artifact) -> None:
        core = self._core
        await core.store.remove(f"{FOLDER}/.new-{artifact.id}")
        if await core.store.size(file_of(artifact)) != artifact.size:
            await core.artifacts.delete(artifact)
            return
        await core.artifacts.finish(artifact, upload_id=artifact.upload_id)
        upload = artifact.upload_id and await core.catalog.get(artifact.upload_id)
        if upload:
            await core.give_up(upload)
        observe.log("ArtifactRecovered", id=artifact.id)

    async def get(self, artifact_id: str, caller: Caller) -> Artifact:
        """Return an artifact. Raises ArtifactNotFound."""
        artifact = await self._core.artifacts.get(artifact_id)
        if artifact is None or artifact.user not in (None, caller.user):
            raise ArtifactNotFound
        return artifact

    async def delete(self, artifact_id: str, caller: Caller) -> None:
        """Delete an artifact; its file goes with the last one of that content."""
        core = self._core
        artifact = await self.get(artifact_id, caller)
        async with core.locker.hold(
            _lock_name(artifact.sha256), StopSignal(), timeout_s=core.config.acquire_lock_timeout_s
        ):
            await self._recover_content(artifact.sha256)
            await self.get(artifact_id, caller)
            await core.artifacts.set_pending(artifact)
            if not await core.artifacts.has_file(artifact.sha256):
                await core.store.remove(file_of(artifact))
            await core.artifacts.delete(artifact)
        observe.log("ArtifactDeleted", id=artifact_id)

    async def list_artifacts(
        self, caller: Caller, *, of_nobody: bool, sha256: str | None, limit: int, offset: int
    ) -> tuple[int, list[Artifact]]:
        """Return how many artifacts there are, and one page of them."""
        return await self._core.artifacts.list_artifacts(
            caller.user, of_nobody=of_nobody, sha256=sha256, limit=limit, offset=offset
        )

    async def check(self, artifact: Artifact) -> None:
        """Make sure that an artifact can be read.

        Raises ArtifactNotFound: it is just being deleted; ArtifactLost: only its file is gone, or cut.
        """
        if await self._core.store.size(file_of(artifact)) == artifact.size:
            return
        if await self._core.artifacts.get(artifact.id) is None:
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
