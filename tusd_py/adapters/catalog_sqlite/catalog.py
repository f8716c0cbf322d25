"""The catalog in one SQLite file (write-ahead log), shared by all worker processes of a machine."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tusd_py.adapters.catalog_sqlite.ballast import Ballast
from tusd_py.adapters.catalog_sqlite.connection import Reader, connect
from tusd_py.adapters.catalog_sqlite.events import add_event, add_event_of_end
from tusd_py.adapters.catalog_sqlite.lister import Lister
from tusd_py.adapters.catalog_sqlite.portions import joined_chunks, ranged_chunks
from tusd_py.adapters.catalog_sqlite.rows import (
    CHUNK_COLUMNS,
    COLUMNS,
    after,
    before,
    chunk_row,
    marks,
    upload_of,
    upload_row,
)
from tusd_py.adapters.catalog_sqlite.schema import NEW, migrate, set_known
from tusd_py.adapters.catalog_sqlite.writer import Parameters, Writer, translate
from tusd_py.model.events import NewEvent
from tusd_py.model.finals import PartialGone, TooLarge, final_length
from tusd_py.model.upload import (
    ChunkState,
    Joined,
    Move,
    Ranged,
    Upload,
    UploadChunk,
    UploadKind,
)
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.locks import Held
from tusd_py.transfer.calls import Medium, in_thread

_GET: Final = f"SELECT {COLUMNS} FROM uploads WHERE id = ?"  # noqa: S608
_INSERT_UPLOAD: Final = f"INSERT OR IGNORE INTO uploads ({COLUMNS}) VALUES ({marks(13)})"  # noqa: S608
_INSERT_CHUNK: Final = f"INSERT OR IGNORE INTO upload_chunks ({CHUNK_COLUMNS}) VALUES ({marks(12)})"  # noqa: S608
_SET_UNVERIFIED: Final = "UPDATE uploads SET unverified_from = ? WHERE id = ?"
_UNFINISHED: Final = before(Move.FINISH)
_RENEW: Final = f"UPDATE uploads SET expires_at = ? WHERE id = ? AND {_UNFINISHED}"  # noqa: S608
_COMPLETE: Final = f"""
    UPDATE uploads SET {after(Move.FINISH)}, unverified_from = NULL, completed_at = ?, expires_at = ?
    WHERE id = ? AND {_UNFINISHED}
"""  # noqa: S608
_EXPIRE: Final = (
    f"UPDATE uploads SET {after(Move.EXPIRE)}, expires_at = ?"  # noqa: S608
    f" WHERE id = ? AND {before(Move.EXPIRE)}"
)
_ADD_LEFTOVER: Final = "INSERT OR IGNORE INTO leftovers VALUES (?)"
_FORGET: Final = "DELETE FROM leftovers WHERE name = ?"
#: The finals whose pieces all have a size, and the sum of the sizes.
_FILLED: Final = """
    SELECT upload_id, sum(size) FROM upload_chunks WHERE upload_id IN ({ids})
    GROUP BY upload_id HAVING count(*) = count(size)
"""
_LENGTH: Final = f"SELECT length FROM uploads WHERE id = ? AND {before(Move.EXPIRE)}"  # noqa: S608
#: The lengths of a final's pieces, once one of its partials has a given one.
_PIECES: Final = """
    SELECT coalesce(size, iif(source_id = ?, ?, length)) FROM upload_chunks
    LEFT JOIN uploads ON uploads.id = source_id WHERE upload_id = ?
"""
_FILL_SIZES: Final = """
    UPDATE upload_chunks SET size = length, state = 'received'
    FROM uploads WHERE upload_id = ? AND uploads.id = source_id AND uploads.state = 'complete'
"""
_UNREFERENCED: Final = "NOT EXISTS (SELECT 1 FROM upload_chunks WHERE data_file = name)"


class SqliteCatalog(Catalog):
    """See Catalog. Created by ``open_catalog``.

    For locks that a living process cannot lose: it refuses a change only if the lock itself says it is lost.
    """

    def __init__(
        self,
        reader: sqlite3.Connection,
        writer: Writer,
        lister: Lister,
        ballast: Ballast,
        *,
        is_remote: bool,
    ) -> None:
        # Read on the event loop: a look-up by key takes some microseconds, no writer blocks it (WAL), and a
        # thread would cost several times as much. On a remote medium a thread makes these calls. The lister
        # reads where there are many rows.
        self._look_ups = ThreadPoolExecutor(1, thread_name_prefix="tusd-py-look-up") if is_remote else None
        self._reader = self.reader = reader
        self._writer = self.writer = writer
        self._lister = self.lister = lister
        self._ballast = self.ballast = ballast

    async def is_new(self) -> bool:
        ((application_id,),) = await self.rows("PRAGMA application_id")
        return bool(application_id == NEW)

    async def set_known(self) -> None:
        await self._writer.run(set_known, durable=True)

    async def rows(self, sql: str, *parameters: str | float | None) -> list[Any]:
        """Return the rows of a look-up; all queries for few rows go through here."""
        if self._look_ups is not None:
            return await in_thread(self._look_ups, self._read, sql, parameters)
        return self._read(sql, parameters)

    def _read(self, sql: str, parameters: Parameters) -> list[Any]:
        return self._reader.execute(sql, parameters).fetchall()

    async def _rows_in_thread(self, sql: str, *parameters: str | float | None) -> list[Any]:
        return list(await self._lister.read(lambda each: each.execute_fetchall(sql, parameters)))

    async def get(self, upload_id: str) -> Upload | None:
        rows = await self.rows(_GET, upload_id)
        return upload_of(rows[0]) if rows else None

    async def insert(
        self,
        upload: Upload,
        chunks: Sequence[UploadChunk] = (),
        *,
        durable: bool = False,
        event: NewEvent | None = None,
    ) -> None:
        if event is None and not chunks and not isinstance(upload.layout, Ranged):
            await self._writer.put(_INSERT_UPLOAD, upload_row(upload), durable=durable)
            return

        def job(connection: sqlite3.Connection) -> None:
            if _insert(connection, upload, chunks):
                add_event(connection, event, upload.id)

        await self._writer.run(job, durable=durable)

    async def insert_final(
        self,
        final: Upload,
        chunks: Sequence[UploadChunk],
        *,
        max_size: int | None,
        durable: bool = False,
        event: NewEvent | None = None,
    ) -> Upload | PartialGone | TooLarge:
        def job(connection: sqlite3.Connection) -> Upload | PartialGone | TooLarge:
            partials = [connection.execute(_LENGTH, (chunk.source_id,)).fetchone() for chunk in chunks]
            if None in partials:
                return PartialGone()
            length = final_length([length for (length,) in partials], max_size)
            if isinstance(length, TooLarge):
                return length
            made = replace(final, length=length)
            if _insert(connection, made, chunks):
                connection.execute(_FILL_SIZES, (final.id,))
                add_event(connection, event, final.id)
            return made

        return await self._writer.run_long(job, durable=durable)

    def chunks(
        self, upload: Upload, *, state: ChunkState | None = None, limit: int = -1, offset: int = 0
    ) -> AsyncIterator[UploadChunk]:
        read = joined_chunks if isinstance(upload.layout, Joined) else ranged_chunks
        return read(self.rows, upload.id, state=state, limit=limit, offset=offset)

    async def set_length(
        self, upload_id: str, length: int, held: Held, *, max_size: int | None
    ) -> TooLarge | None:
        held.check()

        def job(connection: sqlite3.Connection) -> TooLarge | None:
            lengths: list[tuple[int | None, str]] = [(length, upload_id)]
            for final_id in _waiting_finals(connection, upload_id):
                rows = connection.execute(_PIECES, (upload_id, length, final_id))
                total = final_length([piece for (piece,) in rows], max_size)
                if isinstance(total, TooLarge):
                    return total
                lengths.append((total, final_id))
            connection.executemany("UPDATE uploads SET length = ? WHERE id = ?", lengths)
            return None

        return await self._writer.run(job)

    async def set_unverified(
        self, upload_id: str, offset: int | None, held: Held, *, durable: bool = False
    ) -> None:
        held.check()
        await self._writer.put(_SET_UNVERIFIED, (offset, upload_id), durable=durable)

    async def renew(self, upload_id: str, expires_at: float) -> None:
        await self._writer.put(_RENEW, (expires_at, upload_id))

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
        held.check()
        row = (at, expires_at, upload.id)
        if event is None and upload.kind is not UploadKind.PARTIAL:
            await self._writer.put(_COMPLETE, row, durable=durable)
            return []

        def job(connection: sqlite3.Connection) -> list[str]:
            if connection.execute(_COMPLETE, row).rowcount:
                add_event(connection, event, upload.id)
            if upload.kind is not UploadKind.PARTIAL:
                return []
            waiting = _waiting_finals(connection, upload.id)
            connection.execute(
                "UPDATE upload_chunks SET size = ?, state = 'received'"
                " WHERE source_id = ? AND state = 'receiving'",
                (upload.length, upload.id),
            )
            return _filled_finals(connection, waiting)

        return await self._writer.run(job, durable=durable)

    async def release(
        self,
        upload_id: str,
        held: Held | None,
        *,
        tombstone_until: float | None,
        event: NewEvent | None = None,
    ) -> list[str]:
        if held is not None:
            held.check()

        def job(connection: sqlite3.Connection) -> list[str]:
            add_event_of_end(connection, event, upload_id)
            sql = "SELECT data_file FROM upload_chunks WHERE upload_id = ? AND data_file NOT NULL"
            rows = connection.execute(sql, (upload_id,)).fetchall()
            connection.execute("DELETE FROM upload_chunks WHERE upload_id = ?", (upload_id,))
            if tombstone_until is None:
                connection.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))
            else:
                connection.execute(_EXPIRE, (tombstone_until, upload_id))
            connection.execute("INSERT OR IGNORE INTO leftovers VALUES (?)", (upload_id,))
            names = {upload_id, *(row[0] for row in rows)}
            return [name for name in names if _is_removable(connection, name)]

        return await self._ballast.with_room(lambda: self._writer.run_long(job, durable=True))

    async def is_leftover(self, name: str) -> bool:
        return bool(await self.rows("SELECT 1 FROM leftovers WHERE name = ?", name))

    async def add_leftover(self, name: str, *, durable: bool = False) -> None:
        await self._writer.put(_ADD_LEFTOVER, (name,), durable=durable)

    async def removable(self) -> list[str]:
        rows = await self._rows_in_thread(f"SELECT name FROM leftovers WHERE {_UNREFERENCED}")  # noqa: S608
        return [row[0] for row in rows]

    async def forget_leftover(self, name: str) -> None:
        await self._ballast.with_room(lambda: self._writer.put(_FORGET, (name,)))
        await self._ballast.refill_if_short()

    async def keep_room(self) -> None:
        await asyncio.to_thread(self._ballast.refill)

    async def expired(self, now: float, *, limit: int) -> list[str]:
        rows = await self._rows_in_thread(
            "SELECT id FROM uploads WHERE expires_at <= ? ORDER BY expires_at LIMIT ?", now, limit
        )
        return [row[0] for row in rows]

    async def open_uploads(self, *, after: str, limit: int) -> list[Upload]:
        rows = await self._rows_in_thread(
            f"SELECT {COLUMNS} FROM uploads WHERE state = 'open' AND id > ? AND length IS NOT NULL"  # noqa: S608
            " ORDER BY id LIMIT ?",
            after,
            limit,
        )
        return [upload_of(row) for row in rows]

    async def close(self) -> None:
        await self._writer.close()
        if self._look_ups is not None:
            self._look_ups.shutdown()
        self._reader.close()


def _waiting_finals(connection: sqlite3.Connection, partial_id: str) -> list[str]:
    """Return the finals that name the partial and do not have its size yet."""
    sql = "SELECT DISTINCT upload_id FROM upload_chunks WHERE source_id = ? AND state = 'receiving'"
    return [row[0] for row in connection.execute(sql, (partial_id,)).fetchall()]


def _insert(connection: sqlite3.Connection, upload: Upload, chunks: Sequence[UploadChunk]) -> bool:
    """Add an upload and its chunks, unless the id exists; return whether they were added."""
    added = connection.execute(_INSERT_UPLOAD, upload_row(upload)).rowcount
    if added:
        rows = [chunk_row(chunk, position) for position, chunk in enumerate(chunks)]
        connection.executemany(_INSERT_CHUNK, rows)
    if added and isinstance(upload.layout, Ranged):
        connection.execute("INSERT OR REPLACE INTO sessions (upload_id) VALUES (?)", (upload.id,))
    return bool(added)


def _filled_finals(connection: sqlite3.Connection, final_ids: list[str]) -> list[str]:
    filled = connection.execute(_FILLED.format(ids=",".join("?" * len(final_ids))), final_ids)
    pairs = [(total, final_id) for final_id, total in filled]
    connection.executemany("UPDATE uploads SET length = ? WHERE id = ?", pairs)
    return [final_id for _, final_id in pairs]


def _is_removable(connection: sqlite3.Connection, name: str) -> bool:
    rows = connection.execute(
        f"SELECT 1 FROM leftovers WHERE name = ? AND {_UNREFERENCED}",  # noqa: S608
        (name,),
    )
    return bool(list(rows))


async def open_catalog(file: Path, medium: Medium = "local") -> SqliteCatalog:
    """Open the catalog in ``file``; create and migrate it if necessary.

    Raises:
        OSError, CatalogUnusable: The file cannot be opened, or is not a database.
        ValueError: It was made by a newer version of this program.
    """
    return await asyncio.to_thread(_open, file, medium)


def _open(file: Path, medium: Medium) -> SqliteCatalog:
    ballast = Ballast(file)
    try:
        catalog = ballast.with_room_at_once(lambda: _open_with(file, ballast, medium))
        ballast.refill()
    except sqlite3.Error as error:
        raise translate(error) from error
    return catalog


def _open_with(file: Path, ballast: Ballast, medium: Medium) -> SqliteCatalog:
    with ExitStack() as stack:
        writer = stack.enter_context(closing(connect(file)))
        migrate(writer)
        reader = stack.enter_context(closing(connect(file, Reader)))
        stack.pop_all()
    return SqliteCatalog(reader, Writer(writer, medium), Lister(file), ballast, is_remote=medium == "remote")
