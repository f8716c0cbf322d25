"""What docs/operations.md says of moving the directory, of backups and of a lost catalog holds."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.fixtures import Serve
from tests.support.server import Server
from tests.support.tus import MIB, Tus, id_of, payload

CATALOG = ".tusd-py/catalog.sqlite3"
DATA = payload(MIB, seed=1)


ROOT = Path(__file__).parents[2]


def test_the_events_to_watch_are_those_that_are_logged() -> None:
    table = (ROOT / "docs/operations.md").read_text().partition("## What to watch")[2]
    code = "".join(path.read_text() for path in (ROOT / "tusd_py").rglob("*.py"))
    events = re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", table)
    assert len(events) >= 8
    assert [event for event in events if f'"{event}"' not in code] == []


def assert_goes_on(server: Server, half: str, whole: str) -> None:
    """Both uploads are there; the one that was half done takes the rest."""
    with Tus(server.url) as tus:
        url = server.url + half
        assert tus.offset(url) == MIB // 2
        tus.finish(url, DATA)
        assert tus.http.get(url).content == DATA
        assert tus.http.get(server.url + whole).content == DATA


@pytest.fixture
def filled(serve: Serve) -> tuple[Server, str, str]:
    """A running server with an upload that is half done and one that is complete."""
    server = serve()
    with Tus(server.url) as tus:
        half, whole = tus.create(MIB), tus.create(MIB, DATA)
        assert tus.patch(half, 0, DATA[: MIB // 2]).status_code == 204
        return server, id_of(half), id_of(whole)


def test_a_directory_that_was_moved_goes_on(
    serve: Serve, tmp_path: Path, filled: tuple[Server, str, str]
) -> None:
    server, half, whole = filled
    server.stop()
    server.upload_dir.rename(tmp_path / "elsewhere")
    assert_goes_on(serve(upload_dir=tmp_path / "elsewhere"), half, whole)


def test_a_backup_of_a_running_server_is_restored(
    serve: Serve, tmp_path: Path, filled: tuple[Server, str, str]
) -> None:
    """The catalog first, through SQLite, then the files; what was made in between is taken over."""
    server, half, whole = filled
    backup = tmp_path / "backup"
    with (
        closing(sqlite3.connect(server.upload_dir / CATALOG)) as source,
        closing(sqlite3.connect(tmp_path / "catalog.sqlite3")) as target,
    ):
        source.backup(target)
    with Tus(server.url) as tus:
        between = id_of(tus.create(MIB, DATA))
    left_out = shutil.ignore_patterns("catalog*", "workers")
    shutil.copytree(server.upload_dir, backup, ignore=left_out)
    shutil.copy(tmp_path / "catalog.sqlite3", backup / CATALOG)
    restored = serve(upload_dir=backup)
    assert_goes_on(restored, half, whole)
    with Tus(restored.url) as tus:
        assert tus.http.get(restored.url + between).content == DATA


def test_without_the_catalog_uploads_come_back_from_their_exports(
    serve: Serve, filled: tuple[Server, str, str]
) -> None:
    server, half, whole = filled
    server.stop()
    for file in server.upload_dir.glob(".tusd-py/catalog*"):
        file.unlink()
    assert_goes_on(serve(upload_dir=server.upload_dir), half, whole)
