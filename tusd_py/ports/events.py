"""The outbox: what happened, for whoever tells others of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tusd_py.model.events import Event


class Outbox(Protocol):
    """Events that the catalog wrote, each in the transaction of the change that it tells of.

    So there is one for each change that happened, and none for one that did not, whatever dies when. They
    are delivered at least once: who reads ``pending``, tells others and dies before ``delivered`` returns is
    told of them again.

    Any method may raise StorageFull or CatalogUnusable, see Catalog.
    """

    async def pending(self, *, after: int = 0, limit: int) -> list[Event]:
        """Return at most ``limit`` events with positions above ``after``, in order."""

    async def delivered(self, positions: Sequence[int]) -> None:
        """Say that events were delivered; they are pending no more. Those that are gone are fine."""

    async def drop_oldest(self, *, most: int) -> int:
        """Keep ``most`` events, the newest; return how many of the others there were."""
