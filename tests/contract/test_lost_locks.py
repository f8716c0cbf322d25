"""What is kept of ranges and artifacts is changed by nobody whose lock is lost."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.uploads import HELD, NOW, lost, single
from tusd_py.adapters.catalog_sqlite.artifact_exports import ArtifactExports
from tusd_py.adapters.catalog_sqlite.artifacts import SqliteArtifacts
from tusd_py.adapters.catalog_sqlite.catalog import open_catalog
from tusd_py.adapters.catalog_sqlite.ranges import SqliteRanges
from tusd_py.errors.uploads import UploadLocked
from tusd_py.model.artifacts import Artifact
from tusd_py.model.claims import Wish
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import Ranged, UploadKind

pytestmark = pytest.mark.anyio


def artifact(artifact_id: str) -> Artifact:
    return Artifact(
        id=artifact_id, sha256=artifact_id, size=10, user=None, upload_id=None, created_at=NOW, is_ready=False
    )


async def test_a_lock_that_is_lost_changes_nothing(tmp_path: Path) -> None:
    """Not a row of the catalog, nor the export of an artifact."""
    file = tmp_path / "catalog.sqlite3"
    catalog = await open_catalog(file)
    ranges = SqliteRanges(catalog)
    artifacts = SqliteArtifacts(catalog, ArtifactExports(tmp_path / "exports"))
    session = single("s", kind=UploadKind.SESSION, layout=Ranged())
    await ranges.insert_session(session, HELD, expected_sha256=None, key=None, durable=False)
    wish = Wish(upload_id="s", range=ByteRange(0, 3), chunk_id="c", worker="w", at=NOW)
    await ranges.claim(wish)
    await catalog.insert(single("filled", kind=UploadKind.SESSION, layout=Ranged(10)))
    await catalog.insert(single("plain"))
    await artifacts.insert_pending(artifact("ready"), HELD)
    await artifacts.finish(artifact("ready"), HELD, upload_id=None)

    def everything() -> list[str]:
        with closing(sqlite3.connect(file)) as connection:
            return [*connection.iterdump(), *map(str, sorted((tmp_path / "exports").rglob("*")))]

    before = everything()
    new = single("new", kind=UploadKind.SESSION, layout=Ranged())
    late_changes: list[Callable[[], Awaitable[object]]] = [
        lambda: ranges.insert_session(new, lost(), expected_sha256=None, key="k" * 16, durable=False),
        lambda: ranges.convert(single("plain"), None, lost()),
        lambda: ranges.drop_claims_of("w", lost()),
        lambda: ranges.begin_commit("filled", lost()),
        lambda: ranges.set_sha256("filled", "ab", lost()),
        lambda: ranges.reopen("s", lost()),
        lambda: artifacts.insert_pending(artifact("new"), lost()),
        lambda: artifacts.set_pending(artifact("ready"), lost()),
        lambda: artifacts.finish(artifact("ready"), lost(), upload_id="s"),
        lambda: artifacts.delete(artifact("ready"), lost()),
    ]
    for change in late_changes:
        with pytest.raises(UploadLocked):
            await change()
    assert everything() == before
    await catalog.close()
