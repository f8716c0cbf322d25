"""The OpenAPI 3.1 document of the parallel chunk API; a test compares its paths with the routes."""

from __future__ import annotations

from typing import Any, Final

from tusd_py.fronts.chunks.openapi_schemas import SCHEMAS
from tusd_py.model.upload import MAX_LENGTH, METADATA_KEY, UploadKind
from tusd_py.settings import Config

_PROBLEM: Final = {
    "description": "Refused; `type` says why (docs/errors.md)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_NOTHING: Final = {"description": "Done; no body"}
_LIMIT: Final = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": 1000}}
_OFFSET: Final = {
    "name": "offset",
    "in": "query",
    "schema": {"type": "integer", "minimum": 0, "maximum": MAX_LENGTH},
}
_SHA256: Final = {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}
_SIZE: Final = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": MAX_LENGTH},
        {"type": "string", "pattern": "^(0|[1-9][0-9]{0,17})$"},
    ]
}


def document(root: str, config: Config) -> dict[str, Any]:
    """Return the document, for an application mounted at ``root``."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tusd-py: parallel chunks",
            "version": "1",
            "description": "Upload one file in any order, over many connections, into one place.",
        },
        "servers": [{"url": (root + config.api_prefix) or "/"}],
        "paths": _uploads() | _upload(config) | _artifacts(),
        "components": {"schemas": SCHEMAS},
    }


def _json(schema: str, description: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _operation(
    summary: str, answers: dict[str, Any], refusals: str, parameters: list[Any] | None = None, **more: Any
) -> dict[str, Any]:
    responses = answers | {status: _PROBLEM for status in refusals.split()}
    return {"summary": summary, "parameters": parameters or [], "responses": responses, **more}


def _header(name: str, *, required: bool = False, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": {"type": "string", **schema}}


def _query(name: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _fields(properties: dict[str, Any], *, required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required}
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


def _uploads() -> dict[str, Any]:
    text = {"type": "string", "maxLength": 1024, "description": "Printable characters"}
    wanted = {"size": _SIZE, "sha256": _SHA256, "filename": text, "content_type": text}
    wanted["metadata"] = {
        "type": "object",
        "propertyNames": {"pattern": f"^{METADATA_KEY.pattern}$"},
        "additionalProperties": {"type": "string"},
        "description": "As large in all as Upload-Metadata may be",
    }
    kinds = [kind.value for kind in UploadKind]
    filters = [
        _query("state", enum=["open", "committing", "completed", "expired"]),
        _query("kind", enum=kinds),
        _query("protocol", enum=["native", "tus"]),
        _query("size", type="integer", minimum=0, maximum=MAX_LENGTH),
        _query("expired", enum=["true", "false"]),
    ]
    return {
        "/uploads/": {
            "get": _operation(
                "List uploads", {"200": _json("UploadPage", "One page")}, "400", [_LIMIT, _OFFSET, *filters]
            ),
            "post": _operation(
                "Begin a session",
                {"201": _json("UploadDetails", "Made"), "200": _json("UploadDetails", "Made before")},
                "400 413 415 423 429 507",
                [_header("Idempotency-Key", minLength=16, maxLength=256, pattern="^[!-~]+$")],
                requestBody=_fields(wanted, required=["size"]),
            ),
        }
    }


def _upload(config: Config) -> dict[str, Any]:
    one = [_path("id")]
    digests = [
        _header("Content-Digest"),
        _header("Upload-Checksum"),
        _header("Digest"),
    ]
    form = {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}, "sha256": _SHA256},
    }
    chunk = {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {"schema": form | {"required": ["file"]}},
        },
    }
    return {
        "/uploads/{id}/": {
            "get": _operation("View", {"200": _json("UploadDetails", "The upload")}, "404 410", one),
            "put": _operation(
                "Send a chunk",
                {"200": _json("UploadWithChunk", "Stored, or there already")},
                "400 404 408 409 410 413 423 503 507",
                [*one, _header("Content-Range", required=True), *digests],
                requestBody=chunk,
            ),
            "delete": _operation("Delete", {"204": _NOTHING}, "404 409 410 423", one),
        },
        "/uploads/{id}/commit": {"put": _commit(config), "post": _commit(config)},
        "/uploads/{id}/chunks/": {
            "get": _operation(
                "List chunks",
                {"200": _json("ChunkPage", "One page, by offset")},
                "400 404 410",
                [*one, _LIMIT, _OFFSET, _query("state", enum=["receiving", "received"])],
            )
        },
        "/uploads/{id}/chunks/{offset}": {
            "delete": _operation(
                "Make a chunk missing again",
                {"204": _NOTHING},
                "400 404 409 410 423",
                [*one, _path("offset")],
            )
        },
    }


def _commit(config: Config) -> dict[str, Any]:
    part = {
        "type": "object",
        "properties": {"offset": _SIZE, "size": _SIZE, "sha256": _SHA256},
        "required": ["offset", "size"],
    }
    answers = {"200": _json("Upload", "Committed"), "202": _json("Upload", "It runs; look at the upload")}
    if config.pulp_compat:
        answers = {"202": _json("Task", "Committed, or it runs; look at the task")}
    return _operation(
        "Verify the whole and complete the upload",
        answers,
        "400 404 409 410 413 415 423 507",
        [_path("id"), _header("Repr-Digest"), _header("Prefer")],
        requestBody=_fields({"sha256": _SHA256, "parts": {"type": "array", "items": part}}, required=[]),
    )


def _artifacts() -> dict[str, Any]:
    one = [_path("id")]
    made = {"201": _json("Artifact", "Made"), "200": _json("Artifact", "Was there")}
    fields = _fields({"upload": {"type": "string"}, "sha256": _SHA256}, required=["upload"])
    form = {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}, "sha256": _SHA256},
    }
    fields["content"]["multipart/form-data"] = {"schema": form | {"required": ["file"]}}
    content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    return {
        "/artifacts/": {
            "get": _operation(
                "List artifacts",
                {"200": _json("ArtifactPage", "One page")},
                "400",
                [_LIMIT, _OFFSET, {"name": "sha256", "in": "query", "schema": _SHA256}],
            ),
            "post": _operation(
                "Make an artifact of an upload or a file",
                made,
                "400 404 408 409 410 413 415 423 507",
                requestBody=fields,
            ),
        },
        "/artifacts/{id}/": {
            "get": _operation("View", {"200": _json("Artifact", "The artifact")}, "404", one),
            "delete": _operation("Delete", {"204": _NOTHING}, "404 423", one),
        },
        "/artifacts/{id}/content": {
            "get": _operation(
                "Read",
                {
                    "200": {"description": "All bytes", "content": content},
                    "206": {"description": "Some of them", "content": content},
                    "304": _NOTHING,
                },
                "404 410 412 416",
                [*one, _header("Range")],
            )
        },
    }
