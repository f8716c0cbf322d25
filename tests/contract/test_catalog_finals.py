"""The contract of a Catalog: finals, and data files that several uploads use."""

import asyncio
from dataclasses import replace

import pytest

from tests.contract.uploads import HELD, NOW, chunks_of, final, partial, pieces, single
from tusd_py.model.finals import PartialGone, TooLarge
from tusd_py.model.upload import ChunkState, Upload, UploadState
from tusd_py.ports.catalog import Catalog

pytestmark = pytest.mark.anyio


async def complete(catalog: Catalog, upload: Upload) -> list[str]:
    return await catalog.complete(upload, NOW, HELD, expires_at=None)


async def sizes(catalog: Catalog, upload_id: str = "f") -> list[int | None]:
    """Of the pieces that are complete; None for the others."""
    return [
        chunk.size if chunk.state is ChunkState.RECEIVED else None
        for chunk in await chunks_of(catalog, upload_id)
    ]


async def insert_final(
    catalog: Catalog, *partial_ids: str, name: str = "f", max_size: int | None = None
) -> Upload | PartialGone | TooLarge:
    return await catalog.insert_final(final(name), pieces(name, *partial_ids), max_size=max_size)


def length_of(made: Upload | PartialGone | TooLarge) -> int | None:
    assert isinstance(made, Upload)
    return made.length


async def test_a_final_of_complete_partials(catalog: Catalog) -> None:
    """CONCAT-09, CONCAT-10: order, and the sum of the lengths; an empty partial too."""
    for name, length in (("a", 3), ("b", 4), ("empty", 0)):
        await catalog.insert(partial(name, length))
        await complete(catalog, partial(name, length))
    made = await insert_final(catalog, "b", "empty", "a")
    assert made == final(length=7)
    assert await catalog.get("f") == made
    assert await chunks_of(catalog, "f") == [
        replace(chunk, state=ChunkState.RECEIVED) for chunk in pieces("f", "b", "empty", "a", sizes=(4, 0, 3))
    ]


async def test_the_same_partial_more_than_once(catalog: Catalog) -> None:
    """CONCAT-21."""
    await catalog.insert(partial("a", 3))
    await complete(catalog, partial("a", 3))
    assert length_of(await insert_final(catalog, "a", "a")) == 6
    assert await sizes(catalog) == [3, 3]


async def test_a_final_of_unfinished_partials(catalog: Catalog) -> None:
    """CONCAT-41: its length is known as soon as theirs are; CONCAT-42: the last one fills it."""
    await catalog.insert(partial("a", 3))
    await catalog.insert(partial("b", 4))
    assert length_of(await insert_final(catalog, "a", "b")) == 7
    assert await chunks_of(catalog, "f") == pieces("f", "a", "b", sizes=(3, 4))
    assert await complete(catalog, partial("b", 4)) == []
    assert await sizes(catalog) == [None, 4]
    assert await complete(catalog, partial("a", 3)) == ["f"]
    assert await sizes(catalog) == [3, 4]
    assert await catalog.get("f") == final(length=7), "the final itself is completed by its own call"
    assert await complete(catalog, partial("a", 3)) == []


async def test_a_final_of_a_deferred_partial(catalog: Catalog) -> None:
    """CONCAT-41: no length until the last one is known."""
    await catalog.insert(partial("a", None))
    await catalog.insert(partial("b", 4))
    assert length_of(await insert_final(catalog, "a", "b")) is None
    await catalog.set_length("a", 6, HELD, max_size=None)
    assert await catalog.get("f") == final(length=10)
    assert await sizes(catalog) == [None, None]


async def test_completion_tells_only_of_finals_that_are_now_full(catalog: Catalog) -> None:
    for name in ("a", "b"):
        await catalog.insert(partial(name, 1))
    await insert_final(catalog, "a", name="only-a")
    await insert_final(catalog, "a", "a", name="twice-a")
    await insert_final(catalog, "a", "b", name="both")
    await insert_final(catalog, "b", name="only-b")
    assert sorted(await complete(catalog, partial("a", 1))) == ["only-a", "twice-a"]
    assert sorted(await complete(catalog, partial("b", 1))) == ["both", "only-b"]


@pytest.mark.parametrize("gone", ["never made", "deleted", "expired"])
async def test_a_final_of_a_missing_partial_is_refused(catalog: Catalog, gone: str) -> None:
    """CONCAT-17: and nothing of it is left."""
    await catalog.insert(partial("a"))
    if gone != "never made":
        await catalog.insert(partial("b"))
        await catalog.release("b", HELD, tombstone_until=NOW if gone == "expired" else None)
    assert await insert_final(catalog, "a", "b") == PartialGone()
    await assert_nothing_left(catalog)


async def assert_nothing_left(catalog: Catalog) -> None:
    """The refused final is unknown, and refers to no data file."""
    assert await catalog.get("f") is None
    assert await chunks_of(catalog, "f") == []
    assert not await catalog.is_leftover("f")
    assert await catalog.release("a", HELD, tombstone_until=None) == ["a"], "nothing refers to its partial"


async def test_a_missing_partial_is_refused(catalog: Catalog) -> None:
    """CONCAT-17, for every catalog that is wrong on purpose."""
    await catalog.insert(partial("a"))
    assert await insert_final(catalog, "a", "b") == PartialGone()
    await assert_nothing_left(catalog)


async def test_a_final_may_be_as_large_as_the_limit(catalog: Catalog) -> None:
    """CONCAT-26."""
    await catalog.insert(partial("a", 6))
    await catalog.insert(partial("b", 5))
    assert await insert_final(catalog, "a", "b", max_size=10) == TooLarge(10)
    assert await catalog.get("f") is None
    assert await chunks_of(catalog, "f") == []
    assert length_of(await insert_final(catalog, "a", "b", max_size=11)) == 11


async def test_a_final_beyond_every_file_offset_is_refused(catalog: Catalog) -> None:
    """CREATE-14: two partials of 2**63 - 1 bytes; whoever waits at the same moment is not harmed."""
    for name in ("a", "b"):
        await catalog.insert(partial(name, 2**63 - 1))
    refused, made = await asyncio.gather(insert_final(catalog, "a", "b"), catalog.insert(single("innocent")))
    assert made is None
    assert await catalog.get("innocent") == single("innocent")
    assert refused == TooLarge(2**63 - 1)
    await assert_nothing_left(catalog)


async def test_a_declared_length_must_fit_the_finals(catalog: Catalog) -> None:
    """CONCAT-26 by way of DEFER-12: refused as a whole, and only this."""
    await catalog.insert(partial("a", None))
    await catalog.insert(partial("b", 5))
    await insert_final(catalog, "a", "b")
    refused, made = await asyncio.gather(
        catalog.set_length("a", 6, HELD, max_size=10), catalog.insert(single("other"))
    )
    assert refused == TooLarge(10)
    assert made is None
    assert await catalog.get("a") == partial("a", None)
    assert await catalog.get("f") == final()
    assert await catalog.get("other") == single("other")
    await catalog.set_length("a", 5, HELD, max_size=10)
    assert await catalog.get("f") == final(length=10)


async def test_a_partial_that_completes_while_the_final_is_made(catalog: Catalog) -> None:
    """Whoever is first: the size is filled in, and somebody learns that the final is full."""
    for number in range(20):
        name, final_id = f"p{number}", f"f{number}"
        await catalog.insert(partial(name, 3))

        async def make(name: str = name, final_id: str = final_id) -> bool:
            await insert_final(catalog, name, name=final_id)
            return None not in await sizes(catalog, final_id)

        if number % 2:
            was_full, filled = await asyncio.gather(make(), complete(catalog, partial(name, 3)))
        else:
            filled, was_full = await asyncio.gather(complete(catalog, partial(name, 3)), make())
        assert await sizes(catalog, final_id) == [3]
        assert was_full or filled == [final_id]
        assert await catalog.get(final_id) == final(final_id, length=3)


async def test_release_leaves_nothing_but_the_leftover(catalog: Catalog) -> None:
    """TERM: the file stays on the list until somebody says that it is removed."""
    await catalog.insert(single("a"))
    assert await catalog.release("a", HELD, tombstone_until=None) == ["a"]
    assert await catalog.get("a") is None
    assert await catalog.is_leftover("a")
    assert await catalog.removable() == ["a"]
    await catalog.forget_leftover("a")
    await catalog.forget_leftover("a")
    assert not await catalog.is_leftover("a")
    assert await catalog.removable() == []


async def test_release_with_a_tombstone(catalog: Catalog) -> None:
    """EXPIRE-11: it is still known that it was there, and whose it was."""
    await catalog.insert(single("a", user="ann", expires_at=NOW))
    assert await catalog.release("a", HELD, tombstone_until=NOW + 60) == ["a"]
    expected = single("a", user="ann", state=UploadState.EXPIRED, expires_at=NOW + 60)
    assert await catalog.get("a") == expected
    assert await catalog.expired(NOW + 60, limit=9) == ["a"]
    await catalog.forget_leftover("a")
    assert await catalog.get("a") == expected
    await catalog.release("a", HELD, tombstone_until=None)
    assert await catalog.get("a") is None


async def test_releasing_twice_is_fine(catalog: Catalog) -> None:
    await catalog.insert(single("a"))
    await catalog.release("a", HELD, tombstone_until=None)
    assert await catalog.release("a", HELD, tombstone_until=None) == ["a"]


async def test_a_final_keeps_the_files_of_its_partials(catalog: Catalog) -> None:
    """CONCAT-32: until nothing uses them any more."""
    for name in ("a", "b"):
        await catalog.insert(partial(name))
    await insert_final(catalog, "a", "b", name="f")
    await insert_final(catalog, "a", name="g")
    assert await catalog.release("a", HELD, tombstone_until=None) == []
    assert await catalog.is_leftover("a"), "it must not be adopted again"
    assert await catalog.removable() == []
    assert [chunk.data_file for chunk in await chunks_of(catalog, "f")] == ["a", "b"]
    assert await catalog.release("f", HELD, tombstone_until=NOW) == ["f"]
    assert await chunks_of(catalog, "f") == []
    assert sorted(await catalog.release("g", HELD, tombstone_until=None)) == ["a", "g"]
    assert sorted(await catalog.removable()) == ["a", "f", "g"]
    for name in ("a", "f", "g"):
        await catalog.forget_leftover(name)
    assert await catalog.removable() == []


async def test_the_last_final_frees_every_file_that_it_kept(catalog: Catalog) -> None:
    """TERM: each of many, else the disk fills with files that nobody knows."""
    names = [f"p{number}" for number in range(7)]
    for name in names:
        await catalog.insert(partial(name))
    await insert_final(catalog, *names)
    for name in names:
        assert await catalog.release(name, HELD, tombstone_until=None) == []
    assert sorted(await catalog.release("f", HELD, tombstone_until=None)) == ["f", *names]


async def test_deleting_a_final_keeps_its_partials(catalog: Catalog) -> None:
    """CONCAT-33: they are uploads of their own."""
    await catalog.insert(partial("a"))
    await insert_final(catalog, "a")
    assert await catalog.release("f", HELD, tombstone_until=None) == ["f"]
    assert await catalog.get("a") == partial("a")
    assert not await catalog.is_leftover("a")
    assert await catalog.release("a", HELD, tombstone_until=None) == ["a"]
