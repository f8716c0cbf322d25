"""Config in, open backends and fronts over them out; the only place that names concrete adapters."""

from __future__ import annotations

from contextlib import AsyncExitStack

from tusd_py.adapters.catalog_sqlite.artifacts import SqliteArtifacts
from tusd_py.adapters.catalog_sqlite.catalog import SqliteCatalog, open_catalog
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
from tusd_py.service.adoption import adopt_directory
from tusd_py.service.append import Appender
from tusd_py.service.artifacts import FOLDER, Artifacts
from tusd_py.service.chunks import Chunks
from tusd_py.service.commit import Commits
from tusd_py.service.concat import Concatenation
from tusd_py.service.core import Core
from tusd_py.service.expiry import Sweeper, Swept
from tusd_py.service.liveness import Liveness, new_worker_name
from tusd_py.service.ranged_append import RangedAppend
from tusd_py.service.reading import Reading
from tusd_py.service.sessions import Sessions
from tusd_py.service.uploads import Uploads
from tusd_py.settings import Config

#: Catalog, locks and inboxes, inside the upload directory: one directory is the whole state.
STATE_FOLDER = ".tusd-py"


#: On every answer; a browser must not guess another type for what somebody uploaded.
_COMMON_HEADERS = [(b"tus-resumable", VERSION.encode()), (b"x-content-type-options", b"nosniff")]


class Backends:
    """What is open while the application runs. Made by ``open_backends``."""

    def __init__(self, config: Config, catalog: SqliteCatalog, locker: FileLocker, store: FileStore) -> None:
        self._opened = AsyncExitStack()
        ranges = SqliteRanges(catalog)
        exports = ArtifactExports(config.upload_dir / STATE_FOLDER / "exports")
        artifacts = SqliteArtifacts(catalog, exports)
        self.core = Core(config, catalog, store, locker, CallableHooks(config), ranges, artifacts)
        self.sweeper = Sweeper(self.core)
        self.liveness = Liveness(locker, ranges, new_worker_name())
        appender = Appender(self.core, RangedAppend(self.core, self.liveness))
        self.uploads = uploads = Uploads(self.core, appender)
        reading = Reading(self.core, uploads)
        downloads = Downloads(reading)
        self.tus = TusFront(config, uploads, appender, Concatenation(self.core, uploads), downloads)
        self.artifacts = Artifacts(self.core, uploads, reading)
        self.commits = Commits(self.core, self.liveness, self.artifacts)
        sessions = Sessions(self.core, uploads)
        self.api = ApiFront(
            config,
            ChunksFront(config, sessions, Chunks(self.core, self.liveness), self.commits),
            ArtifactsFront(config, sessions, self.commits, self.artifacts, downloads),
        )

    def keep(self, opened: AsyncExitStack) -> None:
        """Close at the end what was opened for this."""
        self._opened = opened.pop_all()

    async def recover(self) -> None:
        """Finish or undo what dead processes left; done once at the start."""
        await self.liveness.drop_claims_of_all_dead()
        await self.commits.recover()
        await self.artifacts.recover()
        await self.sweeper.recover()

    async def sweep(self) -> Swept:
        """Do all that is due."""
        await self.liveness.drop_claims_of_all_dead()
        return await self.sweeper.sweep()

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
        backends = Backends(config, catalog, locker, store)
        # While this is held the worker lives, and the others leave what it claims alone.
        await opened.enter_async_context(locker.hold_if_free(backends.liveness.worker))
        opened.push_async_callback(backends.commits.close)
        opened.push_async_callback(backends.uploads.close)
        await adopt_directory(backends.core)
        backends.keep(opened)
    return backends
