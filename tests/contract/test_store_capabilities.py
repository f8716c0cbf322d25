"""What a DataStore promises beyond the core, each for those that declare it."""

import asyncio
import hashlib
import os
import resource
from dataclasses import replace

import pytest

from tests.contract.test_store import ID, UPLOAD, content, read, write
from tusd_py.errors.server import NoSpace, TooManyOpenFiles
from tusd_py.model.upload import Upload, UploadChunk, UploadKind, UploadState
from tusd_py.ports.store import (
    Allocates,
    Concatenates,
    DataFileMissing,
    DataStore,
    MovesFiles,
    OpensFiles,
    Syncs,
    Truncates,
)
from tusd_py.settings import Preallocate

pytestmark = pytest.mark.anyio


@pytest.mark.needs.with_args(Allocates)
async def test_bytes_go_to_the_offset_and_not_to_the_end(store: DataStore) -> None:
    """What a dead writer left beyond the offset must not shift what follows."""
    await store.create(UPLOAD)
    await write(store, 0, b"verified", b"-LEFT BEHIND")
    await write(store, 8, b"-right")
    assert await content(store) == b"verified-rightBEHIND"


@pytest.mark.needs.with_args(Allocates)
async def test_a_write_changes_nothing_before_its_offset(store: DataStore) -> None:
    await store.create(UPLOAD)
    await write(store, 0, b"0123456789")
    await write(store, 9, b"x")
    assert await content(store) == b"012345678x"


@pytest.mark.needs.with_args(Truncates)
async def test_truncate_discards_the_rest(store: DataStore) -> None:
    """CHECK-06: a rollback must really take the bytes away."""
    assert isinstance(store, Truncates)
    await store.create(UPLOAD)
    await write(store, 0, b"verified", b"-wrong")
    await store.truncate(ID, 8)
    assert await store.size(ID) == 8
    assert await content(store) == b"verified"
    await write(store, 8, b"+")
    assert await content(store) == b"verified+"


@pytest.mark.needs.with_args(Truncates)
async def test_truncate_never_makes_up_bytes(store: DataStore) -> None:
    """After a power cut the file may be shorter than the catalog remembers; zeros are not the client's."""
    assert isinstance(store, Truncates)
    await store.create(UPLOAD)
    await write(store, 0, b"abc")
    await store.truncate(ID, 8)
    assert await content(store) == b"abc"


@pytest.mark.needs.with_args(Allocates)
@pytest.mark.parametrize("how", ["full", "sparse"])
async def test_allocate_makes_the_whole_file(store: DataStore, how: Preallocate) -> None:
    """R16: of its size from the start; what nobody wrote reads as zeros."""
    assert isinstance(store, Allocates)
    await store.allocate(ID, 100_000, how=how, min_free=0)
    assert await store.size(ID) == 100_000
    assert await content(store) == bytes(100_000)


@pytest.mark.needs.with_args(Allocates)
async def test_allocate_keeps_what_is_there(store: DataStore) -> None:
    """An upload that a PATCH began goes on in chunks."""
    assert isinstance(store, Allocates)
    await store.create(UPLOAD)
    await write(store, 0, b"abc")
    await store.allocate(ID, 8, how="full", min_free=0)
    await write(store, 6, b"gh")
    assert await content(store) == b"abc\0\0\0gh"


@pytest.mark.needs.with_args(Allocates)
@pytest.mark.parametrize("how", ["full", "sparse", "none"])
async def test_chunks_are_written_in_any_order(store: DataStore, how: Preallocate) -> None:
    """R3: also at the same time."""
    assert isinstance(store, Allocates)
    await store.allocate(ID, 100, how=how, min_free=0)
    await asyncio.gather(*(write(store, offset, bytes([offset]) * 10) for offset in range(90, -1, -10)))
    assert await content(store) == b"".join(bytes([offset]) * 10 for offset in range(0, 100, 10))


@pytest.mark.needs.with_args(Allocates)
async def test_no_space_is_told_before_a_byte_arrives(store: DataStore) -> None:
    """R16: what the operator wants to stay free counts as taken."""
    assert isinstance(store, Allocates)
    with pytest.raises(NoSpace):
        await store.allocate(ID, 10, how="sparse", min_free=1 << 62)


@pytest.mark.needs.with_args(MovesFiles)
async def test_a_link_is_a_second_name(store: DataStore) -> None:
    """Until both are gone the bytes stay; what had the name before goes."""
    assert isinstance(store, MovesFiles)
    for name, data in ((ID, b"hello"), ("old", b"previous")):
        await store.create(replace(UPLOAD, id=name))
        await write(store, 0, data, name=name)
    await store.link(ID, "old")
    assert (await content(store), await content(store, "old")) == (b"hello", b"hello")
    await store.remove(ID)
    assert (await store.size(ID), await content(store, "old")) == (None, b"hello")
    with pytest.raises(DataFileMissing):
        await store.link(ID, "new")


@pytest.mark.needs.with_args(MovesFiles)
async def test_a_move_takes_the_old_name_away(store: DataStore) -> None:
    assert isinstance(store, MovesFiles)
    for name, data in ((ID, b"hello"), ("old", b"previous")):
        await store.create(replace(UPLOAD, id=name))
        await write(store, 0, data, name=name)
    await store.move(ID, "old")
    assert (await store.size(ID), await content(store, "old")) == (None, b"hello")


@pytest.mark.needs.with_args(MovesFiles)
async def test_join_copies_runs_in_order(store: DataStore) -> None:
    """And hashes what it wrote; a run may come twice, and its file stays as it is."""
    assert isinstance(store, MovesFiles)
    for name, data in (("a", b"0123456789"), ("b", b"abcdefghij")):
        await store.create(replace(UPLOAD, id=name))
        await write(store, 0, data, name=name)
    taken = hashlib.sha256()
    await store.join([("b", 8, 2), ("a", 0, 3), ("b", 8, 2)], "whole", taken)
    assert await content(store, "whole") == b"ij012ij"
    assert taken.digest() == hashlib.sha256(b"ij012ij").digest()
    assert await content(store, "a") == b"0123456789"


@pytest.mark.needs.with_args(MovesFiles)
async def test_join_of_a_file_that_is_too_short(store: DataStore) -> None:
    """What the medium lost must not look like the end of a run."""
    assert isinstance(store, MovesFiles)
    await store.create(UPLOAD)
    await write(store, 0, b"hello")
    with pytest.raises(EOFError):
        await store.join([(ID, 3, 3)], "whole", hashlib.sha256())


@pytest.mark.needs.with_args(Syncs)
async def test_sync_of_what_is_gone(store: DataStore) -> None:
    """Nobody may be told that it survives a power cut."""
    assert isinstance(store, Syncs)
    with pytest.raises(DataFileMissing):
        await store.sync(ID)


@pytest.mark.needs.with_args(Concatenates)
async def test_a_final_comes_back_with_its_pieces(store: DataStore) -> None:
    """CONCAT-09, after the catalog is lost."""
    assert isinstance(store, Concatenates)
    final = Upload(id="f", kind=UploadKind.FINAL, length=5, concat_header="final;/p2 /p1", created_at=0.0)
    chunks = []
    for offset, name, data in [(0, "p2", b"abc"), (3, "p1", b"de")]:
        partial = replace(UPLOAD, id=name, kind=UploadKind.PARTIAL, length=len(data))
        await store.create(partial)
        await write(store, 0, data, name=name)
        chunks.append(
            UploadChunk(
                id=name,
                upload_id="f",
                offset=offset,
                size=len(data),
                data_file=name,
                source_id=name,
                created_at=0.0,
            )
        )
    await store.export_final(final, chunks)
    adopted = await store.adopt("f")
    assert adopted is not None
    assert [replace(chunk, created_at=0.0) for chunk in adopted.chunks] == chunks
    assert (adopted.upload.kind, adopted.upload.state) == (UploadKind.FINAL, UploadState.COMPLETE)
    assert adopted.upload.concat_header == "final;/p2 /p1"


@pytest.mark.needs.with_args(OpensFiles)
async def test_what_is_open_stays_readable(store: DataStore) -> None:
    """As what is being read, for a server that sends from files by itself."""
    assert isinstance(store, OpensFiles)
    await store.create(UPLOAD)
    await write(store, 0, b"hello")
    file = await store.open_file(ID)
    try:
        await store.remove(ID)
        assert os.pread(file.fileno(), 9, 0) == b"hello"
        with pytest.raises(DataFileMissing):
            await store.open_file(ID)
    finally:
        file.close()


@pytest.mark.needs.with_args(OpensFiles)
async def test_no_descriptor_left_is_said_in_the_ports_words(store: DataStore) -> None:
    """A process at its limit: nothing can be opened; and afterwards it can again."""
    assert isinstance(store, OpensFiles)
    await store.create(UPLOAD)
    await write(store, 0, b"hello")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(TooManyOpenFiles):
            await store.open_file(ID)
        with pytest.raises(TooManyOpenFiles):
            await read(store, ID, 0, 5)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert await content(store) == b"hello"
