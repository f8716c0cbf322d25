"""Reads an upload's chunks in portions.

There may be ten thousand of them. They are read on the event loop, which serves other requests between two
portions; so a change made meanwhile may be seen or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import islice
from typing import Any, Final

from tusd_py.adapters.catalog_sqlite.claims import SELECT
from tusd_py.adapters.catalog_sqlite.rows import CHUNK_COLUMNS, chunk_of, ranged_chunk_of
from tusd_py.model.claims import NAMED
from tusd_py.model.commits import Incomplete
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import ChunkState, UploadChunk

#: Rows of one portion.
_PORTION: Final = 250
#: Chunks that are partials, the size of an incomplete one as far as it is known.
_JOINED: Final = f"""
    SELECT {CHUNK_COLUMNS}, coalesce(size, (SELECT length FROM uploads WHERE id = source_id), 0)
    FROM upload_chunks WHERE upload_id = ? ORDER BY position
"""  # noqa: S608

#: Runs a query and returns all of its rows.
Rows = Callable[..., Awaitable[list[Any]]]


async def joined_chunks(
    rows: Rows, upload_id: str, *, state: ChunkState | None, limit: int, offset: int
) -> AsyncIterator[UploadChunk]:
    """Iterate over the partials of a final; see Catalog.chunks."""
    position, found = 0, []
    for *row, size in await rows(_JOINED, upload_id):
        row[3] = size
        chunk = chunk_of(row, position)
        position += size
        if state in (None, chunk.state):
            found.append(chunk)
    for chunk in islice(found, offset, None if limit < 0 else offset + limit):
        yield chunk


async def ranged_chunks(
    rows: Rows, upload_id: str, *, state: ChunkState | None, limit: int, offset: int
) -> AsyncIterator[UploadChunk]:
    """Iterate over chunks that come in any order, and claims; see Catalog.chunks."""
    sql = (
        f"{SELECT} WHERE upload_id = ? AND position > ? AND ifnull(state = ?, 1)"
        " ORDER BY position LIMIT ? OFFSET ?"
    )
    last = -1
    while limit:
        size = _PORTION if limit < 0 else min(limit, _PORTION)
        portion = await rows(sql, upload_id, last, state, size, offset)
        for chunk in map(ranged_chunk_of, portion):
            yield chunk
            last = chunk.offset
        if len(portion) < size:
            return
        limit, offset = limit - len(portion), 0
        await asyncio.sleep(0)


async def missing(rows: Rows, upload_id: str, *, limit: int) -> list[ByteRange]:
    """Return the first ranges that were not received; see RangeCatalog.missing."""
    sql = (
        "SELECT position, position + size FROM upload_chunks"
        " WHERE upload_id = ? AND position >= ? AND state = 'received' ORDER BY position LIMIT ?"
    )
    position, length = await _extent(rows, upload_id)
    gaps: list[ByteRange] = []
    while len(gaps) < limit:
        portion = await rows(sql, upload_id, position, _PORTION)
        for start, stop in portion:
            if position < start:
                gaps.append(ByteRange(position, start))
            position = stop
        if len(portion) < _PORTION:
            if position < length:
                gaps.append(ByteRange(position, length))
            break
        await asyncio.sleep(0)
    return gaps[:limit]


async def _extent(rows: Rows, upload_id: str) -> tuple[int, int]:
    """Return an upload's prefix and its length, in bytes; equal when it does not exist."""
    sql = "SELECT prefix, length FROM uploads WHERE id = ? AND prefix NOT NULL"
    for prefix, length in await rows(sql, upload_id):
        return prefix, length
    return 0, 0


async def unfilled(rows: Rows, upload_id: str) -> Incomplete | None:
    """Return what is missing for a commit; see RangeCatalog.unfilled."""
    prefix, length = await _extent(rows, upload_id)
    if prefix == length:
        return None
    claims = await rows(
        "SELECT position, size FROM upload_chunks WHERE upload_id = ? AND state = 'receiving' LIMIT ?",
        upload_id,
        NAMED,
    )
    in_progress = [ByteRange(offset, offset + size) for offset, size in claims]
    return Incomplete(await missing(rows, upload_id, limit=NAMED), in_progress)
