"""X-HTTP-Method-Override, and methods where they make no sense."""

from __future__ import annotations

from tus_conformance.message import Response
from tus_conformance.registry import check
from tus_conformance.tus import Tus
from tus_conformance.upload import Upload


def _override(t: Tus, upload: Upload, method: str, value: str) -> Response:
    lines = {**upload.patch_lines(0), "X-HTTP-Method-Override": value}
    return t.send(method, upload.target, lines, b"abc")


@check("CORE-68")
def post_as_patch(t: Tus) -> None:
    upload = t.new(10)
    answer = t.status(_override(t, upload, "POST", "PATCH"), "204")
    t.equal(answer.get("Upload-Offset"), "3", "Upload-Offset")
    upload.holds(3, 10)


@check("CORE-69")
def post_as_delete(t: Tus) -> None:
    upload = t.new(10)
    t.status(t.send("POST", upload.target, {"X-HTTP-Method-Override": "DELETE"}), "204")
    upload.gone(after="after the deletion")


@check("CORE-70")
def post_as_head(t: Tus) -> None:
    upload = t.filled(10, b"abc")
    answer = t.send("POST", upload.target, {"X-HTTP-Method-Override": "HEAD"})
    t.status(answer, "200 204")
    t.equal(answer.get("Upload-Offset"), "3", "Upload-Offset")
    t.equal(answer.get("Upload-Length"), "10", "Upload-Length")
    t.expect("no-store" in answer.items("Cache-Control"), f"Cache-Control is {answer.get('Cache-Control')!r}")
    if answer.body:
        t.note("has a body")


@check("CORE-71")
def any_method_as_patch(t: Tus) -> None:
    refused = []
    for method in ("PUT", "GET"):
        upload = t.new(10)
        answer = _override(t, upload, method, "PATCH")
        t.tolerate(answer, "501")
        if answer.status != 204 or upload.offset() != 3:
            refused.append(f"{method} ({answer.status})")
    if "GET (" in " ".join(refused):
        t.note("refusing the override on GET protects against forged requests; it violates the letter only")
    if len(refused) == 1 and refused[0].startswith("GET"):
        t.deviation(f"the override is not honoured on {refused[0]}")
    else:
        t.expect(not refused, f"the override is not honoured on {' and '.join(refused)}")


@check("CORE-72")
def lower_case_override(t: Tus) -> None:
    upload = t.new(10)
    answer = t.status(_override(t, upload, "POST", "patch"), "204 405 400 404 501")
    upload.holds(3 if answer.status == 204 else 0)
    t.note(f"override 'patch': {answer.status}")


@check("CORE-73")
def unknown_override(t: Tus) -> None:
    upload = t.new(10)
    t.status(_override(t, upload, "POST", "FOO"), "405 501 400 404")
    upload.holds(0, 10)


@check("CORE-74")
def senseless_methods(t: Tus) -> None:
    upload = t.new(10)
    for method, target in (("PUT", upload.target), ("PATCH", t.url), ("POST", upload.target)):
        answer = t.send(method, target, upload.patch_lines(0), b"abc")
        t.status(answer, "405", "404 400 501", after=f"to {method} {target}")
        if answer.status == 405 and not answer.has("Allow"):
            t.note(f"405 to {method} without Allow")
    upload.holds(0, 10)


@check("CORE-75")
def get_upload(t: Tus) -> None:
    answer = t.status(t.finished(b"abc").get(), "200 204 404 405", "403 501")
    t.note(f"GET of a finished upload: {answer.status}")
    t.expect(answer.status != 200 or answer.body == b"abc", f"GET shows {answer.body[:20]!r}")
