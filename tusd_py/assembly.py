"""Config in, open backends and fronts over them out; the only place that names concrete adapters."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypedDict

from tusd_py.adapters.catalog_sqlite.artifacts import SqliteArtifacts
from tusd_py.adapters.catalog_sqlite.catalog import open_catalog
from tusd_py.adapters.catalog_sqlite.ranges import SqliteRanges
from tusd_py.adapters.hooks_callables import CallableHooks
from tusd_py.adapters.locks_kernel.locker import FileLocker
from tusd_py.adapters.medium import medium_of
from tusd_py.adapters.store_file.artifact_exports import ArtifactExports
from tusd_py.adapters.store_file.store import FileStore
from tusd_py.fronts.chunks.artifacts import ArtifactsFront
from tusd_py.fronts.chunks.front import ChunksFront
from tusd_py.fronts.chunks.routes import ApiFront
from tusd_py.fronts.downloads.front import Downloads
from tusd_py.fronts.tus.front import TusFront
from tusd_py.fronts.tus.grammar import VERSION
from tusd_py.ports.artifacts import ArtifactCatalog
from tusd_py.ports.catalog import Catalog
from tusd_py.ports.hooks import Hooks
from tusd_py.ports.locks import Locker
from tusd_py.ports.ranges import RangeCatalog
from tusd_py.ports.store import DataStore
from tusd_py.service.adoption import Adoption
from tusd_py.service.append import Appender
from tusd_py.service.artifacts import FOLDER, Artifacts
from tusd_py.service.chunks import Chunks
from tusd_py.service.commit import Commits
from tusd_py.service.concat import Concatenation
from tusd_py.service.disposal import Disposal
from tusd_py.service.expiry import Sweeper, Swept
from tusd_py.service.finishing import Finishing
from tusd_py.service.lifetime import Lifetime
from tusd_py.service.liveness import Liveness, new_worker_name
from tusd_py.service.lookup import Lookup
from tusd_py.service.ranged_append import RangedAppend
from tusd_py.service.reading import Reading
from tusd_py.service.sessions import Sessions
from tusd_py.service.uploads import Uploads
from tusd_py.settings import Config

#: Catalog, locks and inboxes, inside the upload directory: one directory is the whole state.
STATE_FOLDER = ".tusd-py"


#: On every answer; a browser must not guess another type for what somebody uploaded.
_COMMON_HEADERS = [(b"tus-resumable", VERSION.encode()), (b"x-content-type-options", b"nosniff")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The outside, as the service sees it."""

    catalog: Catalog
    store: DataStore
    locker: Locker
    hooks: Hooks
    ranges: RangeCatalog
    artifacts: ArtifactCatalog
    clock: Callable[[], float] = time.time  # seconds since 1970


class _Backends(TypedDict):
    """What nearly every use case needs of the outside."""

    config: Config
    catalog: Catalog
    store: DataStore
    locker: Locker


class _Common(_Backends):
    """What most use cases need."""

    lookup: Lookup
    finishing: Finishing


class Service:
    """The use cases, over whatever ports."""

    def __init__(self, config: Config, ports: Ports, liveness: Liveness) -> None:
        self.ports, self.liveness = ports, liveness
        catalog, store, ranges, clock = ports.catalog, ports.store, ports.ranges, ports.clock
        backends = _Backends(config=config, catalog=catalog, store=store, locker=ports.locker)
        lifetime = Lifetime(config=config, catalog=catalog, clock=clock)
        lookup = Lookup(catalog=catalog, store=store, lifetime=lifetime, clock=clock)
        disposal = Disposal(catalog=catalog, store=store)
        finishing = Finishing(**backends, hooks=ports.hooks, ranges=ranges, lifetime=lifetime, clock=clock)
        common = _Common(**backends, lookup=lookup, finishing=finishing)
        ranged = RangedAppend(
            config=config, store=store, ranges=ranges, clock=clock, lifetime=lifetime, liveness=liveness
        )
        self.appender = Appender(**common, lifetime=lifetime, ranged=ranged)
        self.uploads = uploads = Uploads(
            **common, hooks=ports.hooks, clock=clock, disposal=disposal, appender=self.appender
        )
        self.concatenation = Concatenation(**common, disposal=disposal, uploads=uploads)
        self.reading = Reading(catalog, store, uploads)
        self.artifacts = Artifacts(
            **common,
            ranges=ranges,
            artifacts=ports.artifacts,
            clock=clock,
            disposal=disposal,
            uploads=uploads,
            reading=self.reading,
        )
        self.commits = Commits(
            **common, ranges=ranges, lifetime=lifetime, liveness=liveness, artifacts=self.artifacts
        )
        self.chunks = Chunks(**common, ranges=ranges, clock=clock, lifetime=lifetime, liveness=liveness)
        self.sessions = Sessions(
            **backends,
            ranges=ranges,
            artifacts=ports.artifacts,
            clock=clock,
            lookup=lookup,
            disposal=disposal,
            uploads=uploads,
        )
        self.sweeper = Sweeper(**backends, clock=clock, finishing=finishing, disposal=disposal)
        self.adoption = Adoption(
            catalog=catalog, store=store, locker=ports.locker, artifacts=ports.artifacts, lookup=lookup
        )


class Backends:
    """What is open while the application runs. Made by ``open_backends``."""

    def __init__(self, config: Config, service: Service) -> None:
        self._opened = AsyncExitStack()
        self.service = service
        downloads = Downloads(service.reading)
        self.tus = TusFront(config, service.uploads, service.appender, service.concatenation, downloads)
        self.api = ApiFront(
            config,
            ChunksFront(config, service.sessions, service.chunks, service.commits),
            ArtifactsFront(config, service.sessions, service.commits, service.artifacts, downloads),
        )

    def keep(self, opened: AsyncExitStack) -> None:
        """Close at the end what was opened for this."""
        self._opened = opened.pop_all()

    async def recover(self) -> None:
        """Finish or undo what dead processes left; done once at the start."""
        await self.service.liveness.drop_claims_of_all_dead()
        await self.service.commits.recover()
        await self.service.artifacts.recover()
        await self.service.sweeper.recover()

    async def sweep(self) -> Swept:
        """Do all that is due."""
        await self.service.liveness.drop_claims_of_all_dead()
        return await self.service.sweeper.sweep()

    async def close(self) -> None:
        """Finish what waits and let go of everything, in reverse of the order in which it was opened."""
        await self._opened.aclose()


async def open_backends(config: Config) -> Backends:
    """Open the state in the upload directory, made if need be.

    Raises:
        OSError, CatalogUnusable, ValueError: The directory or the catalog in it cannot be used.
        StorageFull, UploadLocked: What is in the directory cannot be taken over.
    """
    state = config.upload_dir / STATE_FOLDER
    config.upload_dir.mkdir(parents=True, exist_ok=True, mode=config.dir_mode)
    state.mkdir(exist_ok=True, mode=config.dir_mode)
    (config.upload_dir / FOLDER).mkdir(exist_ok=True, mode=config.dir_mode)
    async with AsyncExitStack() as opened:  # whatever fails closes what was opened before it
        is_synced = config.durability != "none"
        medium = medium_of(config.upload_dir) if config.medium == "auto" else config.medium
        store = FileStore(config.upload_dir, file_mode=config.file_mode, writes_back=is_synced, medium=medium)
        opened.callback(store.close)
        catalog = await open_catalog(state / "catalog.sqlite3", medium)
        opened.push_async_callback(catalog.close)
        locker = FileLocker(state)
        opened.callback(locker.close)
        locker.open()
        ranges = SqliteRanges(catalog)
        liveness = Liveness(locker, ranges, new_worker_name())
        ports = Ports(
            catalog=catalog,
            store=store,
            locker=locker,
            hooks=CallableHooks(config),
            ranges=ranges,
            artifacts=SqliteArtifacts(catalog, ArtifactExports(state / "exports")),
        )
        service = Service(config, ports, liveness)
        backends = Backends(config, service)
        # While this is held the worker lives, and the others leave what it claims alone.
        await opened.enter_async_context(locker.hold_if_free(liveness.worker))
        opened.push_async_callback(service.commits.close)
        opened.push_async_callback(service.uploads.close)
        await service.adoption.adopt_directory()
        backends.keep(opened)
    return backends
