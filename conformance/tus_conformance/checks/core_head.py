"""HEAD: the truth about an upload."""

from __future__ import annotations

from tus_conformance.registry import check
from tus_conformance.tus import Tus, payload
from tus_conformance.upload import Upload


@check("CORE-23")
def fresh_offset(t: Tus) -> None:
    t.equal(t.new(10).head().get("Upload-Offset"), "0", "Upload-Offset")


@check("CORE-24")
def head_status(t: Tus) -> None:
    t.status(t.new(10).head(), "200 204")


@check("CORE-25")
def head_length(t: Tus) -> None:
    t.equal(t.new(10).head().get("Upload-Length"), "10", "Upload-Length")


@check("CORE-26")
def head_is_not_stored(t: Tus) -> None:
    answer = t.new(10).head()
    directives = [item.lower() for item in answer.items("Cache-Control")]
    t.expect("no-store" in directives, f"Cache-Control is {answer.get('Cache-Control')!r}")


@check("CORE-27")
def head_after_patch(t: Tus) -> None:
    t.filled(10, b"abcd").holds(4, 10)


@check("CORE-28")
def head_when_finished(t: Tus) -> None:
    answer = t.finished(b"abcdefghij").head()
    if answer.status in (404, 410):
        t.info("finished uploads are not kept")
        return
    t.equal(answer.get("Upload-Offset"), "10", "Upload-Offset")


@check("CORE-29")
def head_of_unknown(t: Tus) -> None:
    answer = t.status(t.unknown().head(), "404 410 403", "401")
    t.expect(not answer.has("Upload-Offset"), f"{answer.status} with an Upload-Offset")


@check("CORE-30")
def head_error_keeps_connection_readable(t: Tus) -> None:
    upload = t.new(10)
    connection = t.connect()
    error = t.unknown().head(on=connection)
    if (error.get("Connection") or "").lower() == "close":
        t.note("closes the connection after the error")
        return
    t.status(upload.head(on=connection), "200 204", after="to the second HEAD on the connection")


@check("CORE-31")
def head_is_stable(t: Tus) -> None:
    upload = t.filled(10, b"abcd")
    t.equal([upload.offset() for _ in range(3)], [4, 4, 4], "offsets of three HEADs")


@check("CORE-32")
def head_of_collection(t: Tus) -> None:
    answer = t.status(t.send("HEAD", t.url), "404 405 403 400", "501")
    t.expect(not answer.has("Upload-Offset"), "Upload-Offset on the creation URL")


@check("CORE-33", last=True)
def numbers_are_plain(t: Tus) -> None:
    t.filled(10, b"abc").head()
    for fact in sorted(t.target.seen["numbers"]):
        value = fact.partition(": ")[2]
        t.expect(value.isascii() and value.isdigit(), fact)
        if value != str(int(value)):
            t.note(f"leading zeros: {fact}")


@check("CORE-34")
def head_content_length(t: Tus) -> None:
    answer = t.filled(10, b"abcd").head()
    value = answer.get("Content-Length")
    t.expect(
        value in (None, "0", "10", "4"), f"Content-Length is {value!r} for an upload of 10 bytes, 4 stored"
    )
    t.expect(answer.status != 204 or value in (None, "0"), f"204 with Content-Length {value}")


def _hostile_ids(upload: Upload) -> list[str]:
    own = upload.target
    return [
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "a%2fb",
        "a" * 8192,
        "%ff%fe",
        ".",
        "%2e%2e",
        "..%5c..%5cx",
        *(f"{own}{suffix}" for suffix in (".info", ".json", ".lock", "%00")),
    ]


@check("CORE-35")
def hostile_ids(t: Tus) -> None:
    upload = t.filled(10, b"abcd")
    for hostile in _hostile_ids(upload):
        target = hostile if hostile.startswith("/") else t.collection + hostile
        if target.split("?")[0].rstrip("/.") == t.collection.rstrip("/") and t.collection == "/":
            continue  # it would be the root of the server itself
        other = Upload(t, target)
        for method in ("HEAD", "PATCH", "DELETE"):
            answer = other.patch(0, b"x") if method == "PATCH" else t.send(method, target)
            t.status(answer, "4xx 3xx", after=f"to {method} {target[:60]}")
    upload.holds(4, 10)
    t.status(upload.patch(4, payload(6)), "2xx", after="to continuing the upload")
