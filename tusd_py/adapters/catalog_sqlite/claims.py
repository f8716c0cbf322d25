"""Claims on ranges, as steps within a transaction of the SQLite catalog.

Disjointness makes one look-up decide a claim: of all ranges that begin before the wanted one ends, only
the last can be the first to overlap it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from tusd_py.adapters.catalog_sqlite.rows import marks
from tusd_py.errors import UploadNotFound
from tusd_py.errors.chunks import RangeOverlap, TooManyChunks, UploadNotOpen
from tusd_py.model.ranges import ByteRange, Chunk, ChunkState
from tusd_py.ports.ranges import Busy, Granted, Repeat, Wish

#: How many ranges a refusal names at most.
NAMED: Final = 1000
_COLUMNS: Final = "id, upload_id, offset, size, state, sha256, worker, created_at, completed_at"
SELECT: Final = f"SELECT {_COLUMNS} FROM ranges"  # noqa: S608
#: The ranges that have a byte in common with one; the first may begin before it.
_OVERLAPPING: Final = """
    WHERE upload_id = :upload AND offset < :stop AND offset + size > :start AND offset >= ifnull(
        (SELECT max(offset) FROM ranges WHERE upload_id = :upload AND offset <= :start), 0)
"""
INSERT: Final = f"INSERT INTO ranges ({_COLUMNS}) VALUES ({marks(9)})"  # noqa: S608


def claim(connection: sqlite3.Connection, wish: Wish) -> Granted | Repeat | Busy:
    """Decide a claim; see RangeCatalog.claim."""
    upload_id, wanted = wish.upload_id, wish.range
    rows = connection.execute(
        f"{SELECT} WHERE upload_id = ? AND offset < ? ORDER BY offset DESC LIMIT 1",
        (upload_id, wanted.stop),
    )
    found = next((chunk for chunk in map(chunk_of, rows) if chunk.range.overlaps(wanted)), None)
    if found is not None and found.range == wanted and found.state is ChunkState.RECEIVED:
        if not (wish.replace and _is_open(connection, upload_id)):
            return Repeat(found)
        make_missing(connection, found)
        found = None
    check_open(connection, upload_id)
    if found is not None:
        return _conflict(connection, upload_id, wanted)
    _check_room(connection, wish)
    chunk = Chunk(
        id=wish.chunk_id,
        upload_id=upload_id,
        range=wanted,
        state=ChunkState.RECEIVING,
        worker=wish.worker,
        created_at=wish.at,
    )
    connection.execute(INSERT, chunk_row(chunk))
    add_chunks(connection, upload_id, 1)
    return Granted(chunk)


def _conflict(connection: sqlite3.Connection, upload_id: str, wanted: ByteRange) -> Busy:
    """Return a claim that is in the way; without one raise RangeOverlap, which lacks what is missing."""
    # A range may overlap ten thousand others, so no more is read than will be said.
    rows = connection.execute(
        f"{SELECT} {_OVERLAPPING} AND state = 'receiving' LIMIT 1", _places(upload_id, wanted)
    )
    for row in rows:
        return Busy(chunk_of(row))
    rows = connection.execute(
        f"SELECT offset, size FROM ranges {_OVERLAPPING} ORDER BY offset LIMIT {NAMED}",  # noqa: S608
        _places(upload_id, wanted),
    )
    raise RangeOverlap(conflicts=[ByteRange(offset, offset + size) for offset, size in rows], missing=())


def _places(upload_id: str, wanted: ByteRange) -> dict[str, str | int]:
    return {"upload": upload_id, "start": wanted.start, "stop": wanted.stop}


def check_open(connection: sqlite3.Connection, upload_id: str) -> None:
    """Raise UploadNotOpen or UploadNotFound, unless the ranges of the upload may change."""
    for (state,) in connection.execute("SELECT state FROM uploads WHERE id = ?", (upload_id,)):
        if state != "open":
            raise UploadNotOpen("completed" if state == "complete" else state)
        return
    raise UploadNotFound


def _is_open(connection: sqlite3.Connection, upload_id: str) -> bool:
    rows = connection.execute("SELECT 1 FROM uploads WHERE id = ? AND state = 'open'", (upload_id,))
    return rows.fetchone() is not None


def _check_room(connection: sqlite3.Connection, wish: Wish) -> None:
    if wish.max_chunks is None:
        return
    ((count,),) = connection.execute(
        "SELECT chunk_count FROM sessions WHERE upload_id = ?", (wish.upload_id,)
    )
    if count >= wish.max_chunks:
        raise TooManyChunks(limit=wish.max_chunks)


def make_missing(connection: sqlite3.Connection, chunk: Chunk) -> None:
    """Forget a received range; fine when it is gone."""
    gone = connection.execute(
        "DELETE FROM ranges WHERE upload_id = ? AND offset = ? AND state = 'received'",
        (chunk.upload_id, chunk.range.start),
    )
    if not gone.rowcount:
        return
    add_received(connection, chunk.upload_id, -chunk.range.size)
    add_chunks(connection, chunk.upload_id, -1)
    connection.execute(
        "UPDATE uploads SET prefix = min(prefix, ?) WHERE id = ?", (chunk.range.start, chunk.upload_id)
    )


def add_received(connection: sqlite3.Connection, upload_id: str, size: int) -> None:
    """Count received bytes."""
    connection.execute("UPDATE sessions SET received = received + ? WHERE upload_id = ?", (size, upload_id))


def add_chunks(connection: sqlite3.Connection, upload_id: str, count: int) -> None:
    """Count ranges and claims."""
    connection.execute(
        "UPDATE sessions SET chunk_count = chunk_count + ? WHERE upload_id = ?", (count, upload_id)
    )


def grow_prefix(connection: sqlite3.Connection, upload_id: str) -> int:
    """Move the prefix over what follows it without a gap; each range is passed once in an upload's life."""
    ((before,),) = connection.execute("SELECT prefix FROM uploads WHERE id = ?", (upload_id,))
    prefix = before
    rows = connection.execute(
        "SELECT offset, size FROM ranges"
        " WHERE upload_id = ? AND offset >= ? AND state = 'received' ORDER BY offset",
        (upload_id, before),
    )
    for offset, size in rows:
        if offset != prefix:
            break
        prefix += size
    if prefix != before:
        connection.execute("UPDATE uploads SET prefix = ? WHERE id = ?", (prefix, upload_id))
    return int(prefix)


def chunk_at(connection: sqlite3.Connection, upload_id: str, offset: int) -> Chunk | None:
    """Return the range or claim that starts at an offset."""
    rows = connection.execute(f"{SELECT} WHERE upload_id = ? AND offset = ?", (upload_id, offset))
    return next(map(chunk_of, rows), None)


def chunk_row(chunk: Chunk) -> tuple[str | int | float | None, ...]:
    """Return the row of a range, as INSERT takes it."""
    return (
        chunk.id,
        chunk.upload_id,
        chunk.range.start,
        chunk.range.size,
        chunk.state.value,
        chunk.sha256,
        chunk.worker,
        chunk.created_at,
        chunk.completed_at,
    )


def chunk_of(row: Sequence[Any]) -> Chunk:
    """Return the range of a row of SELECT."""
    return Chunk(
        id=row[0],
        upload_id=row[1],
        range=ByteRange(row[2], row[2] + row[3]),
        state=ChunkState(row[4]),
        sha256=row[5],
        worker=row[6],
        created_at=row[7],
        completed_at=row[8],
    )
