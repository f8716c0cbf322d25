"""PATCH: offsets and content types."""

from __future__ import annotations

from tus_conformance.registry import check
from tus_conformance.tus import Tus

_MALFORMED_OFFSETS = ("-1", "abc", "1.5", "0x0", "1e0", "", "+0", "00", "0,0")


@check("CORE-36")
def patch_everything(t: Tus) -> None:
    answer = t.new(11).patch(0, b"hello world")
    if answer.status == 200:
        t.warn("answered 200 instead of 204; clients accept it")
    else:
        t.status(answer, "204")
    t.equal(answer.get("Upload-Offset"), "11", "Upload-Offset")


@check("CORE-37")
def patch_in_steps(t: Tus) -> None:
    upload = t.new(11)
    for offset, data in ((0, b"hell"), (4, b"o wo"), (8, b"rld")):
        answer = upload.patch(offset, data)
        t.status(answer, "204", "200" if offset == 8 else "", after=f"to PATCH at {offset}")
        t.equal(answer.number("Upload-Offset"), offset + len(data), "Upload-Offset")
    upload.contains(b"hello world")


@check("CORE-38")
def patch_tells_the_truth(t: Tus) -> None:
    upload, offset = t.new(11), 0
    for data in (b"hell", b"o wo", b"rld"):
        answer = t.status(upload.patch(offset, data), "2xx")
        told = answer.number("Upload-Offset")
        t.equal(upload.offset(), told, "HEAD's Upload-Offset after PATCH")
        t.expect(
            told is not None and offset <= told <= offset + len(data), f"Upload-Offset {told} at {offset}"
        )
        offset = told or 0


@check("CORE-39")
def offset_too_high(t: Tus) -> None:
    upload = t.new(10)
    t.status(upload.patch(5, b"abc"), "409")
    upload.holds(0, 10)


@check("CORE-40")
def offset_too_low(t: Tus) -> None:
    upload = t.filled(10, b"abc")
    t.status(upload.patch(0, b"abc"), "409")
    upload.holds(3, 10)
    upload.contains_prefix(b"abc")


@check("CORE-41")
def conflict_shows_offset(t: Tus) -> None:
    t.equal(t.filled(10, b"abc").patch(5, b"abc").get("Upload-Offset"), "3", "Upload-Offset of the 409")


@check("CORE-42")
def wrong_type(t: Tus) -> None:
    upload = t.new(10)
    answer = upload.patch(0, b"abc", {"Content-Type": "application/octet-stream"})
    upload.holds(0, 10)
    t.status(answer, "415")


@check("CORE-43")
def no_type(t: Tus) -> None:
    upload = t.new(10)
    answer = upload.patch(0, b"abc", {"Content-Type": None})
    upload.holds(0, 10)
    t.status(answer, "415")


@check("CORE-44")
def type_spelling(t: Tus) -> None:
    upload = t.new(10)
    for value in ("Application/Offset+Octet-Stream", "application/offset+octet-stream; charset=utf-8"):
        before = upload.offset()
        answer = t.status(
            upload.patch(before, b"abc", {"Content-Type": value}), "204", "415", after=f"to {value}"
        )
        upload.holds(before + 3 if answer.status == 204 else before)


@check("CORE-45")
def patch_unknown(t: Tus) -> None:
    t.status(t.unknown().patch(0, b"x"), "404", "410")


@check("CORE-46")
def no_offset(t: Tus) -> None:
    upload = t.new(10)
    t.status(upload.patch(None, b"abc"), "400", "409 403 415")
    upload.holds(0, 10)


@check("CORE-47")
def malformed_offset(t: Tus) -> None:
    upload = t.new(10)
    for value in _MALFORMED_OFFSETS:
        t.status(upload.patch(value, b"abc"), "400", "409", after=f"to Upload-Offset {value!r}")
        upload.holds(0, 10, after=f"Upload-Offset {value!r}")


@check("CORE-48")
def enormous_offset(t: Tus) -> None:
    upload = t.new(10)
    for value in ("99999999999999999999999", "18446744073709551616", "9223372036854775808"):
        t.status(upload.patch(value, b"abc"), "400 409", after=f"to Upload-Offset {value}")
        upload.holds(0, 10)


@check("CORE-63")
def two_offsets(t: Tus) -> None:
    upload = t.new(10)
    for values in (["0", "5"], ["5", "0"]):
        t.status(upload.patch(None, b"abc", {"Upload-Offset": values}), "400", "409", after=f"to {values}")
        upload.holds(0, 10)


@check("CORE-65")
def unrelated_headers(t: Tus) -> None:
    upload = t.new(10)
    extra = {"Upload-Concat": "partial", "Upload-Metadata": "a YQ==", "X-Request-ID": "1"}
    t.status(upload.patch(0, b"abc", extra), "204")
    upload.holds(3, 10)
    t.expect(not upload.head().has("Upload-Metadata"), "PATCH changed the metadata")
