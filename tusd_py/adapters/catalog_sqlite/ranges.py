"""Ranges in the SQLite catalog; ``claims`` has the steps of a claim."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import aiosqlite

from tusd_py.adapters.catalog_sqlite import portions
from tusd_py.adapters.catalog_sqlite.catalog import SqliteCatalog
from tusd_py.adapters.catalog_sqlite.claims import (
    SELECT,
    add_chunks,
    add_received,
    claim,
    delete,
    grow_prefix,
    insert_chunk,
    make_missing,
)
from tusd_py.adapters.catalog_sqlite.commit_failures import failure_of, stored_failure
from tusd_py.adapters.catalog_sqlite.events import add_event
from tusd_py.adapters.catalog_sqlite.listing import uploads_listing
from tusd_py.adapters.catalog_sqlite.rows import (
    COLUMNS,
    after,
    before,
    marks,
    ranged_chunk_of,
    upload_of,
    upload_row,
)
from tusd_py.model.claims import Absent, Answer, Busy, Forgotten, NotOpen, Wish
from tusd_py.model.commits import Begun, CommitFailure, Incomplete, SessionFacts, decide_commit
from tusd_py.model.events import NewEvent
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import ChunkState, Move, Upload, UploadChunk, UploadState
from tusd_py.ports.locks import Held
from tusd_py.ports.ranges import Filter, RangeCatalog

_INSERT_UPLOAD: Final = f"INSERT INTO uploads ({COLUMNS}) VALUES ({marks(13)})"  # noqa: S608
_EXTENT: Final = "SELECT state, prefix, length FROM uploads WHERE id = ?"
_BEGIN: Final = f"UPDATE uploads SET {after(Move.COMMIT)} WHERE id = ?"  # noqa: S608


class SqliteRanges(RangeCatalog):
    """See RangeCatalog. Shares the connections of a SqliteCatalog."""

    def __init__(self, catalog: SqliteCatalog) -> None:
        self._rows = catalog.rows
        self._writer = catalog.writer
        self._lister = catalog.lister

    async def insert_session(
        self,
        upload: Upload,
        held: Held,
        *,
        expected_sha256: str | None,
        key: str | None,
        durable: bool,
        event: NewEvent | None = None,
    ) -> None:
        held.check()

        def job(connection: sqlite3.Connection) -> None:
            if key is not None:
                connection.execute(
                    "INSERT INTO idempotency_keys VALUES (?, ?, ?)", (upload.user or "", key, upload.id)
                )
            connection.execute(_INSERT_UPLOAD, upload_row(upload))
            connection.execute(
                "INSERT INTO sessions (upload_id, expected_sha256) VALUES (?, ?)",
                (upload.id, expected_sha256),
            )
            connection.execute("DELETE FROM leftovers WHERE name = ?", (upload.id,))
            add_event(connection, event, upload.id)

        await self._writer.run(job, durable=durable)

    async def convert(self, upload: Upload, chunk: UploadChunk | None, held: Held) -> None:
        held.check()

        def job(connection: sqlite3.Connection) -> None:
            size = 0 if chunk is None else chunk.size
            connection.execute(
                "UPDATE uploads SET prefix = ?, unverified_from = NULL WHERE id = ?", (size, upload.id)
            )
            connection.execute(
                "INSERT OR REPLACE INTO sessions (upload_id, received, chunk_count) VALUES (?, ?, ?)",
                (upload.id, size, int(size > 0)),
            )
            if chunk is not None:
                insert_chunk(connection, chunk)

        await self._writer.run(job, durable=True)

    async def facts(self, upload_id: str) -> SessionFacts:
        sql = (
            "SELECT received, chunk_count, sha256, expected_sha256, last_error, updated_at"
            " FROM sessions WHERE upload_id = ?"
        )
        for received, chunk_count, sha256, expected, last_error, updated_at in await self._rows(
            sql, upload_id
        ):
            return SessionFacts(
                received=received,
                chunk_count=chunk_count,
                sha256=sha256,
                expected_sha256=expected,
                last_error=None if last_error is None else failure_of(last_error),
                updated_at=updated_at,
            )
        return SessionFacts()

    async def count(self, upload_id: str, *, state: ChunkState | None = None) -> int:
        sql = "SELECT count(*) FROM upload_chunks WHERE upload_id = ? AND ifnull(state = ?, 1)"
        ((count,),) = await self._rows(sql, upload_id, state)
        return int(count)

    async def missing(self, upload_id: str, *, limit: int) -> list[ByteRange]:
        return await portions.missing(self._rows, upload_id, limit=limit)

    async def unfilled(self, upload_id: str) -> Incomplete | None:
        return await portions.unfilled(self._rows, upload_id)

    async def claim(self, wish: Wish) -> Answer:
        return await self._writer.run(lambda connection: claim(connection, wish))

    async def record(
        self, chunk: UploadChunk, *, sha256: str, at: float, expires_at: float | None, durable: bool
    ) -> bool:
        def job(connection: sqlite3.Connection) -> bool:
            done = connection.execute(
                "UPDATE upload_chunks"
                " SET state = 'received', size = ?, sha256 = ?, worker = NULL, completed_at = ?"
                " WHERE upload_id = ? AND position = ? AND id = ? AND state = 'receiving'",
                (chunk.size, sha256, at, chunk.upload_id, chunk.offset, chunk.id),
            )
            if not done.rowcount:
                return False
            add_received(connection, chunk.upload_id, chunk.size)
            connection.execute(
                "UPDATE sessions SET updated_at = ? WHERE upload_id = ?", (at, chunk.upload_id)
            )
            connection.execute(
                "UPDATE uploads SET expires_at = max(expires_at, ifnull(?, expires_at)) WHERE id = ?",
                (expires_at, chunk.upload_id),
            )
            grow_prefix(connection, chunk.upload_id)
            return True

        return await self._writer.run(job, durable=durable)

    async def drop_claim(self, chunk: UploadChunk) -> None:
        def job(connection: sqlite3.Connection) -> None:
            gone = connection.execute(
                "DELETE FROM upload_chunks"
                " WHERE upload_id = ? AND position = ? AND id = ? AND state = 'receiving'",
                (chunk.upload_id, chunk.offset, chunk.id),
            )
            add_chunks(connection, chunk.upload_id, -gone.rowcount)

        await self._writer.run(job)

    async def delete_chunk(self, upload_id: str, offset: int) -> Forgotten | Busy | NotOpen | Absent:
        return await self._writer.run(lambda connection: delete(connection, upload_id, offset), durable=True)

    async def claimants(self, upload_id: str | None = None) -> list[str]:
        sql = (
            "SELECT DISTINCT worker FROM upload_chunks"
            " WHERE state = 'receiving' AND worker NOT NULL AND ifnull(upload_id = ?, 1)"
        )
        return [worker for (worker,) in await self._rows(sql, upload_id)]

    async def drop_claims_of(self, worker: str, held: Held) -> None:
        held.check()

        def job(connection: sqlite3.Connection) -> None:
            sql = f"{SELECT} WHERE worker = ? AND state = 'receiving'"
            for chunk in map(ranged_chunk_of, connection.execute(sql, (worker,)).fetchall()):
                connection.execute(
                    "DELETE FROM upload_chunks WHERE upload_id = ? AND position = ?",
                    (chunk.upload_id, chunk.offset),
                )
                add_chunks(connection, chunk.upload_id, -1)

        await self._writer.run(job)

    async def begin_commit(self, upload_id: str, held: Held) -> Begun | Incomplete | NotOpen:
        held.check()

        def job(connection: sqlite3.Connection) -> Begun | Incomplete | NotOpen:
            row = connection.execute(_EXTENT, (upload_id,)).fetchone()
            state, prefix, length = row or (None, None, None)
            answer = decide_commit(
                state=None if state is None else UploadState(state), prefix=prefix, length=length
            )
            if isinstance(answer, Begun):
                connection.execute(_BEGIN, (upload_id,))
                connection.execute("UPDATE sessions SET last_error = NULL WHERE upload_id = ?", (upload_id,))
            return answer

        answer = await self._writer.run(job)
        return await self.unfilled(upload_id) or answer if isinstance(answer, Incomplete) else answer

    async def set_sha256(self, upload_id: str, sha256: str, held: Held) -> None:
        held.check()
        sql = (
            "INSERT INTO sessions (upload_id, sha256) SELECT id, ? FROM uploads WHERE id = ?"
            " ON CONFLICT (upload_id) DO UPDATE SET sha256 = excluded.sha256"
        )
        await self._writer.run(lambda connection: connection.execute(sql, (sha256, upload_id)).rowcount)

    async def reopen(
        self,
        upload_id: str,
        held: Held,
        *,
        drop: Sequence[UploadChunk] = (),
        failure: CommitFailure | None = None,
    ) -> None:
        held.check()

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"UPDATE uploads SET {after(Move.REOPEN)}"  # noqa: S608
                f" WHERE id = ? AND {before(Move.REOPEN)}",
                (upload_id,),
            )
            # A commit cancelled during its last step has completed the upload, which keeps its digest.
            connection.execute(
                "UPDATE sessions SET sha256 = NULL, last_error = ? WHERE upload_id = ? AND EXISTS"
                " (SELECT 1 FROM uploads WHERE id = upload_id AND state = 'open')",
                (None if failure is None else stored_failure(failure), upload_id),
            )
            for chunk in drop:
                make_missing(connection, chunk)

        await self._writer.run_long(job)

    async def committing(self) -> list[str]:
        sql = "SELECT id FROM uploads WHERE state = 'committing'"  # it reads every row of an index
        return [
            upload_id for (upload_id,) in await self._lister.read(lambda each: each.execute_fetchall(sql))
        ]

    async def find_key(self, user: str | None, key: str) -> str | None:
        sql = "SELECT upload_id FROM idempotency_keys WHERE user = ? AND key = ?"
        rows = await self._rows(sql, user or "", key)
        return str(rows[0][0]) if rows else None

    async def list_uploads(self, wanted: Filter) -> tuple[int, list[Upload]]:
        listing = uploads_listing(wanted)

        page = (*listing.parameters, wanted.limit, wanted.offset)

        async def read(connection: aiosqlite.Connection) -> tuple[int, Iterable[sqlite3.Row]]:
            ((count,),) = await connection.execute_fetchall(listing.count, listing.parameters)
            return count, await connection.execute_fetchall(listing.page, page)

        count, rows = await self._lister.read(read)
        # A page of a thousand rows would block the event loop for milliseconds.
        return count, await asyncio.to_thread(lambda: [upload_of(row) for row in rows])
