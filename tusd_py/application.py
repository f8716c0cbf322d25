"""The ASGI application: Starlette around the fronts, with one route for each."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import Context
from http import HTTPStatus
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from tusd_py import observe
from tusd_py.adapters.hooks_callables import call
from tusd_py.assembly import Backends, OpenStore, open_backends, open_files
from tusd_py.errors import InternalFailure, UploadError
from tusd_py.errors.uploads import UploadNotFound
from tusd_py.fronts.chunks.problems import problem
from tusd_py.fronts.chunks.routes import CHUNK_FIELDS, ApiFront
from tusd_py.fronts.chunks.urls import urls_of
from tusd_py.fronts.downloads.front import DOWNLOAD_FIELDS
from tusd_py.fronts.http.cors import Cors
from tusd_py.fronts.http.greeting import greeted
from tusd_py.fronts.http.refusals import refusal
from tusd_py.fronts.http.urls import route_path
from tusd_py.fronts.tus.grammar import TUS_FIELDS, VERSION
from tusd_py.ports.events import Outbox
from tusd_py.settings import Config

_Answer = Callable[[Request, str], Awaitable[Response]]
_Refuse = Callable[[Request, Exception], Response]
#: On every answer. A browser must not guess another type for uploaded content.
_COMMON_HEADERS: Final = [(b"tus-resumable", VERSION.encode()), (b"x-content-type-options", b"nosniff")]


class _Front(BaseRoute):
    """The route of one protocol: all requests below its paths.

    Fronts find their endpoints themselves: a final slash is optional everywhere and never a redirect, and
    an unknown path is refused in the protocol's own form.
    """

    def __init__(
        self, app: UploadApp, path_of: Callable[[Scope], str | None], answer: _Answer, refuse: _Refuse
    ) -> None:
        self._app = app
        self._path_of = path_of  # returns None for another front's path
        self._answer = answer
        self._refuse = refuse

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether the request belongs to this front."""
        path = self._path_of(scope) if scope["type"] == "http" else None
        return (Match.NONE, {}) if path is None else (Match.FULL, {"tusd_py.path": path})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        request = Request(scope, receive)
        base = self._app.config.base_path
        path = str(scope["tusd_py.path"]).removeprefix(base.rstrip("/")).strip("/")
        scope["tusd_py.below_base"] = path
        observe.begin(observe.Incoming(request.method, path, scope["headers"]))
        response = await self._app.respond(request, self._answer, self._refuse)
        _log_answer(response)
        try:
            await response(scope, receive, send)
        except UploadError as error:  # a download whose files cannot be opened: nothing has been sent
            refused = await self._app.refused(request, error, self._refuse)
            await refused(scope, receive, send)


class UploadApp(Starlette):
    """The ASGI application, created by ``create_app``.

    As the outermost application it opens and closes its state with the server's lifespan. An application
    that mounts it does not run its lifespan: then the state is opened by the first request. To close it
    cleanly (and open it early), the host runs ``lifespan`` within its own.

    Middleware and exception handlers can be added as to any Starlette application.
    """

    def __init__(
        self, config: Config, open_store: OpenStore = open_files, clock: Callable[[], float] = time.time
    ) -> None:
        self.config = config
        self._open_store = open_store
        self._clock = clock
        self._cors = Cors(config, TUS_FIELDS, CHUNK_FIELDS, DOWNLOAD_FIELDS)
        self._opening = asyncio.Lock()
        self._backends: Backends | None = None
        self._work: asyncio.Task[None] | None = None
        super().__init__(
            routes=[
                _Front(self, self._api_path, self._answer_api, self._refuse_as_problem),
                # Last, for all other paths: tus refuses those that no front knows.
                _Front(self, route_path, self._answer_tus, _refuse_as_text),
            ]
        )

    def build_middleware_stack(self) -> ASGIApp:
        """Return the router below the middleware that was added.

        Starlette would add two of its own around it, for exceptions. ``respond`` does their work and saves
        what they cost per request (3 us, a tenth of a HEAD without the network).
        """
        app: ASGIApp = self.router
        for middleware in reversed(self.user_middleware):
            app = middleware.cls(app, *middleware.args, **middleware.kwargs)
        return app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the server's lifespan (ASGI 3)."""
        if scope["type"] == "lifespan":
            await self._run_lifespan(receive, send)
            return
        scope.setdefault("app", self)  # hooks see the application that mounts us, if there is one
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        await self.middleware_stack(scope, receive, send)

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """Open the state, and close it at the end; for the lifespan of an application that mounts us.

        Raises:
            OSError, CatalogUnusable, StoreFailed, ValueError: The upload directory cannot be used.
        """
        await self._open()
        try:
            yield
        finally:
            await self._close()

    async def outbox(self) -> Outbox:
        """Return the events that ``Config.record_events`` asked for, to be delivered; opens the state.

        Raises:
            OSError, CatalogUnusable, StoreFailed, ValueError: The upload directory cannot be used.
        """
        return (self._backends or await self._open()).service.ports.outbox

    async def check(self) -> None:
        """Return if requests can be served: the state is open and the catalog answers. Else raise why not."""
        await (self._backends or await self._open()).service.ports.catalog.is_new()

    async def _open(self) -> Backends:
        async with self._opening:
            if self._backends is None:
                self._backends = await open_backends(self.config, self._open_store, self._clock)
                # In a context of its own: what it logs is not about the request that opens us.
                self._work = asyncio.create_task(self._backends.work(), context=Context())
        return self._backends

    async def _close(self) -> None:
        if self._work is not None and not self._work.done():  # it is when its loop was closed before
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        if self._backends is not None:
            await self._backends.close()
        self._backends = self._work = None

    async def _run_lifespan(self, receive: Receive, send: Send) -> None:
        # Not Starlette's, so that the operator gets one line about the directory instead of a stack.
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

    async def respond(self, request: Request, answer: _Answer, refuse: _Refuse) -> Response:
        """Return the answer of a front, or its refusal, with the headers of every answer."""
        observe.meter.request(request.method)
        try:
            cors = self._cors.headers(request)
        except UploadError as error:
            return _completed(await self._refusal(request, error, refuse), {})
        try:
            response = await self._admitted(request, answer)
        except Exception as error:  # refusals, and failures, which become a 500
            response = await self._refusal(request, error, refuse)
        return _completed(response, cors)

    async def refused(self, request: Request, error: UploadError, refuse: _Refuse) -> Response:
        """Return the refusal of a request that ``respond`` granted."""
        return _completed(await self._refusal(request, error, refuse), self._cors.headers(request))

    async def _refusal(self, request: Request, error: Exception, refuse: _Refuse) -> Response:
        refused = error if isinstance(error, UploadError) else InternalFailure()
        observe.meter.refusal(refused.code, refused.status)
        return await self._handled(request, error) or refuse(request, error)

    async def _admitted(self, request: Request, answer: _Answer) -> Response:
        path: str = request.scope["tusd_py.path"]
        # A preflight has no credentials, so nothing may refuse it.
        if request.method != "OPTIONS":
            if not (self._is_below_base(path) or answer == self._answer_api):
                return greeted(request, path, self.config)
            if self.config.on_incoming_request is not None:
                await call(self.config.on_incoming_request, request)
        return await answer(request, path)

    async def _handled(self, request: Request, error: Exception) -> Response | None:
        """Return the answer of an exception handler that was added; None: there is none."""
        for kind in type(error).__mro__:
            if kind in self.exception_handlers:
                handled: Any = await call(self.exception_handlers[kind], request, error)
                return handled if isinstance(handled, Response) else None
        return None

    def _api_path(self, scope: Scope) -> str | None:
        return ApiFront.path_below(route_path(scope), self.config)

    def _is_below_base(self, path: str) -> bool:
        return (path + "/").startswith(self.config.base_path)

    async def _answer_api(self, request: Request, path: str) -> Response:
        api = (self._backends or await self._open()).api
        if api is None:  # the store cannot do what it takes
            raise UploadNotFound
        return await api.answer(request, path)

    async def _answer_tus(self, request: Request, path: str) -> Response:
        backends = self._backends or await self._open()
        upload_id: str = request.scope["tusd_py.below_base"]
        observe.concerns(upload_id)
        return await backends.tus.answer(request, upload_id)

    def _refuse_as_problem(self, request: Request, error: Exception) -> Response:
        return problem(error, request, urls_of(request, self.config))


def _log_answer(response: Response) -> None:
    """Log what is answered; of refusals what they say, too."""
    if not observe.REQUESTS.isEnabledFor(logging.INFO):
        return
    status = response.status_code
    said = bytes(response.body).decode(errors="replace") if status >= HTTPStatus.BAD_REQUEST else ""
    observe.log("ResponseOutgoing", logger=observe.REQUESTS, status=status, body=said)


def _completed(response: Response, headers: Mapping[str, str]) -> Response:
    response.raw_headers += _COMMON_HEADERS
    for name, value in headers.items():
        response.headers[name] = value
    return response


def _refuse_as_text(request: Request, error: Exception) -> Response:
    return refusal(error, is_head=request.method == "HEAD")


def describe(error: Exception) -> str:
    """Return one line that tells the operator why the state cannot be opened."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.strerror(error.errno or 0)}: {error.filename}"
    return str(error)


def create_app(config: Config | None = None) -> UploadApp:
    """Return an ASGI application that serves uploads; mountable under any path.

    Nothing is opened before the lifespan starts or the first request comes.
    """
    return UploadApp(config or Config())
