"""One SQLite connection for all writes of a process, and one commit for all that wait together."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from tusd_py.errors import StorageFull
from tusd_py.quick import Quick, in_thread, outlast

_T = TypeVar("_T")
_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_LOCKED})
Parameters = Sequence[str | int | float | None]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row for a statement that takes many."""

    sql: str
    values: Parameters
    durable: bool
    done: asyncio.Future[None]


@dataclass(slots=True)
class _Job:
    """Statements that belong together, and what became of them."""

    run: Callable[[sqlite3.Connection], Any]
    durable: bool
    done: asyncio.Future[Any]
    outcome: Any = None


class Writer:
    """Commits everything that waits at the same moment as one transaction.

    Fifty concurrent creations thus cost one commit, and a lone one waits for nobody. Commits that need
    no sync are made on the event loop at the end of its turn, as long as the medium is quick and no other
    process is writing; all others in a thread.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # Not a daemon: the interpreter ends it, so an application that never closes us can still exit.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tusd-py-catalog")
        self._quick = Quick(self._thread)
        self._rows: list[_Row] = []
        self._jobs: list[_Job] = []
        self._task: asyncio.Task[None] | None = None
        self._is_durable = False
        self._is_patient = True

    async def put(self, sql: str, row: Parameters, *, durable: bool = False) -> None:
        """Run ``sql`` for one row; return when it is committed.

        ``sql`` takes a JSON array of rows (``FROM json_each(?)``) and runs once for all rows that wait.
        So a batch enters SQLite once and not once for each row: every entry gives the interpreter away
        and has to win it back from the event loop. Values are those of ``rows``.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rows.append(_Row(sql, row, durable, done))
        await self._committed(done)

    async def run(self, job: Callable[[sqlite3.Connection], _T], *, durable: bool = False) -> _T:
        """Run ``job`` by itself within a transaction; return its result when it is committed.

        With ``durable`` the commit survives a power cut. An exception that it raises undoes what it did,
        and only that.
        """
        done: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(job, durable, done))
        return await self._committed(done)

    async def _committed(self, done: asyncio.Future[_T]) -> _T:
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        try:
            return await done
        except asyncio.CancelledError:
            # A lock must not be let go of while something is still to be written under it.
            if self._task is not None:
                await outlast(self._task)
            raise

    async def close(self) -> None:
        """Commit what waits, then close the connection."""
        if self._task is not None:
            await self._task
        await in_thread(self._thread, self._connection.close)
        self._thread.shutdown()

    async def _drain(self) -> None:
        try:
            while self._rows or self._jobs:
                rows, self._rows = self._rows, []
                jobs, self._jobs = self._jobs, []
                try:
                    await self._commit_somewhere(rows, jobs)
                except Exception as error:
                    for done in [*(row.done for row in rows), *(job.done for job in jobs)]:
                        _settle(done, _translate(error))
                else:
                    for row in rows:
                        _settle(row.done, None)
                    for job in jobs:
                        _settle(job.done, job.outcome)
        finally:
            self._task = None

    async def _commit_somewhere(self, rows: Sequence[_Row], jobs: Sequence[_Job]) -> None:
        durable = any(row.durable for row in rows) or any(job.durable for job in jobs)
        if not durable and not self._quick.is_slow:
            try:
                self._quick.call(self._commit, rows, jobs, durable, False)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in _BUSY:
                    raise
            else:
                return
        await in_thread(self._thread, self._commit, rows, jobs, durable, True)

    def _commit(self, rows: Sequence[_Row], jobs: Sequence[_Job], durable: bool, patient: bool) -> None:
        self._set_up(durable, patient)
        batches: dict[str, list[Parameters]] = {}
        for row in rows:
            batches.setdefault(row.sql, []).append(row.values)
        if len(batches) == 1 and not jobs:  # a statement by itself is a transaction
            self._put(batches)
            return
        try:
            # Jobs may read before they write, so they need the write lock from the start.
            self._connection.execute("BEGIN IMMEDIATE")
            self._put(batches)
            for job in jobs:
                self._run_job(job)
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._connection.execute("ROLLBACK")
            raise

    def _put(self, batches: dict[str, list[Parameters]]) -> None:
        for sql, values in batches.items():
            self._connection.execute(sql, (json.dumps(values),))

    def _run_job(self, job: _Job) -> None:
        self._connection.execute("SAVEPOINT job")
        try:
            job.outcome = job.run(self._connection)
        except Exception as error:
            # Fails, too, when SQLite gave the whole transaction up; then all jobs share the fault.
            self._connection.execute("ROLLBACK TO job")
            job.outcome = _translate(error)
        self._connection.execute("RELEASE job")

    def _set_up(self, durable: bool, patient: bool) -> None:
        """Choose what a commit survives, and whether to wait for other processes.

        In WAL mode NORMAL survives the death of the process, FULL a power cut as well.
        """
        if durable is not self._is_durable:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._is_durable = durable
        if patient is not self._is_patient:
            self._connection.execute(f"PRAGMA busy_timeout = {10_000 if patient else 0}")
            self._is_patient = patient


def _translate(error: Exception) -> Exception:
    """Turn SQLite's ways to say that there is no space into StorageFull.

    Only ENOSPC has a code of its own; a quota and a limit on file sizes come as a failed write.
    """
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode in _FULL:
        return StorageFull()
    return error


def _settle(done: asyncio.Future[Any], outcome: Any) -> None:
    if done.done():  # the request was cancelled meanwhile
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
