"""Lists of the SQLite catalog: what they return, what they read, and that they hold nobody up."""

import asyncio
import itertools
import random
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import aiosqlite
import pytest

from tests.contract.test_sqlite import end, go, line_of, look, worker
from tests.contract.uploads import HELD, single
from tusd_py.adapters.catalog_sqlite.artifact_exports import ArtifactExports
from tusd_py.adapters.catalog_sqlite.artifacts import SqliteArtifacts
from tusd_py.adapters.catalog_sqlite.catalog import SqliteCatalog, open_catalog
from tusd_py.adapters.catalog_sqlite.listing import Listing, artifacts_listing, uploads_listing
from tusd_py.adapters.catalog_sqlite.ranges import SqliteRanges
from tusd_py.adapters.catalog_sqlite.schema import MIGRATIONS
from tusd_py.model.artifacts import Artifact
from tusd_py.model.upload import Upload, UploadKind, UploadState
from tusd_py.ports.catalog import CatalogUnusable
from tusd_py.ports.ranges import Filter

pytestmark = pytest.mark.anyio

NOW = 1000.0
FILTERS = [
    Filter(user=user, of_nobody=of_nobody, state=state, kinds=kinds, size=size, expired_by=by, alive_at=at)
    for user, of_nobody in ((None, True), ("ann", False), ("ann", True))
    for state in (None, "open", "expired")
    for kinds in (None, ["session"], ["single", "partial"])
    for size in (None, 3)
    for by, at in ((None, None), (NOW, None), (None, NOW))
]


@pytest.fixture
async def catalog(tmp_path: Path, anyio_backend: str) -> AsyncIterator[SqliteCatalog]:
    opened = await open_catalog(tmp_path / "catalog.sqlite3")
    yield opened
    await opened.close()


def some_uploads() -> list[Upload]:
    """Every combination of what filters look at, and several of the same moment."""
    every = itertools.product(
        (None, "ann", "bob"),
        (UploadKind.SINGLE, UploadKind.PARTIAL, UploadKind.SESSION),
        (UploadState.OPEN, UploadState.COMPLETE, UploadState.EXPIRED),
        (3, 4, None),
        (None, NOW - 1, NOW + 1),
    )
    chance = random.Random(1)
    return [
        replace(
            single(f"u{chance.randrange(10**9)}-{number}"),
            user=user,
            kind=kind,
            state=state,
            length=length,
            expires_at=expires_at,
            created_at=float(chance.randrange(40)),
        )
        for number, (user, kind, state, length, expires_at) in enumerate(every)
    ]


def matches(wanted: Filter, upload: Upload) -> bool:
    is_expired = upload.state is UploadState.EXPIRED or (
        upload.expires_at is not None and upload.expires_at <= NOW
    )
    return (
        (upload.user == wanted.user if upload.user is not None else wanted.of_nobody)
        and wanted.state in (None, upload.state)
        and (wanted.kinds is None or upload.kind in wanted.kinds)
        and wanted.size in (None, upload.length)
        and (wanted.expired_by is None or is_expired)
        and (wanted.alive_at is None or not is_expired)
    )


async def test_lists_have_what_matches_in_order(catalog: SqliteCatalog) -> None:
    """Every filter, whosever uploads they are; pages fit together."""
    uploads = some_uploads()
    for upload in uploads:
        await catalog.insert(upload)
    uploads.sort(key=lambda upload: (upload.created_at, upload.id))
    ranges = SqliteRanges(catalog)
    for wanted in FILTERS:
        expected = [upload.id for upload in uploads if matches(wanted, upload)]
        found: list[str] = []
        while True:
            count, page = await ranges.list_uploads(replace(wanted, limit=7, offset=len(found)))
            assert count == len(expected)
            if not page:
                break
            found += [upload.id for upload in page]
        assert found == expected, wanted
    assert await ranges.list_uploads(Filter()) == (0, [])


def plan(connection: sqlite3.Connection, listing: Listing) -> str:
    counting = connection.execute(f"EXPLAIN QUERY PLAN {listing.count}", listing.parameters)
    paging = connection.execute(f"EXPLAIN QUERY PLAN {listing.page}", (*listing.parameters, 10, 10))
    return "\n".join(row[3] for row in [*counting, *paging])


async def test_lists_read_their_index_alone(catalog: SqliteCatalog) -> None:
    """Neither counting nor skipping looks at a row, and only the rows of the page are sorted."""
    for wanted in FILTERS:
        found = plan(catalog.reader, uploads_listing(wanted))
        owners = (wanted.user is not None) + wanted.of_nobody
        assert found.count("SEARCH uploads USING COVERING INDEX uploads_listing (user=?)") == 2 * owners
        assert "SCAN uploads" not in found
        assert found.count("USE TEMP B-TREE") == 1, found
    for user, of_nobody in ((None, True), ("ann", False), ("ann", True)):
        listing = artifacts_listing(user, of_nobody=of_nobody, sha256=None, columns="*")
        found = plan(catalog.reader, listing)
        assert found.count("SEARCH artifacts USING COVERING INDEX artifacts_listing (user=?)") in (2, 4)
        assert "SCAN artifacts" not in found
        listing = artifacts_listing(user, of_nobody=of_nobody, sha256="ab", columns="*")
        assert "artifacts_by_content (sha256=? AND user=?)" in plan(catalog.reader, listing)
    rows = catalog.reader.execute("EXPLAIN QUERY PLAN SELECT * FROM artifacts WHERE NOT is_ready")
    assert [row[3] for row in rows] == ["SCAN artifacts USING INDEX artifacts_pending"]


async def test_lists_of_artifacts(catalog: SqliteCatalog, tmp_path: Path) -> None:
    artifacts = SqliteArtifacts(catalog, ArtifactExports(tmp_path / "exports"))
    for number in range(9):
        made = Artifact(
            id=f"a{number}",
            sha256=f"{number // 3:064}",
            size=1,
            user=(None, "ann", "bob")[number % 3],
            upload_id=None,
            created_at=float(9 - number // 3),
            is_ready=False,
        )
        await artifacts.insert_pending(made, HELD)
        if number != 8:
            await artifacts.finish(made, HELD, upload_id=None)

    async def ids(user: str | None, of_nobody: bool, **more: str | None) -> tuple[int, list[str]]:
        sha256 = more.get("sha256")
        count, page = await artifacts.list_artifacts(
            user, of_nobody=of_nobody, sha256=sha256, limit=3, offset=1
        )
        return count, [each.id for each in page]

    assert await ids(None, True) == (3, ["a3", "a0"])
    assert await ids("bob", False) == (2, ["a2"])
    assert await ids("ann", True) == (6, ["a7", "a3", "a4"])
    assert await ids("ann", True, sha256=f"{1:064}") == (2, ["a4"])
    assert await ids(None, False) == (0, [])


async def test_lists_wait_for_no_writer(catalog: SqliteCatalog, tmp_path: Path) -> None:
    """Another process is in the middle of a transaction."""
    await catalog.insert(single("a"))
    other = sqlite3.connect(tmp_path / "catalog.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM uploads")
    try:
        count, page = await SqliteRanges(catalog).list_uploads(Filter(of_nobody=True))
        assert (count, [upload.id for upload in page]) == (1, ["a"])
        found = await SqliteArtifacts(catalog, ArtifactExports(tmp_path / "exports")).list_artifacts(
            None, of_nobody=True, sha256=None, limit=9, offset=0
        )
        assert found == (0, [])
        assert await catalog.expired(1e12, limit=9) == []
    finally:
        other.execute("ROLLBACK")
        other.close()


async def test_lists_hold_nobody_up(catalog: SqliteCatalog) -> None:
    """While a list is being read, uploads are made, found and deleted."""
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> int:
        begun.set()
        return int(go_on.wait(30))

    async def long_list(connection: aiosqlite.Connection) -> int:
        await connection.create_function("wait", 0, wait)
        ((waited, count),) = await connection.execute_fetchall("SELECT wait(), count(*) FROM uploads")
        assert waited
        return int(count)

    await catalog.insert(single("a"))
    reading = asyncio.create_task(catalog.lister.read(long_list))
    try:
        await asyncio.to_thread(begun.wait, 30)
        await catalog.insert(single("b"))
        assert await catalog.get("b") is not None
        await catalog.release("a", HELD, tombstone_until=None)
        assert await catalog.get("a") is None
        assert not reading.done()
    finally:
        go_on.set()
    assert await reading == 1


async def test_the_lister_only_reads(catalog: SqliteCatalog) -> None:
    with pytest.raises(CatalogUnusable, match="readonly"):
        await catalog.lister.read(lambda connection: connection.execute_fetchall("DELETE FROM uploads"))


async def test_a_list_that_is_broken_off_leaves_no_thread(catalog: SqliteCatalog) -> None:
    """Whoever cancels it goes on only when the connection is closed: the event loop may end then."""
    await asyncio.to_thread(int)  # the loop's own thread for such calls stays
    before = {thread.name for thread in threading.enumerate()}
    for turns in range(12):
        reading = asyncio.create_task(catalog.expired(0.0, limit=1))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        # The thread has told the loop all that it will, and just ends.
        for thread in threading.enumerate():
            if thread.name not in before:
                await asyncio.to_thread(thread.join, 10)
                assert not thread.is_alive()


def test_an_older_catalog_is_brought_up_to_date_by_whoever_comes_first(tmp_path: Path) -> None:
    """Several processes start at once on a catalog from before the indexes; nothing in it is lost."""
    file = tmp_path / "catalog.sqlite3"
    connection = sqlite3.connect(file, isolation_level=None)
    for migration in MIGRATIONS[:2]:
        for statement in migration:
            connection.execute(statement)
    connection.execute("PRAGMA user_version = 2")
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO uploads (id, kind, state, metadata, created_at) VALUES (?, 'single', 'open', '{}', ?)",
        ((f"old{number}", number) for number in range(20_000)),
    )
    connection.execute("COMMIT")
    connection.close()
    workers = [worker(file, name) for name in ("0", "1", "2", "3")]
    try:
        assert [line_of(process) for process in workers] == ["ready"] * 4
        for process in workers:
            go(process)
        assert [line_of(process) for process in workers] == ["done"] * 4
        assert [process.wait(10) for process in workers] == [0] * 4
    finally:
        for process in workers:
            end(process)
    assert look(file, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert look(file, "SELECT count(*) FROM uploads WHERE id LIKE 'old%'") == [(20_000,)]
    assert look(file, "SELECT count(*) FROM sqlite_master WHERE name LIKE '%listing'") == [(2,)]
    assert look(file, "PRAGMA integrity_check") == [("ok",)]
