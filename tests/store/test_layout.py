"""What is in the directory, and with which permissions; a medium that is full."""

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tusd_py.adapters.store_file.store import FileStore
from tusd_py.model.upload import Upload
from tusd_py.ports.store import StoreFailed

pytestmark = pytest.mark.anyio

UPLOAD = Upload(id="a" * 32, length=5, created_at=0.0)


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


async def test_two_files_for_each_upload_and_none_after_it(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    await store.create(UPLOAD)
    await store.export(UPLOAD)
    assert names(tmp_path) == {UPLOAD.id, f"{UPLOAD.id}.info"}
    await store.remove(UPLOAD.id)
    await store.remove_export(UPLOAD.id)
    assert names(tmp_path) == set()


async def test_paths_in_the_description_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tusd, started somewhere else, must find the files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "up").mkdir()
    await FileStore(Path("up")).create(UPLOAD)
    text = (tmp_path / "up" / f"{UPLOAD.id}.info").read_text()
    assert f'"Path":"{tmp_path.resolve()}/up/{UPLOAD.id}"' in text
    assert f'"InfoPath":"{tmp_path.resolve()}/up/{UPLOAD.id}.info"' in text


@pytest.mark.parametrize("mode", [0o664, 0o600])
async def test_permissions(tmp_path: Path, mode: int) -> None:
    before = os.umask(0)
    try:
        await FileStore(tmp_path, file_mode=mode).create(UPLOAD)
    finally:
        os.umask(before)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == mode


#: Makes an upload where no file may have a single byte, and says how that ended.
_WITHOUT_ROOM = """
import asyncio, sys
from pathlib import Path
from tusd_py.errors.server import StorageFull
from tusd_py.model.upload import Upload
from tusd_py.adapters.store_file.store import FileStore

async def main():
    store = FileStore(Path(sys.argv[1]))
    try:
        await store.create(Upload(id="b", length=5, created_at=0.0))
    except StorageFull:
        print("full")

asyncio.run(main())
"""


def test_a_creation_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    """Neither a data file that nobody knows nor half a description."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    argv = [sys.executable, "-B", "-c", _WITHOUT_ROOM, str(tmp_path)]
    child = subprocess.run(argv, preexec_fn=limit, capture_output=True, text=True, check=True)
    assert child.stdout == "full\n", "the error must reach the caller"
    assert names(tmp_path) == set()


async def test_a_description_that_finds_no_room_leaves_the_old_one(tmp_path: Path) -> None:
    """The new one is written beside it first."""
    store = FileStore(tmp_path)
    await store.create(UPLOAD)
    before = (tmp_path / f"{UPLOAD.id}.info").read_bytes()
    (tmp_path / f".{UPLOAD.id}.info.new").mkdir()
    with pytest.raises(StoreFailed, match="directory"):
        await store.export(Upload(id=UPLOAD.id, length=9, created_at=0.0))
    assert (tmp_path / f"{UPLOAD.id}.info").read_bytes() == before
