"""Catalogs that break one promise each; the contract must notice every one of them."""

# ruff: noqa: D101 - a mutant is named after what it does wrong

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract import test_catalog, test_catalog_finals, test_events
from tests.contract.backends import sqlite_catalog
from tests.contract.mutants import is_kept
from tests.contract.uploads import HELD, chunks_of
from tusd_py.adapters.catalog_sqlite.catalog import SqliteCatalog
from tusd_py.adapters.catalog_sqlite.events import add_event
from tusd_py.model.events import NewEvent
from tusd_py.model.finals import PartialGone, TooLarge
from tusd_py.model.upload import GROWING, ChunkState, Growing, Upload, UploadChunk, UploadState
from tusd_py.ports.locks import Held

CONTRACTS = (test_catalog, test_catalog_finals, test_events)


class Replaces(SqliteCatalog):
    async def insert(self, upload: Upload, chunks: Sequence[UploadChunk] = (), **more: Any) -> None:
        await self.release(upload.id, None, tombstone_until=None)
        await super().insert(upload, chunks, **more)


class KeepsMetadataAsText(SqliteCatalog):
    async def insert(self, upload: Upload, chunks: Sequence[UploadChunk] = (), **more: Any) -> None:
        text = {key: value.decode(errors="replace").encode() for key, value in upload.metadata.items()}
        await super().insert(replace(upload, metadata=text), chunks, **more)


class ReturnsWithoutTheMark(SqliteCatalog):
    async def get(self, upload_id: str) -> Upload | None:
        found = await super().get(upload_id)
        return found and replace(found, layout=GROWING)


class ForgetsUnverifiedBytes(SqliteCatalog):
    async def set_unverified(self, upload_id: str, offset: int | None, held: Held, **more: Any) -> None:
        pass


class CompletesUnverifiedBytes(SqliteCatalog):
    async def complete(self, upload: Upload, at: float, held: Held, **more: Any) -> list[str]:
        filled = await super().complete(upload, at, held, **more)
        assert isinstance(upload.layout, Growing)
        await self.set_unverified(upload.id, upload.layout.unverified_from, held)
        return filled


class CompletesTombstones(SqliteCatalog):
    async def complete(self, upload: Upload, at: float, held: Held, **more: Any) -> list[str]:
        await self.release(upload.id, None, tombstone_until=None)
        await self.insert(upload)
        return await super().complete(upload, at, held, **more)


class TellsNobodyOfFullFinals(SqliteCatalog):
    async def complete(self, upload: Upload, at: float, held: Held, **more: Any) -> list[str]:
        await super().complete(upload, at, held, **more)
        return []


class MakesFinalsOfAnything(SqliteCatalog):
    async def insert_final(self, final: Upload, chunks: Sequence[UploadChunk], **more: Any) -> Upload:
        await self.insert(final, chunks)
        return final


class LeavesRefusedFinals(SqliteCatalog):
    async def insert_final(
        self, final: Upload, chunks: Sequence[UploadChunk], **more: Any
    ) -> Upload | PartialGone | TooLarge:
        made = await super().insert_final(final, chunks, **more)
        if not isinstance(made, Upload):
            await self.insert(final, chunks)
        return made


class IgnoresTheLimit(SqliteCatalog):
    async def set_length(
        self, upload_id: str, length: int, held: Held, *, max_size: int | None
    ) -> TooLarge | None:
        return await super().set_length(upload_id, length, held, max_size=None)


class ReversesChunks(SqliteCatalog):
    async def chunks(
        self, upload: Upload, *, state: ChunkState | None = None, limit: int = -1, offset: int = 0
    ) -> AsyncIterator[UploadChunk]:
        found = super().chunks(upload, state=state, limit=limit, offset=offset)
        for chunk in reversed([each async for each in found]):
            yield chunk


class FreesSharedFiles(SqliteCatalog):
    async def release(self, upload_id: str, held: Held | None, **more: Any) -> list[str]:
        await super().release(upload_id, held, **more)
        return [upload_id]


class FreesOnlyTheFirstPiece(SqliteCatalog):
    async def release(self, upload_id: str, held: Held | None, **more: Any) -> list[str]:
        first = {chunk.data_file for chunk in (await chunks_of(self, upload_id))[:1]}
        names = await super().release(upload_id, held, **more)
        return [name for name in names if name in first | {upload_id}]


class ForgetsLeftovers(SqliteCatalog):
    async def release(self, upload_id: str, held: Held | None, **more: Any) -> list[str]:
        names = await super().release(upload_id, held, **more)
        await self.forget_leftover(upload_id)
        return names


class ListensToLateWriters(SqliteCatalog):
    async def release(self, upload_id: str, held: Held | None, **more: Any) -> list[str]:
        return await super().release(upload_id, None, **more)


class CompletesForLateWriters(SqliteCatalog):
    async def complete(self, upload: Upload, at: float, held: Held, **more: Any) -> list[str]:
        return await super().complete(upload, at, HELD, **more)


class LeavesNoTombstone(SqliteCatalog):
    async def release(self, upload_id: str, held: Held | None, **more: Any) -> list[str]:
        return await super().release(upload_id, held, **(more | {"tombstone_until": None}))


class ForgetsTheUserOfTombstones(SqliteCatalog):
    async def get(self, upload_id: str) -> Upload | None:
        found = await super().get(upload_id)
        return replace(found, user=None) if found and found.state is UploadState.EXPIRED else found


class ReleasesSharedFiles(SqliteCatalog):
    async def removable(self) -> list[str]:
        return [name for name in ("a", "b", "f", "g") if await self.is_leftover(name)]


class ExpiresInAnyOrder(SqliteCatalog):
    async def expired(self, now: float, *, limit: int) -> list[str]:
        return sorted(await super().expired(now, limit=limit))


class PagesForEver(SqliteCatalog):
    async def open_uploads(self, *, after: str, limit: int) -> list[Upload]:
        return await super().open_uploads(after="", limit=limit)


class TellsOfNoCompletion(SqliteCatalog):
    async def complete(self, upload: Upload, at: float, held: Held, **more: Any) -> list[str]:
        return await super().complete(upload, at, held, **more | {"event": None})


class TellsOfEveryCompletion(SqliteCatalog):
    async def complete(
        self, upload: Upload, at: float, held: Held, *, event: NewEvent | None = None, **more: Any
    ) -> list[str]:
        filled = await super().complete(upload, at, held, **more)
        await self.writer.run(lambda connection: add_event(connection, event, upload.id))
        return filled


class TellsOfEveryInsert(SqliteCatalog):
    async def insert(
        self,
        upload: Upload,
        chunks: Sequence[UploadChunk] = (),
        *,
        event: NewEvent | None = None,
        **more: Any,
    ) -> None:
        await super().insert(upload, chunks, **more)
        await self.writer.run(lambda connection: add_event(connection, event, upload.id))


class TellsOfFinalsTooEarly(SqliteCatalog):
    async def insert_final(
        self, final: Upload, chunks: Sequence[UploadChunk], *, event: NewEvent | None = None, **more: Any
    ) -> Upload | PartialGone | TooLarge:
        await self.insert(final, event=event)
        await self.release(final.id, None, tombstone_until=None)
        return await super().insert_final(final, chunks, **more)


class TellsOfTombstones(SqliteCatalog):
    async def release(
        self, upload_id: str, held: Held | None, *, event: NewEvent | None = None, **more: Any
    ) -> list[str]:
        await self.writer.run(lambda connection: add_event(connection, event, upload_id))
        return await super().release(upload_id, held, **more)


@pytest.mark.parametrize(
    ("mutant", "caught_by"),
    [
        (Replaces, "test_an_upload_that_is_there_is_left_as_it_is"),
        (KeepsMetadataAsText, "test_an_upload_comes_back_as_it_was"),
        (ReturnsWithoutTheMark, "test_unverified_bytes_are_remembered_and_forgotten"),
        (ForgetsUnverifiedBytes, "test_unverified_bytes_are_remembered_and_forgotten"),
        (CompletesUnverifiedBytes, "test_completion"),
        (CompletesTombstones, "test_a_tombstone_is_not_completed"),
        (TellsNobodyOfFullFinals, "test_a_final_of_unfinished_partials"),
        (MakesFinalsOfAnything, "test_a_missing_partial_is_refused"),
        (LeavesRefusedFinals, "test_a_refusal_undoes_only_itself"),
        (LeavesRefusedFinals, "test_a_final_may_be_as_large_as_the_limit"),
        (IgnoresTheLimit, "test_a_declared_length_must_fit_the_finals"),
        (ReversesChunks, "test_chunks_come_in_the_order_of_the_bytes"),
        (FreesSharedFiles, "test_a_final_keeps_the_files_of_its_partials"),
        (FreesOnlyTheFirstPiece, "test_the_last_final_frees_every_file_that_it_kept"),
        (ForgetsLeftovers, "test_release_leaves_nothing_but_the_leftover"),
        (ListensToLateWriters, "test_a_lock_that_is_lost_changes_nothing"),
        (CompletesForLateWriters, "test_a_lock_that_is_lost_changes_nothing"),
        (LeavesNoTombstone, "test_release_with_a_tombstone"),
        (ForgetsTheUserOfTombstones, "test_release_with_a_tombstone"),
        (ReleasesSharedFiles, "test_a_final_keeps_the_files_of_its_partials"),
        (ExpiresInAnyOrder, "test_expired_uploads_oldest_first"),
        (PagesForEver, "test_open_uploads_page_by_page"),
        (TellsOfNoCompletion, "test_every_change_of_an_upload_in_order"),
        (TellsOfEveryCompletion, "test_an_upload_is_completed_once"),
        (TellsOfEveryInsert, "test_an_upload_that_was_there_is_not_created"),
        (TellsOfFinalsTooEarly, "test_a_final_that_is_refused_was_not_created"),
        (TellsOfFinalsTooEarly, "test_a_partial_and_its_final"),
        (TellsOfTombstones, "test_that_a_tombstone_is_forgotten_is_not_told"),
    ],
)
def test_the_contract_notices(mutant: type[SqliteCatalog], caught_by: str) -> None:
    async def kit(directory: Path, stack: AsyncExitStack) -> Mapping[str, object]:
        open_another = sqlite_catalog(mutant)(directory, stack)
        return {"open_another": open_another, "catalog": await open_another()}

    (contract,) = (each for each in CONTRACTS if hasattr(each, caught_by))
    assert not is_kept(contract, caught_by, kit, within_s=1.0)
