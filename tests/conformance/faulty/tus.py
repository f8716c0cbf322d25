"""The tus rules: creation, HEAD, DELETE, GET and what they share. PATCH is in ``patch``."""

from __future__ import annotations

import email.utils
import re
from urllib.parse import urlsplit

from tests.conformance.faulty import patch
from tests.conformance.faulty.grammar import ALGORITHMS, Refused, check_metadata, checksum, number
from tests.conformance.faulty.http import Reply, Request
from tests.conformance.faulty.world import Stored, World

OCTET_STREAM = "application/offset+octet-stream"
_METHODS = "POST, GET, HEAD, PATCH, DELETE, OPTIONS"
_REQUEST_HEADERS = (
    "Authorization, Content-Type, Origin, Tus-Resumable, Upload-Checksum, Upload-Concat, "
    "Upload-Defer-Length, Upload-Length, Upload-Metadata, Upload-Offset, "
    "X-HTTP-Method-Override, X-Request-ID, X-Requested-With"
)
_RESPONSE_HEADERS = (
    "Location, Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, "
    "Upload-Concat, Upload-Defer-Length, Upload-Expires, Upload-Length, Upload-Metadata, Upload-Offset"
)


def answer(world: World, request: Request, files: str) -> Reply:
    """The right answer to a request in one world whose creation URL has the path ``files``."""
    method = request.get("x-http-method-override") or request.method
    if world.on("override-post-only") and request.method != "POST":
        method = request.method
    try:
        reply = _dispatch(world, request, method, files)
    except Refused as refused:
        reply = refused.reply
    reply.headers.setdefault("Tus-Resumable", "1.0.0")
    _cors(request, reply)
    return reply


def _cors(request: Request, reply: Reply) -> None:
    origin = request.get("origin")
    if origin is None or origin.endswith(".invalid"):
        return
    reply.headers.update(
        {
            "Access-Control-Allow-Origin": origin,
            "Vary": "Origin",
            "Access-Control-Expose-Headers": _RESPONSE_HEADERS,
        }
    )
    if request.method == "OPTIONS":
        reply.headers.update(
            {
                "Access-Control-Allow-Methods": _METHODS,
                "Access-Control-Max-Age": "86400",
                "Access-Control-Allow-Headers": _REQUEST_HEADERS,
            }
        )


def _dispatch(world: World, request: Request, method: str, files: str) -> Reply:
    if method == "OPTIONS":
        return _options(world)
    if method != "GET" and request.get("tus-resumable") != "1.0.0":
        raise Refused(412, "version not supported", Tus_Version="1.0.0")
    path = urlsplit(request.target).path
    if path.rstrip("/") == files.rstrip("/"):
        if method != "POST":
            raise Refused(405, "no such method here", Allow="POST, OPTIONS")
        return _create(world, request, files)
    if method == "DELETE" and "termination" not in world.extensions:
        raise Refused(405, "no such method here", Allow="HEAD, PATCH, GET")
    if method not in ("HEAD", "PATCH", "DELETE", "GET"):
        raise Refused(405, "no such method here", Allow=_METHODS)
    upload = _find(world, path, files)
    if method == "HEAD":
        return _head(world, upload)
    if method == "PATCH":
        return patch.patch(world, upload, request)
    return _delete(world, upload) if method == "DELETE" else _get(world, upload)


def _options(world: World) -> Reply:
    return Reply(
        204,
        {
            "Tus-Version": "1.0.0",
            "Tus-Extension": ",".join(world.extensions),
            "Tus-Max-Size": str(world.max_size_bytes),
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        },
    )


def _find(world: World, path: str, files: str) -> Stored:
    match = re.fullmatch(re.escape(files) + r"([0-9a-f]{32})", path)
    upload = world.find(match[1]) if match else None
    if upload is None:
        raise Refused(404, "no such upload")
    if upload.gone:
        raise Refused(410, "upload is gone")
    return upload


def expires(upload: Stored) -> dict[str, str]:
    """Upload-Expires of an unfinished upload."""
    if upload.expires_at is None or upload.complete:
        return {}
    return {"Upload-Expires": email.utils.formatdate(upload.expires_at, usegmt=True)}


def _create(world: World, request: Request, files: str) -> Reply:
    if world.poisoned or (world.on("few-writers") and world.writers > 100):
        raise Refused(500, "out of order")
    metadata, concat = request.get("upload-metadata"), request.get("upload-concat")
    if metadata:
        check_metadata(metadata)
    if concat is not None and "concatenation" not in world.extensions:
        raise Refused(501, "no concatenation")
    if concat not in (None, "partial"):
        return _create_final(world, request, files, concat or "")
    length = _length(world, request)
    with_bytes = "creation-with-upload" in world.extensions
    tus_body = with_bytes and request.get("content-type") == OCTET_STREAM
    if with_bytes:
        _check_body(world, request, length, tus_body=tus_body)
    upload = world.add(length, metadata or None, concat, [])
    reply = Reply(201, {"Location": files + upload.id})
    if tus_body:
        try:
            patch.take_body(world, upload, request)
        except Refused:
            upload.gone = True
            raise
        reply.headers["Upload-Offset"] = str(len(upload.data))
    reply.headers.update(expires(upload))
    if concat:
        reply.headers["Upload-Concat"] = concat
    return reply


def _check_body(world: World, request: Request, length: int | None, *, tus_body: bool) -> None:
    if not tus_body and (request.body.chunked or request.body.length):
        raise Refused(415, "wrong content type")
    if (request.get("upload-offset") or "0") != "0":
        raise Refused(400, "a new upload starts at 0")
    if tus_body and length is not None and (request.body.length or 0) > length:
        raise Refused(413, "more bytes than the length")
    wanted = request.get("upload-checksum")
    if wanted is not None and "checksum" in world.extensions:
        checksum(wanted)


def _length(world: World, request: Request) -> int | None:
    value, deferred = request.get("upload-length"), request.get("upload-defer-length")
    if deferred is not None:
        if deferred != "1" or value is not None or "creation-defer-length" not in world.extensions:
            raise Refused(400, "bad Upload-Defer-Length")
        return None
    length = number("Upload-Length", value)
    if length > world.max_size_bytes:
        raise Refused(413, "too large")
    return length


def _create_final(world: World, request: Request, files: str, concat: str) -> Reply:
    parts = []
    word, _, urls = concat.partition(";")
    if word != "final" or not urls.strip() or request.get("upload-length") is not None:
        raise Refused(400, "bad Upload-Concat")
    if request.body.chunked or request.body.length:
        raise Refused(400, "a final upload has no body")
    for url in urls.split():
        split = urlsplit(url)
        if split.netloc and split.netloc != request.get("host"):
            raise Refused(400, "a part on another server")
        path = split.path if split.path.startswith("/") else files + split.path
        parts.append(_find(world, path, files))
    for part in parts:
        if part.concat != "partial" and not world.on("any-part"):
            raise Refused(400, "not a partial upload")
        if not part.complete and "concatenation-unfinished" not in world.extensions:
            raise Refused(400, "an unfinished part")
    if sum(part.length or 0 for part in parts) > world.max_size_bytes:
        raise Refused(413, "too large")
    if world.on("reverse-parts"):
        parts.reverse()
    upload = world.add(None, request.get("upload-metadata") or None, concat, parts)
    return Reply(201, {"Location": files + upload.id, "Upload-Concat": concat})


def _head(world: World, upload: Stored) -> Reply:
    headers = {"Cache-Control": "no-store"}
    if world.on("head-waits"):
        with upload.writer:
            pass
    complete = upload.complete
    if upload.metadata:
        headers["Upload-Metadata"] = upload.metadata
    if upload.concat:
        headers["Upload-Concat"] = upload.concat
    lengths = [part.length for part in upload.parts]
    length = (
        upload.length if not upload.parts else (None if None in lengths else sum(n or 0 for n in lengths))
    )
    if length is not None:
        headers["Upload-Length"] = str(length)
    elif not upload.final:
        headers["Upload-Defer-Length"] = "1"
    if complete or not upload.final:
        shown = len(upload.data)
        if world.on("stale-head") and upload.writer.locked():
            shown = 0
        headers["Upload-Offset"] = str(shown)
    headers.update(expires(upload))
    return Reply(200, headers)


def _delete(world: World, upload: Stored) -> Reply:
    if world.on("delete-nothing"):
        return Reply(204)
    if world.on("delete-resurrects"):
        upload.gone = True
        return Reply(204)
    with patch.writing(upload):
        if upload.gone:
            raise Refused(410, "upload is gone")
        upload.gone = True
        if world.on("delete-hurts-finals"):
            for other in world.uploads.values():
                if other.final and upload.id in (other.concat or ""):
                    other.gone = True
    return Reply(204)


def _get(world: World, upload: Stored) -> Reply:
    if upload.final and not upload.complete:
        raise Refused(404, "not finished")
    data = bytes(byte & 127 for byte in upload.data) if world.on("seven-bits") else bytes(upload.data)
    return Reply(
        200,
        {
            "Content-Type": "application/octet-stream",
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": "attachment",
        },
        data,
    )
