"""A disk without room: no success is claimed, the offset is the truth, and with room again all ends well.

Two ways to have no room: a small tmpfs of its own where mounting is allowed, and a limit on the size of
any file the server may write (which the kernel reports as EFBIG), which needs no privilege.
"""

import asyncio
import os
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from tests.e2e.test_sweep_command import sweep
from tests.support.fixtures import Serve
from tests.support.server import Server
from tests.support.tus import MIB, Tus, id_of, payload, sha256
from tusd_py.adapters.catalog_sqlite.catalog import open_catalog
from tusd_py.adapters.catalog_sqlite.events import SqliteOutbox
from tusd_py.model.events import EventType, NewEvent
from tusd_py.model.upload import Upload

ROOM = 8 * MIB
SIZE = 12 * MIB


class Disk(Protocol):
    """A place for uploads whose room the test decides."""

    server: Server

    def shrink(self, room: int) -> None:
        """Leave about ``room`` bytes."""

    def fill(self) -> None:
        """Leave nothing: neither the catalog nor anything else can grow."""

    def grow(self) -> None:
        """Leave enough for everything."""


class SmallTmpfs:
    """A file system of ``SIZE`` plus some, most of it taken by a file that can be removed."""

    def __init__(self, serve: Serve, where: Path) -> None:
        self._ballast = where / "ballast"
        self.server = serve(upload_dir=where / "uploads")

    def shrink(self, room: int) -> None:
        for _ in range(50):  # the server may be moving its log just now, which takes room, too
            self._ballast.unlink(missing_ok=True)
            state = os.statvfs(self._ballast.parent)
            taken = state.f_bavail * state.f_frsize - room
            with suppress(OSError), self._ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, taken)
                return
        raise AssertionError("the medium could not be filled")

    def fill(self) -> None:
        self.shrink(0)

    def grow(self) -> None:
        self._ballast.unlink(missing_ok=True)


class SmallFiles:
    """A limit on every file the running server writes."""

    def __init__(self, serve: Serve) -> None:
        self.server = serve()

    def shrink(self, room: int) -> None:
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    def fill(self) -> None:
        files = (self.server.upload_dir / ".tusd-py").glob("catalog.sqlite3*")
        self.shrink(max(file.stat().st_size for file in files))

    def grow(self) -> None:
        limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, limit)


def mounted(where: Path) -> bool:
    """Mount a tmpfs; False if this system does not allow it."""
    where.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE + 20 * MIB}", "tmpfs", str(where)]
    return os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_place(tmp_path: Path) -> Iterator[Path | None]:
    """A file system of its own, or None where it cannot be had; outlives the server that uses it."""
    where = tmp_path / "small"
    has_it = mounted(where)
    yield where if has_it else None
    if has_it:
        subprocess.run(["umount", "-l", str(where)], check=True)


@pytest.fixture(params=["tmpfs", "file size limit"])
def disk(request: pytest.FixtureRequest, small_place: Path | None, serve: Serve) -> Iterator[Disk]:
    """Both ways; where mounting is not allowed the limit stands in for the tmpfs."""
    is_tmpfs = request.param == "tmpfs" and small_place is not None
    disk = SmallTmpfs(serve, small_place) if is_tmpfs and small_place is not None else SmallFiles(serve)
    yield disk
    disk.grow()  # where coverage is measured the server writes what was


def test_patch_onto_a_full_disk_is_507_with_a_true_offset(disk: Disk) -> None:
    """Every PATCH that does not fit is 507 (tuspyserver says 204 and clients loop); then it completes."""
    data = payload(SIZE, seed=60)
    with Tus(disk.server.url) as tus:
        url = tus.create(SIZE)
        disk.shrink(ROOM)
        for _ in range(3):
            before = tus.offset(url)
            reply = tus.patch(url, before, data[before:])
            assert reply.status_code == 507, f"{reply.status_code} {reply.text}"
            assert "Traceback" not in reply.text
            assert str(disk.server.upload_dir) not in reply.text
            after = tus.offset(url)
            assert before <= after < SIZE
            stored = (disk.server.upload_dir / id_of(url)).read_bytes()
            assert stored[:after] == data[:after], "the offset promises bytes that are not there"
        disk.grow()
        tus.finish(url, data)
        assert tus.get(url).content == data


def test_verified_chunk_onto_a_full_disk_keeps_none_of_it(disk: Disk) -> None:
    """A chunk with a checksum that does not fit leaves the offset where it was."""
    data = payload(SIZE, seed=61)
    with Tus(disk.server.url) as tus:
        url = tus.create(SIZE)
        first = 2 * MIB
        assert tus.patch(url, 0, data[:first]).status_code == 204
        disk.shrink(ROOM if isinstance(disk, SmallFiles) else ROOM - first)
        reply = tus.patch(url, first, data[first:])
        assert reply.status_code == 507
        disk.grow()
        tus.finish(url, data)
        assert tus.get(url).content == data


def test_creation_on_a_full_disk_is_507_and_leaves_nothing(disk: Disk) -> None:
    """An upload that cannot be recorded is not announced, and no file of it stays."""
    with Tus(disk.server.url) as tus:
        kept = tus.create(10)
        before = sorted(path.name for path in disk.server.upload_dir.iterdir())
        disk.shrink(0)
        replies = [tus.post(10, Upload_Metadata="filename " + "YWJj" * 500) for _ in range(3)]
        assert [reply.status_code for reply in replies] == [507] * 3, [r.text for r in replies]
        assert not any("Location" in reply.headers for reply in replies)
        assert sorted(path.name for path in disk.server.upload_dir.iterdir()) == before
        disk.grow()
        tus.finish(kept, b"0123456789")
        tus.finish(tus.create(3), b"abc")


def test_creation_with_upload_onto_a_full_disk_is_no_success(disk: Disk) -> None:
    """A body that does not fit is 507; nothing claims to be complete, and the server goes on."""
    data = payload(SIZE, seed=62)
    with Tus(disk.server.url) as tus:
        tus.create(1)
        disk.shrink(ROOM)
        reply = tus.post(SIZE, data)
        assert reply.status_code == 507, f"{reply.status_code} {reply.text}"
        disk.grow()
        url = tus.create(SIZE, data)
        assert tus.get(url).content == data


def rows(disk: Disk, table: str) -> int:
    """How many rows a table of the catalog has."""
    connection = sqlite3.connect(disk.server.upload_dir / ".tusd-py/catalog.sqlite3", timeout=10)
    try:
        ((count,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608
    finally:
        connection.close()
    return int(count)


def files(disk: Disk) -> list[str]:
    """Names of all files of uploads."""
    return sorted(path.name for path in disk.server.upload_dir.iterdir() if path.name != ".tusd-py")


def change(disk: Disk, statement: str, *lines: tuple[object, ...]) -> None:
    """Change the catalog behind the server's back."""
    connection = sqlite3.connect(disk.server.upload_dir / ".tusd-py/catalog.sqlite3", timeout=10)
    try:
        with connection:
            connection.executemany(statement, lines or [()])
    finally:
        connection.close()


def test_whoever_deletes_makes_room_on_a_full_disk(disk: Disk) -> None:
    """SQLite writes to its log even to forget a row; whatever kind of upload it is."""
    data = payload(MIB, seed=63)
    with Tus(disk.server.url) as tus:
        begun, done = tus.create(MIB, data[:1000]), tus.create(MIB, data)
        partial = tus.create(MIB, data, Upload_Concat="partial")
        reply = tus.post(None, Upload_Concat=f"final;{partial}")
        assert reply.status_code == 201
        final = reply.headers["Location"]
        disk.fill()
        for url in (begun, done, partial, final):
            assert tus.http.delete(url).status_code == 204
            assert tus.head(url).status_code == 404
        assert files(disk) == []
        disk.grow()
        assert (rows(disk, "uploads"), rows(disk, "upload_chunks"), rows(disk, "leftovers")) == (0, 0, 0)
        tus.finish(tus.create(3), b"abc")


def test_many_deletions_of_next_to_nothing_on_a_full_disk(disk: Disk) -> None:
    """Each needs more room than it makes; the log is written again and again in the same place."""
    with Tus(disk.server.url) as tus:
        urls = [tus.create(1, b"x") for _ in range(300)]
        disk.fill()
        assert {tus.http.delete(url).status_code for url in urls} == {204}
        assert files(disk) == []
        assert rows(disk, "uploads") == 0


def test_a_session_of_many_chunks_is_deleted_on_a_full_disk(disk: Disk) -> None:
    """As many as the default allows: two MiB of log."""
    if not isinstance(disk, SmallTmpfs):
        pytest.skip("what is kept aside does not help against a limit on one file")
    base = httpx.URL(disk.server.url).join("/uploads/")
    upload = httpx.post(base, json={"size": 10_000}).json()
    insert = (
        "INSERT INTO upload_chunks (upload_id, position, size, state, id, sha256, start, created_at)"
        " VALUES (?, ?, 1, 'received', ?, ?, 0, 0)"
    )
    change(disk, insert, *((upload["id"], n, f"{n:036}", f"{n:064}") for n in range(10_000)))
    disk.fill()
    assert httpx.delete(base.join(upload["href"])).status_code == 204
    assert (files(disk), rows(disk, "upload_chunks")) == ([], 0)


def test_an_artifact_is_deleted_on_a_full_disk(disk: Disk) -> None:
    base, data = httpx.URL(disk.server.url), payload(MIB, seed=64)
    made = httpx.post(base.join("/artifacts/"), files={"file": ("a", data)})
    assert made.status_code == 201
    folder = disk.server.upload_dir / ".tusd-py/artifacts"
    assert [path.name for path in folder.iterdir()] == [sha256(data)]
    disk.fill()
    assert httpx.delete(base.join(made.json()["href"])).status_code == 204
    assert list(folder.iterdir()) == []
    assert rows(disk, "artifacts") == 0


def test_what_expired_goes_from_a_full_disk(disk: Disk) -> None:
    """By a process of its own, which has to open the catalog first."""
    with Tus(disk.server.url) as tus:
        urls = [tus.create(MIB, payload(1000)) for _ in range(3)]
        change(disk, "UPDATE uploads SET expires_at = 1")
        disk.fill()
        done = sweep(disk.server.upload_dir)
        assert (done.status, done.err.count("Traceback")) == (0, 0), done.err
        assert files(disk) == []
        assert {tus.head(url).status_code for url in urls} == {410}


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_server_starts_on_a_full_disk_and_deletes(disk: Disk, end: str) -> None:
    data = payload(MIB, seed=65)
    with Tus(disk.server.url) as tus:
        url, kept = tus.create(MIB, data), tus.create(MIB, data)
    if end == "stopped":
        disk.server.stop()
    else:
        disk.server.kill()
    if isinstance(disk, SmallTmpfs):
        disk.fill()
    disk.server.restart()
    with Tus(disk.server.url) as tus:
        assert tus.get(kept).content == data
        assert tus.delete(url).status_code == 204
        assert files(disk) == [id_of(kept), f"{id_of(kept)}.info"]


async def deliver_all(place: Path) -> int:
    """Write events, fill the disk, say that they were delivered; return how many are left."""
    catalog = await open_catalog(place / "catalog.sqlite3")
    try:
        for number in range(150):
            created = NewEvent(type=EventType.CREATED, at=0.0)
            await catalog.insert(Upload(id=f"u{number}", length=None, created_at=0.0), event=created)
        outbox = SqliteOutbox(catalog)
        events = await outbox.pending(limit=1000)
        assert len(events) == 150
        with (place / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(b"x" * 4096)
        await outbox.delivered([event.position for event in events])
        return len(await outbox.pending(limit=1000))
    finally:
        await catalog.close()


def test_events_are_delivered_on_a_full_disk(small_place: Path | None) -> None:
    """Else they would be delivered again and again until somebody makes room."""
    if small_place is None:
        pytest.skip("this system lets nobody mount a file system here")
    assert asyncio.run(deliver_all(small_place)) == 0
