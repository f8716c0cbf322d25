"""What the service needs of a catalog to keep uploads as ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tusd_py.model.claims import Absent, Answer, Busy, Forgotten, NotOpen, Wish
from tusd_py.model.commits import Begun, CommitFailure, Incomplete, SessionFacts
from tusd_py.model.events import NewEvent
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import ChunkState, Upload, UploadChunk
from tusd_py.ports.locks import Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which uploads to list. None: any."""

    user: str | None = None  # that user's
    of_nobody: bool = False  # and those that were made without a user
    state: str | None = None
    kinds: Sequence[str] | None = None
    size: int | None = None
    expired_by: float | None = None  # those that expired by then
    alive_at: float | None = None  # those that had not expired then
    limit: int = 100
    offset: int = 0


class RangeCatalog(Protocol):
    """Remembers which ranges of an upload were received, and by whom the others are claimed.

    As in Catalog each method is one transaction. The ranges of one upload never overlap, whoever asks:
    that is decided here and needs no lock.
    """

    async def insert_session(
        self,
        upload: Upload,
        held: Held,
        *,
        expected_sha256: str | None,
        key: str | None,
        durable: bool,
        event: NewEvent | None = None,
    ) -> None:
        """Add an upload that is kept as ranges, and the key that made it; it is no leftover any more.

        ``event`` goes into the outbox with it, see Catalog.
        """

    async def convert(self, upload: Upload, chunk: UploadChunk | None, held: Held) -> None:
        """Keep an open upload as ranges from now on; ``chunk`` is what it holds already."""

    async def facts(self, upload_id: str) -> SessionFacts:
        """Return what is known of an upload's ranges; all zero when there are none."""

    async def count(self, upload_id: str, *, state: ChunkState | None = None) -> int:
        """Return how many chunks and claims the catalog has of an upload; None: in any state."""

    async def missing(self, upload_id: str, *, limit: int) -> list[ByteRange]:
        """Return the first ``limit`` ranges that were not received, claimed ones included.

        Other requests go on in between, so what is received meanwhile may be among them.
        """

    async def unfilled(self, upload_id: str) -> Incomplete | None:
        """Return what keeps an upload from being committed; None when every range was received."""

    async def claim(self, wish: Wish) -> Answer:
        """Claim a range as ``model.claims.decide`` decides; on return that is done."""

    async def record(
        self, chunk: UploadChunk, *, sha256: str, at: float, expires_at: float | None, durable: bool
    ) -> bool:
        """Turn a claim into a received range, of ``chunk.range`` now.

        Returns:
            Whether the claim was there; if it was not, the upload was deleted.
        """

    async def drop_claim(self, chunk: UploadChunk) -> None:
        """Give a claim up; fine when it is gone."""

    async def delete_chunk(self, upload_id: str, offset: int) -> Forgotten | Busy | NotOpen | Absent:
        """Make a received range missing again, as ``model.claims.decide_deletion`` decides."""

    async def claimants(self, upload_id: str | None = None) -> list[str]:
        """Return the workers that hold claims."""

    async def drop_claims_of(self, worker: str, held: Held) -> None:
        """Give up all claims of a worker that is dead: its lock is ``held``."""

    async def begin_commit(self, upload_id: str, held: Held) -> Begun | Incomplete | NotOpen:
        """Move an upload to COMMITTING if it may be, as ``model.commits.decide_commit`` decides."""

    async def set_sha256(self, upload_id: str, sha256: str, held: Held) -> None:
        """Record the digest of the whole."""

    async def reopen(
        self,
        upload_id: str,
        held: Held,
        *,
        drop: Sequence[UploadChunk] = (),
        failure: CommitFailure | None = None,
    ) -> None:
        """End a commit without success; the ranges ``drop`` become missing."""

    async def committing(self) -> list[str]:
        """Return the ids of all uploads that are being committed."""

    async def find_key(self, user: str | None, key: str) -> str | None:
        """Return which upload was made with an idempotency key."""

    async def list_uploads(self, wanted: Filter) -> tuple[int, list[Upload]]:
        """Return how many uploads match and one page of them, oldest first."""
