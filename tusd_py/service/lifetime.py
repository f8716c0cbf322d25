"""When uploads expire; none does while its bytes arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from tusd_py.model.upload import Upload, UploadState
from tusd_py.ports.catalog import Catalog
from tusd_py.settings import Config
from tusd_py.transfer.meanwhile import meanwhile

#: Share of the lifetime that must have passed before a new expiry is written: a few minutes are not worth a
#: write for every small PATCH.
_RENEW_AFTER: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """The times at which uploads expire."""

    config: Config
    catalog: Catalog
    clock: Callable[[], float]

    def expiry(self, state: UploadState) -> float | None:
        """Return when an upload expires whose ``state`` begins now; None: never."""
        after = self.config.expire_after_s
        if state is UploadState.COMPLETE:
            after = self.config.expire_complete_after_s
        return self.clock() + after if after else None

    async def renewed(self, upload: Upload) -> Upload:
        """Return an open upload with a new expiry, which is stored if it is worth a write."""
        expires_at = self.expiry(UploadState.OPEN)
        if expires_at is None or upload.expires_at is None:
            return upload
        if expires_at - upload.expires_at < self.config.expire_after_s * _RENEW_AFTER:
            return upload
        await self.catalog.renew(upload.id, expires_at)
        return replace(upload, expires_at=expires_at)

    @contextmanager
    def kept(self, upload: Upload) -> Iterator[None]:
        """Renew the upload's expiry while its bytes arrive, however long that takes."""
        after = self.config.expire_after_s
        if upload.expires_at is None or not after:
            yield
            return

        async def renew() -> None:
            while True:
                await self.catalog.renew(upload.id, self.clock() + after)
                await asyncio.sleep(after / 3)

        # The first renewal is late: most bodies end long before.
        remaining = upload.expires_at - self.clock()
        with meanwhile(max(0.0, min(remaining / 2, after / 3)), renew):
            yield
