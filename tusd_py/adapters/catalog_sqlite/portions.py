"""Reading an upload's ranges in portions.

There may be ten thousand of them. They are read on the event loop, which has others to serve in between; so
what changes meanwhile may be seen or not.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from typing import Final

from tusd_py.adapters.catalog_sqlite.claims import SELECT, range_of
from tusd_py.errors.commits import SessionIncomplete
from tusd_py.model.claims import NAMED
from tusd_py.model.ranges import ByteRange, Chunk

#: Rows that are read in one go.
_PORTION: Final = 250


async def chunks(
    reader: sqlite3.Connection, upload_id: str, *, state: str | None, limit: int, offset: int
) -> AsyncIterator[Chunk]:
    """Iterate over ranges and claims; see RangeCatalog.chunks."""
    sql = (
        f"{SELECT} WHERE upload_id = ? AND offset > ? AND ifnull(state = ?, 1)"
        " ORDER BY offset LIMIT ? OFFSET ?"
    )
    last = -1
    while limit:
        size = _PORTION if limit < 0 else min(limit, _PORTION)
        rows = reader.execute(sql, (upload_id, last, state, size, offset)).fetchall()
        for chunk in map(range_of, rows):
            yield chunk
            last = chunk.range.start
        if len(rows) < size:
            return
        limit, offset = limit - len(rows), 0
        await asyncio.sleep(0)


async def missing(reader: sqlite3.Connection, upload_id: str, *, limit: int) -> list[ByteRange]:
    """Return the first ranges that were not received; see RangeCatalog.missing."""
    sql = (
        "SELECT offset, offset + size FROM ranges"
        " WHERE upload_id = ? AND offset >= ? AND state = 'received' ORDER BY offset LIMIT ?"
    )
    position, length = _extent(reader, upload_id)
    gaps: list[ByteRange] = []
    while len(gaps) < limit:
        rows = reader.execute(sql, (upload_id, position, _PORTION)).fetchall()
        for start, stop in rows:
            if position < start:
                gaps.append(ByteRange(position, start))
            position = stop
        if len(rows) < _PORTION:
            if position < length:
                gaps.append(ByteRange(position, length))
            break
        await asyncio.sleep(0)
    return gaps[:limit]


def _extent(reader: sqlite3.Connection, upload_id: str) -> tuple[int, int]:
    """Return up to where an upload was received without a gap, and its length; equal when it is gone."""
    sql = "SELECT prefix, length FROM uploads WHERE id = ? AND prefix NOT NULL"
    row: tuple[int, int] | None = reader.execute(sql, (upload_id,)).fetchone()
    return row or (0, 0)


async def unfilled(reader: sqlite3.Connection, upload_id: str) -> SessionIncomplete | None:
    """Return what keeps an upload from being committed; see RangeCatalog.unfilled."""
    prefix, length = _extent(reader, upload_id)
    if prefix == length:
        return None
    claims = reader.execute(
        "SELECT offset, size FROM ranges WHERE upload_id = ? AND state = 'receiving' LIMIT ?",
        (upload_id, NAMED),
    )
    in_progress = [ByteRange(offset, offset + size) for offset, size in claims]
    return SessionIncomplete(missing=await missing(reader, upload_id, limit=NAMED), in_progress=in_progress)
