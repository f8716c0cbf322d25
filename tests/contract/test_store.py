"""The contract of a DataStore."""

import asyncio
import errno
import hashlib
import os
from dataclasses import replace

import pytest

from tests.contract.bodies import Sent, sent
from tusd_py.errors.server import StorageFull, TooManyOpenFiles
from tusd_py.model.body import Ended, Received, StopSignal
from tusd_py.model.upload import Upload, UploadKind, UploadState
from tusd_py.ports.store import (
    DataFileMissing,
    DataStore,
    HashesFiles,
    OpensFiles,
    StoreFailed,
    Syncs,
)
from tusd_py.service.capabilities import digest_of

pytestmark = pytest.mark.anyio

ID = "a" * 32
UPLOAD = Upload(id=ID, length=10, user="ann", metadata={"name": b"x.txt"}, created_at=0.0)


async def content(store: DataStore, name: str = ID) -> bytes:
    size = await store.size(name)
    return await read(store, name, 0, size) if size else b""


async def read(store: DataStore, name: str, start: int, size: int) -> bytes:
    return b"".join([block async for block in store.read(name, start, size)])


async def write(
    store: DataStore, offset: int, *pieces: bytes, limit: int = 1 << 30, name: str = ID
) -> Received:
    return await store.write(name, offset, sent(*pieces), limit=limit, hashes=(), stop=StopSignal())


async def test_create_makes_an_empty_data_file_and_the_export(store: DataStore) -> None:
    await store.create(UPLOAD)
    assert await store.size(ID) == 0
    assert await content(store) == b""
    adopted = await store.adopt(ID)
    assert adopted is not None
    found = adopted.upload
    assert (found.id, found.length, found.user, found.metadata) == (ID, 10, "ann", {"name": b"x.txt"})
    assert (found.kind, found.state, adopted.chunks) == (UploadKind.SINGLE, UploadState.OPEN, ())


async def test_create_never_replaces_an_upload(store: DataStore) -> None:
    """tusd silently empties a finished upload whose id is chosen again."""
    await store.create(UPLOAD)
    await write(store, 0, b"precious")
    with pytest.raises(FileExistsError):
        await store.create(replace(UPLOAD, length=3))
    assert await content(store) == b"precious"
    adopted = await store.adopt(ID)
    assert adopted is not None
    assert adopted.upload.length == 10


async def test_bytes_go_to_the_offset(store: DataStore) -> None:
    """CORE-37: piece after piece, request after request."""
    await store.create(UPLOAD)
    assert await write(store, 0, b"he", b"l") == Received(3, Ended.COMPLETE)
    assert await write(store, 3, b"lo wo", b"rld") == Received(8, Ended.COMPLETE)
    assert await content(store) == b"hello world"
    assert await store.size(ID) == 11


async def test_a_body_of_no_bytes_changes_nothing(store: DataStore) -> None:
    """CORE-52."""
    await store.create(UPLOAD)
    await write(store, 0, b"abc")
    assert await write(store, 3) == Received(0, Ended.COMPLETE)
    assert await content(store) == b"abc"


async def test_no_byte_beyond_the_limit(store: DataStore) -> None:
    """CORE-50."""
    await store.create(UPLOAD)
    assert await write(store, 0, b"abc", b"def", limit=5) == Received(5, Ended.OVERRUN)
    assert await content(store) == b"abcde"


async def test_what_ended_early_is_kept(store: DataStore) -> None:
    """CORE-56: store as much of the received data as possible."""
    await store.create(UPLOAD)
    body = Sent([b"abc"], ended=Ended.DISCONNECTED)
    received = await store.write(ID, 0, body, limit=10, hashes=(), stop=StopSignal())
    assert received == Received(3, Ended.DISCONNECTED)
    assert await content(store) == b"abc"


async def test_hashes_take_exactly_the_bytes_written(store: DataStore) -> None:
    """CHECK-04: also when the limit cuts the body."""
    await store.create(UPLOAD)
    taken = [hashlib.sha256(), hashlib.sha512()]
    await store.write(ID, 0, sent(b"abc", b"def"), limit=5, hashes=taken, stop=StopSignal())
    assert [each.digest() for each in taken] == [
        hashlib.sha256(b"abcde").digest(),
        hashlib.sha512(b"abcde").digest(),
    ]


async def test_the_body_can_be_stopped(store: DataStore) -> None:
    """The signal of the request is the one that the body listens to."""
    await store.create(UPLOAD)
    stop, body = StopSignal(), sent(b"abc")
    await store.write(ID, 0, body, limit=10, hashes=(), stop=stop)
    assert body.stops == [stop]


@pytest.mark.needs.with_args(OpensFiles)
async def test_a_failure_of_the_medium_is_told_and_keeps_what_was_written(store: DataStore) -> None:
    await store.create(UPLOAD)
    body = Sent([b"abc"], failure=OSError(errno.EIO, "broken"))
    with pytest.raises(StoreFailed, match="broken"):
        await store.write(ID, 0, body, limit=10, hashes=(), stop=StopSignal())
    assert await content(store) == b"abc"


@pytest.mark.needs.with_args(OpensFiles)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
async def test_a_full_medium_is_told_in_the_words_of_the_port(store: DataStore, code: int) -> None:
    """No space, no quota, a limit on file sizes: nobody above needs the system's numbers."""
    await store.create(UPLOAD)
    body = Sent([b"abc"], failure=OSError(code, "full"))
    with pytest.raises(StorageFull):
        await store.write(ID, 0, body, limit=10, hashes=(), stop=StopSignal())
    assert await content(store) == b"abc"


@pytest.mark.needs.with_args(OpensFiles)
async def test_a_write_without_a_descriptor_is_told_in_the_words_of_the_port(store: DataStore) -> None:
    await store.create(UPLOAD)
    body = Sent([b"abc"], failure=OSError(errno.EMFILE, "too many open files"))
    with pytest.raises(TooManyOpenFiles):
        await store.write(ID, 0, body, limit=10, hashes=(), stop=StopSignal())


async def test_writing_to_what_is_gone(store: DataStore) -> None:
    """And it does not come back by that."""
    with pytest.raises(DataFileMissing):
        await write(store, 0, b"abc")
    assert await store.size(ID) is None


@pytest.mark.needs.with_args(OpensFiles, Syncs, HashesFiles)
async def test_no_descriptor_is_left_open(store: DataStore) -> None:
    assert isinstance(store, Syncs)
    assert isinstance(store, HashesFiles)
    await store.create(UPLOAD)
    await store.sync(ID)
    before = len(os.listdir("/dev/fd"))
    for failure in (None, OSError(errno.EIO, "broken")):
        try:
            body = Sent([b"abc"], failure=failure)
            await store.write(ID, 0, body, limit=9, hashes=(), stop=StopSignal())
        except StoreFailed as error:
            if error.__cause__ is not failure:
                raise
    await store.digest(ID, 0, 3, hashlib.sha256())
    unread = store.read(ID, 0, 3)
    await anext(unread)
    await unread.aclose()
    assert await content(store) == b"abc"
    await store.export(UPLOAD)
    await store.sync(ID)
    await store.adopt(ID)
    assert len(os.listdir("/dev/fd")) == before


async def test_size_of_nothing(store: DataStore) -> None:
    assert await store.size(ID) is None


async def test_digest_of_a_range(store: DataStore) -> None:
    """CHECK-25: from ``start`` to ``stop``, exclusive, across blocks; by the store or of what it reads."""
    data = bytes(range(251)) * 10_000
    await store.create(UPLOAD)
    await write(store, 0, data)
    for start, stop in ((0, len(data)), (0, 0), (7, 8), (1000, 1_500_000), (len(data) - 1, len(data))):
        taken = hashlib.sha256()
        await digest_of(store)(ID, start, stop, taken)
        assert taken.digest() == hashlib.sha256(data[start:stop]).digest(), (start, stop)


async def test_remove_takes_the_data_file(store: DataStore) -> None:
    """TERM: and only that; twice is fine."""
    await store.create(UPLOAD)
    await store.create(replace(UPLOAD, id="b"))
    await store.remove(ID)
    await store.remove(ID)
    assert await store.size(ID) is None
    assert await store.adopt(ID) is None
    assert await store.size("b") == 0
    with pytest.raises(DataFileMissing):
        await read(store, ID, 0, 1)


async def test_remove_export_takes_the_export(store: DataStore) -> None:
    """A deleted upload must not be adopted again; the bytes stay for the finals that use them."""
    await store.create(UPLOAD)
    await write(store, 0, b"abc")
    await store.remove_export(ID)
    await store.remove_export(ID)
    assert await store.adopt(ID) is None
    assert await content(store) == b"abc"


async def test_an_id_can_be_made_again_after_its_removal(store: DataStore) -> None:
    await store.create(UPLOAD)
    await write(store, 0, b"abc")
    await store.remove(ID)
    await store.remove_export(ID)
    await store.create(UPLOAD)
    assert await content(store) == b""


async def test_read_yields_the_run_that_is_asked_for(store: DataStore) -> None:
    """HTTP-09: a range, in blocks that are never empty."""
    data = bytes(range(251)) * 10_000
    await store.create(UPLOAD)
    await write(store, 0, data)
    for start, size in ((0, len(data)), (7, 1), (1000, 1_500_000), (len(data) - 1, 1)):
        blocks = [block async for block in store.read(ID, start, size)]
        assert all(blocks)
        assert b"".join(blocks) == data[start : start + size], (start, size)


async def test_what_is_being_read_stays_readable(store: DataStore) -> None:
    """A download goes on although the upload is deleted."""
    data = bytes(range(251)) * 10_000
    await store.create(UPLOAD)
    await write(store, 0, data)
    blocks = store.read(ID, 0, len(data))
    first = await anext(blocks)
    await store.remove(ID)
    assert first + b"".join([block async for block in blocks]) == data


async def test_read_beyond_the_end_is_no_short_answer(store: DataStore) -> None:
    """What the medium lost must not look like the end of the upload."""
    await store.create(UPLOAD)
    await write(store, 0, b"hello")
    with pytest.raises(EOFError):
        await read(store, ID, 0, 6)


async def test_export_replaces_the_export(store: DataStore) -> None:
    """DEFER-07: the declared length."""
    await store.create(replace(UPLOAD, length=None))
    await store.export(replace(UPLOAD, length=7))
    adopted = await store.adopt(ID)
    assert adopted is not None
    assert adopted.upload.length == 7


async def test_export_is_seen_whole_or_not_at_all(store: DataStore) -> None:
    """While it is replaced a reader finds the old one or the new one."""
    sizes = {1, 60_000}
    versions = [replace(UPLOAD, metadata={"name": b"x" * size}) for size in sizes]
    await store.create(versions[0])
    done = asyncio.Event()

    async def rewrite() -> None:
        for number in range(60):
            await store.export(versions[number % 2])
        done.set()

    async def read() -> None:
        while not done.is_set():
            adopted = await store.adopt(ID)
            assert adopted is not None, "a reader found half an export"
            assert len(adopted.upload.metadata["name"]) in sizes
            await asyncio.sleep(0)

    await asyncio.gather(rewrite(), read())


async def test_nothing_is_adopted_from_nothing(store: DataStore) -> None:
    assert await store.adopt(ID) is None


async def test_uploads_do_not_touch_each_other(store: DataStore) -> None:
    names = [f"u{number}" for number in range(20)]
    await asyncio.gather(*(store.create(replace(UPLOAD, id=name)) for name in names))
    await asyncio.gather(*(write(store, 0, name.encode() * 100, name=name) for name in names))
    assert [await content(store, name) for name in names] == [name.encode() * 100 for name in names]
