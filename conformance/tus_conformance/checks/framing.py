"""HTTP around the protocol: framing, downloads, error texts."""

from __future__ import annotations

import re

from tus_conformance.checks.metadata import encoded
from tus_conformance.client import HeaderMap
from tus_conformance.message import ClosedEarly, Response, WireError
from tus_conformance.registry import check
from tus_conformance.tus import Tus
from tus_conformance.upload import Upload

_LEAKS = re.compile(
    r"Traceback \(most recent|\n\s+at \S+ \(|goroutine \d+ \["
    r"|\.(py|js|ts|go|rs|java)(\"|'|:)?,? ?(line )?:?\d+"
    r"|(?<![\w.:/])/(home|usr|var|tmp|srv|opt|root|data|etc)/\w|[A-Z]:\\\\?\w|s3://|arn:aws"
)


def _raw(t: Tus, upload: Upload, headers: HeaderMap, body: bytes) -> Response | None:
    """A PATCH framed by hand; None when the server closes without an answer."""
    connection = t.connect()
    try:
        connection.send(t.head_of("PATCH", upload.target, {**upload.patch_lines(0), **headers}) + body)
        connection.half_close()
        answer = upload.answer(connection)
    except ClosedEarly:
        return None
    if answer.status >= 300 or (answer.get("Connection") or "").lower() == "close":
        return answer
    t.expect(connection.closed_within(2.0), f"answered {answer.status} and keeps the connection")
    return answer


@check("HTTP-09")
def hostile_downloads(t: Tus) -> None:
    for kind in (b"text/html", b"image/svg+xml"):
        name = b'evil".html'
        value = f"filetype {encoded(kind)},filename {encoded(name)},name {encoded(name)},type {encoded(kind)}"
        answer = t.finished(b"<script>alert(1)</script>", {"Upload-Metadata": value}).get()
        if answer.status != 200:
            t.note(f"GET answers {answer.status}")
            continue
        disposition = (answer.get("Content-Disposition") or "").lower()
        served = (answer.get("Content-Type") or "").lower()
        nosniff = (answer.get("X-Content-Type-Options") or "").lower() == "nosniff"
        sandbox = "sandbox" in (answer.get("Content-Security-Policy") or "")
        harmless = (
            disposition.startswith("attachment") or sandbox or served.startswith("application/octet-stream")
        )
        t.expect(harmless, f"{kind.decode()} is served for display as {served!r}")
        t.expect(
            nosniff or sandbox or disposition.startswith("attachment"), "no X-Content-Type-Options: nosniff"
        )
        t.expect(
            not re.search(r'filename="[^"\\]*"[^;\s]', disposition), f"unescaped file name: {disposition}"
        )


@check("HTTP-10")
def length_and_chunked(t: Tus) -> None:
    upload, victim = t.new(10), t.new(10)
    smuggled = t.head_of("DELETE", victim.target)
    body = b"3\r\nabc\r\n0\r\n\r\n" + smuggled
    answer = _raw(t, upload, {"Content-Length": "3", "Transfer-Encoding": "chunked"}, body)
    if answer is not None:
        t.status(answer, "400 204", "501")
        t.note(f"both Content-Length and chunked: {answer.status}")
    upload.state()
    t.status(victim.head(), "200 204", after="to HEAD of an upload that a smuggled DELETE named")


@check("HTTP-11")
def bad_content_length(t: Tus) -> None:
    upload = t.new(10)
    for value in (["3", "5"], "-3", "abc", "3, 5", "+3"):
        answer = _raw(t, upload, {"Content-Length": value}, b"abcde")
        if answer is not None:
            t.status(answer, "400", after=f"to Content-Length {value}")
        upload.holds(0, 10, after=f"Content-Length {value}")


@check("HTTP-12")
def unknown_coding(t: Tus) -> None:
    upload = t.new(10)
    answer = _raw(t, upload, {"Transfer-Encoding": "gzip, chunked"}, b"3\r\nabc\r\n0\r\n\r\n")
    if answer is not None:
        t.status(answer, "501 400", "415")
    upload.holds(0, 10)


@check("HTTP-13")
def http_1_0(t: Tus) -> None:
    upload = t.new(10)
    for method, lines, body in (
        ("PATCH", {**upload.patch_lines(0), "Content-Length": "3"}, b"abc"),
        ("HEAD", {}, b""),
    ):
        connection = t.connect()
        connection.send(t.head_of(method, upload.target, lines, "HTTP/1.0") + body)
        answer = t.judged(method, upload.target, connection.response(method))
        t.status(answer, "200 204", "505 426", after=f"to {method} over HTTP/1.0")
        if method == "HEAD" and answer.status < 300:
            t.equal(answer.get("Upload-Offset"), "3", "Upload-Offset")


@check("HTTP-15")
def error_texts(t: Tus) -> None:
    upload = t.new(10)
    answers = [
        t.unknown().patch(0, b"x"),
        upload.patch(5, b"x"),
        upload.patch("abc", b"x"),
        t.create("abc"),
        t.send("GET", t.collection + "%00"),
        t.send("PATCH", t.collection + "a" * 2000, upload.patch_lines(0)),
        upload.patch(0, b"x", {"Upload-Checksum": "foo bar"}),
        t.create(5, {"Upload-Metadata": "a !!!"}),
    ]
    for answer in answers:
        t.tolerate(answer, "501")
        text = answer.body.decode("utf-8", "replace") if answer.status >= 400 else ""
        found = _LEAKS.search(text)
        if found:
            t.violated(f"the {answer.status} shows {text[max(0, found.start() - 20) : found.end() + 40]!r}")


@check("HTTP-17")
def large_headers(t: Tus) -> None:
    upload = t.new(10)
    connection = t.connect()
    try:
        connection.send(t.head_of("OPTIONS", upload.target, {"X-Large": "x" * 65536}))
        answer = t.judged("OPTIONS", upload.target, connection.response("OPTIONS"))
        t.status(answer, "431 400 200 204", "413")
        t.note(f"64 KiB of headers: {answer.status}")
    except WireError as error:
        t.note(f"64 KiB of headers: {error}")
    upload.holds(0, 10)


@check("HTTP-18")
def redirects(t: Tus) -> None:
    answer = t.new(10).head()
    if 300 <= answer.status < 400:
        t.expect(
            answer.status in (307, 308),
            f"uploads are redirected with {answer.status}, which loses the method",
        )
        t.note(f"uploads are redirected with {answer.status}")
