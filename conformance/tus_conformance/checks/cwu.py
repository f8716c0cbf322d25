"""Creation With Upload."""

from __future__ import annotations

import time

from tus_conformance.checks.checksum import sha1_of
from tus_conformance.checks.metadata import pairs
from tus_conformance.client import OCTET_STREAM, HeaderMap
from tus_conformance.message import Response
from tus_conformance.registry import check
from tus_conformance.tus import Tus, payload
from tus_conformance.upload import Upload

_BIG_BYTES = 4 * 1024 * 1024


def _truthful(t: Tus, answer: Response, most: int, length: int) -> int:
    """Demand 201 with an offset of at most ``most`` that HEAD confirms; return it."""
    upload = t.made(answer)
    told = answer.number("Upload-Offset")
    if told is None:
        t.violated("201 without Upload-Offset")
    t.expect(told <= most, f"Upload-Offset {told} after {most} bytes")
    upload.holds(told, length)
    if told < most:
        t.note(f"{told} of {most} bytes were accepted with the creation")
    return told


def _uncounted(t: Tus, answer: Response) -> None:
    """Demand 415, or an upload whose body was ignored."""
    if answer.status != 201:
        t.refused(answer, "415", "400")
        return
    t.expect(answer.get("Upload-Offset") in (None, "0"), f"Upload-Offset is {answer.get('Upload-Offset')}")
    t.made(answer).holds(0, 100)
    t.note("a creation body of another type is ignored")


@check("CWU-01")
def needs_creation(t: Tus) -> None:
    t.expect(t.has("creation") or not t.has("creation-with-upload"), "announced without creation")


@check("CWU-02")
def some_bytes(t: Tus) -> None:
    _truthful(t, t.create(100, body=b"hello"), 5, 100)


@check("CWU-03")
def whole_file(t: Tus) -> None:
    answer = t.create(5, body=b"hello")
    t.equal(_truthful(t, answer, 5, 5), 5, "Upload-Offset")
    t.made(answer).contains(b"hello")


@check("CWU-04")
def other_type(t: Tus) -> None:
    _uncounted(t, t.create(100, {"Content-Type": "text/plain"}, b"hello"))


@check("CWU-05")
def no_type(t: Tus) -> None:
    _uncounted(t, t.create(100, {"Content-Type": None}, b"hello"))


@check("CWU-06")
def empty_body(t: Tus) -> None:
    answer = t.create(100, body=b"")
    if answer.status == 201 and not answer.has("Upload-Offset"):
        t.made(answer).holds(0, 100)
        t.warn("no Upload-Offset in the answer; whether an empty body counts as data is open")
        return
    t.equal(_truthful(t, answer, 0, 100), 0, "Upload-Offset")


@check("CWU-07")
def too_many_bytes(t: Tus) -> None:
    answer = t.status(t.create(3, body=b"hello"), "413", "400")
    if (location := answer.get("Location")) is not None:
        offset = Upload(t, t.resolve(location)).offset()
        t.expect(offset <= 3, f"{offset} bytes of 3 are stored")


@check("CWU-08")
def chunked_body(t: Tus) -> None:
    answer = t.create(100, body=b"hello", framing="chunked")
    t.equal(_truthful(t, answer, 5, 100), 5, "Upload-Offset")


def _expecting(t: Tus, length: int, headers: HeaderMap | None = None) -> tuple[Response, Response]:
    """A creation that waits for 100-continue: the first and the final response."""
    connection = t.connect()
    lines = {
        "Upload-Length": str(length),
        "Content-Type": OCTET_STREAM,
        "Content-Length": "5",
        "Expect": "100-continue",
        **(headers or {}),
    }
    connection.send(t.head_of("POST", t.url, lines))
    first = final = connection.any_response("POST", t.options.timeout_s)
    while final.status < 200:
        if final is first:
            connection.send(b"hello")
        final = connection.any_response("POST", t.options.timeout_s)
    return first, t.judged("POST", t.url, final)


@check("CWU-09")
def expect_continue(t: Tus) -> None:
    first, final = _expecting(t, 100)
    t.expect(first.status in (100, 201), f"first response is {first.status}")
    _truthful(t, final, 5 if first.status == 100 else 0, 100)


@check("CWU-10")
def expect_and_refuse(t: Tus) -> None:
    first, final = _expecting(t, (t.target.max_size_bytes or 0) + 1)
    t.refused(final, "413")
    t.expect(first.status != 100, "100 Continue was sent before the refusal")


@check("CWU-11")
def cut_creation(t: Tus) -> None:
    for rst in (False, True):
        connection = t.connect()
        lines = {"Upload-Length": "100000", "Content-Type": OCTET_STREAM, "Content-Length": "100000"}
        connection.send(t.head_of("POST", t.url, lines) + payload(50_000))
        time.sleep(0.1)
        connection.reset() if rst else connection.close()
    t.made(t.create(5, body=b"hello")).holds(5, 5)


@check("CWU-12")
def with_metadata(t: Tus) -> None:
    answer = t.create(5, {"Upload-Metadata": "a YQ=="}, b"hello")
    head = t.made(answer).head()
    t.equal(pairs(head.get("Upload-Metadata")), {"a": "YQ=="}, "Upload-Metadata")
    t.equal(head.get("Upload-Offset"), answer.get("Upload-Offset"), "Upload-Offset")


@check("CWU-13")
def with_deferred_length(t: Tus) -> None:
    answer = t.create(None, {"Upload-Defer-Length": "1"}, b"hello")
    t.equal(t.status(answer, "201").get("Upload-Offset"), "5", "Upload-Offset")
    t.made(answer).deferred(5)


@check("CWU-14")
def with_checksum(t: Tus) -> None:
    good = t.create(5, {"Upload-Checksum": sha1_of(b"hello")}, b"hello")
    t.made(good).holds(5, 5)
    bad = t.status(t.create(5, {"Upload-Checksum": sha1_of(b"other")}, b"hello"), "460", "400")
    if (location := bad.get("Location")) is not None:
        Upload(t, t.resolve(location)).holds(0)


@check("CWU-15")
def partial_with_bytes(t: Tus) -> None:
    _truthful(t, t.create(5, {"Upload-Concat": "partial"}, b"hello"), 5, 5)


@check("CWU-16")
def final_with_bytes(t: Tus) -> None:
    part = t.partial(b"hello")
    t.refused(t.create(None, {"Upload-Concat": f"final;{part.target}"}, b"more"), "403 400")


@check("CWU-17")
def offset_on_creation(t: Tus) -> None:
    _truthful(t, t.create(100, {"Upload-Offset": "0"}, b"hello"), 5, 100)
    answer = t.create(100, {"Upload-Offset": "5"}, b"hello")
    t.status(answer, "400 409 201", after="to Upload-Offset 5")
    if answer.status == 201:
        t.note("an Upload-Offset on creation is ignored")
        _truthful(t, answer, 5, 100)


@check("CWU-18")
def not_announced(t: Tus) -> None:
    answer = t.create(100, body=b"hello")
    if answer.status != 201:
        t.refused(answer, "4xx")
        return
    t.expect(answer.get("Upload-Offset") in (None, "0"), f"Upload-Offset is {answer.get('Upload-Offset')}")
    t.made(answer).holds(0, 100)


@check("CWU-19")
def empty_chunked_body(t: Tus) -> None:
    _truthful(t, t.create(0, body=b"", framing="chunked"), 0, 0)


@check("CWU-20")
def large_body(t: Tus) -> None:
    length = min(_BIG_BYTES, t.target.max_size_bytes or _BIG_BYTES)
    answer = t.create(length, body=payload(length))
    told = _truthful(t, answer, length, length)
    if told == length:
        t.made(answer).contains(payload(length))
