"""Creation, Upload-Defer-Length."""

from __future__ import annotations

import time

from tus_conformance.registry import check
from tus_conformance.tus import Tus, payload

_APPEND_LIMIT_BYTES = 64 * 1024 * 1024


def _length(value: int | str) -> dict[str, str]:
    return {"Upload-Length": str(value)}


@check("DEFER-01")
def announced_when_it_works(t: Tus) -> None:
    answer = t.create(None, {"Upload-Defer-Length": "1"})
    t.tolerate(answer, "501")
    announced = t.has("creation-defer-length")
    t.expect(announced or answer.status != 201, "deferred lengths work, but the extension is not announced")
    t.expect(not announced or answer.status == 201, f"announced, but answered {answer.status}")


@check("DEFER-02")
def create_deferred(t: Tus) -> None:
    t.made(t.create(None, {"Upload-Defer-Length": "1"}))


@check("DEFER-03")
def head_of_deferred(t: Tus) -> None:
    answer = t.new(None).head()
    t.equal(answer.get("Upload-Defer-Length"), "1", "Upload-Defer-Length")
    t.equal(answer.get("Upload-Offset"), "0", "Upload-Offset")
    t.expect(not answer.has("Upload-Length"), f"Upload-Length is {answer.get('Upload-Length')}")


@check("DEFER-04")
def stays_deferred(t: Tus) -> None:
    upload = t.new(None)
    t.equal(t.status(upload.patch(0, b"abc"), "204").get("Upload-Offset"), "3", "Upload-Offset")
    upload.deferred(3)


@check("DEFER-05")
def other_values(t: Tus) -> None:
    for value in ("0", "2", "true", "", "-1"):
        t.refused(t.create(None, {"Upload-Defer-Length": value}), "400", after=f"to {value!r}")


@check("DEFER-06")
def not_announced(t: Tus) -> None:
    t.refused(t.create(None, {"Upload-Defer-Length": "1"}), "400 501")


@check("DEFER-07")
def fixed_by_patch(t: Tus) -> None:
    upload = t.filled(None, b"abc")
    t.status(upload.patch(3, b"de", _length(10)), "204")
    answer = upload.head()
    t.equal(answer.get("Upload-Length"), "10", "Upload-Length")
    t.expect(not answer.has("Upload-Defer-Length"), "Upload-Defer-Length is still there")


@check("DEFER-08")
def completed(t: Tus) -> None:
    upload = t.filled(None, b"abc")
    t.status(upload.patch(3, b"de", _length(10)), "204")
    t.equal(t.status(upload.patch(5, b"fghij"), "204", "200").get("Upload-Offset"), "10", "Upload-Offset")
    upload.holds(10, 10)
    upload.contains(b"abcdefghij")


@check("DEFER-09")
def never_changes(t: Tus) -> None:
    upload = t.filled(None, b"abc")
    t.status(upload.patch(3, b"de", _length(10)), "2xx")
    answer = upload.patch(5, b"f", _length(12))
    offset, length, _ = upload.state()
    t.equal(length, 10, "Upload-Length after a PATCH with Upload-Length 12")
    if 200 <= answer.status < 300:
        t.warn("the second length is ignored silently")
    else:
        t.status(answer, "400", "409 403")
        t.equal(offset, 5, "Upload-Offset")


@check("DEFER-10")
def same_length_again(t: Tus) -> None:
    upload = t.filled(None, b"abc")
    t.status(upload.patch(3, b"de", _length(10)), "2xx")
    t.status(upload.patch(5, b"f", _length(10)), "204", "400")


@check("DEFER-11")
def below_offset(t: Tus) -> None:
    upload = t.filled(None, b"abcdef")
    t.status(upload.patch(6, b"", _length(3)), "400", "409 413")
    upload.deferred(6)


@check("DEFER-12")
def above_max_size(t: Tus) -> None:
    upload = t.new(None)
    t.status(upload.patch(0, b"abc", _length((t.target.max_size_bytes or 0) + 1)), "413", "400")
    t.expect(upload.state().deferred, "the length is no longer deferred")


@check("DEFER-13")
def ended_by_empty_patch(t: Tus) -> None:
    upload = t.filled(None, b"abc")
    t.equal(
        t.status(upload.patch(3, b"", _length(3)), "204", "200").get("Upload-Offset"), "3", "Upload-Offset"
    )
    upload.holds(3, 3)
    upload.contains(b"abc")


@check("DEFER-14")
def body_beyond_new_length(t: Tus) -> None:
    upload = t.new(None)
    t.status(upload.patch(0, payload(12), _length(10)), "413 400")
    offset = upload.offset()
    t.expect(offset <= 10, f"{offset} bytes are stored")


@check("DEFER-15")
def refused_patch_fixes_nothing(t: Tus) -> None:
    upload = t.filled(None, b"abc")
    t.status(upload.patch(7, b"x", _length(10)), "409")
    upload.deferred(3)


@check("DEFER-16")
def cannot_outgrow_max_size(t: Tus) -> None:
    limit = t.target.max_size_bytes or 0
    if limit > _APPEND_LIMIT_BYTES:
        t.skip(f"Tus-Max-Size is above {_APPEND_LIMIT_BYTES} bytes")
    upload = t.filled(None, payload(limit))
    for framing in ("length", "chunked"):
        t.status(
            upload.patch(limit, b"more", framing="chunked" if framing == "chunked" else "length"),
            "413",
            after=f"({framing})",
        )
        offset = upload.offset()
        t.expect(offset <= limit, f"{offset} bytes are stored, the limit is {limit}")


@check("DEFER-17")
def same_length_of_ordinary(t: Tus) -> None:
    t.status(t.new(10).patch(0, b"abc", _length(10)), "204 400")


@check("DEFER-18")
def other_length_of_ordinary(t: Tus) -> None:
    upload = t.new(10)
    answer = t.status(upload.patch(0, b"abc", _length(20)), "4xx 204")
    if answer.status == 204:
        t.note("ignored")
    t.equal(upload.state().length, 10, "Upload-Length")


@check("DEFER-19")
def cut_while_fixing(t: Tus) -> None:
    data = payload(1000)
    upload = t.new(None)
    connection = upload.start(0, 1000, data[:400], _length(1000))
    time.sleep(0.2)
    connection.close()
    kept = upload.settled(at_least=0)
    state = upload.state()
    t.expect(state.deferred or state.length == 1000, f"Upload-Length is {state.length}")
    rest = upload.patch(kept, data[kept:], _length(1000) if state.deferred else {})
    t.status(rest, "2xx", after="to the continuation")
    upload.holds(1000, 1000)
    upload.contains(data)


@check("DEFER-20")
def ended_empty(t: Tus) -> None:
    upload = t.new(None)
    t.status(upload.patch(0, b"", _length(0)), "204", "200")
    upload.holds(0, 0)


@check("DEFER-21")
def repeated_defer_header(t: Tus) -> None:
    upload = t.new(None)
    t.status(upload.patch(0, b"abc", {"Upload-Defer-Length": "1"}), "204")
    upload.deferred(3)


@check("DEFER-22")
def later_length_is_no_number(t: Tus) -> None:
    upload = t.new(None)
    for value in ("abc", "-1", "1.5"):
        t.status(upload.patch(0, b"abc", _length(value)), "400", after=f"to Upload-Length {value!r}")
        upload.deferred(0)


@check("DEFER-23")
def fixed_early(t: Tus) -> None:
    upload = t.new(None)
    t.status(upload.patch(0, b"abc", _length(10)), "204")
    t.status(upload.patch(3, b"defg"), "204")
    t.status(upload.patch(7, b"hij"), "204", "200")
    upload.holds(10, 10)


@check("DEFER-24")
def ordinary_is_not_deferred(t: Tus) -> None:
    t.expect(
        not t.new(10).head().has("Upload-Defer-Length"), "Upload-Defer-Length on an upload of known length"
    )
