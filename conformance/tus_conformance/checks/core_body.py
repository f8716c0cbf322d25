"""PATCH: bodies of every size and framing."""

from __future__ import annotations

import gzip

from tus_conformance.registry import check
from tus_conformance.tus import Tus, payload


@check("CORE-49")
def body_too_long(t: Tus) -> None:
    upload = t.new(10)
    t.status(upload.patch(0, payload(11)), "413", "400")
    offset = upload.offset()
    t.expect(offset in (0, 10), f"{offset} bytes kept of an upload of 10")
    t.note(
        "bytes beyond the length: " + ("refused before storing" if offset == 0 else "stored up to the length")
    )
    upload.contains_prefix(payload(offset))


@check("CORE-50")
def chunked_body_too_long(t: Tus) -> None:
    upload = t.new(10)
    t.status(upload.patch(0, payload(12), framing="chunked"), "413", "400")
    offset = upload.offset()
    t.expect(0 <= offset <= 10, f"{offset} bytes kept of an upload of 10")
    upload.contains_prefix(payload(offset))


@check("CORE-51")
def chunked_body(t: Tus) -> None:
    upload = t.new(11)
    answer = t.status(upload.patch(0, b"hello ", framing="chunked"), "204")
    t.equal(answer.get("Upload-Offset"), "6", "Upload-Offset")
    t.status(upload.patch(6, b"world", framing="chunked"), "204", "200")
    upload.holds(11, 11)
    upload.contains(b"hello world")


@check("CORE-52")
def empty_patch(t: Tus) -> None:
    upload = t.filled(10, b"abc")
    t.equal(t.status(upload.patch(3, b""), "204").get("Upload-Offset"), "3", "Upload-Offset")
    upload.holds(3, 10)


@check("CORE-53")
def finished_does_not_grow(t: Tus) -> None:
    upload = t.finished(b"abc")
    empty = t.status(upload.patch(3, b""), "204", "4xx", after="to an empty PATCH")
    if empty.status == 204:
        t.equal(empty.get("Upload-Offset"), "3", "Upload-Offset")
    more = t.status(upload.patch(3, b"x"), "413 403 409 400 204", after="to one byte more")
    t.expect(
        more.status != 204 or more.get("Upload-Offset") == "3", f"Upload-Offset {more.get('Upload-Offset')}"
    )
    t.note(f"one byte for a finished upload: {more.status}")
    upload.holds(3, 3)
    upload.contains(b"abc")


@check("CORE-54")
def finished_at_zero(t: Tus) -> None:
    upload = t.finished(b"abc")
    t.status(upload.patch(0, b"abc"), "409")
    upload.holds(3, 3)


@check("CORE-55")
def no_framing(t: Tus) -> None:
    upload = t.filled(10, b"abc")
    t.status(upload.patch(3, b"", framing="none"), "204 411")
    upload.holds(3, 10)


@check("CORE-59")
def many_small_patches(t: Tus) -> None:
    data = payload(200)
    upload = t.new(200)
    connection = t.connect()
    for offset in range(200):
        answer = upload.patch(offset, data[offset : offset + 1], on=connection)
        t.status(answer, "204", "200" if offset == 199 else "", after=f"to PATCH {offset + 1}")
        if (answer.get("Connection") or "").lower() == "close":
            connection = t.connect()
    upload.holds(200, 200)
    upload.contains(data)


@check("CORE-64")
def content_coding(t: Tus) -> None:
    data = gzip.compress(b"a" * 5000, mtime=0)
    upload = t.new(len(data))
    answer = t.status(upload.patch(0, data, {"Content-Encoding": "gzip"}), "2xx 415")
    if answer.status == 415:
        upload.holds(0)
        return
    t.equal(answer.number("Upload-Offset"), len(data), "Upload-Offset (bytes as sent)")
    upload.holds(len(data), len(data))
    upload.contains(data)


@check("CORE-66")
def any_bytes(t: Tus) -> None:
    data = (
        bytes(range(256))
        + b"\r\n\r\n0\r\n\r\nDELETE / HTTP/1.1\r\nHost: x\r\n\r\n"
        + b"\0" * 64
        + b"\n.\n\xff\xfe"
    )
    upload = t.new(len(data))
    t.status(upload.patch(0, data), "2xx")
    upload.holds(len(data))
    upload.contains(data)
