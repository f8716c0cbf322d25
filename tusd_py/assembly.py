"""Opens the backends that a Config asks for, and the fronts over them; the only place that names adapters."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from tusd_py import observe
from tusd_py.adapters.catalog_sqlite.artifact_exports import ArtifactExports
from tusd_py.adapters.catalog_sqlite.artifacts import SqliteArtifacts
from tusd_py.adapters.catalog_sqlite.catalog import open_catalog
from tusd_py.adapters.catalog_sqlite.events import SqliteOutbox
from tusd_py.adapters.catalog_sqlite.ranges import SqliteRanges
from tusd_py.adapters.hooks_callables import CallableHooks
from tusd_py.adapters.hooks_tusd.hooks import TusdHooks
from tusd_py.adapters.hooks_tusd.transports import FileTransport, Transport
from tusd_py.adapters.locks_kernel.locker import FileLocker
from tusd_py.adapters.medium import medium_of
from tusd_py.adapters.store_file.store import FileStore
from tusd_py.fronts.chunks.artifacts import ArtifactsFront
from tusd_py.fronts.chunks.front import ChunksFront
from tusd_py.fronts.chunks.routes import ApiFront
from tusd_py.fronts.downloads.front import Downloads
from tusd_py.fronts.tus.front import TusFront
from tusd_py.model.file_info import file_storage
from tusd_py.model.upload import Upload, UploadKind
from tusd_py.ports.store import STATE_FOLDER, DataStore
from tusd_py.service.artifacts import FOLDER
from tusd_py.service.delivery import Delivery
from tusd_py.service.expiry import Swept
from tusd_py.service.liveness import Liveness, new_worker_name
from tusd_py.service.wiring import Ports, Service
from tusd_py.settings import Config
from tusd_py.transfer.calls import Medium

#: Opens the store in which the bytes of uploads are kept; called when the upload directory is there.
OpenStore = Callable[[Config], DataStore]


class Backends:
    """What is open while the application runs; created by ``open_backends``."""

    def __init__(self, config: Config, service: Service) -> None:
        self._config = config
        self._opened = AsyncExitStack()
        self.service = service
        self.delivery: Delivery | None = None  # None: nobody is told of anything
        downloads = Downloads(service.reading)
        concatenation = None if config.disable_concatenation else service.concatenation
        self.tus = TusFront(config, service.uploads, service.appender, concatenation, downloads)
        self.api = None
        if (parallel := service.parallel) is not None:
            self.api = ApiFront(
                config,
                ChunksFront(config, parallel.uploads, parallel.chunks, parallel.commits),
                ArtifactsFront(config, parallel.uploads, parallel.commits, parallel.artifacts, downloads),
            )

    def keep(self, opened: AsyncExitStack) -> None:
        """Record what ``close`` has to close."""
        self._opened = opened.pop_all()

    async def recover(self) -> None:
        """Finish or undo what dead processes left; called once at the start."""
        await self.service.liveness.drop_claims_of_all_dead()
        if (parallel := self.service.parallel) is not None:
            await parallel.commits.recover()
            await parallel.artifacts.recover()
        await self.service.sweeper.recover()

    async def sweep(self) -> Swept:
        """Run one sweep; see Sweeper.sweep."""
        await self.service.liveness.drop_claims_of_all_dead()
        return await self.service.sweeper.sweep()

    async def work(self) -> None:
        """Do what no request asks for, until it is cancelled: recover, sweep now and then, deliver events."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sweep_now_and_then())
            if self.delivery is not None:
                tasks.create_task(self.delivery.run())

    async def _sweep_now_and_then(self) -> None:
        step: Callable[[], Awaitable[object]] = self.recover
        while True:
            try:
                await step()
            except Exception:  # the next sweep may succeed, and the server keeps running
                observe.LOGGER.exception("SweepFailed")
            if step == self.sweep:
                if not self._config.sweep_interval_s:
                    return
                await asyncio.sleep(self._config.sweep_interval_s)
            step = self.sweep

    async def close(self) -> None:
        """Finish what waits, and close everything in the reverse order of opening."""
        await self._opened.aclose()


def open_files(config: Config) -> DataStore:
    """Open the store of files in the upload directory."""
    (config.upload_dir / FOLDER).mkdir(exist_ok=True, mode=config.dir_mode)
    is_synced = config.syncs_completion
    return FileStore(
        config.upload_dir, file_mode=config.file_mode, writes_back=is_synced, medium=_medium(config)
    )


def _medium(config: Config) -> Medium:
    """Return what the upload directory is on."""
    return medium_of(config.upload_dir) if config.medium == "auto" else config.medium


def open_hooks(config: Config, opened: AsyncExitStack) -> TusdHooks | None:
    """Return the hooks that the settings choose, closed with ``opened``; None: there are none."""
    transport: Transport
    if config.hooks.hooks_dir:
        transport = FileTransport(config.hooks)
    elif config.hooks.hooks_http:
        # httpx takes a fifth of the time of a start, and few servers need it.
        from tusd_py.adapters.hooks_tusd.http_transport import HttpTransport  # noqa: PLC0415

        transport = HttpTransport(config.hooks)
    else:
        return None
    opened.push_async_callback(transport.close)
    return TusdHooks(transport, config.hooks.enabled, partial(_storage_of, config.upload_dir.resolve()))


def _storage_of(directory: Path, upload: Upload) -> Mapping[str, str]:
    """Return where a file store keeps an upload. A final has no file of its own but those of its partials."""
    paths = file_storage(str(directory / upload.id))
    if upload.kind is UploadKind.FINAL:
        del paths["Path"]
    return paths


async def open_backends(
    config: Config, open_store: OpenStore = open_files, clock: Callable[[], float] = time.time
) -> Backends:
    """Open the state in the upload directory, which is created if necessary, and the store for the bytes.

    ``clock`` tells the seconds since 1970 by which uploads expire.

    Raises:
        OSError, CatalogUnusable, StoreFailed, ValueError: The directory or the catalog in it cannot be used.
        StorageFull, UploadLocked: What is in the directory cannot be taken over.
    """
    state = config.upload_dir / STATE_FOLDER
    config.upload_dir.mkdir(parents=True, exist_ok=True, mode=config.dir_mode)
    state.mkdir(exist_ok=True, mode=config.dir_mode)
    async with AsyncExitStack() as opened:  # whatever fails closes what was opened before it
        store = open_store(config)
        opened.callback(store.close)
        catalog = await open_catalog(state / "catalog.sqlite3", _medium(config))
        opened.push_async_callback(catalog.close)
        locker = FileLocker(state, _medium(config))
        opened.callback(locker.close)
        locker.open()
        ranges = SqliteRanges(catalog)
        liveness = Liveness(locker, ranges, new_worker_name())
        hooks = open_hooks(config, opened)
        ports = Ports(
            catalog=catalog,
            store=store,
            locker=locker,
            hooks=hooks or CallableHooks(config),
            outbox=SqliteOutbox(catalog),
            ranges=ranges,
            artifacts=SqliteArtifacts(catalog, ArtifactExports(state / "exports")),
            clock=clock,
        )
        service = Service(config, ports, liveness)
        backends = Backends(config, service)
        # While this is held the worker lives, and the others respect its claims.
        await opened.enter_async_context(locker.hold_if_free(liveness.worker))
        if service.parallel is not None:
            opened.push_async_callback(service.parallel.commits.close)
        opened.push_async_callback(service.uploads.close)
        opened.push_async_callback(service.receiving.close)
        await service.adoption.adopt_directory()
        if hooks is not None:
            backends.delivery = Delivery(outbox=ports.outbox, locker=locker, tell=hooks.tell)
        backends.keep(opened)
    return backends
