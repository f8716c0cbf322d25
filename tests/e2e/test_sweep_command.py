"""``tusd-py sweep``: what has expired goes, or is only named; and the limit of the header section."""

import asyncio
import os
import time
from pathlib import Path

import httpx
import pytest

from tests.support.fixtures import Serve
from tests.support.process import Ended
from tests.support.server import run
from tests.support.tus import Tus, id_of
from tusd_py.adapters.locks_kernel.locker import FileLocker
from tusd_py.ports.locks import upload_lock

SHORT = ("-expire-after", "300ms", "-sweep-interval", "0")


def sweep(directory: Path, *flags: str) -> Ended:
    return run("sweep", "-upload-dir", str(directory), *flags)


def test_a_dry_run_names_what_a_sweep_removes(serve: Serve) -> None:
    server = serve(*SHORT)
    with Tus(server.url) as tus:
        url, complete = tus.create(10), tus.create(3)
        tus.patch(url, 0, b"abc")
        tus.patch(complete, 0, b"abc")
        time.sleep(0.4)
        dry = sweep(server.upload_dir, "-dry-run")
        assert (dry.status, dry.err) == (0, "")
        assert f"{id_of(url)} would be expired" in dry.out
        assert (server.upload_dir / id_of(url)).read_bytes() == b"abc"

        done = sweep(server.upload_dir)
        assert f"{id_of(url)} expired" in done.out
        assert "1 uploads expired, 0 forgotten" in done.out
        left = {path.name for path in server.upload_dir.iterdir()} - {".tusd-py"}
        assert left == {id_of(complete), f"{id_of(complete)}.info"}
        assert tus.head(url).status_code == 410
        assert tus.get(complete).content == b"abc"


def test_a_tombstone_is_forgotten_in_its_time(serve: Serve) -> None:
    server = serve(*SHORT)
    with Tus(server.url) as tus:
        url = tus.create(10)
        time.sleep(0.4)
        sweep(server.upload_dir, "-tombstone-for", "100ms")
        assert tus.head(url).status_code == 410
        time.sleep(0.2)
        assert f"{id_of(url)} forgotten" in sweep(server.upload_dir).out
        assert tus.head(url).status_code == 404


def test_a_sweep_of_no_directory_makes_none(tmp_path: Path) -> None:
    done = sweep(tmp_path / "absent")
    assert (done.status, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert not (tmp_path / "absent").exists()


def test_the_header_section_has_a_limit(serve: Serve) -> None:
    server = serve("-max-header-size", "2048")
    reply = httpx.post(server.url, headers={"Tus-Resumable": "1.0.0", "X-Long": "x" * 3000})
    assert reply.status_code == 431
    assert not [path for path in server.upload_dir.iterdir() if path.name != ".tusd-py"]


@pytest.mark.anyio
async def test_descriptions_that_a_crash_cut_short(serve: Serve) -> None:
    """They go in an hour; not a younger one, and not that of a process that is just writing it again."""
    server = serve("-sweep-interval", "0")
    with Tus(server.url) as tus:
        urls = [tus.create(5, b"he") for _ in range(3)]
        kept = {path.name for path in server.upload_dir.iterdir()}
        old, young, busy = (f".{id_of(url)}.info.new" for url in urls)
        gone = f".{'a' * 32}.info.new"  # and its upload, too
        others = {".info.new", ".hidden", ".x.new", "..info.new", "b.info.new"}
        for name in {old, young, busy, gone, *others}:
            path = server.upload_dir / name
            path.write_bytes(b"{")
            if name != young:
                os.utime(path, (1e9, 1e9))
        locker = FileLocker(server.upload_dir / ".tusd-py")
        locker.open()
        try:
            async with locker.hold_if_free(upload_lock(id_of(urls[2]))) as held:
                assert held
                done = await asyncio.to_thread(sweep, server.upload_dir)
        finally:
            locker.close()
        assert (done.status, done.err) == (0, "")
        left = {path.name for path in server.upload_dir.iterdir()}
        assert left == {*kept, young, busy, *others}
        assert [tus.offset(url) for url in urls] == [2, 2, 2]
