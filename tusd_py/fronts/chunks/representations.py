"""Uploads, chunks and artifacts as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tusd_py.fronts.chunks.problems import as_json, failure_members
from tusd_py.fronts.chunks.urls import Urls
from tusd_py.model.artifacts import Artifact
from tusd_py.model.ranges import ByteRange
from tusd_py.model.times import format_time
from tusd_py.model.upload import UploadChunk, UploadKind, UploadState
from tusd_py.service.parallel_uploads import View

#: Most chunks that are shown with their upload; ``chunks/`` lists all of them in pages.
INLINE_CHUNKS: Final = 1000
STATES: Final = {state.value: state.value for state in UploadState} | {"complete": "completed"}


def upload_summary(view: View, urls: Urls, *, artifact_id: str | None = None) -> dict[str, Any]:
    """Return an upload without its chunks."""
    upload, facts = view.upload, view.facts
    href = urls.upload(upload.id)
    is_tombstone = upload.state is UploadState.EXPIRED
    fields = {
        "id": upload.id,
        "href": href,
        "tus_url": urls.tus(upload.id),
        "kind": upload.kind.value,
        "protocol": "native" if upload.kind is UploadKind.SESSION else "tus",
        "state": STATES[upload.state.value],
        "size": upload.length,
        "received": view.received,
        "user": upload.user,
        "created_at": format_time(upload.created_at),
        "updated_at": format_time(facts.updated_at or upload.completed_at or upload.created_at),
        "expires_at": None if upload.expires_at is None or is_tombstone else format_time(upload.expires_at),
        "completed_at": None if upload.completed_at is None else format_time(upload.completed_at),
        "sha256": facts.sha256 if upload.state is UploadState.COMPLETE else None,
        "expected_sha256": facts.expected_sha256,
        "artifact": None if artifact_id is None else urls.artifact(artifact_id),
        "metadata": {key: value.decode("utf-8", "replace") for key, value in upload.metadata.items()},
        "advised_chunk_size": urls.config.advised_chunk_size,
        "chunks_count": view.chunk_count,
        "last_error": None if facts.last_error is None else failure_members(facts.last_error),
        "links": {"chunks": f"{href}chunks/", "commit": f"{href}commit", "abort": href},
    }
    if urls.config.pulp_compat:
        fields |= {
            "pulp_href": href,
            "pulp_created": fields["created_at"],
            "pulp_last_updated": fields["updated_at"],
            "completed": fields["completed_at"],
        }
    return fields


def chunk_facts(chunk: UploadChunk, urls: Urls) -> dict[str, Any]:
    """Return a chunk."""
    return {
        "id": chunk.id,
        "offset": chunk.offset,
        "size": chunk.size,
        "sha256": chunk.sha256,
        "state": chunk.state.value,
        "upload": None if chunk.source_id is None else urls.upload(chunk.source_id),
    }


def upload_details(
    view: View, chunks: Sequence[UploadChunk], missing: Sequence[ByteRange], urls: Urls
) -> dict[str, Any]:
    """Return an upload with its chunks."""
    return upload_summary(view, urls) | {
        "chunks": [chunk_facts(chunk, urls) for chunk in chunks],
        "missing": as_json(missing),
    }


def artifact_facts(artifact: Artifact, urls: Urls) -> dict[str, Any]:
    """Return an artifact."""
    href = urls.artifact(artifact.id)
    fields = {
        "id": artifact.id,
        "href": href,
        "sha256": artifact.sha256,
        "size": artifact.size,
        "user": artifact.user,
        "created_at": format_time(artifact.created_at),
        "links": {"content": f"{href}content"},
    }
    if urls.config.pulp_compat:
        fields |= {"pulp_href": href, "pulp_created": fields["created_at"]}
    return fields
