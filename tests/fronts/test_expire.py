"""Expiration (checklist EXPIRE). Time passes by moving the application's clock."""

import asyncio
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import pytest

from tests.support.lab import Serve, Tus
from tests.support.tus import id_of
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

HOUR = 3600.0


async def expires(tus: Tus, url: str) -> float:
    """When HEAD says that an upload expires."""
    value = (await tus.head(url)).headers["Upload-Expires"]
    assert value.endswith(" GMT")
    return parsedate_to_datetime(value).timestamp()


async def test_announced(serve: Serve) -> None:
    """EXPIRE-02, 03, 04, 05."""
    tus = await serve(expire_after_s=HOUR)
    made = await tus.post(10)
    patched = await tus.patch(made.headers["Location"], 0, b"hello")
    for reply in (made, patched):
        at = parsedate_to_datetime(reply.headers["Upload-Expires"]).timestamp()
        assert time.time() + HOUR - 60 < at <= time.time() + HOUR


async def test_never(serve: Serve) -> None:
    """EXPIRE-01."""
    tus = await serve(expire_after_s=0)
    made = await tus.post(10)
    patched = await tus.patch(made.headers["Location"], 0, b"hello")
    for reply in (made, patched, await tus.head(made.headers["Location"])):
        assert "Upload-Expires" not in reply.headers


async def test_sliding(serve: Serve) -> None:
    """EXPIRE-07: every PATCH that brings bytes starts the time anew."""
    tus = await serve(expire_after_s=HOUR)
    url = await tus.create(10)
    early = await expires(tus, url)
    tus.clock.advance(HOUR / 2)
    reply = await tus.patch(url, 0, b"hello")
    assert parsedate_to_datetime(reply.headers["Upload-Expires"]).timestamp() >= early + HOUR / 2
    assert await expires(tus, url) >= early + HOUR / 2


async def test_expired(serve: Serve) -> None:
    """EXPIRE-10, 11, 12, 13: gone on the second, whether or not the sweep has come by."""
    tus = await serve(expire_after_s=HOUR, sweep_interval_s=0)
    url = await tus.create(10, b"hello")
    tus.clock.advance(HOUR - 60)
    assert (await tus.head(url)).status_code == 200
    tus.clock.advance(60)
    head = await tus.head(url)
    assert (head.status_code, "Upload-Offset" in head.headers) == (410, False)
    for reply in (await tus.patch(url, 5, b" worl"), await tus.get(url), await tus.delete(url)):
        assert reply.status_code == 410
        assert reply.text == "ERR_UPLOAD_EXPIRED: upload has expired, start a new one\n"
    assert tus.data(url) == b"hello"


async def test_the_sweep_frees_and_then_forgets(serve: Serve) -> None:
    """EXPIRE-11, EXPIRE-18, TERM-17: 410 while there is a tombstone, then 404; no file, then no row."""
    tus = await serve(expire_after_s=HOUR, tombstone_for_s=HOUR / 4, sweep_interval_s=0.02)
    url = await tus.create(10, b"hello")
    tus.clock.advance(HOUR / 2)
    other = await tus.create(10)
    tus.clock.advance(HOUR / 2)
    await until(
        lambda: tus.rows() == {"uploads": 2, "upload_chunks": 0, "leftovers": 0} and len(tus.files()) == 2
    )
    assert tus.files() == [id_of(other), id_of(other) + ".info"]
    assert (await tus.head(url)).status_code == 410
    tus.clock.advance(HOUR / 4)
    await until(lambda: tus.rows()["uploads"] == 1)
    assert (await tus.head(url)).status_code == 404
    assert (await tus.head(other)).status_code == 200


async def test_complete_uploads_stay(serve: Serve) -> None:
    """EXPIRE-14, EXPIRE-16: also finished partials, and a final."""
    tus = await serve(expire_after_s=HOUR, sweep_interval_s=0.02)
    partial = await tus.partial(b"hello")
    urls = [await tus.create(5, b"hello"), await tus.create(0), partial, await tus.final(partial)]
    doomed = await tus.create(5, b"he")
    tus.clock.advance(HOUR)
    await until(lambda: id_of(doomed) not in tus.files())
    for url in urls:
        head = await tus.head(url)
        assert (head.status_code, "Upload-Expires" in head.headers) == (200, False)


async def test_complete_uploads_expire_where_a_setting_says_so(serve: Serve) -> None:
    tus = await serve(expire_after_s=0, expire_complete_after_s=HOUR, sweep_interval_s=0.02)
    reply = await tus.post(5, b"hello")
    url, unfinished = reply.headers["Location"], await tus.create(5, b"he")
    assert "Upload-Expires" in reply.headers
    tus.clock.advance(HOUR)
    await until(lambda: tus.files() == [id_of(unfinished), id_of(unfinished) + ".info"])
    assert (await tus.get(url)).status_code == 410


async def test_an_upload_that_is_being_written_to_stays(serve: Serve) -> None:
    """EXPIRE-17: however slow the client is; and readers are not told that it expired, either."""
    tus = await serve(expire_after_s=0.4, sweep_interval_s=0.02)
    url = await tus.create(6)
    seen: list[int] = []

    async def slowly() -> AsyncIterator[bytes]:
        for part in (b"ab", b"cd", b"ef"):
            await asyncio.sleep(0.3)
            seen.append((await tus.head(url)).status_code)
            yield part

    reply = await tus.patch(url, 0, slowly())
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, "6")
    assert seen == [200, 200, 200]
    assert (await tus.get(url)).content == b"abcdef"


@pytest.mark.needs("files")
async def test_the_sweep_goes_on_after_one_that_fails(serve: Serve) -> None:
    """A file that cannot be removed must not keep all the others."""
    tus = await serve(expire_after_s=HOUR, sweep_interval_s=0.02)
    stuck = await tus.create(10)
    tus.clock.advance(1)
    later = await tus.create(10)
    (tus.directory / id_of(stuck)).unlink()
    (tus.directory / id_of(stuck)).mkdir()
    tus.clock.advance(HOUR)
    await until(lambda: id_of(later) not in tus.files(), 3)
    third = await tus.create(10)
    partial = await tus.partial(b"hello")
    final = await tus.final(partial)
    tus.clock.advance(HOUR)
    await until(lambda: id_of(third) not in tus.files(), 3)
    await tus.delete(partial)
    await tus.delete(final)
    assert tus.files() == [id_of(stuck)]


async def test_sweeps_go_on_after_one_that_fails_as_a_whole(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """The catalog could not be read for a moment."""
    tus = await serve(expire_after_s=HOUR, sweep_interval_s=0.02)
    url = await tus.create(10)
    tus.sql("ALTER TABLE uploads RENAME TO away")
    await until(lambda: "SweepFailed" in caplog.text)
    tus.sql("ALTER TABLE away RENAME TO uploads")
    tus.clock.advance(HOUR)
    await until(lambda: id_of(url) not in tus.files())
    assert (await tus.head(url)).status_code == 410
