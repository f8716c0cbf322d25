"""Takes over uploads that only the directory knows: tusd made them, or their catalog was lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tusd_py import observe
from tusd_py.model.body import StopSignal
from tusd_py.ports.artifacts import ArtifactCatalog
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.locks import Locker, other_lock
from tusd_py.ports.store import DataStore
from tusd_py.service.artifacts import file_of
from tusd_py.service.lookup import Lookup

#: Lock of the process that takes a directory over.
_LOCK: Final = other_lock("adoption")
_TIMEOUT_S: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """Takes over uploads and artifacts."""

    catalog: Catalog
    store: DataStore
    locker: Locker
    artifacts: ArtifactCatalog
    lookup: Lookup

    async def adopt_directory(self) -> None:
        """Take over what is in the directory, unless a process has done so completely.

        Waits for another process that is doing it: until then nothing may be deleted.

        Raises:
            UploadLocked: The other process takes longer than ten minutes.
        """
        if not await self.catalog.is_new():
            return
        async with self.locker.hold(_LOCK, StopSignal(), timeout_s=_TIMEOUT_S):
            if await self.catalog.is_new():
                await self._adopt_uploads()
                await self._adopt_artifacts()
                await self.catalog.set_known()

    async def _adopt_uploads(self) -> int:
        """Add every upload of the directory to a catalog that does not know it; return their number.

        All of them, before anything is deleted or expires: only the catalog's finals protect their partials'
        data files, and only uploads in the catalog expire.
        """
        names = await self.store.exported()
        adopted = [upload for name in names if (upload := await self.lookup.adopt(name)) is not None]
        known = set(names)
        for upload in adopted:
            async for chunk in self.catalog.chunks(upload):
                if chunk.data_file not in known:  # a deleted partial that lives on in its finals
                    await self.catalog.add_leftover(chunk.data_file)
        if adopted:
            observe.log("UploadsAdopted", count=len(adopted))
        return len(adopted)

    async def _adopt_artifacts(self) -> int:
        """Add the artifacts that have an export and a file to a new catalog; return their number."""
        exported = await self.artifacts.exported()
        found = [each for each in exported if await self.store.size(file_of(each)) == each.size]
        if found:
            await self.artifacts.restore(found)
            observe.log("ArtifactsAdopted", count=len(found))
        return len(found)
