"""Config in, ASGI application out; the only place that names concrete backends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tusd_py import observe
from tusd_py.adapters.catalog_sqlite.artifacts import SqliteArtifacts
from tusd_py.adapters.catalog_sqlite.catalog import SqliteCatalog, open_catalog
from tusd_py.adapters.catalog_sqlite.ranges import SqliteRanges
from tusd_py.adapters.hooks_callables import CallableHooks, call
from tusd_py.adapters.locks_kernel.locker import FileLocker
from tusd_py.adapters.store_file.artifact_exports import ArtifactExports
from tusd_py.adapters.store_file.store import FileStore
from tusd_py.errors import UploadNotFound
from tusd_py.fronts.chunks.artifacts import ArtifactsFront
from tusd_py.fronts.chunks.front import ChunksFront, urls_of
from tusd_py.fronts.chunks.problems import problem
from tusd_py.fronts.chunks.routes import ApiFront
from tusd_py.fronts.downloads.front import Downloads
from tusd_py.fronts.http.cors import Cors
from tusd_py.fronts.http.shared import refusal, route_path
from tusd_py.fronts.tus.front import TusFront
from tusd_py.fronts.tus.grammar import VERSION
from tusd_py.service.adoption import adopt_all, adopt_artifacts
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

    def __init__(self, config: Config, catalog: SqliteCatalog, locker: FileLocker, worker: str) -> None:
        self.catalog = catalog
        self.locker = locker
        self._stack = AsyncExitStack()
        is_synced = config.durability != "none"
        store = FileStore(config.upload_dir, file_mode=config.file_mode, writes_back=is_synced)
        ranges = SqliteRanges(catalog)
        exports = ArtifactExports(config.upload_dir / STATE_FOLDER / "exports")
        artifacts = SqliteArtifacts(catalog, exports)
        self.core = Core(config, catalog, store, locker, CallableHooks(config), ranges, artifacts)
        self.sweeper = Sweeper(self.core)
        self.liveness = Liveness(locker, ranges, worker)
        appender = Appender(self.core, RangedAppend(self.core, self.liveness))
        uploads = Uploads(self.core, appender)
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

    async def open(self) -> None:
        """Say that this worker lives: the others leave what it claims alone."""
        await self._stack.enter_async_context(self.locker.hold_if_free(self.liveness.worker))

    async def recover(self) -> None:
        """Finish or undo what dead processes left; done once at the start."""
        await self.liveness.bury_all()
        await self.commits.recover()
        await self.artifacts.recover()
        await self.sweeper.recover()

    async def sweep(self) -> Swept:
        """Do all that is due."""
        await self.liveness.bury_all()
        return await self.sweeper.sweep()

    async def close(self) -> None:
        """Finish what waits and let go of everything."""
        await self.commits.close()
        await self._stack.aclose()
        self.locker.close()
        await self.catalog.close()
        self.core.store.close()


async def open_backends(config: Config) -> Backends:
    """Open the state in the upload directory, made if need be.

    Raises:
        OSError, sqlite3.Error, ValueError: The directory or the catalog in it cannot be used.
    """
    state = config.upload_dir / STATE_FOLDER
    config.upload_dir.mkdir(parents=True, exist_ok=True, mode=config.dir_mode)
    state.mkdir(exist_ok=True, mode=config.dir_mode)
    (config.upload_dir / FOLDER).mkdir(exist_ok=True, mode=config.dir_mode)
    catalog = await open_catalog(state / "catalog.sqlite3")
    try:
        locker = FileLocker(state)
        locker.open()
    except BaseException:
        await catalog.close()
        raise
    backends = Backends(config, catalog, locker, new_worker_name())
    await backends.open()
    if catalog.is_new:
        await adopt_all(backends.core)
        await adopt_artifacts(backends.core)
    return backends


class UploadApp:
    """The ASGI application. Made by ``create_app``.

    As the outermost application it opens and closes its state with the server's lifespan. Mounted in
    another one, which runs no lifespan of its mounts, it opens with the first request; for a clean end
    (and an early start) the host runs ``lifespan`` inside its own.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._cors = Cors(config)
        self._opening = asyncio.Lock()
        self._backends: Backends | None = None
        self._sweeps: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the server's lifespan (ASGI 3)."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
        elif scope["type"] == "http":
            response = await self._respond(Request(scope, receive))
            await response(scope, receive, send)
        else:  # websocket: refused in its own way
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """Open the state, and close it at the end: for the lifespan of an application that mounts us.

        Raises:
            OSError, sqlite3.Error, ValueError: The upload directory cannot be used.
        """
        await self._open()
        try:
            yield
        finally:
            await self._close()

    async def _open(self) -> Backends:
        async with self._opening:
            if self._backends is None:
                self._backends = await open_backends(self.config)
                self._sweeps = asyncio.create_task(self._sweep_now_and_then(self._backends))
        return self._backends

    async def _close(self) -> None:
        if self._sweeps is not None:
            self._sweeps.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeps
        if self._backends is not None:
            await self._backends.close()
        self._backends = self._sweeps = None

    async def _sweep_now_and_then(self, backends: Backends) -> None:
        step: Callable[[], Awaitable[object]] = backends.recover
        while True:
            try:
                await step()
            except Exception:  # this one failed; the next may do better, and the server goes on
                observe.LOGGER.exception("SweepFailed")
            if step == backends.sweep:
                if not self.config.sweep_interval_s:
                    return
                await asyncio.sleep(self.config.sweep_interval_s)
            step = backends.sweep

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._open()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": describe(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _respond(self, request: Request) -> Response:
        cors: dict[str, str] = {}
        try:
            cors = self._cors.headers(request)
            response = await self._route(request)
        except Exception as error:  # refusals, and faults: the client is told which
            response = self._refusal(request, error)
        response.raw_headers += _COMMON_HEADERS
        for name, value in cors.items():
            response.headers[name] = value
        return response

    def _refusal(self, request: Request, error: Exception) -> Response:
        if ApiFront.path_below(route_path(request.scope), self.config) is None:
            return refusal(error, is_head=request.method == "HEAD")
        return problem(error, request, urls_of(request, self.config))

    async def _route(self, request: Request) -> Response:
        base, path = self.config.base_path, route_path(request.scope)
        api_path = ApiFront.path_below(path, self.config)
        is_ours = api_path is not None or (path + "/").startswith(base)
        if not is_ours and request.method != "OPTIONS":
            raise UploadNotFound
        upload_id = path.removeprefix(base.rstrip("/")).strip("/")
        # A preflight carries no credentials, so nothing may refuse it first.
        if request.method != "OPTIONS" and self.config.on_incoming_request is not None:
            await call(self.config.on_incoming_request, request)
        backends = self._backends or await self._open()
        if api_path is not None:
            return await backends.api.answer(request, api_path)
        return await backends.tus.answer(request, upload_id)


def describe(error: Exception) -> str:
    """Say in one line, to the operator, why the state cannot be opened."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.strerror(error.errno or 0)}: {error.filename}"
    return str(error)


def create_app(config: Config | None = None) -> UploadApp:
    """Return an ASGI application that serves uploads; mountable under any path.

    Nothing is opened before the lifespan starts or the first request comes.
    """
    return UploadApp(config or Config())
