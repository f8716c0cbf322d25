"""Commits a session: checks that every byte is there and that digests match. Nothing is copied."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tusd_py import observe
from tusd_py.errors import InternalFailure, UploadError
from tusd_py.errors.chunks import UploadNotOpen
from tusd_py.errors.commits import AlreadyCommitted, DigestMismatch, PartsMismatch, SessionIncomplete
from tusd_py.errors.requests import InvalidField
from tusd_py.errors.server import ServerShutdown
from tusd_py.errors.uploads import UploadLocked
from tusd_py.model.commits import CommitFailure, Piece
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import Ranged, Upload, UploadChunk, UploadKind, UploadState
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.locks import Held, Locker, upload_lock
from tusd_py.ports.ranges import RangeCatalog
from tusd_py.service.artifacts import Artifacts, Made
from tusd_py.service.caller import Caller
from tusd_py.service.capabilities import Digest
from tusd_py.service.claims import refusal_of
from tusd_py.service.finishing import Finishing
from tusd_py.service.hashing import Sha256, digest
from tusd_py.service.lifetime import Lifetime
from tusd_py.service.liveness import Liveness
from tusd_py.service.lookup import Lookup
from tusd_py.settings import Config

#: How long a commit waits for a holder of the upload's lock that does not commit it, and how often it tries.
_PATIENCE_S = 2.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCommit:
    """The digests that a client gives, of the whole and of its parts."""

    sha256: str | None = None  # lower-case hexadecimal digits
    parts: Sequence[Piece] | None = None
    in_background: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The upload after a commit, or while it runs, and the artifact that it created, if any."""

    upload: Upload
    is_running: bool = False
    made: Made | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commits:
    """Runs commits: each once, however many requests ask for it, and beyond the end of those requests."""

    config: Config
    catalog: Catalog
    digest: Digest
    locker: Locker
    ranges: RangeCatalog
    lookup: Lookup
    finishing: Finishing
    lifetime: Lifetime
    liveness: Liveness
    artifacts: Artifacts
    _tasks: set[asyncio.Task[Committed]] = field(default_factory=set, init=False)

    async def close(self) -> None:
        """Cancel running commits; their uploads are open again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def commit(self, upload: Upload, wanted: WantedCommit, caller: Caller) -> Committed:
        """Verify and complete the upload; with ``in_background`` return when that has started.

        Raises:
            SessionIncomplete, PartsMismatch, InvalidField, UploadLocked: nothing was changed.
            DigestMismatch: The upload is open; chunks that the disk does not hold as received were dropped.
            AlreadyCommitted: With another digest.
        """
        await self._check_parts(upload, wanted.parts)
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            committed = await self._try(upload, wanted, caller)
            if committed is not None:
                return committed
            # Another request holds it: a commit in another process, a PATCH, the sweep.
            current = await self.lookup.find(upload.id, caller)
            if current.state is UploadState.COMMITTING:
                return Committed(upload=current, is_running=True)
            await self._check_filled(current, is_held=True)
            if asyncio.get_running_loop().time() > deadline:
                raise UploadLocked
            await asyncio.sleep(_POLL_S)

    async def _try(self, upload: Upload, wanted: WantedCommit, caller: Caller) -> Committed | None:
        begun: asyncio.Future[Upload | None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(upload.id, wanted, caller, begun))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        either: set[asyncio.Future[Any]] = {task, begun}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if begun.done() and begun.result() is None:  # not held
            return None
        if wanted.in_background and begun.done():
            task.add_done_callback(_log_failure)
            return Committed(upload=begun.result() or upload, is_running=True)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:  # the commit goes on without a request that waits for it
            task.add_done_callback(_log_failure)
            raise

    async def _run(
        self, upload_id: str, wanted: WantedCommit, caller: Caller, begun: asyncio.Future[Upload | None]
    ) -> Committed:
        async with self.locker.hold_if_free(upload_lock(upload_id)) as held:
            upload = await self.lookup.find(upload_id, caller)
            if held is None:
                begun.set_result(None)
                return Committed(upload=upload)
            if upload.state is UploadState.COMMITTING:  # its process is dead
                await self.ranges.reopen(upload_id, held)
                upload = await self.lookup.find(upload_id, caller)
            if await self.finishing.is_due(upload):
                upload, _ = await self.finishing.finish(upload, held, caller.request)
            if upload.state is UploadState.COMPLETE:
                await self._check_again(upload, held, wanted.sha256)
            else:
                upload = await self._commit(upload, held, wanted, caller, begun)
        made = None
        if self.config.commit_creates_artifact:
            made = await self.artifacts.from_upload(upload, caller)
        return Committed(upload=upload, made=made)

    async def _commit(
        self,
        upload: Upload,
        held: Held,
        wanted: WantedCommit,
        caller: Caller,
        begun: asyncio.Future[Upload | None],
    ) -> Upload:
        facts = await self.ranges.facts(upload.id)
        expected = [each for each in (wanted.sha256, facts.expected_sha256) if each is not None]
        if not expected and not _proves(wanted.parts):
            raise InvalidField("sha256", "is required, or the digest of every part")
        await self._begin(upload, held)
        upload = await self.lookup.find(upload.id, caller)
        begun.set_result(upload)
        corrupt: list[UploadChunk] = []
        try:
            with self.lifetime.kept(upload):
                await self._check_parts(upload, wanted.parts)  # again: from here on no chunk changes
                sha256 = await self._verified(upload, expected, corrupt)
            await self.ranges.set_sha256(upload.id, sha256, held)
            upload, _ = await self.finishing.finish(upload, held, caller.request)
        except BaseException as error:
            # In one step, so that an upload is never seen open without the failure and the missing ranges.
            failure = _failure(error) if wanted.in_background else None
            await self.ranges.reopen(upload.id, held, drop=corrupt, failure=failure)
            raise
        return upload

    async def _verified(self, upload: Upload, expected: Sequence[str], corrupt: list[UploadChunk]) -> str:
        """Return the digest of the whole.

        Raises DigestMismatch: It is not the expected one; ``corrupt`` then has the chunks that differ.
        """
        taken = Sha256()
        if expected:
            await digest(self.digest, upload.id, 0, upload.length or 0, taken)
        else:
            corrupt += await self._corrupt_chunks(upload, taken)
            if corrupt:
                raise _mismatch(corrupt, None, taken.hexdigest())
        for each in expected:
            if each != taken.hexdigest():
                corrupt += await self._corrupt_chunks(upload)
                raise _mismatch(corrupt, each, taken.hexdigest())
        return taken.hexdigest()

    async def _begin(self, upload: Upload, held: Held) -> None:
        """Begin the commit: from now on no chunk may change."""
        await self._check_filled(upload, is_held=False)
        await self.finishing.begin_commit(upload.id, held)

    async def _check_filled(self, upload: Upload, *, is_held: bool) -> None:
        """Refuse an incomplete upload; a writer that holds it is not disturbed.

        Raises SessionIncomplete, UploadNotOpen.
        """
        if upload.state is not UploadState.OPEN:
            return
        if upload.length is None:
            raise UploadNotOpen("open", "the length of the upload is not known yet")
        if isinstance(upload.layout, Ranged):
            await self.liveness.drop_claims_of_dead(await self.ranges.claimants(upload.id))
            if lacking := await self.ranges.unfilled(upload.id):
                raise await refusal_of(lacking, self.ranges, upload.id)
            return
        # An upload of tus is complete with its last byte; there is nothing to commit before.
        offset = await self.lookup.offset(upload)
        if offset < upload.length:
            rest = [ByteRange(offset, upload.length)]
            raise SessionIncomplete(missing=rest, in_progress=rest if is_held else ())

    async def _corrupt_chunks(self, upload: Upload, whole: Sha256 | None = None) -> list[UploadChunk]:
        """Return the chunks that the disk does not hold as received; hash all bytes with ``whole``."""
        corrupt: list[UploadChunk] = []
        async for chunk in self.catalog.chunks(upload):
            taken = Sha256(whole)
            await digest(self.digest, upload.id, chunk.range.start, chunk.range.stop, taken)
            if taken.hexdigest() != chunk.sha256:
                corrupt.append(chunk)
        return corrupt

    async def _check_again(self, upload: Upload, held: Held, expected: str | None) -> None:
        """Verify the digest of a repeated commit, or of an upload that tus completed."""
        if expected is None:
            return
        actual = await self.artifacts.sha256_of(upload, held)
        if expected != actual and upload.kind is UploadKind.SESSION:
            raise AlreadyCommitted(sha256=actual)
        if expected != actual:
            raise DigestMismatch(expected=expected, actual=actual)

    async def _check_parts(self, upload: Upload, parts: Sequence[Piece] | None) -> None:
        if parts is None:
            return
        received = {each.offset: each async for each in self.catalog.chunks(upload)}
        differing: list[Piece] = []
        for part in parts:
            chunk = received.pop(part.offset, None)
            if chunk is None or chunk.size != part.size or part.sha256 not in (None, chunk.sha256):
                differing.append(part)
        differing += [
            Piece(each.offset, each.size, each.sha256, is_listed=False) for each in received.values()
        ]
        if differing:
            raise PartsMismatch(parts=differing[:1000])

    async def recover(self) -> None:
        """Reopen the uploads whose committing process died."""
        for upload_id in await self.ranges.committing():
            async with self.locker.hold_if_free(upload_lock(upload_id)) as held:
                if held is None:
                    continue
                upload = await self.catalog.get(upload_id)
                if upload is not None and upload.state is UploadState.COMMITTING:
                    await self.ranges.reopen(upload_id, held)
                    observe.log("CommitUndone", id=upload_id)


def _proves(parts: Sequence[Piece] | None) -> bool:
    """Whether the list has a digest for every byte. (It was compared with what was received.)"""
    return bool(parts) and all(part.sha256 is not None for part in parts or ())


def _mismatch(corrupt: Sequence[UploadChunk], expected: str | None, actual: str) -> DigestMismatch:
    ranges = [chunk.range for chunk in corrupt]
    return DigestMismatch(expected=expected, actual=actual, corrupt=ranges, missing=ranges)


def _failure(error: BaseException) -> CommitFailure:
    if isinstance(error, asyncio.CancelledError):
        error = ServerShutdown()
    if not isinstance(error, UploadError):
        error = InternalFailure()
    return CommitFailure(error.code, error.status, error.message, error.facts)


def _log_failure(task: asyncio.Task[Committed]) -> None:
    if task.cancelled():
        return
    error = task.exception()
    if isinstance(error, UploadError):
        observe.log("CommitRefused", code=error.code)
    elif error is not None:
        observe.LOGGER.error("CommitFailed", exc_info=error)
