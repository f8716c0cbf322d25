"""The outbox in the SQLite catalog."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from tusd_py.adapters.catalog_sqlite.rows import COLUMNS, before, upload_of
from tusd_py.model.events import Event, EventType, NewEvent
from tusd_py.model.requests import RequestInfo
from tusd_py.model.upload import Move
from tusd_py.ports.events import Outbox

if TYPE_CHECKING:
    from tusd_py.adapters.catalog_sqlite.catalog import SqliteCatalog

#: The upload as its row has it at this moment of the transaction: nothing is written twice in two forms.
_INSERT: Final = f"""
    INSERT INTO events (event_id, type, at, request, {COLUMNS})
    SELECT lower(hex(randomblob(16))), ?, ?, ?, {COLUMNS} FROM uploads WHERE id = ?
"""  # noqa: S608
_INSERT_IF_THERE: Final = f"{_INSERT} AND {before(Move.EXPIRE)}"
_PENDING: Final = (
    f"SELECT position, event_id, type, at, request, {COLUMNS} FROM events"  # noqa: S608
    " WHERE position > ? ORDER BY position LIMIT ?"
)
_DELIVERED: Final = "DELETE FROM events WHERE position = ?"
_DROP_OLDEST: Final = """
    DELETE FROM events WHERE position <= (SELECT position FROM events ORDER BY position DESC LIMIT 1 OFFSET ?)
"""


def add_event(connection: sqlite3.Connection, event: NewEvent | None, upload_id: str) -> None:
    """Write, into the transaction of a change that was just made, what it made of the upload."""
    if event is not None:
        connection.execute(_INSERT, _row(event, upload_id))


def add_event_of_end(connection: sqlite3.Connection, event: NewEvent | None, upload_id: str) -> None:
    """Write, into the transaction that is about to give an upload up, what it was; no event if it is gone."""
    if event is not None:
        connection.execute(_INSERT_IF_THERE, _row(event, upload_id))


def _row(event: NewEvent, upload_id: str) -> tuple[str | float | None, ...]:
    request = None if event.request is None else json.dumps(event.request.as_json())
    return (event.type, event.at, request, upload_id)


def _event_of(row: Sequence[Any]) -> Event:
    position, event_id, type_, at, request, *upload = row
    return Event(
        position=position,
        id=event_id,
        type=EventType(type_),
        at=at,
        upload=upload_of(upload),
        request=None if request is None else RequestInfo.from_json(json.loads(request)),
    )


class SqliteOutbox(Outbox):
    """See Outbox. Shares the connections of a SqliteCatalog."""

    def __init__(self, catalog: SqliteCatalog) -> None:
        self._writer = catalog.writer
        self._lister = catalog.lister
        self._ballast = catalog.ballast

    async def pending(self, *, after: int = 0, limit: int) -> list[Event]:
        rows = await self._lister.read(lambda each: each.execute_fetchall(_PENDING, (after, limit)))
        return [_event_of(row) for row in rows]

    async def delivered(self, positions: Sequence[int]) -> None:
        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(_DELIVERED, [(position,) for position in positions])

        await self._ballast.with_room(lambda: self._writer.run(job))

    async def drop_oldest(self, *, most: int) -> int:
        def job(connection: sqlite3.Connection) -> int:
            return connection.execute(_DROP_OLDEST, (most,)).rowcount

        return await self._ballast.with_room(lambda: self._writer.run_long(job))
