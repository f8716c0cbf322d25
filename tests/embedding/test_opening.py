"""The state in an upload directory cannot be opened: what was opened until then is closed."""

import asyncio
import json
import os
import resource
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.waiting import until
from tusd_py.assembly import open_backends
from tusd_py.errors.server import StorageFull
from tusd_py.settings import Config

pytestmark = pytest.mark.anyio


def descriptors() -> set[int]:
    """The open descriptors of this process, but for the one that this takes.

    A leak is one more than before; one that an earlier test left may go at any moment, so fewer are no fault.
    """
    return {int(name) for name in os.listdir("/dev/fd") if os.path.exists(f"/dev/fd/{name}")}


def pipes(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if stat.S_ISFIFO(path.lstat().st_mode)]


@contextmanager
def limited(what: int, soft: int) -> Iterator[None]:
    """Limit this process for a while."""
    before = resource.getrlimit(what)
    resource.setrlimit(what, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(what, before)


def known(directory: Path) -> set[str]:
    """The uploads that the catalog knows."""
    with suppress(sqlite3.OperationalError):  # it has no tables yet
        file = f"file:{directory}/.tusd-py/catalog.sqlite3?mode=ro"
        with closing(sqlite3.connect(file, uri=True)) as connection:
            return {upload_id for (upload_id,) in connection.execute("SELECT id FROM uploads")}
    return set()


def left_by_tusd(directory: Path, name: str, metadata: int) -> None:
    """Write an upload with many bytes of metadata, as tusd leaves one."""
    info = {"ID": name, "Size": 5, "MetaData": {"note": "x" * metadata}}
    (directory / name).write_bytes(b"hello")
    (directory / f"{name}.info").write_text(json.dumps(info))


async def adopted(directory: Path) -> set[str]:
    """Open the state; return the uploads that are known then."""
    await (await open_backends(Config(upload_dir=directory))).close()
    return known(directory)


async def test_the_locks_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / ".tusd-py").mkdir()
    (tmp_path / ".tusd-py/workers").write_bytes(b"no folder")
    before = descriptors()
    with pytest.raises(FileExistsError) as failed:
        await open_backends(Config(upload_dir=tmp_path))
    assert descriptors() <= before, failed  # kept alive: nothing is left to the collection
    assert pipes(tmp_path) == []


async def test_the_disk_is_full_while_a_directory_is_adopted(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        left_by_tusd(tmp_path, name, 900_000)
    before = descriptors()
    with limited(resource.RLIMIT_FSIZE, 1 << 20), pytest.raises(StorageFull) as failed:
        await open_backends(Config(upload_dir=tmp_path))
    assert descriptors() <= before, failed
    assert pipes(tmp_path) == []
    assert await adopted(tmp_path) == {"a", "b", "c"}


@pytest.mark.parametrize("words", [[], ["sweep"]], ids=["serve", "sweep"])
async def test_the_command_says_that_the_disk_is_full(tmp_path: Path, words: list[str]) -> None:
    """In one line, without a traceback."""
    for name in ("a", "b", "c"):
        left_by_tusd(tmp_path, name, 900_000)
    with limited(resource.RLIMIT_FSIZE, 1 << 20):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tusd_py", *words, "-upload-dir", str(tmp_path)),
            stderr=asyncio.subprocess.PIPE,
        )
    _, told = await process.communicate()
    assert process.returncode == 1
    assert len(told.splitlines()) == 1, told
    assert b"no space left" in told


async def test_opening_is_broken_off(tmp_path: Path) -> None:
    """The host ends while a large directory is adopted."""
    for number in range(2000):
        left_by_tusd(tmp_path, f"u{number}", 10)
    before = descriptors()
    opening = asyncio.create_task(open_backends(Config(upload_dir=tmp_path)))
    await until(lambda: bool(pipes(tmp_path / ".tusd-py")))
    opening.cancel()
    with pytest.raises(asyncio.CancelledError) as failed:
        await opening
    assert descriptors() <= before, failed
    assert pipes(tmp_path) == []


async def test_killed_while_a_directory_is_adopted(tmp_path: Path) -> None:
    """The next start takes over the rest: what is not known may lose its bytes to a deletion."""
    names = {f"u{number}" for number in range(3000)}
    for name in names:
        left_by_tusd(tmp_path, name, 10)
    command = [sys.executable, "-m", "tusd_py", "sweep", "-upload-dir", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(*command)
    await until(lambda: bool(known(tmp_path)))
    process.kill()
    await process.wait()
    assert known(tmp_path) < names
    assert await adopted(tmp_path) == names
    left_by_tusd(tmp_path, "late", 10)
    assert await adopted(tmp_path) == names  # only once


async def test_no_descriptor_is_left_for_the_pipe(tmp_path: Path) -> None:
    """Whatever the limit is, either all is open or nothing is."""
    await (await open_backends(Config(upload_dir=tmp_path))).close()
    before = descriptors()
    # The limit is one on the highest number, and below the highest that is taken there may be free ones.
    first, last = min(set(range(len(before) + 1)) - before), max(before) + 40
    failures = 0
    for limit in range(first, last):
        with limited(resource.RLIMIT_NOFILE, limit):
            try:
                backends = await open_backends(Config(upload_dir=tmp_path))
            except Exception:  # each step has its own way to say that no descriptor is left
                failures += 1
            else:
                await backends.close()
        assert descriptors() <= before
        assert pipes(tmp_path) == []
    assert 0 < failures < last - first
