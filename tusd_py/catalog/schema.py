"""The catalog's tables, as numbered migrations. One that has landed is never edited."""

from __future__ import annotations

from typing import Final

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
        # Ids that were given up: their files are to be removed, and are no longer adopted.
        "CREATE TABLE leftovers (name TEXT PRIMARY KEY) WITHOUT ROWID",
    ),
)
