"""Connections to the file of the catalog."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from tusd_py.adapters.catalog_sqlite.writer import translate

#: How long to wait while another process turns a new file into a catalog, and how often to try.
_BUSY_S: Final = 10.0
_POLL_S: Final = 0.01


class Reader(sqlite3.Connection):
    """A connection that raises the errors of the port."""

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        """Run one statement; see ``translate``."""
        try:
            return super().execute(*arguments)
        except sqlite3.Error as error:
            raise translate(error) from error


def connect(file: Path, kind: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """Open the catalog in ``file``; create it if necessary."""
    # Each connection is used by one thread at a time, but not always by the one that opened it.
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, factory=kind)
    try:
        _use_write_ahead_log(connection)
        for pragma in ("busy_timeout = 10000", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch a new file to a write-ahead log.

    If several processes do so at the same time, SQLite refuses all but one without waiting, whatever its
    time-out is.
    """
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(_POLL_S)
