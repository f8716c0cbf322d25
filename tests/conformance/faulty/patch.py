"""PATCH: who may write, where, and what becomes of the bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NoReturn

from tests.conformance.faulty import tus
from tests.conformance.faulty.grammar import ALGORITHMS, Refused, checksum, number
from tests.conformance.faulty.http import Reply, Request
from tests.conformance.faulty.world import Stored, World

_LOCK_WAIT_S = 5.0


@contextlib.contextmanager
def writing(upload: Stored) -> Iterator[None]:
    """The right to write, taken from a writer whose client pauses."""
    upload.takeover.set()
    if not upload.writer.acquire(timeout=_LOCK_WAIT_S):
        raise Refused(423, "upload is busy")
    upload.takeover.clear()
    try:
        yield
    finally:
        upload.writer.release()


@contextlib.contextmanager
def _right_to_write(world: World, upload: Stored) -> Iterator[None]:
    if world.on("one-lock"):
        with world.big_lock, writing(upload):
            yield
    else:
        with writing(upload):
            yield


def patch(world: World, upload: Stored, request: Request) -> Reply:
    """Append the body."""
    if upload.final:
        raise Refused(403, "a final upload takes no bytes")
    if (request.get("content-type") or "").partition(";")[0].lower() != tus.OCTET_STREAM:
        raise Refused(415, "wrong content type")
    offset = number("Upload-Offset", request.get("upload-offset"))
    wanted = request.get("upload-checksum")
    if wanted is not None and "checksum" in world.extensions:
        checksum(wanted)
    if world.on("mix"):
        return _mixed(upload, request, offset)
    if world.on("declare-early") and upload.length is None and request.get("upload-length"):
        upload.length = number("Upload-Length", request.get("upload-length"))
    world.writers += 1
    try:
        return _append(world, upload, request, offset)
    finally:
        world.writers -= 1


def _mixed(upload: Stored, request: Request, offset: int) -> Reply:
    """What becomes of bytes when nobody guards them."""
    for piece in request.body.pieces(lambda: False):
        upload.data[offset : offset + len(piece)] = piece
        offset += len(piece)
    return Reply(204, {"Upload-Offset": str(offset)})


def _append(world: World, upload: Stored, request: Request, offset: int) -> Reply:
    with _right_to_write(world, upload):
        if upload.gone:
            raise Refused(410, "upload is gone")
        if offset != len(upload.data):
            raise Refused(409, "wrong offset", Upload_Offset=str(len(upload.data)))
        _declare(world, upload, request)
        take_body(world, upload, request)
        return Reply(204, {"Upload-Offset": str(len(upload.data)), **tus.expires(upload)})


def _declare(world: World, upload: Stored, request: Request) -> None:
    """Fix a deferred length, and refuse a body that is known to be too long."""
    text = request.get("upload-length")
    length = upload.length
    if text is not None:
        length = number("Upload-Length", text)
        if upload.length not in (None, length) and not world.on("length-changes"):
            raise Refused(400, "the length never changes")
        if length > world.max_size_bytes:
            raise Refused(413, "too large")
        if length < len(upload.data):
            raise Refused(400, "less than what is stored")
    limit = world.max_size_bytes if length is None else length
    if (request.body.length or 0) > limit - len(upload.data):
        raise Refused(413, "more bytes than the length")
    if length != upload.length:
        upload.length = length
        upload.save()


def take_body(world: World, upload: Stored, request: Request) -> None:
    """Store the body, verified first when it carries a checksum."""
    start = len(upload.data)
    wanted, trailing = request.get("upload-checksum"), _announces_trailer(world, request)
    held = _verifies(world, wanted, trailing=trailing)
    body = bytes(_receive(world, upload, request, hold=held))
    if not request.body.complete:
        _interrupted(world, upload, request, start)
    trailer = request.body.trailers.get("upload-checksum")
    if "checksum-trailer" not in world.extensions or world.on("ignore-trailers"):
        trailer = None
    elif trailing and trailer is None and not world.on("trailer-optional"):
        upload.truncate(start)
        raise Refused(400, "the announced trailer is missing")
    for value in (wanted, trailer):
        if value is not None and "checksum" in world.extensions:
            _verify(world, upload, start, body, value)
    if held:
        upload.append(body)
    if world.on("delete-resurrects"):
        upload.gone = False
    elif not world.on("late-acknowledgement") and world.find(upload.id) and upload.gone:
        raise Refused(410, "upload expired meanwhile")


def _announces_trailer(world: World, request: Request) -> bool:
    if "checksum-trailer" not in world.extensions or world.on("ignore-trailers"):
        return False
    return "upload-checksum" in (request.get("trailer") or "").lower()


def _verifies(world: World, wanted: str | None, *, trailing: bool) -> bool:
    """Whether the bytes must be held back until they are verified."""
    if world.on("publish-unverified") or world.on("keep-unverified"):
        return False
    return trailing or (wanted is not None and "checksum" in world.extensions)


def _receive(world: World, upload: Stored, request: Request, *, hold: bool) -> bytearray:
    limit = world.max_size_bytes if upload.length is None else upload.length
    left = limit - len(upload.data)
    received = bytearray()

    def stop() -> bool:
        return upload.takeover.is_set() or (upload.gone and not world.on("delete-resurrects"))

    for piece in request.body.pieces(stop):
        if not hold:
            upload.append(piece[: max(0, left - len(received))])
        received += piece
        if len(received) > left:
            raise Refused(413, "more bytes than the length")
    return received


def _interrupted(world: World, upload: Stored, request: Request, start: int) -> NoReturn:
    if world.on("drop-interrupted"):
        upload.truncate(start)
    if world.on("garble-interrupted") and len(upload.data) > start:
        upload.data[start] ^= 1
    if world.on("pad-interrupted"):
        upload.append(b"\0" * ((upload.length or 0) - len(upload.data)))
    if world.on("cut-creation-poisons") and request.method == "POST":
        world.poisoned = True
    raise _unfinished(request)


def _verify(world: World, upload: Stored, start: int, body: bytes, value: str) -> None:
    try:
        name, digest = checksum(value)
    except Refused:
        upload.truncate(start)
        raise
    if ALGORITHMS[name](body) != digest:
        if not world.on("keep-unverified"):
            upload.truncate(start)
        raise Refused(460, "checksum mismatch")


def _unfinished(request: Request) -> Refused:
    if request.body.stalled:
        refused = Refused(408, "no more bytes came")
    elif request.body.bad:
        refused = Refused(400, "illegal chunked coding")
    else:
        refused = Refused(400, "the request was interrupted")
    refused.reply.close = True
    return refused
