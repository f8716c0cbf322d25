"""Paths and methods of the parallel chunk API. A final slash is optional everywhere; nothing redirects."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tusd_py.errors.requests import MethodNotAllowed
from tusd_py.errors.uploads import UploadNotFound
from tusd_py.fronts.chunks.artifacts import ArtifactsFront
from tusd_py.fronts.chunks.front import ChunksFront
from tusd_py.fronts.chunks.openapi import document
from tusd_py.fronts.http.cors import CrossOrigin
from tusd_py.settings import Config

_Endpoint = Callable[..., Awaitable[Response]]
CHUNK_FIELDS: Final = CrossOrigin(
    request=("Content-Range", "Content-Digest", "Repr-Digest", "Digest", "Idempotency-Key", "Prefer"),
    response=("Repr-Digest",),
)
_ROOTS: Final = ("uploads", "artifacts", "tasks", "openapi.json")


def _without_delete(endpoints: Mapping[str, _Endpoint]) -> Mapping[str, _Endpoint]:
    return {method: endpoint for method, endpoint in endpoints.items() if method != "DELETE"}


class ApiFront:
    """Finds the endpoint for a request."""

    def __init__(self, config: Config, chunks: ChunksFront, artifacts: ArtifactsFront) -> None:
        self._config = config
        routes: dict[str, Mapping[str, _Endpoint]] = {
            r"uploads": {"GET": chunks.list_uploads, "POST": chunks.create},
            r"uploads/([^/]+)": {"GET": chunks.view, "PUT": chunks.put, "DELETE": chunks.delete},
            r"uploads/([^/]+)/commit": {"PUT": chunks.commit, "POST": chunks.commit},
            r"uploads/([^/]+)/chunks": {"GET": chunks.list_chunks},
            r"uploads/([^/]+)/chunks/([^/]+)": {"DELETE": chunks.delete_chunk},
            r"artifacts": {"GET": artifacts.list_artifacts, "POST": artifacts.create},
            r"artifacts/([^/]+)": {"GET": artifacts.view, "DELETE": artifacts.delete},
            r"artifacts/([^/]+)/content": {"GET": artifacts.content},
            r"openapi\.json": {"GET": self._document},
        }
        if config.disable_download:
            del routes[r"artifacts/([^/]+)/content"]
        if config.disable_termination:
            for form in (r"uploads/([^/]+)", r"artifacts/([^/]+)"):
                routes[form] = _without_delete(routes[form])
        if config.pulp_compat:
            routes[r"tasks/([^/]+)"] = {"GET": chunks.task}
        self._routes = [(re.compile(form + "/?"), endpoints) for form, endpoints in routes.items()]

    @staticmethod
    def path_below(path: str, config: Config) -> str | None:
        """Return the part of a path below this API's prefix; None: the path belongs to another front.

        If the creation URL of tus is within ``uploads/`` or ``artifacts/``, that one belongs to tus.
        """
        below = path.removeprefix(config.api_prefix + "/")
        if config.disable_api or not path.startswith(config.api_prefix + "/"):
            return None
        root = below.partition("/")[0]
        if root not in _ROOTS or config.base_path.startswith(f"{config.api_prefix}/{root}/"):
            return None
        return below

    async def answer(self, request: Request, path: str) -> Response:
        """Answer a request to ``path`` below the prefix.

        Raises:
            UploadError: The request is refused.
        """
        for form, endpoints in self._routes:
            found = form.fullmatch(path)
            if found is not None:
                return await self._answer(request, endpoints, found.groups())
        raise UploadNotFound

    async def _answer(
        self, request: Request, endpoints: Mapping[str, _Endpoint], parameters: tuple[str, ...]
    ) -> Response:
        allowed = {*endpoints, "OPTIONS"} | ({"HEAD"} if "GET" in endpoints else set())
        allow = ", ".join(sorted(allowed))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": allow})
        is_head = request.method == "HEAD"
        endpoint = endpoints.get("GET" if is_head else request.method)
        if endpoint is None:
            raise MethodNotAllowed(request.method, allow)
        response = await endpoint(request, *parameters)
        if not is_head:
            return response
        return Response(status_code=response.status_code, headers=dict(response.headers))

    async def _document(self, request: Request) -> Response:
        """``GET openapi.json``: this API described."""
        description: dict[str, Any] = document(str(request.scope.get("root_path", "")), self._config)
        return JSONResponse(description)
