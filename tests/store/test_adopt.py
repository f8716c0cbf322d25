"""A directory that tusd left, or that outlived its catalog: what is taken over, and what is not."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tusd_py.adapters.store_file.store import FileStore
from tusd_py.model.upload import GROWING, Ranged, Upload, UploadKind, UploadState, is_upload_id
from tusd_py.ports.store import Adopted, StoreFailed

pytestmark = pytest.mark.anyio

ID = "0b7d24fb0ea1a5e3fb1e2b1d3c4d5e6f"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "uploads"
    made.mkdir()
    return made


@pytest.fixture
def store(directory: Path) -> FileStore:
    return FileStore(directory)


def leave(directory: Path, data: bytes | None, *, name: str = ID, **changes: object) -> None:
    """Leave an upload as tusd does."""
    fields = {"ID": name, "Size": 5, "SizeIsDeferred": False, "Offset": 0, "MetaData": {"filename": "a.txt"}}
    fields |= {"IsPartial": False, "IsFinal": False, "PartialUploads": None, "Storage": None} | changes
    (directory / f"{name}.info").write_text(json.dumps(fields))
    if data is not None:
        (directory / name).write_bytes(data)


async def adopted(store: FileStore, name: str = ID) -> Adopted:
    found = await store.adopt(name)
    assert found is not None
    assert found.upload.id == name
    return found


async def test_complete(store: FileStore, directory: Path) -> None:
    leave(directory, b"hello")
    os.utime(directory / ID, (1000.0, 2000.0))
    upload = (await adopted(store)).upload
    assert (upload.kind, upload.state, upload.length) == (UploadKind.SINGLE, UploadState.COMPLETE, 5)
    assert upload.metadata == {"filename": b"a.txt"}
    assert (upload.created_at, upload.completed_at) == (2000.0, 2000.0)


async def test_half_done(store: FileStore, directory: Path) -> None:
    """The size of the data file is the offset, whatever the description says."""
    leave(directory, b"hel", Offset=5)
    upload = (await adopted(store)).upload
    assert (upload.state, upload.length, upload.completed_at) == (UploadState.OPEN, 5, None)
    assert await store.size(ID) == 3


async def test_deferred(store: FileStore, directory: Path) -> None:
    leave(directory, b"hel", Size=0, SizeIsDeferred=True)
    upload = (await adopted(store)).upload
    assert (upload.state, upload.length) == (UploadState.OPEN, None)


async def test_empty_upload_is_complete(store: FileStore, directory: Path) -> None:
    leave(directory, b"", Size=0)
    assert (await adopted(store)).upload.state is UploadState.COMPLETE


async def test_partial(store: FileStore, directory: Path) -> None:
    """CONCAT-03: HEAD will say that it is one."""
    leave(directory, b"hel", IsPartial=True)
    upload = (await adopted(store)).upload
    assert (upload.kind, upload.concat_header) == (UploadKind.PARTIAL, "partial")


async def test_final_that_tusd_copied_together(store: FileStore, directory: Path) -> None:
    """Its bytes are its own, so its partials may be gone; it takes no PATCH all the same."""
    leave(directory, b"hello", IsFinal=True, PartialUploads=["aa", "bb"])
    found = await adopted(store)
    assert (found.upload.kind, found.upload.state) == (UploadKind.FINAL, UploadState.COMPLETE)
    (chunk,) = found.chunks
    assert (chunk.offset, chunk.size, chunk.data_file, chunk.start, chunk.source_id) == (0, 5, ID, 0, None)


async def test_final_that_tusd_was_still_copying(store: FileStore, directory: Path) -> None:
    """Half a copy is no upload: nobody could continue it."""
    leave(directory, b"hel", IsFinal=True, PartialUploads=["aa", "bb"])
    assert await store.adopt(ID) is None


async def test_final_that_only_refers_to_its_partials(store: FileStore, directory: Path) -> None:
    """CONCAT-09: in the order of the list, one of them twice."""
    leave(directory, None, Size=7, IsFinal=True, PartialUploads=["bb", "aa", "bb"])
    leave(directory, b"abc", name="aa", Size=3, IsPartial=True)
    leave(directory, b"de", name="bb", Size=2, IsPartial=True)
    found = await adopted(store)
    assert (found.upload.kind, found.upload.state) == (UploadKind.FINAL, UploadState.COMPLETE)
    assert found.upload.length == 7
    assert found.upload.concat_header == "final;bb aa bb"
    pieces = [(chunk.offset, chunk.data_file, chunk.source_id, chunk.size) for chunk in found.chunks]
    assert pieces == [(0, "bb", "bb", 2), (2, "aa", "aa", 3), (5, "bb", "bb", 2)]


@pytest.mark.parametrize("problem", ["missing", "short", "long", "symlink", "directory"])
async def test_final_with_a_piece_that_is_not_whole(
    store: FileStore, directory: Path, problem: str, tmp_path: Path
) -> None:
    leave(directory, None, Size=5, IsFinal=True, PartialUploads=["aa", "bb"])
    leave(directory, b"abc", name="aa", Size=3)
    piece, outside = directory / "bb", tmp_path / "outside"
    outside.write_bytes(b"de")
    spoil: dict[str, Callable[[], object]] = {
        "missing": lambda: None,
        "short": lambda: piece.write_bytes(b"d"),
        "long": lambda: piece.write_bytes(b"def"),
        "symlink": lambda: piece.symlink_to(outside),
        "directory": piece.mkdir,
    }
    spoil[problem]()
    assert await store.adopt(ID) is None


@pytest.mark.parametrize("size", [0, 1, 20, 60])
async def test_torn_description(store: FileStore, directory: Path, size: int) -> None:
    leave(directory, b"hello")
    info = directory / f"{ID}.info"
    info.write_bytes(info.read_bytes()[:size])
    assert await store.adopt(ID) is None


async def test_description_without_data_and_data_without_description(
    store: FileStore, directory: Path
) -> None:
    leave(directory, None, name="aa")
    (directory / "bb").write_bytes(b"hello")
    assert await store.adopt("aa") is None
    assert await store.adopt("bb") is None


async def test_data_beyond_the_length(store: FileStore, directory: Path) -> None:
    """Somebody else's bytes, or a broken upload: offering an offset above the length would be absurd."""
    leave(directory, b"hello!")
    assert await store.adopt(ID) is None


async def test_description_of_another_upload(store: FileStore, directory: Path) -> None:
    """tusd believes the id in the file; a copied description would alias two uploads."""
    leave(directory, b"hello", name="aa")
    (directory / "aa.info").rename(directory / "bb.info")
    (directory / "bb").write_bytes(b"hello")
    assert await store.adopt("bb") is None


async def test_path_in_the_description_is_not_followed(
    store: FileStore, directory: Path, tmp_path: Path
) -> None:
    """A directory may be moved, and no file may point elsewhere."""
    outside = tmp_path / "outside"
    outside.write_bytes(b"12345")
    leave(directory, b"hello", Storage={"Type": "filestore", "Path": str(outside)})
    await adopted(store)
    with await store.open_file(ID) as file:
        assert file.read() == b"hello"


async def test_symlinks_are_not_followed(store: FileStore, directory: Path, tmp_path: Path) -> None:
    """Neither as data nor as description."""
    outside = tmp_path / "outside"
    outside.write_bytes(b"12345")
    leave(directory, None, name="aa")
    (directory / "aa").symlink_to(outside)
    leave(directory, b"hello", name="bb")
    (directory / "bb.info").rename(tmp_path / "bb.info")
    (directory / "bb.info").symlink_to(tmp_path / "bb.info")
    assert await store.adopt("aa") is None
    assert await store.adopt("bb") is None


async def test_bytes_behind_a_symlink_stay_as_they_are(
    store: FileStore, directory: Path, tmp_path: Path
) -> None:
    """An id never leads out of the directory, not even when somebody replaces the data file."""
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    (directory / ID).symlink_to(outside)
    with pytest.raises(StoreFailed, match="symbolic link"):
        await store.open_file(ID)
    with suppress(StoreFailed):
        await store.truncate(ID, 0)
    assert outside.read_bytes() == b"precious"


async def test_directories_in_place_of_files(store: FileStore, directory: Path) -> None:
    leave(directory, None, name="aa")
    (directory / "aa").mkdir()
    assert await store.adopt("aa") is None
    (directory / "bb").write_bytes(b"hello")
    (directory / "bb.info").mkdir()
    before = len(os.listdir("/dev/fd"))
    assert await store.adopt("bb") is None
    assert len(os.listdir("/dev/fd")) == before


async def test_pipes_in_place_of_files(store: FileStore, directory: Path) -> None:
    """Opening one must not wait for somebody at its other end."""
    leave(directory, None, name="aa")
    os.mkfifo(directory / "aa")
    (directory / "bb").write_bytes(b"hello")
    os.mkfifo(directory / "bb.info")
    assert await store.adopt("aa") is None
    assert await store.adopt("bb") is None


async def test_pipe_that_somebody_holds_open(store: FileStore, directory: Path) -> None:
    (directory / ID).write_bytes(b"hello")
    os.mkfifo(directory / f"{ID}.info")
    other_end = os.open(directory / f"{ID}.info", os.O_RDWR)
    try:
        assert await store.adopt(ID) is None
    finally:
        os.close(other_end)


async def test_huge_description_is_not_read(store: FileStore, directory: Path) -> None:
    leave(directory, b"hello", Padding="x" * (1 << 20))
    assert await store.adopt(ID) is None


async def test_our_own_upload_comes_back(store: FileStore) -> None:
    """A lost catalog: what the export keeps is as it was, whose upload it is above all."""
    metadata = {"filename": "sch\xf6n.txt".encode(), "flag": b""}
    made = Upload(id=ID, length=5, user="ann", metadata=metadata, created_at=1.0)
    await store.create(made)
    upload = (await adopted(store)).upload
    assert (upload.length, upload.user, upload.metadata) == (5, "ann", metadata)
    assert upload.state is UploadState.OPEN


SESSION = Upload(id=ID, kind=UploadKind.SESSION, length=5, user="ann", created_at=1.0, layout=Ranged())
CONVERTED = Upload(
    id=ID, kind=UploadKind.PARTIAL, length=5, concat_header="partial", created_at=1.0, layout=Ranged(3)
)


async def leave_ranged(store: FileStore, upload: Upload) -> None:
    """Leave an upload whose file has its full size, whatever of it was received."""
    await store.export(upload)
    await store.allocate(ID, 5, how="full", min_free=0)


@pytest.mark.parametrize("upload", [SESSION, CONVERTED], ids=["session", "begun by tus"])
async def test_what_is_kept_as_ranges_comes_back_without_any(store: FileStore, upload: Upload) -> None:
    """Its file has all of its bytes from the start; which of them came only the catalog knew."""
    await leave_ranged(store, upload)
    found = (await adopted(store)).upload
    assert (found.kind, found.state, found.length) == (upload.kind, UploadState.OPEN, 5)
    assert (found.user, found.concat_header) == (upload.user, upload.concat_header)
    assert found.layout == Ranged()
    assert await store.exported() == [ID]


async def test_no_other_program_takes_ranges_for_a_whole(store: FileStore, directory: Path) -> None:
    """tusd believes the size of the file beside an ``.info``."""
    await store.create(Upload(id=ID, length=5, created_at=1.0))
    assert (directory / f"{ID}.info").exists()
    await leave_ranged(store, CONVERTED)
    assert not (directory / f"{ID}.info").exists()


@pytest.mark.parametrize("size", [0, 20, 10_000])
async def test_a_crash_between_the_two_exports(store: FileStore, directory: Path, size: int) -> None:
    """Where there are both nothing is believed that may be wrong; a torn one is no reason to."""
    await leave_ranged(store, SESSION)
    leave(directory, b"hello")
    ranged = directory / f".{ID}.session"
    ranged.write_bytes(ranged.read_bytes()[:size])
    found = await store.adopt(ID)
    assert found is None if size < 10_000 else found is not None and found.upload.layout == Ranged()


async def test_a_description_that_says_that_it_is_a_session_s(store: FileStore, directory: Path) -> None:
    """Whoever put it under that name: a full file proves nothing."""
    leave(directory, bytes(5), IsSession=True)
    found = (await adopted(store)).upload
    assert (found.kind, found.state, found.layout) == (UploadKind.SESSION, UploadState.OPEN, Ranged())


@pytest.mark.parametrize("upload", [SESSION, CONVERTED], ids=["session", "begun by tus"])
async def test_what_was_kept_as_ranges_and_is_complete(
    store: FileStore, directory: Path, upload: Upload
) -> None:
    """From then on it is like all others, for tusd, too."""
    await leave_ranged(store, upload)
    await store.export(replace(upload, state=UploadState.COMPLETE))
    assert {path.name for path in directory.iterdir()} == {ID, f"{ID}.info"}
    found = (await adopted(store)).upload
    assert (found.state, found.length, found.layout) == (UploadState.COMPLETE, 5, GROWING)
    await store.remove_export(ID)
    assert {path.name for path in directory.iterdir()} == {ID}


async def test_final_of_a_partial_that_is_kept_as_ranges(store: FileStore, directory: Path) -> None:
    """The partial's file is as large as it should be, which proves nothing of the final's either."""
    leave(directory, None, name="f", Size=5, IsFinal=True, PartialUploads=[ID])
    await leave_ranged(store, CONVERTED)
    assert await store.adopt("f") is None
    await store.export(replace(CONVERTED, state=UploadState.COMPLETE))
    assert (await adopted(store, "f")).upload.state is UploadState.COMPLETE


async def test_ranges_without_a_file_or_with_a_longer_one(store: FileStore, directory: Path) -> None:
    await store.export(SESSION)
    assert await store.adopt(ID) is None
    (directory / ID).write_bytes(b"hello!")
    assert await store.adopt(ID) is None


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.sampled_from([b'{"ID":"%s","Size":3,"PartialUploads":["..","/etc"]}' % ID.encode()])
)
async def test_any_description_is_read_or_refused(store: FileStore, directory: Path, data: bytes) -> None:
    (directory / ID).write_bytes(b"abc")
    (directory / f"{ID}.info").write_bytes(data)
    found = await store.adopt(ID)
    assert found is None or all(is_upload_id(chunk.data_file) for chunk in found.chunks)
