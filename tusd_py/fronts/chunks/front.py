"""The parallel chunk API over HTTP: sessions and their chunks; one short method for each request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tusd_py.errors.chunks import InvalidDigest
from tusd_py.errors.requests import InvalidField
from tusd_py.fronts.chunks.content_range import parse_content_range
from tusd_py.fronts.chunks.digest_fields import parse_digest_dictionary, parse_old_digest, parse_sha256
from tusd_py.fronts.chunks.fields import parse_metadata_field, parse_size, parse_text, read_fields
from tusd_py.fronts.chunks.paging import check_listing, choice, page, page_of
from tusd_py.fronts.chunks.representations import (
    INLINE_CHUNKS,
    STATES,
    chunk_facts,
    upload_details,
    upload_summary,
)
from tusd_py.fronts.chunks.urls import Urls, urls_of
from tusd_py.fronts.http.caller import caller_of
from tusd_py.fronts.http.checksum import parse_checksum
from tusd_py.fronts.http.headers import joined
from tusd_py.fronts.http.urls import creation_url
from tusd_py.model.body import Body
from tusd_py.model.commits import Piece
from tusd_py.model.digests import ALGORITHMS, Checksum
from tusd_py.model.upload import ChunkState, Upload, UploadKind, UploadState
from tusd_py.ports.ranges import Filter
from tusd_py.service.chunks import Chunks, Place
from tusd_py.service.commit import Commits, Committed, WantedCommit
from tusd_py.service.expected import ExpectedDigests
from tusd_py.service.parallel_uploads import ParallelUploads, WantedSession
from tusd_py.settings import Config
from tusd_py.transfer.asgi import body_of
from tusd_py.transfer.multipart import MultipartBody, boundary_of


class ChunksFront:
    """``uploads/`` and what is below it."""

    def __init__(self, config: Config, uploads: ParallelUploads, chunks: Chunks, commits: Commits) -> None:
        self._config = config
        self._uploads = uploads
        self._chunks = chunks
        self._commits = commits

    async def create(self, request: Request) -> Response:
        """``POST uploads/``: a session of a known size."""
        fields = await read_fields(request)
        if "size" not in fields:
            raise InvalidField("size", "is required")
        sha256, key = fields.get("sha256"), request.headers.get("idempotency-key")
        wanted = WantedSession(
            size=parse_size(fields["size"]),
            sha256=None if sha256 is None else parse_sha256(sha256),
            metadata=self._metadata(fields),
            key=None if key is None else parse_text(key, "Idempotency-Key", most=256),
        )
        upload, is_new = await self._uploads.create(wanted, caller_of(request))
        urls = urls_of(request, self._config)
        base = creation_url(request, self._config.api_prefix + "/", self._config)
        return JSONResponse(
            await self._details(upload, urls),
            201 if is_new else 200,
            headers={"Location": f"{base}uploads/{upload.id}/"},
        )

    def _metadata(self, fields: dict[str, Any]) -> dict[str, bytes]:
        metadata: dict[str, bytes] = {}
        if fields.get("metadata") is not None:
            metadata = parse_metadata_field(fields["metadata"], most=self._config.max_metadata_bytes)
        for name, key in (("filename", "filename"), ("content_type", "filetype")):
            if fields.get(name) is not None:
                metadata[key] = parse_text(fields[name], name).encode()
        return metadata

    async def list_uploads(self, request: Request) -> Response:
        """``GET uploads/``: one page, oldest first."""
        caller, query = caller_of(request), request.query_params
        check_listing(self._config, caller)
        limit, offset = page_of(request)
        wanted = self._filter(request, caller.user, limit, offset)
        count, views = await self._uploads.list_uploads(wanted)
        urls = urls_of(request, self._config)
        results = [upload_summary(view, urls) for view in views]
        return page(request, f"{urls.api}/uploads/", count, results, (limit, offset), dict(query))

    def _filter(self, request: Request, user: str | None, limit: int, offset: int) -> Filter:
        query = request.query_params
        now = self._uploads.now()
        is_expired = choice(query.get("expired"), "expired", {"true": True, "false": False})
        kind = choice(query.get("kind"), "kind", {each.value: each.value for each in UploadKind})
        protocol = choice(
            query.get("protocol"),
            "protocol",
            {
                "native": [UploadKind.SESSION.value],
                "tus": [each.value for each in UploadKind if each is not UploadKind.SESSION],
            },
        )
        kinds = None if kind is None else [kind]
        if protocol is not None:
            kinds = [each for each in protocol if kinds is None or each in kinds]
        return Filter(
            user=user,
            of_nobody=self._config.list_anonymous,
            state=choice(query.get("state"), "state", {shown: kept for kept, shown in STATES.items()}),
            kinds=kinds,
            size=None if "size" not in query else parse_size(query["size"]),
            expired_by=now if is_expired is True else None,
            alive_at=now if is_expired is False else None,
            limit=limit,
            offset=offset,
        )

    async def view(self, request: Request, upload_id: str) -> Response:
        """``GET uploads/{id}/``: the upload, its chunks and what is missing."""
        upload = await self._uploads.find(upload_id, caller_of(request))
        return JSONResponse(await self._details(upload, urls_of(request, self._config)))

    async def _details(self, upload: Upload, urls: Urls) -> dict[str, Any]:
        view = await self._uploads.view(upload)
        chunks = await self._uploads.chunks(view, limit=INLINE_CHUNKS)
        return upload_details(view, chunks, await self._uploads.missing(view), urls)

    async def list_chunks(self, request: Request, upload_id: str) -> Response:
        """``GET uploads/{id}/chunks/``: one page, by offset."""
        upload = await self._uploads.find(upload_id, caller_of(request))
        states = {each.value: each for each in ChunkState}
        state = choice(request.query_params.get("state"), "state", states)
        limit, offset = page_of(request)
        view, urls = await self._uploads.view(upload), urls_of(request, self._config)
        chunks = await self._uploads.chunks(view, state=state, limit=limit, offset=offset)
        count = await self._uploads.count_chunks(view, state=state)
        results = [chunk_facts(chunk, urls) for chunk in chunks]
        where = f"{urls.upload(upload_id)}chunks/"
        return page(request, where, count, results, (limit, offset), dict(request.query_params))

    async def put(self, request: Request, upload_id: str) -> Response:
        """``PUT uploads/{id}/``: one chunk, as the ``file`` of a form or as the bare body."""
        caller = caller_of(request)
        upload = await self._uploads.find(upload_id, caller)
        place = Place(*parse_content_range(request.headers.getlist("content-range"), size=upload.length))
        body, claims = _chunk_of(request)
        stored = await self._chunks.put(upload, place, body, claims, caller)
        view = await self._uploads.view(await self._uploads.find(upload_id, caller))
        urls = urls_of(request, self._config)
        facts = chunk_facts(stored.chunk, urls) | {"created": stored.is_new}
        return JSONResponse(upload_summary(view, urls) | {"chunk": facts})

    async def delete_chunk(self, request: Request, upload_id: str, offset: str) -> Response:
        """``DELETE uploads/{id}/chunks/{offset}/``: deletes a chunk; its bytes count as missing again."""
        upload = await self._uploads.find(upload_id, caller_of(request))
        await self._chunks.delete(upload, parse_size(offset, "offset"))
        return Response(status_code=204)

    async def commit(self, request: Request, upload_id: str) -> Response:
        """``PUT`` or ``POST uploads/{id}/commit``: commits the upload, with the digests that were sent."""
        caller = caller_of(request)
        upload = await self._uploads.find(upload_id, caller)
        view = await self._uploads.view(upload)
        fields = await read_fields(request, parts=view.chunk_count)
        # 10,000 parts take some milliseconds; other requests run meanwhile.
        wanted = await run_in_threadpool(self._wanted_commit, request, fields, upload)
        committed = await self._commits.commit(upload, wanted, caller)
        return await self._committed(request, committed)

    def _wanted_commit(self, request: Request, fields: dict[str, Any], upload: Upload) -> WantedCommit:
        digests = [checksum.expected.hex() for checksum in _repr_digests(request)]
        if fields.get("sha256") is not None:
            digests.append(parse_sha256(fields["sha256"]))
        if len(set(digests)) > 1:
            raise InvalidField("sha256", "differs from Repr-Digest")
        prefers = request.headers.get("prefer", "").lower()
        is_large = (upload.length or 0) > self._config.commit_sync_bytes
        return WantedCommit(
            sha256=digests[0] if digests else None,
            parts=None if fields.get("parts") is None else _parts(fields["parts"]),
            in_background=is_large or "respond-async" in prefers,
        )

    async def _committed(self, request: Request, committed: Committed) -> Response:
        urls, made = urls_of(request, self._config), committed.made
        if self._config.pulp_compat:  # its clients expect a task, done or not
            return JSONResponse({"task": urls.task(committed.upload.id)}, 202)
        view = await self._uploads.view(committed.upload)
        fields = upload_summary(view, urls, artifact_id=None if made is None else made.artifact.id)
        if made is not None:
            fields["sha256"] = made.artifact.sha256
        if not committed.is_running:
            return JSONResponse(fields)
        headers = {"Location": urls.upload(committed.upload.id), "Retry-After": "1"}
        return JSONResponse(fields, 202, headers=headers)

    async def delete(self, request: Request, upload_id: str) -> Response:
        """``DELETE uploads/{id}/``: deletes the upload and frees its space."""
        caller = caller_of(request)
        await self._uploads.delete(await self._uploads.find(upload_id, caller), caller)
        return Response(status_code=204)

    async def task(self, request: Request, upload_id: str) -> Response:
        """``GET tasks/{id}/``: a commit as a task of Pulp; only for its clients."""
        urls = urls_of(request, self._config)
        fields: dict[str, Any] = {"pulp_href": urls.task(upload_id), "error": None}
        artifact_id = await self._uploads.artifact_of(upload_id, caller_of(request))
        if artifact_id is not None:
            created = [urls.artifact(artifact_id)]
            return JSONResponse(fields | {"state": "completed", "created_resources": created})
        view = await self._uploads.view(await self._uploads.find(upload_id, caller_of(request)))
        summary = upload_summary(view, urls)
        state = "running" if view.upload.state is UploadState.COMMITTING else "waiting"
        if summary["last_error"] is not None:
            state = "failed"
        fields |= {"state": state, "error": summary["last_error"], "created_resources": []}
        return JSONResponse(fields)


def _chunk_of(request: Request) -> tuple[Body, ExpectedDigests]:
    """Return the body of a chunk and its expected digests. A body that is not a form is the chunk's bytes."""
    checksums = request.headers.getlist("upload-checksum")
    if len(checksums) > 1:
        raise InvalidDigest("Upload-Checksum", "came more than once", list(ALGORITHMS))
    known = [checksum for each in checksums if (checksum := parse_checksum(each)) is not None]
    boundary = boundary_of(request.headers.get("content-type", ""))
    if boundary is not None:
        form = MultipartBody(request.scope, request.receive, boundary)
        return form, ExpectedDigests(known, lambda: field_digest(form))
    known += parse_digest_dictionary("Content-Digest", joined(request.headers, "content-digest"))
    known += parse_old_digest(joined(request.headers, "digest"))
    return body_of(request.scope, request.receive), ExpectedDigests(known)


def field_digest(form: MultipartBody) -> Sequence[Checksum]:
    """Return the field ``sha256`` of a form, which may come before or after the file."""
    text = form.fields.get("sha256")
    return [] if text is None else [Checksum("sha256", bytes.fromhex(parse_sha256(text)))]


def _repr_digests(request: Request) -> list[Checksum]:
    found = parse_digest_dictionary("Repr-Digest", joined(request.headers, "repr-digest"))
    digests = [each for each in found if each.algorithm == "sha256"]
    if found and not digests:
        raise InvalidDigest("Repr-Digest", "has no sha-256", ["sha-256"])
    return digests


def _parts(value: object) -> list[Piece]:
    """Read a list of parts as Box sends it: objects with offset, size and optionally sha256."""
    if not isinstance(value, list):
        raise InvalidField("parts", "must be a list")
    parts = []
    for part in value:
        if not isinstance(part, dict):
            raise InvalidField("parts", "must be a list of objects")
        digest = part.get("sha256")
        parts.append(
            Piece(
                parse_size(part.get("offset"), "parts.offset"),
                parse_size(part.get("size"), "parts.size"),
                None if digest is None else parse_sha256(digest, name="parts.sha256"),
            )
        )
    return parts
