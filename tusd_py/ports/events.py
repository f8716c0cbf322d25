"""The outbox: what happened, for whoever tells others of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tusd_py.model.events import Event


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event and its place: one with a higher position happened later. No position is used twice."""

    position: int
    event: Event


class Outbox(Protocol):
    """Events that the catalog wrote, each in the transaction of the change that it tells of.

    So there is one for each change that happened, and none for one that did not, whatever dies when. They
    are delivered at least once: who reads ``pending``, tells others and dies before ``delivered`` returns is
    told of them again.

    Any method may raise StorageFull or CatalogUnusable, see Catalog.
    """

    async def pending(self, *, after: int = 0, limit: int) -> list[Recorded]:
        """Return at most ``limit`` events with positions above ``after`` that are not delivered, in order."""

    async def delivered(self, positions: Sequence[int], at: float) -> None:
        """Say that these events were delivered, ``at`` seconds since 1970. Those that are gone are fine."""

    async def prune(self, *, delivered_before: float, most_pending: int) -> int:
        """Remove what was delivered before a time, and the oldest of more than ``most_pending`` others.

        Returns:
            How many were removed that had not been delivered.
        """
