"""Writes of a process go through one SQLite connection; those that wait together share one commit."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from tusd_py.errors.server import StorageFull
from tusd_py.ports.catalog import CatalogUnusable
from tusd_py.transfer.calls import Medium, Quick, in_thread, outlast

_T = TypeVar("_T")
_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})  # and their extended codes
#: How often the event loop tries while another process writes, before a thread waits for it.
_TRIES: Final = 8
#: After this many commits the log (4 to 8 pages each) is moved into the catalog's file.
_CHECKPOINT_AFTER: Final = 200
Parameters = Sequence[str | int | float | None]


@dataclass(slots=True)
class _Row:
    """A statement and its parameters."""

    sql: str
    values: Parameters
    done: asyncio.Future[None]


@dataclass(slots=True)
class _Job:
    """Statements that belong together, and their result."""

    run: Callable[[sqlite3.Connection], Any]
    done: asyncio.Future[Any]
    outcome: Any = None


@dataclass(slots=True)
class _Batch:
    """What is committed together."""

    rows: list[_Row] = field(default_factory=list)
    jobs: list[_Job] = field(default_factory=list)
    durable: bool = False
    is_long: bool = False  # over so many rows that it would block the event loop

    def __bool__(self) -> bool:
        return bool(self.rows or self.jobs)

    def add(self, other: _Batch) -> None:
        self.rows += other.rows
        self.jobs += other.jobs
        self.durable = self.durable or other.durable
        self.is_long = self.is_long or other.is_long

    def by_statement(self) -> dict[str, list[Parameters]]:
        grouped: dict[str, list[Parameters]] = {}
        for row in self.rows:
            grouped.setdefault(row.sql, []).append(row.values)
        return grouped

    def resolve(self, error: Exception | None) -> None:
        """Wake everybody who waits for the commit."""
        for row in self.rows:
            _resolve(row.done, error)
        for job in self.jobs:
            _resolve(job.done, error or job.outcome)


class Writer:
    """Commits all statements that wait at the same moment as one transaction.

    So fifty concurrent creations cost one commit, and a single one does not wait. A commit runs on the event
    loop, at the end of an iteration, if the medium is fast, no sync is needed and no other process is
    writing; otherwise in a thread. In memory nothing survives a power cut, so no commit needs a sync.
    """

    def __init__(self, connection: sqlite3.Connection, medium: Medium) -> None:
        self._connection = connection
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # see _checkpoint_if_due
        # Not a daemon: the interpreter ends it, so an application that never closes us can still exit.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tusd-py-catalog")
        self._quick = Quick(self._thread, medium)
        self._has_syncs = medium != "memory"
        self._waiting = _Batch()
        self._task: asyncio.Task[None] | None = None
        self._commits = 0  # since the log was last moved into the file
        self._is_durable = False
        self._is_patient = True

    async def put(self, sql: str, row: Parameters, *, durable: bool = False) -> None:
        """Run ``sql`` for one row; return when it is committed.

        All rows that wait for the same ``sql`` are written with one call.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.rows.append(_Row(sql, row, done))
        self._waiting.durable = self._waiting.durable or durable
        await self._committed(done)

    async def run_long(self, job: Callable[[sqlite3.Connection], _T], *, durable: bool = False) -> _T:
        """Run ``job`` as ``run`` does, but always in a thread; for a job over thousands of rows."""
        self._waiting.is_long = True
        return await self.run(job, durable=durable)

    async def run(self, job: Callable[[sqlite3.Connection], _T], *, durable: bool = False) -> _T:
        """Run ``job`` by itself within a transaction; return its result when it is committed.

        With ``durable`` the commit survives a power cut. An exception of ``job`` rolls back its statements,
        and no others.
        """
        done: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._waiting.jobs.append(_Job(job, done))
        self._waiting.durable = self._waiting.durable or durable
        return await self._committed(done)

    async def _committed(self, done: asyncio.Future[_T]) -> _T:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        try:
            return await done
        except asyncio.CancelledError:
            # A lock must not be released while something is still to be written under it.
            if self._task is not None:
                await outlast(self._task)
            raise

    async def close(self) -> None:
        """Commit what waits, then close the connection."""
        if self._task is not None:
            await outlast(self._task)
        await in_thread(self._thread, self._connection.close)
        self._thread.shutdown()

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, _Batch()
                try:
                    await self._commit_somewhere(batch)
                except Exception as error:
                    batch.resolve(translate(error))
                except GeneratorExit:  # the loop was closed and left: nobody waits any more
                    raise
                except BaseException:  # all tasks of the loop are cancelled
                    batch.resolve(RuntimeError("the catalog stopped before it could say what became of this"))
                    raise
                else:
                    batch.resolve(None)
                    await self._checkpoint_if_due(batch)
        finally:
            self._task = None

    async def _checkpoint_if_due(self, batch: _Batch) -> None:
        """Move the log into the file, in a thread; SQLite would do it within a commit, with two syncs.

        Commits wait for it: only a log to which nothing is added can be moved completely and reused.
        """
        self._commits += 1
        if self._commits < _CHECKPOINT_AFTER and not batch.is_long:
            return
        self._commits = 0
        with suppress(sqlite3.Error):  # the next one does it
            await in_thread(self._thread, self._checkpoint)

    def _checkpoint(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    async def _commit_somewhere(self, batch: _Batch) -> None:
        batch.durable = batch.durable and self._has_syncs
        for _ in range(_TRIES):
            if self._quick.is_slow or batch.is_long or batch.durable:
                break
            try:
                self._quick.call(self._commit, batch, False)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _BUSY:
                    raise
            else:
                return
            # Another process is writing, for some 100 us; statements that arrive meanwhile join the batch.
            await asyncio.sleep(0)
            batch.add(self._waiting)
            self._waiting = _Batch()
            batch.durable = batch.durable and self._has_syncs
        await self._quick.run_in_thread(self._commit, batch, True)

    def _commit(self, batch: _Batch, patient: bool) -> None:
        self._set_up(batch.durable, patient)
        if len(batch.rows) == 1 and not batch.jobs:  # a statement by itself is a transaction
            self._connection.execute(batch.rows[0].sql, batch.rows[0].values)
            return
        try:
            # Jobs may read before they write, so they need the write lock from the start.
            self._connection.execute("BEGIN IMMEDIATE")
            for sql, values in batch.by_statement().items():
                self._connection.executemany(sql, values)
            for job in batch.jobs:
                self._run_job(job)
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._connection.execute("ROLLBACK")
            raise

    def _run_job(self, job: _Job) -> None:
        self._connection.execute("SAVEPOINT job")
        try:
            job.outcome = job.run(self._connection)
        except Exception as error:
            if not self._connection.in_transaction:
                raise  # SQLite rolled the whole transaction back (a full disk): all jobs fail
            self._connection.execute("ROLLBACK TO job")
            job.outcome = translate(error)
        self._connection.execute("RELEASE job")

    def _set_up(self, durable: bool, patient: bool) -> None:
        """Choose what the commit survives, and whether to wait for other processes.

        In WAL mode a commit with NORMAL survives the death of the process, with FULL a power cut as well.
        """
        if durable is not self._is_durable:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._is_durable = durable
        if patient is not self._is_patient:
            self._connection.execute(f"PRAGMA busy_timeout = {10_000 if patient else 0}")
            self._is_patient = patient


def translate(error: Exception) -> Exception:
    """Turn an error of SQLite into StorageFull if there is no space, else into CatalogUnusable.

    SQLite has a code for ENOSPC alone; an exceeded quota or limit of file sizes is a failed write.
    """
    if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode in _FULL:
        return StorageFull()
    if isinstance(error, sqlite3.Error):
        return CatalogUnusable(str(error))
    return error


def _resolve(done: asyncio.Future[Any], outcome: Any) -> None:
    if done.done():  # the request was cancelled meanwhile
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
