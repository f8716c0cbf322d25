"""Endpoints for operators: metrics, liveness and readiness."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from tusd_py import observe
from tusd_py.application import UploadApp, describe

_Endpoint = Callable[[], Awaitable[Response]]


class _Exact(BaseRoute):
    """Endpoints at exact paths, found by one look-up."""

    def __init__(self, endpoints: Mapping[str, _Endpoint]) -> None:
        self._endpoints = endpoints

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether the request is for one of them."""
        is_ours = scope["type"] == "http" and scope["path"] in self._endpoints
        return (Match.FULL if is_ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer it."""
        request = Request(scope, receive)
        if request.method in ("GET", "HEAD"):
            response = await self._endpoints[request.url.path]()
        else:
            response = PlainTextResponse("method not allowed\n", 405, {"Allow": "GET, HEAD"})
        await response(scope, receive, send)


@contextmanager
def counts_shared() -> Iterator[None]:
    """Add up the counts of all processes that are forked within, in files that are removed at the end."""
    with TemporaryDirectory(prefix="tusd-py-metrics-") as directory:
        os.environ[observe.SHARED_COUNTS] = directory
        try:
            yield
        finally:
            del os.environ[observe.SHARED_COUNTS]


def counts_alone() -> None:
    """Count in this process, wherever the environment tells other programs to."""
    os.environ.pop(observe.SHARED_COUNTS, None)


def forget_worker(process_id: int) -> None:
    """Remove the open connections of a worker that has ended from the counts."""
    from tusd_py.adapters.metrics_prometheus import forget_process  # noqa: PLC0415 - see ``serve_to_operator``

    forget_process(process_id)


def serve_to_operator(app: UploadApp, *, metrics_path: str | None) -> None:
    """Add ``/livez`` and ``/readyz`` to an application, and metrics at a path; None: count nothing."""
    endpoints: dict[str, _Endpoint] = {"/livez": _alive, "/readyz": lambda: _ready(app)}
    if metrics_path is not None:
        # Not before: it reads the environment when it is loaded.
        from tusd_py.adapters.metrics_prometheus import (  # noqa: PLC0415
            CONTENT_TYPE,
            PrometheusMeter,
            exposition,
        )

        async def metrics() -> Response:
            return Response(await run_in_threadpool(exposition), media_type=CONTENT_TYPE)

        observe.measure_with(PrometheusMeter())
        endpoints[metrics_path] = metrics
    app.routes.insert(0, _Exact(endpoints))


async def _alive() -> Response:
    return PlainTextResponse("alive\n")


async def _ready(app: UploadApp) -> Response:
    try:
        await app.check()
    except Exception as error:  # logged and not answered, because anybody may ask
        observe.log("NotReady", level=logging.ERROR, error=describe(error))
        return PlainTextResponse("not ready\n", 503)
    return PlainTextResponse("ready\n")
