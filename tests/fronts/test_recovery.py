"""What is left after a crash, a lost catalog, or another program's work in the directory."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import Run
from tests.support.tus import checksum, id_of, metadata
from tests.support.waiting import until
from tusd_py import Upload

pytestmark = pytest.mark.anyio


class Finishes(list[tuple[str, int | None]]):
    """A finish hook that notes what it was told; it has no request when it is told at the start."""

    async def __call__(self, request: Any, upload: Upload) -> None:
        self.append((upload.id, upload.length))


async def test_a_lost_catalog(run: Run, tmp_path: Path) -> None:
    """Offsets, lengths, metadata, kinds and finals come back from the directory alone."""
    sent = metadata(filename="ä.txt", kind="x")
    async with run(tmp_path) as tus:
        some = await tus.create(10, b"hello", Upload_Metadata=sent)
        later = await tus.create(None, b"abc", Upload_Defer_Length="1")
        whole = await tus.create(5, b"hello")
        a, b = await tus.partial(b"hello"), await tus.partial(b" world")
        final = await tus.final(a, b, a, Upload_Metadata=sent)
    tus.lose_catalog()
    async with run(tmp_path) as tus:
        head = await tus.head(some)
        assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == ("5", "10")
        assert head.headers["Upload-Metadata"] == sent
        assert "Upload-Expires" in head.headers
        assert (await tus.patch(some, 5, b" worl")).status_code == 204
        head = await tus.head(later)
        assert (head.headers["Upload-Offset"], head.headers["Upload-Defer-Length"]) == ("3", "1")
        assert (await tus.get(whole)).content == b"hello"
        assert (await tus.get(final)).content == b"hello worldhello"
        head = await tus.head(final)
        assert head.headers["Upload-Concat"] == f"final;{a} {b} {a}"
        assert head.headers["Upload-Metadata"] == sent
        assert (await tus.head(a)).headers["Upload-Concat"] == "partial"
        assert (await tus.get(await tus.final(b, a))).content == b" worldhello"


async def test_a_lost_catalog_and_deletions(run: Run, tmp_path: Path) -> None:
    """A partial is deleted before anybody looks at its final: the final needs its bytes."""
    async with run(tmp_path) as tus:
        a = await tus.partial(b"hello")
        final = await tus.final(a)
    tus.lose_catalog()
    async with run(tmp_path) as tus:
        assert (await tus.delete(a)).status_code == 204
        assert (await tus.get(final)).content == b"hello"


async def test_a_lost_catalog_leaks_no_file(run: Run, tmp_path: Path) -> None:
    """The data file of a partial that was deleted before goes with the last final that uses it."""
    async with run(tmp_path) as tus:
        a = await tus.partial(b"hello")
        final = await tus.final(a)
        await tus.delete(a)
    tus.lose_catalog()
    async with run(tmp_path) as tus:
        assert (await tus.get(final)).content == b"hello"
        await tus.delete(final)
        assert tus.files() == []


async def test_a_lost_catalog_and_uploads_that_nobody_asks_for(run: Run, tmp_path: Path) -> None:
    """They expire like all others, or they would stay for ever."""
    async with run(tmp_path) as tus:
        await tus.create(10, b"hello")
    tus.lose_catalog()
    async with run(tmp_path, expire_after_s=0.1, tombstone_for_s=0, sweep_interval_s=0.05) as tus:
        await until(lambda: not tus.files(), 2)


@pytest.mark.needs("files")
async def test_what_tusd_left(run: Run, tmp_path: Path) -> None:
    """A directory that tusd wrote just continues."""
    name = "24e533e02ec3bc40c387f1a0e460e216"
    (tmp_path / name).write_bytes(b"hello")
    info = {
        "ID": name,
        "Size": 11,
        "SizeIsDeferred": False,
        "Offset": 0,
        "MetaData": {"filename": "a.txt"},
        "IsPartial": False,
        "IsFinal": False,
        "PartialUploads": None,
        "Storage": {"Path": "/etc/passwd", "InfoPath": "/etc/passwd", "Type": "filestore"},
    }
    (tmp_path / f"{name}.info").write_text(json.dumps(info))
    async with run(tmp_path) as tus:
        url = tus.url + name
        assert (await tus.head(url)).headers["Upload-Metadata"] == metadata(filename="a.txt")
        assert (await tus.patch(url, 5, b" world")).status_code == 204
        assert (await tus.get(url)).content == b"hello world"


async def test_no_hook_runs_for_what_is_taken_over_complete(run: Run, tmp_path: Path) -> None:
    """It ran when the upload was finished; nobody can tell the one for which it did not."""
    finishes = Finishes()
    async with run(tmp_path, on_upload_finish=finishes) as tus:
        url, begun = await tus.create(5, b"hello"), await tus.create(5, b"hell")
    assert finishes == [(id_of(url), 5)]
    tus.lose_catalog()
    async with run(tmp_path, on_upload_finish=finishes, sweep_interval_s=0.02) as tus:
        await asyncio.sleep(0.1)
        assert await tus.offset(url) == 5
        assert (await tus.get(url)).content == b"hello"
        assert tus.sql("SELECT state FROM uploads ORDER BY state") == [("complete",), ("open",)]
        assert (await tus.patch(begun, 4, b"o")).status_code == 204
        assert finishes == [(id_of(url), 5), (id_of(begun), 5)]


@pytest.mark.needs("checksum")
async def test_bytes_that_were_never_verified(run: Run, tmp_path: Path) -> None:
    """The process died in a PATCH with a checksum: its bytes do not count, and the next PATCH drops them."""
    async with run(tmp_path) as tus:
        url = await tus.create(11, b"hello")
    (tmp_path / id_of(url)).write_bytes(b"hello WRONG!")
    tus.sql("UPDATE uploads SET unverified_from = 5")
    async with run(tmp_path) as tus:
        assert await tus.offset(url) == 5
        assert (await tus.get(url)).status_code == 409
        assert (await tus.patch(url, 9, b"x")).status_code == 409
        reply = await tus.patch(url, 5, b" wor", Upload_Checksum=checksum(b" wor"))
        assert (reply.status_code, tus.data(url)) == (204, b"hello wor")
        assert (await tus.patch(url, 9, b"ld")).status_code == 204
        assert (await tus.get(url)).content == b"hello world"


@pytest.mark.needs("checksum")
async def test_full_of_bytes_that_were_never_verified(run: Run, tmp_path: Path) -> None:
    """They make nothing complete: not at the start, and not by HEAD."""
    finishes = Finishes()
    async with run(tmp_path) as tus:
        url = await tus.create(11, b"hello")
    (tmp_path / id_of(url)).write_bytes(b"hello WRONG")
    tus.sql("UPDATE uploads SET unverified_from = 5")
    async with run(tmp_path, on_upload_finish=finishes, sweep_interval_s=0.02) as tus:
        await asyncio.sleep(0.1)
        assert await tus.offset(url) == 5
        assert finishes == []


@pytest.mark.needs("checksum", "files")
async def test_a_power_cut_took_bytes_from_before_the_mark(run: Run, tmp_path: Path) -> None:
    """The file is shorter than what was verified: no byte is invented, the client sends them again."""
    async with run(tmp_path) as tus:
        url = await tus.create(11, b"hello wo")
    (tmp_path / id_of(url)).write_bytes(b"hello")
    tus.sql("UPDATE uploads SET unverified_from = 8")
    async with run(tmp_path) as tus:
        assert await tus.offset(url) == 5
        reply = await tus.patch(url, 5, b" world")
        assert (reply.status_code, tus.data(url)) == (204, b"hello world")


@pytest.mark.needs("files")
@pytest.mark.parametrize("way", ["head", "get", "patch", "start"])
async def test_full_but_not_finished(run: Run, tmp_path: Path, way: str) -> None:
    """The process died between the last byte and the end of the finish hook: it is called again."""
    finishes = Finishes()
    async with run(tmp_path) as tus:
        url = await tus.create(5, b"hell")
    with (tmp_path / id_of(url)).open("ab") as file:
        file.write(b"o")
    if way == "start":
        async with run(tmp_path, on_upload_finish=finishes, sweep_interval_s=0.02):
            await until(lambda: tus.sql("SELECT state FROM uploads") == [("complete",)])
        assert finishes == [(id_of(url), 5)]
        return
    tus.sql("UPDATE uploads SET length = 9")  # so that the start finds nothing to do
    async with run(tmp_path, on_upload_finish=finishes) as tus:
        await asyncio.sleep(0.05)
        tus.sql("UPDATE uploads SET length = 5")
        if way == "patch":
            assert (await tus.patch(url, 5, b"")).status_code == 204
        else:  # a busy machine may answer before that is done: GET with 409, and HEAD as ever
            assert (await tus.request(way.upper(), url)).status_code in (200, 409)
        await until(lambda: tus.sql("SELECT state FROM uploads") == [("complete",)])
        assert finishes == [(id_of(url), 5)]
        assert (await tus.get(url)).content == b"hello"
        assert len(finishes) == 1


async def test_a_final_that_is_full_but_not_finished(run: Run, tmp_path: Path) -> None:
    """The process died after its last partial was complete and before the final was."""
    finishes = Finishes()
    async with run(tmp_path) as tus:
        a = await tus.partial(b"hello")
        final = await tus.final(a)
    tus.sql("UPDATE uploads SET state = 'open', completed_at = NULL WHERE kind = 'final'")
    async with run(tmp_path, on_upload_finish=finishes) as tus:
        await tus.head(final)
        await until(lambda: finishes == [(id_of(final), 5)])
        await until(lambda: tus.sql("SELECT state FROM uploads WHERE kind = 'final'") == [("complete",)])
        assert await tus.offset(final) == 5


async def test_files_that_a_crash_kept_from_being_removed(run: Run, tmp_path: Path) -> None:
    """They are on a list, and they are no uploads any more."""
    async with run(tmp_path) as tus:
        url = await tus.create(5, b"hello")
    tus.sql("INSERT INTO leftovers VALUES (?)", id_of(url))
    tus.sql("DELETE FROM uploads")
    async with run(tmp_path, sweep_interval_s=0.02) as tus:
        assert (await tus.head(url)).status_code == 404
        await until(lambda: tus.rows() == {"uploads": 0, "upload_chunks": 0, "leftovers": 0})
        assert tus.files() == []


@pytest.mark.needs("files")
async def test_a_row_without_a_file(run: Run, tmp_path: Path) -> None:
    """The process died between the two: not found, and gone in time."""
    async with run(tmp_path) as tus:
        url = await tus.create(5, b"he")
        for name in tus.files():
            (tmp_path / name).unlink()
        for reply in (await tus.head(url), await tus.patch(url, 2, b"llo"), await tus.get(url)):
            assert reply.status_code == 404
        assert (await tus.delete(url)).is_success or tus.rows()["uploads"] == 1


@pytest.mark.needs("files")
@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"ID": "other", "Size": 5}', '{"ID": "ID", "Size": -1}', "[" * 99999]
)
async def test_an_info_file_that_is_none(run: Run, tmp_path: Path, text: str) -> None:
    name = "a" * 32
    (tmp_path / name).write_bytes(b"hello")
    (tmp_path / f"{name}.info").write_text(text.replace('"ID"}', f'"{name}"}}'))
    async with run(tmp_path) as tus:
        assert (await tus.head(tus.url + name)).status_code == 404
        assert (tmp_path / name).read_bytes() == b"hello"
