"""The outbox in the SQLite catalog."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tusd_py.model.events import Event
from tusd_py.ports.events import Outbox, Recorded

if TYPE_CHECKING:
    from tusd_py.adapters.catalog_sqlite.catalog import SqliteCatalog

_INSERT: Final = "INSERT INTO events (upload_id, event) VALUES (?, ?)"
_PENDING: Final = (
    "SELECT position, event FROM events WHERE delivered_at IS NULL AND position > ? ORDER BY position LIMIT ?"
)
_DELIVERED: Final = "UPDATE events SET delivered_at = ? WHERE position = ? AND delivered_at IS NULL"
_PRUNE_DELIVERED: Final = "DELETE FROM events WHERE delivered_at < ?"
_PRUNE_PENDING: Final = """
    DELETE FROM events WHERE delivered_at IS NULL AND position <= (
        SELECT position FROM events WHERE delivered_at IS NULL ORDER BY position DESC LIMIT 1 OFFSET ?
    )
"""


def add_event(connection: sqlite3.Connection, event: Event) -> None:
    """Write an event into the transaction of the change that it tells of."""
    connection.execute(_INSERT, (event.upload.id, event.to_json()))


class SqliteOutbox(Outbox):
    """See Outbox. Shares the connections of a SqliteCatalog."""

    def __init__(self, catalog: SqliteCatalog) -> None:
        self._writer = catalog.writer
        self._lister = catalog.lister

    async def pending(self, *, after: int = 0, limit: int) -> list[Recorded]:
        rows = await self._lister.read(lambda each: each.execute_fetchall(_PENDING, (after, limit)))
        return [Recorded(position, Event.from_json(text)) for position, text in rows]

    async def delivered(self, positions: Sequence[int], at: float) -> None:
        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(_DELIVERED, [(at, position) for position in positions])

        await self._writer.run(job)

    async def prune(self, *, delivered_before: float, most_pending: int) -> int:
        def job(connection: sqlite3.Connection) -> int:
            connection.execute(_PRUNE_DELIVERED, (delivered_before,))
            return connection.execute(_PRUNE_PENDING, (most_pending,)).rowcount

        return await self._writer.run_long(job)
