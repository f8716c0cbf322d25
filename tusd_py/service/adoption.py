"""Taking over what only the directory knows: uploads that tusd left, or that a lost catalog knew."""

from __future__ import annotations

from typing import Final

from tusd_py import observe
from tusd_py.model.body import StopSignal
from tusd_py.ports.locks import other_lock
from tusd_py.service.artifacts import file_of
from tusd_py.service.core import Core

#: Lock of whoever takes a directory over. No upload can have this id.
_LOCK: Final = other_lock("adoption")
_TIMEOUT_S: Final = 600.0


async def adopt_directory(core: Core) -> None:
    """Take over what is in the directory, if no process did that to its end before.

    Another one that is at it is waited for: until it is done nothing may be deleted.

    Raises:
        UploadLocked: It takes longer than ten minutes.
    """
    if not await core.catalog.is_new():
        return
    async with core.locker.hold(_LOCK, StopSignal(), timeout_s=_TIMEOUT_S):
        if await core.catalog.is_new():
            await adopt_all(core)
            await adopt_artifacts(core)
            await core.catalog.set_known()


async def adopt_all(core: Core) -> int:
    """Take every upload of the directory into a catalog that does not know it; return how many there were.

    All of them, before anything is deleted or expires: a final counts as a user of its partials' data
    files only once it is known, and an upload that nobody asks for expires only once it is known, too.
    """
    names = await core.store.exported()
    count = 0
    for name in names:
        if await core.adopt(name) is not None:
            count += 1
    known = set(names)
    for name in names:
        for chunk in await core.catalog.chunks(name):
            if chunk.data_file not in known:  # a deleted partial that lives on in its finals
                await core.catalog.add_leftover(chunk.data_file)
    if count:
        observe.log("UploadsAdopted", count=count)
    return count


async def adopt_artifacts(core: Core) -> int:
    """Take the artifacts that a lost catalog knew, and whose files are there, into one that is new."""
    exported = await core.artifacts.exported()
    found = [each for each in exported if await core.store.size(file_of(each)) == each.size]
    if found:
        await core.artifacts.restore(found)
        observe.log("ArtifactsAdopted", count=len(found))
    return len(found)
