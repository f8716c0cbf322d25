"""Finds uploads and their offsets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tusd_py.errors.uploads import UploadExpired, UploadNotFound
from tusd_py.model.upload import Growing, Joined, Ranged, Upload, UploadState, is_upload_id
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.store import DataStore
from tusd_py.service.caller import Caller
from tusd_py.service.lifetime import Lifetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Finds uploads for their owners."""

    catalog: Catalog
    store: DataStore
    lifetime: Lifetime
    clock: Callable[[], float]

    async def find(self, upload_id: str, caller: Caller) -> Upload:
        """Return an upload that the caller may use.

        An upload that only the directory knows (from tusd, or from a lost catalog) is added to the catalog
        first.

        Raises:
            UploadNotFound: It does not exist, or belongs to another user.
            UploadExpired: It has expired.
        """
        upload = await self.find_in_use(upload_id, caller)
        if upload.expires_at is not None and upload.expires_at <= self.clock():
            raise UploadExpired
        return upload

    async def find_in_use(self, upload_id: str, caller: Caller) -> Upload:
        """Return an upload as ``find`` does, even if it has expired while it is being written to.

        An upload does not expire while its bytes arrive, however long that takes; its writer renews the
        expiry at the end.
        """
        if not is_upload_id(upload_id):
            raise UploadNotFound
        upload = await self.catalog.get(upload_id) or await self.adopt(upload_id)
        if upload is None or (upload.user is not None and upload.user != caller.user):
            raise UploadNotFound
        if upload.state is UploadState.EXPIRED:
            raise UploadExpired
        return upload

    async def adopt(self, upload_id: str) -> Upload | None:
        """Add an upload that only the directory knows to the catalog; None when there is none."""
        if await self.catalog.is_leftover(upload_id):
            return None
        adopted = await self.store.adopt(upload_id)
        if adopted is None:
            return None
        upload = replace(adopted.upload, expires_at=self.lifetime.expiry(adopted.upload.state))
        await self.catalog.insert(upload, adopted.chunks)
        return await self.catalog.get(upload_id)

    async def offset(self, upload: Upload) -> int:
        """Return how many bytes of the upload count. Raises UploadNotFound if its data file is missing."""
        if upload.state is UploadState.COMPLETE and upload.length is not None:
            return upload.length
        match upload.layout:
            case Joined():
                return 0
            case Ranged(prefix):
                return prefix
            case Growing() as growing:
                stored = await self.store.size(upload.id)
                if stored is None:
                    raise UploadNotFound
                return growing.offset(stored)
