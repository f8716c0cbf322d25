"""``tusd-py sweep``: what has expired goes, or is only named; and the limit of the header section."""

import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.support.fixtures import Serve
from tests.support.tus import Tus, id_of

SHORT = ("-expire-after", "300ms", "-sweep-interval", "0")


def sweep(directory: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tusd_py", "sweep", "-upload-dir", str(directory), *flags]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


def test_a_dry_run_names_what_a_sweep_removes(serve: Serve) -> None:
    server = serve(*SHORT)
    with Tus(server.url) as tus:
        url, complete = tus.create(10), tus.create(3)
        tus.patch(url, 0, b"abc")
        tus.patch(complete, 0, b"abc")
        time.sleep(0.4)
        dry = sweep(server.upload_dir, "-dry-run")
        assert (dry.returncode, dry.stderr) == (0, "")
        assert f"{id_of(url)} would be expired" in dry.stdout
        assert (server.upload_dir / id_of(url)).read_bytes() == b"abc"

        done = sweep(server.upload_dir)
        assert f"{id_of(url)} expired" in done.stdout
        assert "1 uploads expired, 0 forgotten" in done.stdout
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
        assert f"{id_of(url)} forgotten" in sweep(server.upload_dir).stdout
        assert tus.head(url).status_code == 404


def test_a_sweep_of_no_directory_makes_none(tmp_path: Path) -> None:
    done = sweep(tmp_path / "absent")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "absent").exists()


def test_the_header_section_has_a_limit(serve: Serve) -> None:
    server = serve("-max-header-size", "2048")
    reply = httpx.post(server.url, headers={"Tus-Resumable": "1.0.0", "X-Long": "x" * 3000})
    assert reply.status_code == 431
    assert not [path for path in server.upload_dir.iterdir() if path.name != ".tusd-py"]
