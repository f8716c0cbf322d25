"""What only the catalog in one SQLite file promises: cost, migrations, several processes, a full disk."""

import asyncio
import gc
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.uploads import HELD, NOW, chunks_of, partial, single
from tusd_py.adapters.catalog_sqlite.artifact_exports import ArtifactExports
from tusd_py.adapters.catalog_sqlite.artifacts import SqliteArtifacts
from tusd_py.adapters.catalog_sqlite.catalog import SqliteCatalog, open_catalog
from tusd_py.adapters.catalog_sqlite.connection import connect
from tusd_py.adapters.catalog_sqlite.ranges import SqliteRanges
from tusd_py.adapters.catalog_sqlite.schema import MIGRATIONS
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import ChunkState, UploadChunk, UploadState
from tusd_py.ports.catalog import CatalogUnusable

pytestmark = pytest.mark.anyio


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite3"


@pytest.fixture
async def opened(file: Path, anyio_backend: str) -> AsyncIterator[SqliteCatalog]:
    """An empty catalog in ``file``."""
    catalog = await open_catalog(file)
    yield catalog
    await catalog.close()


def commits(file: Path) -> int:
    """Transactions in the write-ahead log: frames that name the database's size (SQLite, WAL format)."""
    log = Path(f"{file}-wal").read_bytes()
    (page_size,) = struct.unpack_from(">I", log, 8)
    frames = range(32, len(log) - 23, 24 + page_size)
    return sum(
        1 for at in frames if log[at + 8 : at + 16] == log[16:24] and struct.unpack_from(">I", log, at + 4)[0]
    )


async def test_concurrent_creations_share_their_commits(opened: SqliteCatalog, file: Path) -> None:
    before = commits(file)
    await asyncio.gather(*(opened.insert(single(f"u{number}")) for number in range(50)))
    assert 1 <= commits(file) - before < 10


async def test_a_lone_creation_costs_one_commit(opened: SqliteCatalog, file: Path) -> None:
    before = commits(file)
    await opened.insert(single("a"))
    assert commits(file) - before == 1


def test_a_loop_that_is_left_while_a_job_runs(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter then ends without a stack, as it does after any other work."""
    begun, may_end = threading.Event(), threading.Event()

    def job(_: sqlite3.Connection) -> None:
        begun.set()
        may_end.wait(10)

    async def leave_it() -> None:
        catalog = await open_catalog(file)
        waiting = asyncio.create_task(catalog.writer.run_long(job))
        await asyncio.to_thread(begun.wait, 10)
        assert not waiting.done()

    unraisable: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # which says that a task was pending
    loop.run_until_complete(leave_it())
    loop.close()
    may_end.set()
    deadline = time.monotonic() + 10
    while asyncio.all_tasks(loop):  # until the thread has dropped its references
        assert time.monotonic() < deadline
        gc.collect()
    assert unraisable == []


def look(file: Path, sql: str) -> list[tuple[object, ...]]:
    """Ask the file itself."""
    connection = sqlite3.connect(file)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


async def test_opening_again_changes_nothing(file: Path) -> None:
    schemas = []
    for number in range(3):
        catalog = await open_catalog(file)
        await catalog.insert(single(f"u{number}"))
        await catalog.close()
        schemas.append(look(file, "SELECT name, sql FROM sqlite_master ORDER BY name"))
        assert look(file, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert schemas[0] == schemas[1] == schemas[2]
    assert look(file, "SELECT id FROM uploads ORDER BY id") == [("u0",), ("u1",), ("u2",)]


#: What version 3 had in two tables: a final with a complete and an incomplete partial, one that tusd made,
#: and a session with a chunk and a claim.
_OLD_ROWS = """
    INSERT INTO uploads (id, kind, state, length, metadata, created_at, prefix) VALUES
        ('done', 'partial', 'complete', 3, '{}', 1, NULL), ('half', 'partial', 'open', 4, '{}', 1, NULL),
        ('f', 'final', 'open', 7, '{}', 2, NULL), ('tusd', 'final', 'complete', 5, '{}', 3, NULL),
        ('s', 'session', 'open', 9, '{}', 4, 2);
    INSERT INTO chunks VALUES
        ('f', 0, 3, 'done', 0, 'done'), ('f', 1, NULL, 'half', 0, 'half'), ('tusd', 0, 5, 'tusd', 0, NULL);
    INSERT INTO sessions (upload_id, received, chunk_count) VALUES ('s', 2, 2);
    INSERT INTO ranges VALUES
        ('s', 0, 2, 'received', 'c1', 'ab', NULL, 5, 6), ('s', 5, 4, 'receiving', 'c2', NULL, 'w', 7, NULL);
    PRAGMA user_version = 3
"""


async def test_the_chunks_of_an_older_catalog_come_into_one_table(file: Path) -> None:
    connection = sqlite3.connect(file)
    for migration in MIGRATIONS[:3]:
        for statement in migration:
            connection.execute(statement)
    connection.executescript(_OLD_ROWS)
    connection.close()
    catalog = await open_catalog(file)
    first, second = await chunks_of(catalog, "f")
    assert (first.state, first.offset, first.size) == (ChunkState.RECEIVED, 0, 3)
    assert (second.state, second.offset, second.size) == (ChunkState.RECEIVING, 3, 4)
    assert [(each.data_file, each.source_id) for each in (first, second)] == [("done",) * 2, ("half",) * 2]
    (copied,) = await chunks_of(catalog, "tusd")
    assert (copied.data_file, copied.start, copied.size, copied.source_id) == ("tusd", 0, 5, None)
    received, claimed = await chunks_of(catalog, "s")
    assert received == UploadChunk(
        id="c1",
        upload_id="s",
        offset=0,
        size=2,
        sha256="ab",
        data_file="s",
        created_at=5,
        completed_at=6,
    )
    assert (claimed.range, claimed.start, claimed.worker) == (ByteRange(5, 9), 5, "w")
    assert (claimed.state, claimed.data_file) == (ChunkState.RECEIVING, "s")
    assert await catalog.complete(partial("half", 4), NOW, HELD, expires_at=None) == ["f"], (
        "it waited for this one"
    )
    assert await catalog.release("done", HELD, tombstone_until=None) == [], "the final uses its file"
    for name in ("s", "tusd"):
        assert await catalog.release(name, HELD, tombstone_until=None) == [name]
        assert await chunks_of(catalog, name) == []
    await catalog.close()


async def test_a_newer_catalog_is_refused_and_left_alone(file: Path) -> None:
    await (await open_catalog(file)).close()
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(ValueError, match="newer version"):
        await open_catalog(file)
    assert look(file, "PRAGMA user_version") == [(len(MIGRATIONS) + 1,)]
    assert len(os.listdir("/dev/fd")) == before


async def test_a_file_that_is_no_database_is_refused_and_left_alone(file: Path) -> None:
    file.write_bytes(b"no database " * 100)
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(CatalogUnusable, match="not a database"):
        await open_catalog(file)
    assert file.read_bytes() == b"no database " * 100
    assert len(os.listdir("/dev/fd")) == before


#: Opens the catalog as soon as its standard input ends, and writes to it.
_WORKER = """
import asyncio, sys
from pathlib import Path
from tests.contract.uploads import final, partial, pieces, single
from tusd_py.adapters.catalog_sqlite.artifacts import SqliteArtifacts
from tusd_py.adapters.catalog_sqlite.catalog import open_catalog

async def main(name):
    print("ready", flush=True)
    sys.stdin.read()
    catalog = await open_catalog(Path(sys.argv[1]))
    await catalog.insert(partial(f"p{name}"))
    async def work(key):
        await catalog.insert(single(key))
        await catalog.insert_final(final("f" + key), pieces("f" + key, f"p{name}"), max_size=None)
    for first in range(0, 24, 4):
        await asyncio.gather(*(work(f"{name}-{first + k}") for k in range(4)))
    print("done", flush=True)
    if name == "killed":
        await asyncio.sleep(60)
    await catalog.close()

asyncio.run(main(sys.argv[2]))
"""


def worker(file: Path, name: str) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-c", _WORKER, str(file), name]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()


def end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def test_many_switch_a_new_file_to_its_log_at_once(tmp_path: Path) -> None:
    """SQLite refuses all but one of them at once, whatever its time-out is."""

    def opened(file: Path) -> list[tuple[str]]:
        start.wait()
        with closing(connect(file)) as connection:
            return connection.execute("PRAGMA journal_mode").fetchall()

    start = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        for number in range(60):
            modes = pool.map(opened, [tmp_path / f"{number}.sqlite3"] * 8)
            assert list(modes) == [[("wal",)]] * 8


def test_processes_open_and_write_at_once_and_one_is_killed(file: Path) -> None:
    """A new catalog, opened at the same moment by every worker; what was said to be written survives."""
    workers = [worker(file, name) for name in ("0", "1", "2", "killed")]
    try:
        assert [line_of(process) for process in workers] == ["ready"] * 4
        for process in workers:
            go(process)
        assert [line_of(process) for process in workers] == ["done"] * 4
        workers[3].send_signal(signal.SIGKILL)
        assert [process.wait(10) for process in workers] == [0, 0, 0, -signal.SIGKILL]
    finally:
        for process in workers:
            end(process)
    assert look(file, "SELECT count(*) FROM uploads") == [(4 * (1 + 24 + 24),)]
    assert look(file, "SELECT count(*) FROM upload_chunks") == [(4 * 24,)]
    assert look(file, "PRAGMA integrity_check") == [("ok",)]


#: Fills a small disk up, writes until there is no room, makes room and goes on.
_FULL = """
import asyncio, sys
from pathlib import Path
from tests.contract.uploads import single
from tusd_py.adapters.catalog_sqlite.artifacts import SqliteArtifacts
from tusd_py.adapters.catalog_sqlite.catalog import open_catalog
from tusd_py.errors.server import StorageFull

async def main(disk):
    catalog = await open_catalog(disk / "catalog.sqlite3")
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    made, refused = [], 0
    for number in range(200):
        upload = single(f"u{number}", metadata_header="x" * 3000)
        try:
            await catalog.insert(upload)
            made.append(upload)
        except StorageFull:
            refused += 1
            assert await catalog.get(upload.id) is None
    assert refused, "the disk never was full"
    ballast.unlink()
    await catalog.insert(single("after"))
    assert [await catalog.get(upload.id) for upload in made] == made
    await catalog.close()
    print("fine")

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_full_disk_is_said_and_survived(tmp_path: Path) -> None:
    """On a small file system of its own, where the system allows to make one."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare command")
    mount = f"mount -t tmpfs -o size=400k tmpfs '{tmp_path}'"
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*alone, mount], capture_output=True, check=False).returncode:
        pytest.skip("making a file system is not allowed here")
    child = subprocess.run(
        [*alone, f'{mount} && exec "$0" "$@"', sys.executable, "-B", "-c", _FULL, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (child.stdout, child.stderr) == ("fine\n", "")


async def test_a_read_that_fails_is_told_in_the_words_of_the_port(file: Path) -> None:
    """The layers above know no error of SQLite: the command says in one line what is wrong."""
    catalog = await open_catalog(file)
    try:
        with closing(sqlite3.connect(file)) as other:
            other.execute("ALTER TABLE uploads RENAME TO elsewhere")
        with pytest.raises(CatalogUnusable, match="no such table"):
            await catalog.get("a" * 32)
    finally:
        await catalog.close()


async def test_what_reads_many_rows_is_not_read_on_the_event_loop(opened: SqliteCatalog) -> None:
    """With 300,000 uploads each of these would hold up every request for some 40 ms."""
    await opened.insert(single("a", state=UploadState.COMMITTING))
    looks: list[str] = []
    opened.reader.set_trace_callback(looks.append)
    assert await SqliteRanges(opened).committing() == ["a"]
    assert await opened.expired(NOW, limit=1) == []
    assert await opened.open_uploads(after="", limit=1) == []
    assert await opened.removable() == []
    assert looks == []


async def test_nothing_is_read_on_the_event_loop_from_a_remote_medium(file: Path) -> None:
    """Any read may take as long as it likes there, and a connection serves one thread at a time."""
    catalog = await open_catalog(file, "remote")
    artifacts = SqliteArtifacts(catalog, ArtifactExports(file.with_name("exports")))
    ranges, threads = SqliteRanges(catalog), list[str]()
    catalog.reader.set_trace_callback(lambda _: threads.append(threading.current_thread().name))
    looks: list[Awaitable[object]] = [
        chunks_of(catalog, "a"),
        catalog.is_new(),
        catalog.is_leftover("a"),
        artifacts.get("a"),
        artifacts.has_file("a"),
        artifacts.pending(),
        artifacts.pending("a"),
        artifacts.made_of("a"),
        ranges.facts("a"),
        ranges.count("a"),
        ranges.claimants(),
        ranges.find_key(None, "key"),
        ranges.missing("a", limit=1),
    ]
    await asyncio.gather(*looks)
    assert set(threads) == {"tusd-py-look-up_0"}
    assert len(threads) > len(looks)
    await catalog.close()
