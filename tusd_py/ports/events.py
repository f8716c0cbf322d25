"""The outbox: events that wait to be delivered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tusd_py.model.events import Event


class Outbox(Protocol):
    """Events that the catalog wrote, each in the transaction of its change.

    So there is an event for each change that happened, and none for one that did not, even after a crash.
    Delivery is at least once: an event that was delivered is pending again if the process dies before
    ``delivered`` returns. What removes events works on a full medium, too, see ``Catalog.keep_room``.

    Any method may raise StorageFull or CatalogUnusable, see Catalog.
    """

    async def pending(self, *, after: int = 0, limit: int) -> list[Event]:
        """Return at most ``limit`` events with positions above ``after``, in order."""

    async def delivered(self, positions: Sequence[int]) -> None:
        """Say that events were delivered; they are pending no more. Those that are gone are fine."""

    async def drop_oldest(self, *, most: int) -> int:
        """Keep ``most`` events, the newest; return how many of the others there were."""
