"""Space for sessions, also where the file system cannot reserve it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chunks.lab import Service
from tests.support.tus import payload, sha256


@pytest.fixture
def without_fallocate(tmp_path: Path) -> Iterator[Path]:
    """A ramfs: as NFSv3 and many of FUSE it has no ``fallocate``."""
    where = tmp_path / "data"
    where.mkdir()
    mount = ["mount", "-t", "ramfs", "ramfs", str(where)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def test_without_fallocate_a_session_is_made_sparse(
    without_fallocate: Path, serve: Callable[..., Service]
) -> None:
    """As documented for ``-preallocate full``: its size is there, and chunks find their places."""
    server = serve(upload_dir=without_fallocate)
    api, data = server.api(), payload(300_000)
    upload = api.create(len(data))
    file = without_fallocate / upload["id"]
    assert file.stat().st_size == 300_000
    assert api.put(upload, 200_000, data[200_000:]).status_code == 200
    assert api.put(upload, 0, data[:200_000]).status_code == 200
    assert api.commit(upload, sha256(data)).status_code == 200
    assert file.read_bytes() == data
