"""Schemas of the parallel chunk API's answers (JSON Schema, as OpenAPI 3.1 has it)."""

from __future__ import annotations

from typing import Any, Final

from tusd_py.model.upload import UploadKind

_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_TIME: Final = {"type": "string", "format": "date-time"}
_SHA256: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _page(name: str) -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
    return _object({"count": _COUNT, "next": _or_null(_TEXT), "previous": _or_null(_TEXT), "results": items})


def _and(name: str, more: dict[str, Any]) -> dict[str, Any]:
    return {"allOf": [{"$ref": f"#/components/schemas/{name}"}, _object(more)]}


_CHUNK: Final = {
    "id": _or_null(_TEXT),
    "offset": _COUNT,
    "size": _COUNT,
    "sha256": _or_null(_SHA256),
    "state": {"enum": ["receiving", "received"]},
    "upload": _or_null(_TEXT),
}
_UPLOAD: Final = {
    "id": _TEXT,
    "href": _TEXT,
    "tus_url": _TEXT,
    "kind": {"enum": [kind.value for kind in UploadKind]},
    "protocol": {"enum": ["native", "tus"]},
    "state": {"enum": ["open", "committing", "completed", "expired"]},
    "size": _or_null(_COUNT),
    "received": _COUNT,
    "user": _or_null(_TEXT),
    "created_at": _TIME,
    "updated_at": _TIME,
    "expires_at": _or_null(_TIME),
    "completed_at": _or_null(_TIME),
    "sha256": _or_null(_SHA256),
    "expected_sha256": _or_null(_SHA256),
    "artifact": _or_null(_TEXT),
    "metadata": {"type": "object", "additionalProperties": _TEXT},
    "advised_chunk_size": _COUNT,
    "chunks_count": _COUNT,
    "last_error": _or_null({"$ref": "#/components/schemas/Problem"}),
    "links": _object({"chunks": _TEXT, "commit": _TEXT, "abort": _TEXT}),
}
_RANGES: Final = {"type": "array", "items": {"$ref": "#/components/schemas/Range"}}

SCHEMAS: Final[dict[str, Any]] = {
    "Range": _object({"start": _COUNT, "end": _COUNT}),
    "Chunk": _object(_CHUNK),
    "Upload": _object(_UPLOAD),
    "UploadDetails": _and(
        "Upload",
        {"chunks": {"type": "array", "items": {"$ref": "#/components/schemas/Chunk"}}, "missing": _RANGES},
    ),
    "UploadWithChunk": _and("Upload", {"chunk": _object(_CHUNK | {"created": {"type": "boolean"}})}),
    "Artifact": _object(
        {
            "id": _TEXT,
            "href": _TEXT,
            "sha256": _SHA256,
            "size": _COUNT,
            "user": _or_null(_TEXT),
            "created_at": _TIME,
            "links": _object({"content": _TEXT}),
        }
    ),
    "Task": _object({"task": _TEXT}),
    "UploadPage": _page("Upload"),
    "ChunkPage": _page("Chunk"),
    "ArtifactPage": _page("Artifact"),
    "Problem": {
        "type": "object",
        "properties": {
            "type": {"type": "string", "pattern": "^urn:tusd-py:problem:[a-z0-9-]+$"},
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "instance": _TEXT,
            "retryable": {"type": "boolean"},
        },
        "required": ["type", "title", "status", "detail", "retryable"],
    },
}
