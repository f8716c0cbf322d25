"""Finals of partials that are still being written (checklist CONCAT 8.2)."""

import asyncio
from typing import Any

import pytest

from tests.support.lab import Serve, Tus
from tests.support.tus import id_of
from tusd_py import Upload

pytestmark = pytest.mark.anyio

PARTIAL = {"Upload_Concat": "partial"}


async def test_from_creation_to_completion(tus: Tus) -> None:
    """CONCAT-38, 39, 40, 41, 42."""
    a, b = await tus.create(5, **PARTIAL), await tus.create(6, b" wo", **PARTIAL)
    final = await tus.final(a, b, a)
    for url, offset, part in ((a, 0, b"hello"), (b, 3, b"rld")):
        head = await tus.head(final)
        assert (head.status_code, head.headers["Upload-Length"]) == (200, "16")
        assert head.headers["Upload-Concat"] == f"final;{a} {b} {a}"
        assert "Upload-Offset" not in head.headers
        got = await tus.get(final)
        assert (got.status_code, got.text.partition(":")[0]) == (409, "ERR_INCOMPLETE_UPLOAD")
        assert (await tus.patch(url, offset, part)).status_code == 204
    assert (await tus.head(final)).headers["Upload-Offset"] == "16"
    assert (await tus.get(final)).content == b"hello worldhello"


async def test_no_bytes_of_its_own(tus: Tus) -> None:
    """CONCAT-43."""
    final = await tus.final(await tus.create(5, **PARTIAL))
    assert (await tus.patch(final, 0, b"hello")).status_code == 403


async def test_a_deferred_partial(tus: Tus) -> None:
    """CONCAT-35, 41: the length of the final is known when those of all its partials are."""
    a, b = await tus.create(**PARTIAL, Upload_Defer_Length="1"), await tus.partial(b" world")
    final = await tus.final(a, b)
    head = await tus.head(final)
    assert not {"upload-length", "upload-offset", "upload-defer-length"} & set(head.headers)
    await tus.patch(a, 0, b"hel", Upload_Length="5")
    assert (await tus.head(final)).headers["Upload-Length"] == "11"
    await tus.patch(a, 3, b"lo")
    assert (await tus.get(final)).content == b"hello world"


async def test_a_deferred_partial_must_not_break_the_limit_of_its_final(serve: Serve) -> None:
    """CONCAT-26, DEFER-12: the declaration is refused, and nothing changes."""
    tus = await serve(max_size=10)
    a, b = await tus.create(**PARTIAL, Upload_Defer_Length="1"), await tus.partial(b" world")
    await tus.final(a, b)
    assert (await tus.patch(a, 0, b"hello", Upload_Length="5")).status_code == 413
    head = await tus.head(a)
    assert (head.headers["Upload-Offset"], head.headers["Upload-Defer-Length"]) == ("0", "1")


async def test_a_deleted_partial(tus: Tus) -> None:
    """CONCAT-44: the final never becomes complete; when it goes, everything is free."""
    a, b = await tus.create(5, b"he", **PARTIAL), await tus.create(6, **PARTIAL)
    final = await tus.final(a, b)
    assert (await tus.delete(a)).status_code == 204
    await tus.patch(b, 0, b" world")
    head = await tus.head(final)
    assert (head.status_code, "Upload-Offset" in head.headers) == (200, False)
    assert (await tus.get(final)).status_code == 409
    await tus.delete(final)
    await tus.delete(b)
    assert (tus.files(), tus.rows()) == ([], {"uploads": 0, "upload_chunks": 0, "leftovers": 0})


async def test_delete_before_completion(tus: Tus) -> None:
    """TERM-14: the partials go on."""
    a = await tus.create(5, b"he", **PARTIAL)
    final = await tus.final(a)
    assert (await tus.delete(final)).status_code == 204
    assert (await tus.patch(a, 2, b"llo")).status_code == 204
    assert (await tus.head(final)).status_code == 404
    assert tus.files() == [id_of(a), id_of(a) + ".info"]


async def test_every_final_is_finished_once(serve: Serve) -> None:
    """The last PATCH of a partial, and the finals that are made just then, do not finish one twice."""
    finished: list[str] = []

    async def finish(request: Any, upload: Upload) -> None:
        finished.append(upload.id)
        await asyncio.sleep(0.01)

    tus = await serve(on_upload_finish=finish)
    for _ in range(5):
        a = await tus.create(5, **PARTIAL)
        early = await tus.final(a)
        patch = asyncio.create_task(tus.patch(a, 0, b"hello"))
        late = await asyncio.gather(*(tus.final(a) for _ in range(6)))
        assert (await patch).status_code == 204
        for final in (early, *late):
            assert await tus.offset(final) == 5
    assert sorted(finished) == sorted(set(finished))
    assert len(finished) == 5 * 8
