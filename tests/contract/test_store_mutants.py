"""Data stores that break one promise each; the contract must notice every one of them."""

# ruff: noqa: D101 - a mutant is named after what it does wrong

import asyncio
import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract import test_store as contract
from tests.contract import test_store_capabilities as capabilities
from tests.contract.mutants import is_kept
from tusd_py.adapters.store_file.store import FileStore
from tusd_py.model.body import Body, Hash, Received, StopSignal
from tusd_py.model.upload import Upload, UploadChunk
from tusd_py.ports.store import Adopted
from tusd_py.settings import Preallocate


class ForgetsToTruncate(FileStore):
    async def truncate(self, name: str, size: int) -> None:
        pass


class KeepsOneByteTooMany(FileStore):
    async def truncate(self, name: str, size: int) -> None:
        await super().truncate(name, size + 1)


class MakesUpBytes(FileStore):
    async def truncate(self, name: str, size: int) -> None:
        os.truncate(self._path(name), size)


class Appends(FileStore):
    async def write(
        self, name: str, offset: int, body: Body, *, limit: int, hashes: Sequence[Hash], stop: StopSignal
    ) -> Received:
        end = await self.size(name) or 0
        return await super().write(name, end, body, limit=limit, hashes=hashes, stop=stop)


class WritesFromTheStart(FileStore):
    async def write(
        self, name: str, offset: int, body: Body, *, limit: int, hashes: Sequence[Hash], stop: StopSignal
    ) -> Received:
        return await super().write(name, 0, body, limit=limit, hashes=hashes, stop=stop)


class IgnoresTheLimit(FileStore):
    async def write(
        self, name: str, offset: int, body: Body, *, limit: int, hashes: Sequence[Hash], stop: StopSignal
    ) -> Received:
        return await super().write(name, offset, body, limit=1 << 40, hashes=hashes, stop=stop)


class ForgetsTheHashes(FileStore):
    async def write(
        self, name: str, offset: int, body: Body, *, limit: int, hashes: Sequence[Hash], stop: StopSignal
    ) -> Received:
        return await super().write(name, offset, body, limit=limit, hashes=(), stop=stop)


class CannotBeStopped(FileStore):
    async def write(
        self, name: str, offset: int, body: Body, *, limit: int, hashes: Sequence[Hash], stop: StopSignal
    ) -> Received:
        return await super().write(name, offset, body, limit=limit, hashes=hashes, stop=StopSignal())


class MakesWhatIsGone(FileStore):
    async def write(
        self, name: str, offset: int, body: Body, *, limit: int, hashes: Sequence[Hash], stop: StopSignal
    ) -> Received:
        Path(self._path(name)).touch()
        return await super().write(name, offset, body, limit=limit, hashes=hashes, stop=stop)


class LeaksDescriptors(FileStore):
    async def sync(self, name: str) -> None:
        os.open(self._path(name), os.O_RDONLY)


class Replaces(FileStore):
    async def create(self, upload: Upload) -> None:
        await self.remove(upload.id)
        await super().create(upload)


class LeavesTheExport(FileStore):
    async def remove_export(self, name: str) -> None:
        pass


class LeavesTheData(FileStore):
    async def remove(self, name: str) -> None:
        pass


class RemovesOnlyOnce(FileStore):
    async def remove(self, name: str) -> None:
        os.unlink(self._path(name))


class ExportsInPlace(FileStore):
    async def export(self, upload: Upload) -> None:
        info = Path(f"{self._path(upload.id)}.info")
        await super().export(upload)
        data = info.read_bytes()
        info.write_bytes(b"")
        await asyncio.sleep(0.001)
        info.write_bytes(data)


class ForgetsThePieces(FileStore):
    async def export_final(self, upload: Upload, chunks: Sequence[UploadChunk]) -> None:
        await super().export(upload)


class ForgetsTheUser(FileStore):
    async def adopt(self, upload_id: str) -> Adopted | None:
        found = await super().adopt(upload_id)
        return found and replace(found, upload=replace(found.upload, user=None))


class DigestsToTheEnd(FileStore):
    async def digest(self, name: str, start: int, stop: int, taken: Hash) -> None:
        await super().digest(name, start, 1 << 40, taken)


class SaysNothingIsEmpty(FileStore):
    async def size(self, name: str) -> int | None:
        return await super().size(name) or 0


class AllocatesAnew(FileStore):
    async def allocate(self, name: str, size: int, *, how: Preallocate, min_free: int) -> None:
        await self.remove(name)
        await super().allocate(name, size, how=how, min_free=min_free)


class UsesUpAllSpace(FileStore):
    async def allocate(self, name: str, size: int, *, how: Preallocate, min_free: int) -> None:
        await super().allocate(name, size, how=how, min_free=0)


class LinksByMoving(FileStore):
    async def link(self, name: str, new_name: str) -> None:
        await self.move(name, new_name)


class MovesByLinking(FileStore):
    async def move(self, name: str, new_name: str) -> None:
        await self.link(name, new_name)


class JoinsWholeFiles(FileStore):
    async def join(self, pieces: Sequence[tuple[str, int, int]], name: str, taken: Hash) -> None:
        await super().join([(each, 0, start + size) for each, start, size in pieces], name, taken)


class JoinsWithoutHashing(FileStore):
    async def join(self, pieces: Sequence[tuple[str, int, int]], name: str, taken: Hash) -> None:
        await super().join(pieces, name, hashlib.sha256())


class SyncsNothing(FileStore):
    async def sync(self, name: str) -> None:
        pass


@pytest.mark.parametrize(
    ("mutant", "caught_by"),
    [
        (ForgetsToTruncate, "test_truncate_discards_the_rest"),
        (KeepsOneByteTooMany, "test_truncate_discards_the_rest"),
        (MakesUpBytes, "test_truncate_never_makes_up_bytes"),
        (Appends, "test_bytes_go_to_the_offset_and_not_to_the_end"),
        (WritesFromTheStart, "test_a_write_changes_nothing_before_its_offset"),
        (IgnoresTheLimit, "test_no_byte_beyond_the_limit"),
        (ForgetsTheHashes, "test_hashes_take_exactly_the_bytes_written"),
        (CannotBeStopped, "test_the_body_can_be_stopped"),
        (MakesWhatIsGone, "test_writing_to_what_is_gone"),
        (LeaksDescriptors, "test_no_descriptor_is_left_open"),
        (Replaces, "test_create_never_replaces_an_upload"),
        (LeavesTheExport, "test_remove_export_takes_the_export"),
        (LeavesTheData, "test_remove_takes_the_data_file"),
        (RemovesOnlyOnce, "test_remove_takes_the_data_file"),
        (ExportsInPlace, "test_export_is_seen_whole_or_not_at_all"),
        (ForgetsThePieces, "test_a_final_comes_back_with_its_pieces"),
        (ForgetsTheUser, "test_create_makes_an_empty_data_file_and_the_export"),
        (DigestsToTheEnd, "test_digest_of_a_range"),
        (SaysNothingIsEmpty, "test_size_of_nothing"),
        (AllocatesAnew, "test_allocate_keeps_what_is_there"),
        (UsesUpAllSpace, "test_no_space_is_told_before_a_byte_arrives"),
        (LinksByMoving, "test_a_link_is_a_second_name"),
        (MovesByLinking, "test_a_move_takes_the_old_name_away"),
        (JoinsWholeFiles, "test_join_copies_runs_in_order"),
        (JoinsWithoutHashing, "test_join_copies_runs_in_order"),
        (SyncsNothing, "test_sync_of_what_is_gone"),
    ],
)
def test_the_contract_notices(mutant: type[FileStore], caught_by: str) -> None:
    async def kit(directory: Path, stack: AsyncExitStack) -> Mapping[str, object]:
        return {"store": mutant(directory)}

    module = contract if hasattr(contract, caught_by) else capabilities
    assert not is_kept(module, caught_by, kit)
