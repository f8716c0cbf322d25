"""The part of a catalog that keeps uploads as ranges."""

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
    """Stores which ranges of an upload were received, and which are claimed by requests.

    As in Catalog, each method is one transaction. The ranges of an upload never overlap: claims are decided
    here, without a lock.
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
        """Add an upload kept as ranges, and its idempotency key; its files are no leftover any more.

        ``event`` is written to the outbox, see Catalog.
        """

    async def convert(self, upload: Upload, chunk: UploadChunk | None, held: Held) -> None:
        """Keep an open upload as ranges from now on; ``chunk`` is what it already holds."""

    async def facts(self, upload_id: str) -> SessionFacts:
        """Return what is known of an upload's ranges; all zero when there are none."""

    async def count(self, upload_id: str, *, state: ChunkState | None = None) -> int:
        """Return how many chunks and claims the catalog has of an upload; None: in any state."""

    async def missing(self, upload_id: str, *, limit: int) -> list[ByteRange]:
        """Return the first ``limit`` ranges that were not received, claimed ones included.

        Other requests run in between, so ranges received meanwhile may be among them.
        """

    async def unfilled(self, upload_id: str) -> Incomplete | None:
        """Return what is missing for a commit; None when every range was received."""

    async def claim(self, wish: Wish) -> Answer:
        """Claim a range if ``model.claims.decide`` grants it; return its decision."""

    async def record(
        self, chunk: UploadChunk, *, sha256: str, at: float, expires_at: float | None, durable: bool
    ) -> bool:
        """Turn a claim into a received range, which is ``chunk.range``.

        Returns:
            Whether the claim existed; if not, the upload was deleted.
        """

    async def drop_claim(self, chunk: UploadChunk) -> None:
        """Remove a claim, if it exists."""

    async def delete_chunk(self, upload_id: str, offset: int) -> Forgotten | Busy | NotOpen | Absent:
        """Delete a received range if ``model.claims.decide_deletion`` allows it; return its decision."""

    async def claimants(self, upload_id: str | None = None) -> list[str]:
        """Return the workers that hold claims."""

    async def drop_claims_of(self, worker: str, held: Held) -> None:
        """Remove all claims of a dead worker, whose lock is ``held``."""

    async def begin_commit(self, upload_id: str, held: Held) -> Begun | Incomplete | NotOpen:
        """Move an upload to COMMITTING if ``model.commits.decide_commit`` allows it; return its decision."""

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
        """End a commit without success; the ranges ``drop`` count as missing again."""

    async def committing(self) -> list[str]:
        """Return the ids of all uploads that are being committed."""

    async def find_key(self, user: str | None, key: str) -> str | None:
        """Return the id of the upload that was created with an idempotency key; None: none."""

    async def list_uploads(self, wanted: Filter) -> tuple[int, list[Upload]]:
        """Return how many uploads match and one page of them, oldest first."""
