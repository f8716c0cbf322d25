"""Artifacts in the SQLite catalog."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import aiosqlite

from tusd_py.adapters.catalog_sqlite.artifact_exports import ArtifactExports
from tusd_py.adapters.catalog_sqlite.catalog import SqliteCatalog
from tusd_py.adapters.catalog_sqlite.listing import artifacts_listing
from tusd_py.adapters.catalog_sqlite.rows import marks
from tusd_py.adapters.catalog_sqlite.writer import Parameters
from tusd_py.model.artifacts import Artifact
from tusd_py.ports.artifacts import ArtifactCatalog
from tusd_py.ports.locks import Held

_COLUMNS: Final = "id, sha256, size, user, upload_id, created_at, is_ready"
_INSERT: Final = f"INSERT OR IGNORE INTO artifacts ({_COLUMNS}) VALUES ({marks(7)})"  # noqa: S608
_SELECT: Final = f"SELECT {_COLUMNS} FROM artifacts"  # noqa: S608


class SqliteArtifacts(ArtifactCatalog):
    """See ArtifactCatalog. Shares the connections of a SqliteCatalog."""

    def __init__(self, catalog: SqliteCatalog, exports: ArtifactExports) -> None:
        self._exports = exports
        self._rows = catalog.rows
        self._writer = catalog.writer
        self._lister = catalog.lister
        self._ballast = catalog.ballast

    async def _run(self, sql: str, artifact_id: str) -> None:
        """Run a statement of a deletion; works on a full disk, too."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(sql, (artifact_id,))

        await self._ballast.with_room(lambda: self._writer.run(job, durable=True))

    async def get(self, artifact_id: str) -> Artifact | None:
        rows = await self._rows(f"{_SELECT} WHERE id = ? AND is_ready", artifact_id)
        return next(map(_artifact, rows), None)

    async def insert_pending(self, artifact: Artifact, held: Held) -> Artifact:
        held.check()

        def job(connection: sqlite3.Connection) -> Artifact:
            connection.execute(_INSERT, _row(artifact, is_ready=False))
            row = connection.execute(
                f"{_SELECT} WHERE sha256 = ? AND user = ?", (artifact.sha256, artifact.user or "")
            ).fetchone()
            return _artifact(row)

        return await self._writer.run(job, durable=True)

    async def has_file(self, sha256: str) -> bool:
        return bool(await self._rows("SELECT 1 FROM artifacts WHERE sha256 = ? AND is_ready", sha256))

    async def set_pending(self, artifact: Artifact, held: Held) -> None:
        held.check()
        sql = "UPDATE artifacts SET is_ready = 0, upload_id = NULL WHERE id = ?"
        await self._run(sql, artifact.id)

    async def finish(self, artifact: Artifact, held: Held, *, upload_id: str | None) -> None:
        held.check()

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE artifacts SET is_ready = 1 WHERE id = ?", (artifact.id,))
            if upload_id is not None:
                connection.execute("INSERT OR REPLACE INTO consumed VALUES (?, ?)", (upload_id, artifact.id))

        # Before the transaction, which keeps all other writers waiting.
        await asyncio.to_thread(self._exports.write, artifact)
        await self._writer.run(job, durable=True)

    async def delete(self, artifact: Artifact, held: Held) -> None:
        held.check()
        await asyncio.to_thread(self._exports.remove, artifact)
        await self._run("DELETE FROM artifacts WHERE id = ?", artifact.id)
        await self._ballast.refill_if_short()

    async def pending(self, sha256: str | None = None) -> list[Artifact]:
        sql = f"{_SELECT} WHERE NOT is_ready AND ifnull(sha256 = ?, 1)"
        return [_artifact(row) for row in await self._rows(sql, sha256)]

    async def made_of(self, upload_id: str) -> str | None:
        rows = await self._rows("SELECT artifact_id FROM consumed WHERE upload_id = ?", upload_id)
        return str(rows[0][0]) if rows else None

    async def list_artifacts(
        self, user: str | None, *, of_nobody: bool, sha256: str | None, limit: int, offset: int
    ) -> tuple[int, list[Artifact]]:
        listing = artifacts_listing(user, of_nobody=of_nobody, sha256=sha256, columns=_COLUMNS)

        async def read(connection: aiosqlite.Connection) -> tuple[int, Iterable[sqlite3.Row]]:
            ((count,),) = await connection.execute_fetchall(listing.count, listing.parameters)
            page = (*listing.parameters, limit, offset)
            return count, await connection.execute_fetchall(listing.page, page)

        count, rows = await self._lister.read(read)
        # A page of a thousand rows would block the event loop for milliseconds.
        return count, await asyncio.to_thread(lambda: [_artifact(row) for row in rows])

    async def exported(self) -> list[Artifact]:
        return await asyncio.to_thread(self._exports.read)

    async def restore(self, artifacts: Sequence[Artifact]) -> None:
        rows = [_row(artifact, is_ready=True) for artifact in artifacts]

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(_INSERT, rows)

        await self._writer.run_long(job, durable=True)


def _row(artifact: Artifact, *, is_ready: bool) -> Parameters:
    return (
        artifact.id,
        artifact.sha256,
        artifact.size,
        artifact.user or "",
        artifact.upload_id,
        artifact.created_at,
        is_ready,
    )


def _artifact(row: Sequence[Any]) -> Artifact:
    return Artifact(
        id=row[0],
        sha256=row[1],
        size=row[2],
        user=row[3] or None,
        upload_id=row[4],
        created_at=row[5],
        is_ready=bool(row[6]),
    )
