"""The catalog's tables, as numbered migrations. A migration that was released is never edited."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Final


def _cascades(chunk_table: str) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER uploads_{name} AFTER {event} BEGIN"  # noqa: S608 - no value from outside
        f" DELETE FROM {chunk_table} WHERE upload_id = OLD.id;"
        " DELETE FROM sessions WHERE upload_id = OLD.id;"
        " DELETE FROM idempotency_keys WHERE upload_id = OLD.id; END"
        for name, event in (
            ("deleted", "DELETE ON uploads"),
            ("expired", "UPDATE OF state ON uploads WHEN NEW.state = 'expired'"),
        )
    )


#: Statements that lead from version n (index) to n + 1.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """
        CREATE TABLE uploads (
            id TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            state TEXT NOT NULL,
            length INTEGER,
            user TEXT,
            metadata TEXT NOT NULL,
            metadata_header TEXT,
            concat_header TEXT,
            created_at REAL NOT NULL,
            completed_at REAL,
            expires_at REAL,
            unverified_from INTEGER
        ) WITHOUT ROWID
        """,
        "CREATE INDEX uploads_expiry ON uploads (expires_at) WHERE expires_at IS NOT NULL",
        "CREATE INDEX uploads_open ON uploads (id) WHERE state = 'open'",
        """
        CREATE TABLE chunks (
            upload_id TEXT NOT NULL,
            position INTEGER NOT NULL,
            size INTEGER,
            data_file TEXT NOT NULL,
            start INTEGER NOT NULL,
            source_id TEXT,
            PRIMARY KEY (upload_id, position)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX chunks_by_data_file ON chunks (data_file)",
        "CREATE INDEX chunks_waiting ON chunks (source_id) WHERE size IS NULL",
        # Ids of removed uploads whose files still have to be removed and must not be adopted.
        "CREATE TABLE leftovers (name TEXT PRIMARY KEY) WITHOUT ROWID",
    ),
    (
        # Not NULL: the upload is kept as ranges, and this many bytes from 0 on are there without a gap.
        "ALTER TABLE uploads ADD COLUMN prefix INTEGER",
        """
        CREATE TABLE ranges (
            upload_id TEXT NOT NULL,
            offset INTEGER NOT NULL,
            size INTEGER NOT NULL,
            state TEXT NOT NULL,
            id TEXT NOT NULL,
            sha256 TEXT,
            worker TEXT,
            created_at REAL NOT NULL,
            completed_at REAL,
            PRIMARY KEY (upload_id, offset)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX ranges_claimed ON ranges (worker) WHERE state = 'receiving'",
        """
        CREATE TABLE sessions (
            upload_id TEXT PRIMARY KEY,
            received INTEGER NOT NULL DEFAULT 0,
            chunk_count INTEGER NOT NULL DEFAULT 0,
            sha256 TEXT,
            expected_sha256 TEXT,
            last_error TEXT,
            updated_at REAL
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE idempotency_keys (
            user TEXT NOT NULL,
            key TEXT NOT NULL,
            upload_id TEXT NOT NULL,
            PRIMARY KEY (user, key)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX idempotency_keys_by_upload ON idempotency_keys (upload_id)",
        """
        CREATE TABLE artifacts (
            id TEXT PRIMARY KEY,
            sha256 TEXT NOT NULL,
            size INTEGER NOT NULL,
            user TEXT NOT NULL,
            upload_id TEXT,
            created_at REAL NOT NULL,
            is_ready INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        "CREATE UNIQUE INDEX artifacts_by_content ON artifacts (sha256, user)",
        # The artifact that a removed upload became.
        "CREATE TABLE consumed (upload_id TEXT PRIMARY KEY, artifact_id TEXT NOT NULL) WITHOUT ROWID",
        "CREATE INDEX consumed_by_artifact ON consumed (artifact_id)",
        # However an upload is removed, its rows in other tables go in the same transaction.
        *_cascades("ranges"),
        """
        CREATE TRIGGER artifacts_deleted AFTER DELETE ON artifacts BEGIN
            DELETE FROM consumed WHERE artifact_id = OLD.id;
        END
        """,
    ),
    (
        # Lists: in the order of their pages, with every column that a filter names, so that counting and
        # skipping read nothing else. What changes with every PATCH (expires_at) is left out on purpose.
        "CREATE INDEX uploads_listing ON uploads (user, created_at, id, kind, length, state)",
        "CREATE INDEX artifacts_listing ON artifacts (user, created_at, id, is_ready)",
        "CREATE INDEX artifacts_pending ON artifacts (sha256) WHERE NOT is_ready",
    ),
    (
        # One table for all chunks: those of finals, and those that arrive in any order.
        """
        CREATE TABLE upload_chunks (
            upload_id TEXT NOT NULL,
            position INTEGER NOT NULL, -- the offset where chunks come in any order, else 0, 1, 2 ...
            id TEXT NOT NULL,
            size INTEGER, -- NULL: a partial that is not complete
            state TEXT NOT NULL,
            sha256 TEXT,
            data_file TEXT, -- NULL: the upload's own
            start INTEGER NOT NULL,
            source_id TEXT,
            worker TEXT,
            created_at REAL NOT NULL,
            completed_at REAL,
            PRIMARY KEY (upload_id, position)
        ) WITHOUT ROWID
        """,
        """
        INSERT INTO upload_chunks
        SELECT upload_id, position, ifnull(source_id, upload_id), size,
            iif(size IS NULL, 'receiving', 'received'), NULL, nullif(data_file, upload_id), start, source_id,
            NULL, created_at, NULL
        FROM chunks JOIN uploads ON uploads.id = upload_id
        """,
        """
        INSERT INTO upload_chunks
        SELECT upload_id, offset, id, size, state, sha256, NULL, offset, NULL,
            worker, created_at, completed_at
        FROM ranges
        """,
        "CREATE INDEX upload_chunks_by_data_file ON upload_chunks (data_file) WHERE data_file NOT NULL",
        """
        CREATE INDEX upload_chunks_waiting ON upload_chunks (source_id)
        WHERE state = 'receiving' AND source_id NOT NULL
        """,
        """
        CREATE INDEX upload_chunks_claimed ON upload_chunks (worker)
        WHERE state = 'receiving' AND worker NOT NULL
        """,
        "DROP TRIGGER uploads_deleted",
        "DROP TRIGGER uploads_expired",
        "DROP TABLE chunks",
        "DROP TABLE ranges",
        *_cascades("upload_chunks"),
    ),
    (
        # The outbox: the row of an upload, and what made it so. Positions are never used again: whoever read
        # up to one has seen all below it, and a delivery that is reported late removes no other event.
        """
        CREATE TABLE events (
            position INTEGER PRIMARY KEY AUTOINCREMENT,
            event_id TEXT NOT NULL,
            type TEXT NOT NULL,
            at REAL NOT NULL,
            request TEXT, -- JSON
            id TEXT NOT NULL,
            kind TEXT NOT NULL,
            state TEXT NOT NULL,
            length INTEGER,
            user TEXT,
            metadata TEXT NOT NULL,
            metadata_header TEXT,
            concat_header TEXT,
            created_at REAL NOT NULL,
            completed_at REAL,
            expires_at REAL,
            unverified_from INTEGER,
            prefix INTEGER
        )
        """,
    ),
)

#: How long to wait for another worker's migration; building an index over many rows takes a while.
_MIGRATION_TIMEOUT_MS: Final = 600_000


#: The application id of a catalog to which the directory's uploads were not added yet; later it is 0.
NEW: Final = 1


def set_known(connection: sqlite3.Connection) -> None:
    """Record that the catalog has every upload of the directory."""
    connection.execute("PRAGMA application_id = 0")


def migrate(connection: sqlite3.Connection) -> None:
    """Run the migrations that are missing.

    Raises ValueError: The catalog was made by a newer version of this program.
    """
    # Without a missing one nothing is written, so that a server starts on a full disk.
    if _version(connection) == len(MIGRATIONS):
        return
    ((timeout_ms,),) = connection.execute("PRAGMA busy_timeout").fetchall()
    connection.execute(f"PRAGMA busy_timeout = {_MIGRATION_TIMEOUT_MS}")
    connection.execute("BEGIN IMMEDIATE")  # several workers may start at once
    try:
        version = _version(connection)
        if version > len(MIGRATIONS):
            raise ValueError("the catalog was made by a newer version of tusd-py")
        for migration in MIGRATIONS[version:]:
            for statement in migration:
                connection.execute(statement)
        if version == 0:
            connection.execute(f"PRAGMA application_id = {NEW}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            connection.execute("ROLLBACK")
        raise
    connection.execute(f"PRAGMA busy_timeout = {timeout_ms}")


def _version(connection: sqlite3.Connection) -> int:
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    return int(version)
