"""The catalog in one SQLite file (write-ahead log), shared by all worker processes of a machine."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import aiosqlite
from aiosqlite import Connection

from tusd_py.catalog.base import Catalog
from tusd_py.catalog.rows import CHUNK_COLUMNS, COLUMNS, chunk_row, upload_of, upload_row
from tusd_py.catalog.schema import MIGRATIONS
from tusd_py.catalog.writer import Writer
from tusd_py.errors import MaxSizeExceeded, UploadNotFound
from tusd_py.model.upload import Upload, UploadChunk, UploadKind

_INSERT_UPLOAD: Final = (
    f"INSERT OR IGNORE INTO uploads ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
)
_INSERT_CHUNK: Final = "INSERT OR IGNORE INTO chunks VALUES (?, ?, ?, ?, ?, ?)"
#: A final whose pieces are all there, and their sum.
_FILLED: Final = """
    SELECT upload_id, sum(size) FROM chunks WHERE upload_id IN ({ids})
    GROUP BY upload_id HAVING count(*) = count(size)
"""
#: Chunks of a final whose partial is not there any more, or is expired.
_COUNT_MISSING: Final = """
    SELECT count(*) FROM chunks LEFT JOIN uploads ON uploads.id = chunks.source_id
    WHERE upload_id = ? AND (uploads.id IS NULL OR uploads.state = 'expired')
"""
_FILL_SIZES: Final = """
    UPDATE chunks SET size = (SELECT length FROM uploads WHERE id = source_id AND state = 'complete')
    WHERE upload_id = ?
"""
_UNREFERENCED: Final = "NOT EXISTS (SELECT 1 FROM chunks WHERE data_file = name)"


class SqliteCatalog(Catalog):
    """See Catalog. Made by ``open_catalog``."""

    def __init__(self, reader: Connection, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def _rows(self, sql: str, *parameters: str | float | None) -> list[Any]:
        return list(await self._reader.execute_fetchall(sql, parameters))

    async def get(self, upload_id: str) -> Upload | None:
        rows = await self._rows(f"SELECT {COLUMNS} FROM uploads WHERE id = ?", upload_id)  # noqa: S608
        return upload_of(rows[0]) if rows else None

    async def insert(
        self, upload: Upload, chunks: Sequence[UploadChunk] = (), *, durable: bool = False
    ) -> None:
        if not chunks:
            await self._writer.execute(_INSERT_UPLOAD, upload_row(upload), durable=durable)
            return

        async def job(connection: Connection) -> None:
            await connection.execute(_INSERT_UPLOAD, upload_row(upload))
            await connection.executemany(_INSERT_CHUNK, [chunk_row(chunk) for chunk in chunks])

        await self._writer.run(job, durable=durable)

    async def insert_final(
        self, final: Upload, chunks: Sequence[UploadChunk], *, max_size: int | None, durable: bool = False
    ) -> Upload:
        async def job(connection: Connection) -> Upload:
            await connection.execute(_INSERT_UPLOAD, upload_row(final))
            await connection.executemany(_INSERT_CHUNK, [chunk_row(chunk) for chunk in chunks])
            ((missing,),) = await connection.execute_fetchall(_COUNT_MISSING, (final.id,))
            if missing:
                raise UploadNotFound
            await connection.execute(_FILL_SIZES, (final.id,))
            length = await _set_final_length(connection, final.id, max_size)
            return replace(final, length=length)

        return await self._writer.run(job, durable=durable)

    async def chunks(self, upload_id: str) -> list[UploadChunk]:
        rows = await self._rows(
            f"SELECT {CHUNK_COLUMNS} FROM chunks WHERE upload_id = ? ORDER BY position",  # noqa: S608
            upload_id,
        )
        return [
            UploadChunk(
                upload_id=row[0],
                position=row[1],
                size=row[2],
                data_file=row[3],
                start=row[4],
                source_id=row[5],
            )
            for row in rows
        ]

    async def set_length(self, upload_id: str, length: int, *, max_size: int | None) -> None:
        async def job(connection: Connection) -> None:
            await connection.execute("UPDATE uploads SET length = ? WHERE id = ?", (length, upload_id))
            finals = await connection.execute_fetchall(
                "SELECT DISTINCT upload_id FROM chunks WHERE source_id = ? AND size IS NULL", (upload_id,)
            )
            for (final_id,) in finals:
                await _set_final_length(connection, final_id, max_size)

        await self._writer.run(job)

    async def set_unverified(self, upload_id: str, offset: int | None, *, durable: bool = False) -> None:
        sql = "UPDATE uploads SET unverified_from = ? WHERE id = ?"
        await self._writer.execute(sql, (offset, upload_id), durable=durable)

    async def renew(self, upload_id: str, expires_at: float) -> None:
        sql = "UPDATE uploads SET expires_at = ? WHERE id = ? AND state = 'open'"
        await self._writer.execute(sql, (expires_at, upload_id))

    async def complete(
        self, upload: Upload, at: float, *, expires_at: float | None, durable: bool = False
    ) -> list[str]:
        sql = (
            "UPDATE uploads SET state = 'complete', completed_at = ?, expires_at = ?, unverified_from = NULL"
            " WHERE id = ? AND state = 'open'"
        )
        row = (at, expires_at, upload.id)
        if upload.kind is not UploadKind.PARTIAL:
            await self._writer.execute(sql, row, durable=durable)
            return []

        async def job(connection: Connection) -> list[str]:
            await connection.execute(sql, row)
            waiting = await connection.execute_fetchall(
                "SELECT DISTINCT upload_id FROM chunks WHERE source_id = ? AND size IS NULL", (upload.id,)
            )
            await connection.execute(
                "UPDATE chunks SET size = ? WHERE source_id = ? AND size IS NULL", (upload.length, upload.id)
            )
            return await _filled_finals(connection, [row[0] for row in waiting])

        return await self._writer.run(job, durable=durable)

    async def release(self, upload_id: str, *, tombstone_until: float | None) -> list[str]:
        async def job(connection: Connection) -> list[str]:
            rows = await connection.execute_fetchall(
                "SELECT data_file FROM chunks WHERE upload_id = ?", (upload_id,)
            )
            await connection.execute("DELETE FROM chunks WHERE upload_id = ?", (upload_id,))
            if tombstone_until is None:
                await connection.execute("DELETE FROM uploads WHERE id = ?", (upload_id,))
            else:
                await connection.execute(
                    "UPDATE uploads SET state = 'expired', expires_at = ? WHERE id = ?",
                    (tombstone_until, upload_id),
                )
            await connection.execute("INSERT OR IGNORE INTO leftovers VALUES (?)", (upload_id,))
            names = {upload_id, *(row[0] for row in rows)}
            return [name for name in names if await _is_removable(connection, name)]

        return await self._writer.run(job, durable=True)

    async def is_leftover(self, name: str) -> bool:
        return bool(await self._rows("SELECT 1 FROM leftovers WHERE name = ?", name))

    async def removable(self) -> list[str]:
        rows = await self._rows(f"SELECT name FROM leftovers WHERE {_UNREFERENCED}")  # noqa: S608
        return [row[0] for row in rows]

    async def forget_leftover(self, name: str) -> None:
        await self._writer.execute("DELETE FROM leftovers WHERE name = ?", (name,))

    async def expired(self, now: float, *, limit: int) -> list[str]:
        rows = await self._rows(
            "SELECT id FROM uploads WHERE expires_at <= ? ORDER BY expires_at LIMIT ?", now, limit
        )
        return [row[0] for row in rows]

    async def open_uploads(self, *, after: str, limit: int) -> list[Upload]:
        rows = await self._rows(
            f"SELECT {COLUMNS} FROM uploads WHERE state = 'open' AND id > ? AND length IS NOT NULL"  # noqa: S608
            " ORDER BY id LIMIT ?",
            after,
            limit,
        )
        return [upload_of(row) for row in rows]

    async def close(self) -> None:
        await self._writer.close()
        await self._reader.close()


async def _set_final_length(connection: Connection, final_id: str, max_size: int | None) -> int | None:
    """Set a final's length from its partials' lengths; None while one of them is not known."""
    rows = await connection.execute_fetchall(
        "SELECT coalesce(chunks.size, uploads.length) FROM chunks"
        " LEFT JOIN uploads ON uploads.id = chunks.source_id WHERE chunks.upload_id = ?",
        (final_id,),
    )
    sizes = [row[0] for row in rows]
    length = None if None in sizes else sum(sizes)
    if length is not None and max_size is not None and length > max_size:
        raise MaxSizeExceeded(max_size=max_size)
    await connection.execute("UPDATE uploads SET length = ? WHERE id = ?", (length, final_id))
    return length


async def _filled_finals(connection: Connection, final_ids: list[str]) -> list[str]:
    filled = await connection.execute_fetchall(_FILLED.format(ids=",".join("?" * len(final_ids))), final_ids)
    pairs = [(total, final_id) for final_id, total in filled]
    await connection.executemany("UPDATE uploads SET length = ? WHERE id = ?", pairs)
    return [final_id for _, final_id in pairs]


async def _is_removable(connection: Connection, name: str) -> bool:
    rows = await connection.execute_fetchall(
        f"SELECT 1 FROM leftovers WHERE name = ? AND {_UNREFERENCED}",  # noqa: S608
        (name,),
    )
    return bool(list(rows))


async def open_catalog(file: Path) -> SqliteCatalog:
    """Open the catalog in ``file``, made and brought up to date when need be.

    Raises:
        OSError, sqlite3.Error: The file cannot be opened or is no database.
        ValueError: It was made by a newer version of this program.
    """
    writer = await _connect(file)
    try:
        await _migrate(writer)
        reader = await _connect(file)
    except BaseException:
        await writer.close()
        raise
    return SqliteCatalog(reader, Writer(writer))


async def _connect(file: Path) -> Connection:
    # IMMEDIATE: a transaction that begins by writing has the write lock, so it cannot fail later.
    connection = await aiosqlite.connect(file, isolation_level="IMMEDIATE")
    _close_with_interpreter(connection)
    for pragma in ("journal_mode = WAL", "busy_timeout = 10000", "synchronous = NORMAL"):
        await connection.execute(f"PRAGMA {pragma}")
    return connection


def _close_with_interpreter(connection: Connection) -> None:
    """Let the interpreter exit although nobody closed the connection.

    Its thread is no daemon, and an application that mounts ours may never run our lifespan.
    """

    def wait() -> None:
        threading.main_thread().join()
        connection.stop()

    threading.Thread(target=wait, name="tusd-py-catalog-exit", daemon=True).start()


async def _migrate(connection: Connection) -> None:
    await connection.execute("BEGIN IMMEDIATE")  # several workers may start at once
    try:
        ((version,),) = await connection.execute_fetchall("PRAGMA user_version")
        if version > len(MIGRATIONS):
            raise ValueError("the catalog was made by a newer version of tusd-py")
        for migration in MIGRATIONS[version:]:
            for statement in migration:
                await connection.execute(statement)
        await connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        await connection.commit()
    except BaseException:
        await connection.rollback()
        raise
