"""Connections to the file of the catalog."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from tusd_py.adapters.catalog_sqlite.writer import translate


class Reader(sqlite3.Connection):
    """A connection that fails in the words of the port."""

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        """Run one statement; see ``translate``."""
        try:
            return super().execute(*arguments)
        except sqlite3.Error as error:
            raise translate(error) from error


def connect(file: Path, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """Open the catalog in ``file``, made if need be."""
    # Each connection is used by one thread at a time, though not always by the one that made it.
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, factory=kind)
    try:
        for pragma in ("journal_mode = WAL", "busy_timeout = 10000", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection
