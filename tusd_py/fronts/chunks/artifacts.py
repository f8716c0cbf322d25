"""Artifacts over HTTP: one short method for each request."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tusd_py.errors.requests import InvalidField
from tusd_py.fronts.chunks.digest_fields import parse_sha256
from tusd_py.fronts.chunks.fields import parse_text, read_fields
from tusd_py.fronts.chunks.front import field_digest
from tusd_py.fronts.chunks.paging import check_listing, page, page_of
from tusd_py.fronts.chunks.representations import artifact_facts
from tusd_py.fronts.chunks.urls import urls_of
from tusd_py.fronts.downloads.front import Content, Downloads
from tusd_py.fronts.http.caller import caller_of
from tusd_py.fronts.http.headers import Fields
from tusd_py.fronts.http.urls import creation_url
from tusd_py.model.digests import Checksum
from tusd_py.service.artifacts import Artifacts, Made, file_of
from tusd_py.service.caller import Caller
from tusd_py.service.commit import Commits, WantedCommit
from tusd_py.service.parallel_uploads import ParallelUploads
from tusd_py.service.reading import Segment
from tusd_py.settings import Config
from tusd_py.transfer.multipart import MultipartBody, boundary_of


class ArtifactsFront:
    """``artifacts/`` and what is below it."""

    def __init__(
        self,
        config: Config,
        uploads: ParallelUploads,
        commits: Commits,
        artifacts: Artifacts,
        downloads: Downloads,
    ) -> None:
        self._config = config
        self._uploads = uploads
        self._commits = commits
        self._artifacts = artifacts
        self._downloads = downloads

    async def create(self, request: Request) -> Response:
        """``POST artifacts/``: from an upload, or from a ``file`` in the form."""
        caller = caller_of(request)
        boundary = boundary_of(request.headers.get("content-type", ""))
        if boundary is None:
            made = await self._from_fields(await read_fields(request), caller)
        else:
            made = await self._from_form(request, boundary, caller)
        base = creation_url(request, self._config.api_prefix + "/", self._config)
        return JSONResponse(
            artifact_facts(made.artifact, urls_of(request, self._config)),
            201 if made.is_new else 200,
            headers={"Location": f"{base}artifacts/{made.artifact.id}/"},
        )

    async def _from_form(self, request: Request, boundary: bytes, caller: Caller) -> Made:
        form = MultipartBody(request.scope, request.receive, boundary)
        if await form.begin():
            name = parse_text(form.filename or "", "filename")
            metadata = {"filename": name.encode()} if name else {}
            return await self._artifacts.from_body(form, lambda: _digest_of(form), metadata, caller)
        return await self._from_fields(dict(form.fields), caller)

    async def _from_fields(self, fields: dict[str, Any], caller: Caller) -> Made:
        if "upload" not in fields:
            raise InvalidField("upload", "is required, or a file in a form")
        upload = await self._uploads.find(_upload_id(fields["upload"]), caller)
        if fields.get("sha256") is None:
            return await self._artifacts.from_upload(upload, caller)
        wanted = WantedCommit(sha256=parse_sha256(fields["sha256"]))
        committed = await self._commits.commit(upload, wanted, caller)
        if committed.made is not None:
            return committed.made
        return await self._artifacts.from_upload(committed.upload, caller)

    async def list_artifacts(self, request: Request) -> Response:
        """``GET artifacts/``: one page, oldest first."""
        caller = caller_of(request)
        check_listing(self._config, caller)
        sha256 = request.query_params.get("sha256")
        limit, offset = page_of(request)
        count, artifacts = await self._artifacts.list_artifacts(
            caller,
            of_nobody=self._config.list_anonymous,
            sha256=None if sha256 is None else parse_sha256(sha256),
            limit=limit,
            offset=offset,
        )
        urls = urls_of(request, self._config)
        results = [artifact_facts(artifact, urls) for artifact in artifacts]
        where = f"{urls.api}/artifacts/"
        return page(request, where, count, results, (limit, offset), dict(request.query_params))

    async def view(self, request: Request, artifact_id: str) -> Response:
        """``GET artifacts/{id}/``: the artifact."""
        artifact = await self._artifacts.get(artifact_id, caller_of(request))
        return JSONResponse(artifact_facts(artifact, urls_of(request, self._config)))

    async def content(self, request: Request, artifact_id: str) -> Response:
        """``GET artifacts/{id}/content``: its bytes, whole or in ranges."""
        artifact = await self._artifacts.get(artifact_id, caller_of(request))
        content = Content(
            size=artifact.size,
            etag=f'"{artifact.sha256}"',
            modified_at=artifact.created_at,
            segments=[Segment(file_of(artifact), 0, artifact.size)],
        )
        await self._artifacts.check(artifact)  # while the request can still be refused
        response = self._downloads.serve(Fields(request.scope), content)
        digest = base64.b64encode(bytes.fromhex(artifact.sha256)).decode()
        response.headers["Repr-Digest"] = f"sha-256=:{digest}:"
        return response

    async def delete(self, request: Request, artifact_id: str) -> Response:
        """``DELETE artifacts/{id}/``."""
        await self._artifacts.delete(artifact_id, caller_of(request))
        return Response(status_code=204)


def _digest_of(form: MultipartBody) -> Sequence[Checksum]:
    """Return the sha256 that a form gives for its file; the field may come after the file."""
    if "upload" in form.fields:
        raise InvalidField("upload", "and a file exclude each other")
    return field_digest(form)


def _upload_id(reference: object) -> str:
    """Return the id in a reference to an upload: the id, a path, or a URL."""
    text = parse_text(reference, "upload", most=2048)
    return text.partition("?")[0].rstrip("/").rpartition("/")[2]
