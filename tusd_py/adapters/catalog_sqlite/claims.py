"""Claims on ranges, as steps within a transaction of the SQLite catalog.

Ranges are disjoint, so one look-up in an index finds those that overlap: the first of them is the last range
that begins at or before the wanted one, or begins within it.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from tusd_py.adapters.catalog_sqlite.rows import CHUNK_COLUMNS, chunk_row, marks, ranged_chunk_of
from tusd_py.model.claims import (
    NAMED,
    Absent,
    Answer,
    Busy,
    Forgotten,
    Granted,
    NotOpen,
    Wish,
    decide,
    decide_deletion,
)
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import UploadChunk, UploadState

SELECT: Final = f"SELECT {CHUNK_COLUMNS} FROM upload_chunks"  # noqa: S608
#: The ranges that overlap a range; the first of them may begin before it.
_OVERLAPPING: Final = """
    WHERE upload_id = :upload AND position < :stop AND position + size > :start AND position >= ifnull(
        (SELECT max(position) FROM upload_chunks WHERE upload_id = :upload AND position <= :start), 0)
"""
_INSERT: Final = f"INSERT INTO upload_chunks ({CHUNK_COLUMNS}) VALUES ({marks(12)})"  # noqa: S608


def claim(connection: sqlite3.Connection, wish: Wish) -> Answer:
    """Read the facts, let ``decide`` decide, and carry its decision out; see RangeCatalog.claim."""
    state, chunk_count = _upload_facts(connection, wish.upload_id)
    neighbours = _neighbours(connection, wish.upload_id, wish.range)
    answer = decide(wish, state=state, chunk_count=chunk_count, neighbours=neighbours)
    if isinstance(answer, Granted):
        if answer.replaced is not None:
            make_missing(connection, answer.replaced)
        insert_chunk(connection, answer.chunk)
        add_chunks(connection, wish.upload_id, 1)
    return answer


def insert_chunk(connection: sqlite3.Connection, chunk: UploadChunk) -> None:
    """Add a chunk of an upload whose chunks come in any order."""
    connection.execute(_INSERT, chunk_row(chunk, chunk.offset))


def delete(
    connection: sqlite3.Connection, upload_id: str, offset: int
) -> Forgotten | Busy | NotOpen | Absent:
    """Delete a received range; see RangeCatalog.delete_chunk."""
    state, _ = _upload_facts(connection, upload_id)
    answer = decide_deletion(_chunk_at(connection, upload_id, offset), state=state)
    if isinstance(answer, Forgotten):
        make_missing(connection, answer.chunk)
    return answer


def _upload_facts(connection: sqlite3.Connection, upload_id: str) -> tuple[UploadState | None, int]:
    rows = connection.execute(
        "SELECT state, ifnull(chunk_count, 0) FROM uploads LEFT JOIN sessions ON upload_id = id WHERE id = ?",
        (upload_id,),
    )
    for state, chunk_count in rows:
        return UploadState(state), chunk_count
    return None, 0


def _neighbours(connection: sqlite3.Connection, upload_id: str, wanted: ByteRange) -> list[UploadChunk]:
    """Return the overlapping ranges that the decision needs: a claim if there is one, or the first ranges."""
    rows = connection.execute(
        f"{SELECT} WHERE upload_id = ? AND position < ? ORDER BY position DESC LIMIT 1",
        (upload_id, wanted.stop),
    )
    last = next(map(ranged_chunk_of, rows), None)
    if last is None or not last.range.overlaps(wanted):
        return []
    if last.range == wanted:
        return [last]
    # A range may overlap ten thousand others, so no more are read than a refusal names.
    for state, limit in ("receiving", 1), ("received", NAMED):
        rows = connection.execute(
            f"{SELECT} {_OVERLAPPING} AND state = :state ORDER BY position LIMIT :limit",
            {**_places(upload_id, wanted), "state": state, "limit": limit},
        )
        if found := list(map(ranged_chunk_of, rows)):
            return found
    return []


def _places(upload_id: str, wanted: ByteRange) -> dict[str, str | int]:
    return {"upload": upload_id, "start": wanted.start, "stop": wanted.stop}


def make_missing(connection: sqlite3.Connection, chunk: UploadChunk) -> None:
    """Delete a received range, if it exists."""
    gone = connection.execute(
        "DELETE FROM upload_chunks WHERE upload_id = ? AND position = ? AND state = 'received'",
        (chunk.upload_id, chunk.offset),
    )
    if not gone.rowcount:
        return
    add_received(connection, chunk.upload_id, -chunk.size)
    add_chunks(connection, chunk.upload_id, -1)
    connection.execute(
        "UPDATE uploads SET prefix = min(prefix, ?) WHERE id = ?", (chunk.offset, chunk.upload_id)
    )


def add_received(connection: sqlite3.Connection, upload_id: str, size: int) -> None:
    """Add to the number of received bytes."""
    connection.execute("UPDATE sessions SET received = received + ? WHERE upload_id = ?", (size, upload_id))


def add_chunks(connection: sqlite3.Connection, upload_id: str, count: int) -> None:
    """Add to the number of ranges and claims."""
    connection.execute(
        "UPDATE sessions SET chunk_count = chunk_count + ? WHERE upload_id = ?", (count, upload_id)
    )


def grow_prefix(connection: sqlite3.Connection, upload_id: str) -> None:
    """Extend the prefix over the ranges that follow it without a gap; each range is read only once."""
    ((before,),) = connection.execute("SELECT prefix FROM uploads WHERE id = ?", (upload_id,))
    prefix = before
    rows = connection.execute(
        "SELECT position, size FROM upload_chunks"
        " WHERE upload_id = ? AND position >= ? AND state = 'received' ORDER BY position",
        (upload_id, before),
    )
    for offset, size in rows:
        if offset != prefix:
            break
        prefix += size
    if prefix != before:
        connection.execute("UPDATE uploads SET prefix = ? WHERE id = ?", (prefix, upload_id))


def _chunk_at(connection: sqlite3.Connection, upload_id: str, offset: int) -> UploadChunk | None:
    """Return the range or claim that starts at an offset."""
    rows = connection.execute(f"{SELECT} WHERE upload_id = ? AND position = ?", (upload_id, offset))
    return next(map(ranged_chunk_of, rows), None)
