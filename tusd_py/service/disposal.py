"""Removes uploads, in the one place that does."""

from __future__ import annotations

from dataclasses import dataclass

from tusd_py.model.events import EventType
from tusd_py.model.upload import Upload
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.hooks import IncomingRequest
from tusd_py.ports.locks import Held
from tusd_py.ports.store import DataStore
from tusd_py.service.events import Events


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposal:
    """Removes uploads and their files."""

    catalog: Catalog
    store: DataStore
    events: Events

    async def give_up(
        self,
        upload: Upload,
        held: Held | None,
        why: EventType = EventType.GIVEN_UP,
        request: IncomingRequest | None = None,
        *,
        tombstone_until: float | None = None,
    ) -> None:
        """Remove an upload that was deleted, refused or has expired.

        A data file that a final still uses is removed with that final. The upload's lock is ``held``; None:
        no client knows the upload yet.
        """
        event = self.events.event(why, request)
        names = await self.catalog.release(upload.id, held, tombstone_until=tombstone_until, event=event)
        await self.store.remove_export(upload.id)
        for name in names:
            await self.remove(name)

    async def remove(self, name: str) -> None:
        """Remove the files of a leftover to which nothing refers."""
        await self.store.remove_export(name)
        await self.store.remove(name)
        await self.catalog.forget_leftover(name)


class given_up_on_error:
    """Remove an upload that was just created if the block fails in any way; see ``give_up``."""

    def __init__(self, disposal: Disposal, upload: Upload, held: Held | None) -> None:
        self._disposal = disposal
        self._upload = upload
        self._held = held

    async def __aenter__(self) -> None:
        """Begin."""

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Free what was taken, if anything was raised."""
        if error is not None:
            await self._disposal.give_up(self._upload, self._held)
