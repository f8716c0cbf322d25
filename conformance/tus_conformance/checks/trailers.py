"""Checksum: the trailer form."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tus_conformance.checks.checksum import DATA, mismatch, sha1_of
from tus_conformance.client import OCTET_STREAM
from tus_conformance.endpoint import chunked
from tus_conformance.message import Response
from tus_conformance.registry import check
from tus_conformance.tus import Tus
from tus_conformance.upload import Upload

_WRONG = sha1_of(b"other")


def _patch(
    t: Tus,
    upload: Upload,
    trailers: Sequence[tuple[str, str]],
    *,
    announce: bool = True,
    header: str | None = None,
) -> Response:
    """A chunked PATCH with a trailer section."""
    connection = t.connect()
    lines = {**upload.patch_lines(0), "Transfer-Encoding": "chunked", "Upload-Checksum": header}
    if announce:
        lines["Trailer"] = "Upload-Checksum"
    connection.send(t.head_of("PATCH", upload.target, lines))
    connection.send_body(chunked(DATA, size_bytes=4, trailers=trailers))
    return upload.answer(connection)


@check("CHECK-24")
def announced(t: Tus) -> None:
    if t.has("checksum-trailer"):
        t.expect(t.has("checksum"), "checksum-trailer without checksum")
        return
    upload = t.new(20)
    answer = t.tolerate(_patch(t, upload, [("Upload-Checksum", _WRONG)]), "501")
    t.expect(answer.status != 460, "trailers are verified, but checksum-trailer is not announced")


@check("CHECK-25")
def right(t: Tus) -> None:
    upload = t.new(20)
    answer = t.status(_patch(t, upload, [("Upload-Checksum", sha1_of(DATA))]), "204")
    t.equal(answer.get("Upload-Offset"), "11", "Upload-Offset")
    upload.holds(11, 20)


@check("CHECK-26")
def wrong(t: Tus) -> None:
    upload = t.new(20)
    mismatch(t, upload, _patch(t, upload, [("Upload-Checksum", _WRONG)]), 0, 20)


@check("CHECK-27")
def unknown_algorithm(t: Tus) -> None:
    upload = t.new(20)
    answer = t.status(_patch(t, upload, [("Upload-Checksum", "foo AAAA")]), "4xx")
    upload.holds(0, 20)
    if answer.status != 400:
        t.warn(f"answered {answer.status} instead of 400")


@check("CHECK-28")
def announced_but_missing(t: Tus) -> None:
    upload = t.new(20)
    answer = t.status(_patch(t, upload, []), "400 204", "460")
    if answer.status == 204:
        t.warn("the bytes are accepted unverified")
        return
    upload.holds(0, 20)


@check("CHECK-29")
def not_announced_in_the_request(t: Tus) -> None:
    upload = t.new(20)
    answer = t.status(_patch(t, upload, [("Upload-Checksum", _WRONG)], announce=False), "460 400 204")
    t.note("a trailer without announcement is " + ("ignored" if answer.status == 204 else "verified"))
    upload.holds(11 if answer.status == 204 else 0)


@check("CHECK-30")
def header_and_trailer_disagree(t: Tus) -> None:
    for header, trailer in ((sha1_of(DATA), _WRONG), (_WRONG, sha1_of(DATA))):
        upload = t.new(20)
        t.status(_patch(t, upload, [("Upload-Checksum", trailer)], header=header), "400 460")
        upload.holds(0, 20)


@check("CHECK-31")
def extension_not_announced(t: Tus) -> None:
    upload = t.new(20)
    answer = t.status(_patch(t, upload, [("Upload-Checksum", _WRONG)]), "204 4xx")
    upload.holds(11 if answer.status == 204 else 0)


@check("CHECK-32")
def other_trailers(t: Tus) -> None:
    upload = t.new(20)
    trailers = [
        ("Upload-Offset", "99"),
        ("Upload-Length", "1"),
        ("Tus-Resumable", "9"),
        ("Upload-Checksum", sha1_of(DATA)),
    ]
    answer = t.status(_patch(t, upload, trailers), "204")
    t.equal(answer.get("Upload-Offset"), "11", "Upload-Offset")
    upload.holds(11, 20)


@check("CHECK-33")
def cut_before_trailers(t: Tus) -> None:
    upload = t.new(len(DATA))
    connection = t.connect()
    lines = {**upload.patch_lines(0), "Transfer-Encoding": "chunked", "Trailer": "Upload-Checksum"}
    connection.send(t.head_of("PATCH", upload.target, lines))
    connection.send(chunked(DATA, size_bytes=4, end=False))
    time.sleep(0.2)
    connection.close()
    kept = upload.settled(at_least=0)
    t.expect(kept < len(DATA), "the upload is complete although its checksum never came")
    if kept:
        t.note("unverified bytes of a cut request are kept")


@check("CHECK-35")
def on_creation(t: Tus) -> None:
    for checksum, wanted in ((sha1_of(b"hello"), "201"), (_WRONG, "460")):
        connection = t.connect()
        lines = {
            "Upload-Length": "5",
            "Content-Type": OCTET_STREAM,
            "Transfer-Encoding": "chunked",
            "Trailer": "Upload-Checksum",
        }
        connection.send(t.head_of("POST", t.url, lines))
        connection.send_body(chunked(b"hello", trailers=[("Upload-Checksum", checksum)]))
        answer = t.judged("POST", t.url, connection.response("POST"))
        t.status(answer, wanted, "400" if wanted == "460" else "")
        if location := answer.get("Location"):
            Upload(t, t.resolve(location)).holds(5 if wanted == "201" else 0)
