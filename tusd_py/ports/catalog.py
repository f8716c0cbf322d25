"""The catalog: it stores uploads and chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from tusd_py.model.events import NewEvent
from tusd_py.model.finals import PartialGone, TooLarge
from tusd_py.model.upload import ChunkState, Upload, UploadChunk
from tusd_py.ports.locks import Held


class CatalogUnusable(Exception):
    """The catalog cannot be opened, read or written; the message says why, for the operator alone."""


class Catalog(Protocol):
    """Stores uploads and chunks.

    Each method is one transaction: all of it happens, or nothing. When a method returns, what it wrote
    survives the death of the process; with ``durable`` also a power cut.

    What changes an upload takes the lock that its caller holds, and raises UploadLocked when that is lost.
    A catalog whose locks can be lost compares the epoch in the transaction, so that a late writer changes
    nothing. The other methods need no lock: what they add or forget is right whenever that happens.

    An ``event`` is written to the outbox in the same transaction, and only if that changed something
    (see Outbox).

    Any method may raise StorageFull (no space for the catalog) or CatalogUnusable.
    """

    async def is_new(self) -> bool:
        """Whether this catalog may lack uploads of the store: ``set_known`` was never called."""

    async def set_known(self) -> None:
        """Record that every upload of the store is in this catalog."""

    async def get(self, upload_id: str) -> Upload | None:
        """Return the upload, tombstones included."""

    async def insert(
        self,
        upload: Upload,
        chunks: Sequence[UploadChunk] = (),
        *,
        durable: bool = False,
        event: NewEvent | None = None,
    ) -> None:
        """Add an upload. One that exists already stays as it is."""

    async def insert_final(
        self,
        final: Upload,
        chunks: Sequence[UploadChunk],
        *,
        max_size: int | None,
        durable: bool = False,
        event: NewEvent | None = None,
    ) -> Upload | PartialGone | TooLarge:
        """Add a final and its chunks; sizes and the final's length come from the partials as they now are.

        Returns:
            The final, with its length when all of its partials' lengths are known.
            Or why nothing was added; ``max_size`` is in bytes.
        """

    def chunks(
        self, upload: Upload, *, state: ChunkState | None = None, limit: int = -1, offset: int = 0
    ) -> AsyncIterator[UploadChunk]:
        """Iterate over an upload's chunks and claims by offset. Other requests run in between.

        None for a growing upload: that is one chunk, and only the store knows its size.

        Args:
            state: Only those in this state.
            limit: At most this many; -1: all.
            offset: Skip this many first.
        """

    async def set_length(
        self, upload_id: str, length: int, held: Held, *, max_size: int | None
    ) -> TooLarge | None:
        """Set the length of a deferred upload, and of finals whose last unknown length it was.

        Returns:
            TooLarge when a final that names this partial would have more than ``max_size`` bytes: nothing
            was changed.
        """

    async def set_unverified(
        self, upload_id: str, offset: int | None, held: Held, *, durable: bool = False
    ) -> None:
        """Record from which offset on bytes await their checksum; None: all are verified."""

    async def renew(self, upload_id: str, expires_at: float) -> None:
        """Move the time at which the upload expires; later, so it needs no lock."""

    async def complete(
        self,
        upload: Upload,
        at: float,
        held: Held,
        *,
        expires_at: float | None,
        durable: bool = False,
        event: NewEvent | None = None,
    ) -> list[str]:
        """Mark an open upload as complete, at ``at`` seconds since 1970, and all its bytes as verified.

        Returns:
            Ids of the open finals for which this was the last missing piece.
        """

    async def release(
        self,
        upload_id: str,
        held: Held | None,
        *,
        tombstone_until: float | None,
        event: NewEvent | None = None,
    ) -> list[str]:
        """Remove an upload: its row and chunks, or all but a tombstone that says that it has expired.

        Works on a full medium, too, see ``keep_room``. An upload that nobody knows of yet needs no lock.

        Returns:
            Names of the data files that nothing refers to any more. They stay on the list of leftovers
            until ``forget_leftover``, so that their files are removed even after a crash.
        """

    async def is_leftover(self, name: str) -> bool:
        """Whether the files of an upload may exist although it was removed, or is not created yet."""

    async def add_leftover(self, name: str, *, durable: bool = False) -> None:
        """Record that a data file belongs to no upload (yet); it is removed when nothing refers to it."""

    async def removable(self) -> list[str]:
        """Return the leftovers whose data file nothing refers to."""

    async def forget_leftover(self, name: str) -> None:
        """Record that the files of a leftover have been removed."""

    async def keep_room(self) -> None:
        """Reserve some space, if there is enough: while it lasts, ``release`` works on a full medium.

        Does not fail when there is none.
        """

    async def expired(self, now: float, *, limit: int) -> list[str]:
        """Return at most ``limit`` ids that expired by ``now``, oldest first, tombstones included."""

    async def open_uploads(self, *, after: str, limit: int) -> list[Upload]:
        """Return up to ``limit`` open uploads with a known length, by id, from the one after ``after``."""

    async def close(self) -> None:
        """Finish waiting writes and close everything."""
