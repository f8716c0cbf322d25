"""The contract of a Catalog: uploads, one at a time and many at once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from tests.contract.backends import OpenCatalog
from tests.contract.uploads import HELD, NOW, chunks_of, final, lost, partial, pieces, single
from tusd_py.errors.uploads import UploadLocked
from tusd_py.model.finals import PartialGone
from tusd_py.model.upload import GROWING, ChunkState, Growing, UploadKind, UploadState
from tusd_py.ports.catalog import Catalog

pytestmark = pytest.mark.anyio


async def test_nothing_is_known_of_what_was_never_made(catalog: Catalog) -> None:
    assert await catalog.get("a") is None
    assert await chunks_of(catalog, "a") == []
    assert not await catalog.is_leftover("a")
    assert await catalog.removable() == []
    assert await catalog.expired(NOW, limit=10) == []
    assert await catalog.open_uploads(after="", limit=10) == []


async def test_an_upload_comes_back_as_it_was(catalog: Catalog) -> None:
    """Every field; CREATE-25 and CREATE-35: headers as sent, metadata as bytes."""
    full = single(
        "a",
        kind=UploadKind.PARTIAL,
        length=2**63 - 1,
        user="J\xfcrgen \u2603",
        metadata={"k": bytes(range(256)), "e": b"", "K": b"x"},
        metadata_header="k AAE=,K eA==, flag ",
        concat_header="partial",
        completed_at=NOW + 1.25,
        expires_at=NOW + 2.5,
        layout=Growing(7),
        state=UploadState.COMPLETE,
    )
    bare = single("b", length=None)
    for upload in (full, bare):
        await catalog.insert(upload)
        assert await catalog.get(upload.id) == upload


async def test_an_upload_that_is_there_is_left_as_it_is(catalog: Catalog) -> None:
    """Two workers may adopt the same one at the same time."""
    first = single("a", user="ann")
    await catalog.insert(first)
    await catalog.insert(single("a", user="bob", length=3))
    assert await catalog.get("a") == first


async def test_chunks_of_an_upload_that_is_there_are_left_as_they_are(catalog: Catalog) -> None:
    """A tombstone must not get new references to data files, which would never be removed."""
    await catalog.insert(final("a"))
    await catalog.insert(final("a"), pieces("a", "x", "y"))
    assert await chunks_of(catalog, "a") == []


async def test_chunks_come_in_the_order_of_the_bytes(catalog: Catalog) -> None:
    """Twelve, since as text 10 comes before 2."""
    chunks = [
        replace(chunk, state=ChunkState.RECEIVED, data_file=f"d{9 - number}", start=number)
        for number, chunk in enumerate(pieces("a", *"abcdefghijkl", sizes=range(12)))
    ]
    await catalog.insert(final("a"), chunks)
    assert await chunks_of(catalog, "a") == chunks


async def test_length_of_a_deferred_upload(catalog: Catalog) -> None:
    """DEFER-07."""
    deferred = single("a", length=None)
    await catalog.insert(deferred)
    await catalog.set_length("a", 12, HELD, max_size=None)
    assert await catalog.get("a") == replace(deferred, length=12)


async def test_unverified_bytes_are_remembered_and_forgotten(catalog: Catalog) -> None:
    """CHECK-20: what was never verified must be known after a crash."""
    upload = single("a")
    await catalog.insert(upload)
    for offset in (0, 4, None):
        await catalog.set_unverified("a", offset, HELD)
        assert await catalog.get("a") == replace(upload, layout=Growing(offset))


async def test_expiry_can_be_moved(catalog: Catalog) -> None:
    """EXPIRE-07: of this one and no other."""
    await catalog.insert(single("a", expires_at=NOW))
    await catalog.insert(single("b", expires_at=NOW))
    await catalog.renew("a", NOW + 5)
    await catalog.renew("unknown", NOW + 5)
    assert await catalog.get("a") == single("a", expires_at=NOW + 5)
    assert await catalog.get("b") == single("b", expires_at=NOW)


async def test_a_lock_that_is_lost_changes_nothing(catalog: Catalog) -> None:
    """The upload may be somebody else's by then; only what nobody knows of yet needs no lock."""
    before = single("a", length=None, layout=Growing(3), expires_at=NOW)
    await catalog.insert(before)
    late_changes: list[Callable[[], Awaitable[object]]] = [
        lambda: catalog.set_length("a", 3, lost(), max_size=None),
        lambda: catalog.set_unverified("a", None, lost()),
        lambda: catalog.complete(before, NOW, lost(), expires_at=None),
        lambda: catalog.release("a", lost(), tombstone_until=NOW),
        lambda: catalog.release("a", lost(), tombstone_until=None),
    ]
    for change in late_changes:
        with pytest.raises(UploadLocked):
            await change()
    assert await catalog.get("a") == before
    assert not await catalog.is_leftover("a")
    assert await catalog.release("a", None, tombstone_until=None) == ["a"]


async def test_completion(catalog: Catalog) -> None:
    """CHECK-11: with it every byte is verified."""
    upload = single("a", layout=Growing(3), expires_at=NOW)
    await catalog.insert(upload)
    assert await catalog.complete(upload, NOW + 1, HELD, expires_at=NOW + 9) == []
    done = replace(
        upload,
        state=UploadState.COMPLETE,
        completed_at=NOW + 1,
        expires_at=NOW + 9,
        layout=GROWING,
    )
    assert await catalog.get("a") == done
    assert await catalog.complete(upload, NOW + 2, HELD, expires_at=None) == []
    assert await catalog.get("a") == done, "only an open upload is completed"


async def test_a_tombstone_is_not_completed(catalog: Catalog) -> None:
    await catalog.insert(single("a"))
    await catalog.release("a", HELD, tombstone_until=NOW + 5)
    await catalog.complete(single("a"), NOW, HELD, expires_at=None)
    found = await catalog.get("a")
    assert found is not None
    assert (found.state, found.completed_at) == (UploadState.EXPIRED, None)


async def test_expired_uploads_oldest_first(catalog: Catalog) -> None:
    """EXPIRE-11: due at the very second; tombstones too; never what does not expire."""
    for name, expires_at in (("c", NOW), ("a", NOW - 1), ("b", NOW - 2), ("d", NOW + 0.5), ("e", None)):
        await catalog.insert(single(name, expires_at=expires_at))
    await catalog.insert(single("t"))
    await catalog.release("t", HELD, tombstone_until=NOW - 3)
    assert await catalog.expired(NOW, limit=10) == ["t", "b", "a", "c"]
    assert await catalog.expired(NOW, limit=2) == ["t", "b"]
    assert await catalog.expired(NOW - 5, limit=10) == []


async def test_open_uploads_page_by_page(catalog: Catalog) -> None:
    """Those that a crash may have left full: open, with a known length."""
    names = [f"u{number:02}" for number in range(7)]
    for name in reversed(names):
        await catalog.insert(single(name))
    await catalog.insert(single("deferred", length=None))
    await catalog.insert(single("done"))
    await catalog.complete(single("done"), NOW, HELD, expires_at=None)
    await catalog.insert(single("gone"))
    await catalog.release("gone", HELD, tombstone_until=NOW)
    found: list[str] = []
    after = ""
    while page := await catalog.open_uploads(after=after, limit=3):
        assert len(page) <= 3
        assert len(found) < 50, "the same page again"
        found += [upload.id for upload in page]
        after = page[-1].id
    assert found == names


async def test_many_at_once(catalog: Catalog) -> None:
    uploads = [single(f"u{number}") for number in range(50)]
    await asyncio.gather(*(catalog.insert(upload) for upload in uploads))
    assert [await catalog.get(upload.id) for upload in uploads] == uploads


async def test_a_refusal_undoes_only_itself(catalog: Catalog) -> None:
    """All of these wait at the same moment, and may share one transaction."""
    await catalog.insert(partial("p"))
    outcomes = await asyncio.gather(
        catalog.insert(single("a")),
        catalog.insert_final(final("bad"), pieces("bad", "p", "missing"), max_size=None),
        catalog.insert_final(final("good"), pieces("good", "p"), max_size=None),
        catalog.release("b", HELD, tombstone_until=None),
        catalog.insert(single("c")),
    )
    assert outcomes[1] == PartialGone()
    assert await catalog.get("bad") is None
    assert await chunks_of(catalog, "bad") == []
    assert await catalog.get("a") == single("a")
    assert await catalog.get("c") == single("c")
    assert await catalog.get("good") == final("good", length=10)
    assert await catalog.is_leftover("b")


async def test_a_value_that_cannot_be_kept_fails_only_its_own_call(catalog: Catalog) -> None:
    """One request with an impossible value must not take others down that wait at the same moment."""
    impossible = single("bad", user="\ud800")
    outcomes = await asyncio.gather(
        catalog.insert(single("a")),
        catalog.insert(impossible),
        catalog.insert(single("b")),
        return_exceptions=True,
    )
    assert await catalog.get("a") == single("a")
    assert await catalog.get("b") == single("b")
    if not isinstance(outcomes[1], Exception):
        assert await catalog.get("bad") == impossible, "what was taken must come back"
    names = [upload.id for upload in await catalog.open_uploads(after="", limit=10)]
    assert set(names) >= {"a", "b"}


async def test_times_come_back_to_the_last_bit(catalog: Catalog) -> None:
    """A renewed expiry is compared with the one that was read."""
    uploads = [
        single(f"u{number}", created_at=NOW + number / 7, expires_at=NOW * 1.1**number)
        for number in range(30)
    ]
    for upload in uploads:
        await catalog.insert(upload)
    assert [await catalog.get(upload.id) for upload in uploads] == uploads


async def test_a_caller_that_is_cancelled_disturbs_nobody(catalog: Catalog) -> None:
    """A client that hangs up while its upload is made."""
    tasks = [asyncio.ensure_future(catalog.insert(single(f"u{number}"))) for number in range(10)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for number in range(1, 10, 2):
        assert await catalog.get(f"u{number}") is not None
    await catalog.insert(single("after"))
    assert await catalog.get("after") is not None


async def test_close_finishes_what_waits(catalog: Catalog, open_another: OpenCatalog) -> None:
    tasks = [asyncio.ensure_future(catalog.insert(single(f"u{number}"))) for number in range(10)]
    await asyncio.sleep(0)
    await catalog.close()
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    again = await open_another()
    for number in range(10):
        assert await again.get(f"u{number}") is not None


async def test_processes_see_each_other_s_uploads_at_once(
    catalog: Catalog, open_another: OpenCatalog
) -> None:
    """A PATCH may reach another worker than the POST did."""
    second = await open_another()
    await catalog.insert(single("a"))
    assert await second.get("a") == single("a")
    await second.set_unverified("a", 3, HELD)
    assert await catalog.get("a") == single("a", layout=Growing(3))


async def test_two_write_at_once_and_none_is_refused(catalog: Catalog, open_another: OpenCatalog) -> None:
    """Also transactions that read before they write."""
    second = await open_another()
    await catalog.insert(partial("p"))

    async def work(mine: Catalog, name: str) -> None:
        for number in range(8):
            await mine.insert(single(f"{name}{number}"))
            await mine.insert_final(final(f"f{name}{number}"), pieces(f"f{name}{number}", "p"), max_size=None)
            await mine.release(f"{name}{number}", HELD, tombstone_until=None)

    await asyncio.gather(
        *(work(each, f"{n}-{k}-") for n, each in enumerate((catalog, second)) for k in range(3))
    )
    for k in range(3):
        assert await catalog.get(f"f1-{k}-7") == final(f"f1-{k}-7", length=10)
        assert await second.get(f"f0-{k}-7") == final(f"f0-{k}-7", length=10)
        assert await catalog.get(f"1-{k}-7") is None
