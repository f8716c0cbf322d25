"""Concatenation: partial and final uploads."""

from __future__ import annotations

import time

from tus_conformance.checks.metadata import pairs
from tus_conformance.message import Response
from tus_conformance.registry import check
from tus_conformance.tus import Tus
from tus_conformance.upload import Upload


def complete(t: Tus, upload: Upload, length: int) -> Response:
    """HEAD of a final upload once it is complete; demand its length."""
    deadline = time.monotonic() + t.options.lock_wait_s
    while True:
        answer = t.status(upload.head(), "200 204", after="to HEAD of the final upload")
        if answer.get("Upload-Offset") is not None or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    t.equal(answer.get("Upload-Length"), str(length), "Upload-Length")
    t.equal(answer.get("Upload-Offset"), str(length), "Upload-Offset")
    return answer


def two(t: Tus) -> tuple[Upload, Upload]:
    """Two finished partial uploads, together ``hello world``."""
    return t.partial(b"hello"), t.partial(b" world")


@check("CONCAT-01")
def announced_when_it_works(t: Tus) -> None:
    answer = t.tolerate(t.create(5, {"Upload-Concat": "partial"}), "501")
    works = False
    if answer.status == 201:
        part = t.made(answer)
        part.patch(0, b"hello")
        # A server that does not know the header sees a creation with a length here, not a final upload.
        final = t.tolerate(t.final(part), "501")
        works = final.status == 201 and (t.made(final).head().get("Upload-Concat") or "").startswith("final")
    t.equal(t.has("concatenation"), works, "whether concatenation is announced")


@check("CONCAT-02")
def create_partial(t: Tus) -> None:
    t.made(t.create(5, {"Upload-Concat": "partial"})).holds(0, 5)


@check("CONCAT-03")
def head_of_partial(t: Tus) -> None:
    upload = t.new(5, {"Upload-Concat": "partial"})
    for offset, data in ((0, b"hello"), (5, b"")):
        answer = upload.head()
        t.equal(answer.get("Upload-Concat"), "partial", "Upload-Concat")
        t.equal(answer.get("Upload-Offset"), str(offset), "Upload-Offset")
        if data:
            upload.patch(offset, data)


@check("CONCAT-04")
def patch_partial(t: Tus) -> None:
    upload = t.new(5, {"Upload-Concat": "partial"})
    t.equal(t.status(upload.patch(0, b"hel"), "204").get("Upload-Offset"), "3", "Upload-Offset")
    t.status(upload.patch(3, b"lo"), "204", "200")
    upload.holds(5, 5)


@check("CONCAT-05")
def create_final(t: Tus) -> None:
    t.made(t.final(*two(t)))


@check("CONCAT-06")
def final_is_complete(t: Tus) -> None:
    complete(t, t.made(t.final(*two(t))), 11)


@check("CONCAT-07")
def final_names_parts(t: Tus) -> None:
    parts = two(t)
    value = t.made(t.final(*parts)).head().get("Upload-Concat") or ""
    t.expect(value.startswith("final;"), f"Upload-Concat is {value!r}")
    named = [t.resolve(url) for url in value.removeprefix("final;").split()]
    t.equal(named, [part.target for part in parts], "the parts in Upload-Concat")


@check("CONCAT-08")
def final_names_parts_verbatim(t: Tus) -> None:
    first, second = two(t)
    sent = f"final;{first.target} {second.url}"
    value = t.made(t.create(None, {"Upload-Concat": sent})).head().get("Upload-Concat")
    t.expect((value or "").startswith("final"), f"Upload-Concat is {value!r}")
    if value != sent:
        t.deviation(f"Upload-Concat is {value!r}, sent was {sent!r}")


@check("CONCAT-09")
def order(t: Tus) -> None:
    first, second = two(t)
    for parts, wanted in (((first, second), b"hello world"), ((second, first), b" worldhello")):
        final = t.made(t.final(*parts))
        complete(t, final, 11)
        final.contains(wanted)
        if t.target.readback and final.get().status != 200:
            t.violated("the final upload cannot be read")
        first, second = two(t)


@check("CONCAT-10")
def length_is_the_sum(t: Tus) -> None:
    empty = t.partial(b"")
    complete(t, t.made(t.final(t.partial(b"hello"), empty, t.partial(b"abc"))), 8)
    complete(t, t.made(t.final(t.partial(b""))), 0)


@check("CONCAT-11")
def metadata_does_not_pass(t: Tus) -> None:
    part = t.finished(b"hello", {"Upload-Concat": "partial", "Upload-Metadata": "a YQ=="})
    answer = t.made(t.final(part)).head()
    t.expect(not answer.has("Upload-Metadata"), f"Upload-Metadata is {answer.get('Upload-Metadata')!r}")


@check("CONCAT-12")
def metadata_of_its_own(t: Tus) -> None:
    answer = t.made(t.final(t.partial(b"hello"), headers={"Upload-Metadata": "b Yg=="})).head()
    t.equal(pairs(answer.get("Upload-Metadata")), {"b": "Yg=="}, "Upload-Metadata")


@check("CONCAT-13")
def final_takes_no_bytes(t: Tus) -> None:
    parts = two(t)
    final = t.made(t.final(*parts))
    complete(t, final, 11)
    for offset, body in ((11, b"x"), (0, b"x"), (11, b""), (5, b"x" * 50)):
        t.status(final.patch(offset, body), "403", after=f"to {len(body)} bytes at {offset}")
    complete(t, final, 11)


@check("CONCAT-14")
def final_with_length(t: Tus) -> None:
    for length in ("11", "5"):
        answer = t.final(*two(t), headers={"Upload-Length": length})
        if answer.status == 201:
            t.note("a length on a final upload is ignored")
            complete(t, t.made(answer), 11)
        else:
            t.refused(answer, "400")


@check("CONCAT-15")
def final_without_parts(t: Tus) -> None:
    for value in ("final;", "final", "final; "):
        t.refused(t.create(None, {"Upload-Concat": value}), "400", after=f"to {value!r}")


@check("CONCAT-16")
def other_values(t: Tus) -> None:
    for value in ("foo", "PARTIAL", "partial;x", ""):
        answer = t.create(5, {"Upload-Concat": value})
        if value == "" and answer.status == 201:
            t.note("an empty Upload-Concat counts as absent")
            continue
        t.refused(answer, "400", after=f"to {value!r}")


@check("CONCAT-17")
def unknown_part(t: Tus) -> None:
    t.refused(t.final(t.partial(b"hello"), t.unknown()), "400 404")


@check("CONCAT-18")
def ordinary_part(t: Tus) -> None:
    t.refused(t.final(t.partial(b"hello"), t.finished(b"abc")), "4xx")


@check("CONCAT-19")
def final_as_part(t: Tus) -> None:
    final = t.made(t.final(t.partial(b"hello")))
    t.refused(t.final(final), "4xx")


@check("CONCAT-20")
def unfinished_part(t: Tus) -> None:
    t.refused(t.final(t.filled(5, b"he", {"Upload-Concat": "partial"})), "4xx")


@check("CONCAT-21")
def same_part_twice(t: Tus) -> None:
    part = t.partial(b"hello")
    answer = t.final(part, part)
    if 400 <= answer.status < 500:
        t.warn(f"the same part twice is refused with {answer.status}")
        return
    complete(t, t.made(answer), 10)


@check("CONCAT-22")
def part_of_two_finals(t: Tus) -> None:
    part = t.partial(b"hello")
    complete(t, t.made(t.final(part)), 5)
    second = t.final(part)
    if 400 <= second.status < 500:
        part.gone(after="although it was refused as a part")
        t.note("parts are removed when they are used")
        return
    complete(t, t.made(second), 5)


@check("CONCAT-23")
def urls_of_parts(t: Tus) -> None:
    first, second = two(t)
    for name, urls in (("absolute", (first.url, second.url)), ("mixed", (first.target, second.url))):
        t.status(t.final(*urls), "201", after=f"to {name} URLs")
        first, second = two(t)
    # Relative to the creation URL, as RFC 3986 resolves it; few servers do.
    prefix = t.url.partition("?")[0].rpartition("/")[0] + "/"
    if not first.target.startswith(prefix):
        return
    answer = t.final(first.target.removeprefix(prefix), second.target.removeprefix(prefix))
    if answer.status != 201:
        t.warn(f"path-relative URLs are answered {answer.status}")


@check("CONCAT-24")
def parts_on_other_servers(t: Tus) -> None:
    part = t.partial(b"hello")
    answer = t.final(f"https://evil.example{part.target}")
    if answer.status == 201:
        t.warn("the host of a part's URL is not looked at")
    else:
        t.refused(answer, "4xx", after="to another host")
    # Nobody listens there, and nobody must ask.
    t.refused(t.final("http://127.0.0.1:1/x"), "4xx", after="to a URL outside the collection")


@check("CONCAT-25")
def extra_blanks(t: Tus) -> None:
    for form in ("final; {0} {1}", "final;{0}  {1}", "final;{0} {1} "):
        first, second = two(t)
        answer = t.create(None, {"Upload-Concat": form.format(first.target, second.target)})
        if answer.status == 201:
            complete(t, t.made(answer), 11)
        else:
            t.refused(answer, "400", after=f"to {form!r}")


@check("CONCAT-27")
def single_part(t: Tus) -> None:
    complete(t, t.made(t.final(t.partial(b"hello"))), 5)


@check("CONCAT-28")
def hundred_parts(t: Tus) -> None:
    answer = t.final(*(t.partial(b"ab") for _ in range(100)))
    if answer.status == 201:
        complete(t, t.made(answer), 200)
        return
    t.refused(answer, "431 400", "413 414")


@check("CONCAT-29")
def location_is_a_valid_part(t: Tus) -> None:
    answer = t.create(5, {"Upload-Concat": "partial"})
    t.made(answer).patch(0, b"hello")
    complete(t, t.made(t.final(answer.get("Location") or "")), 5)


@check("CONCAT-30")
def not_announced(t: Tus) -> None:
    answer = t.create(5, {"Upload-Concat": "partial"})
    if answer.status == 201:
        t.note("Upload-Concat: partial is ignored")
    else:
        t.refused(answer, "400 501", "4xx")
    t.refused(t.final(t.new(0)), "400 501", "4xx", after="to a final upload")


@check("CONCAT-31")
def echo_on_creation(t: Tus) -> None:
    if not t.create(5, {"Upload-Concat": "partial"}).has("Upload-Concat"):
        t.info("the creation response does not echo Upload-Concat")
