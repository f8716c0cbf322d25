"""Tus-Resumable: in every response, and checked in every request."""

from __future__ import annotations

from tus_conformance.message import Response
from tus_conformance.registry import check
from tus_conformance.tus import Tus

BAD = {"Tus-Resumable": "9.9.9"}
MISSING = {"Tus-Resumable": None}


def _refused(t: Tus, answer: Response) -> None:
    if answer.status != 412:
        listed = "with" if answer.has("Tus-Version") else "without"
        t.violated(f"answered {answer.status} {listed} Tus-Version, expected 412 with it")
    t.expect("1.0.0" in answer.items("Tus-Version"), f"412 with Tus-Version {answer.get('Tus-Version')!r}")


@check("CORE-12", last=True)
def success_has_version(t: Tus) -> None:
    upload = t.new()
    answers = {"HEAD": upload.head(), "PATCH": upload.patch(0, b"abc")}
    if t.has("termination"):
        answers["DELETE"] = upload.delete()
    for method, answer in answers.items():
        t.equal(answer.get("Tus-Resumable"), "1.0.0", f"Tus-Resumable of the {answer.status} to {method}")
    lacking = sorted(t.target.seen["no-version"])
    t.expect(not lacking, f"no Tus-Resumable: 1.0.0 on {', '.join(lacking)}")


@check("CORE-13")
def errors_have_version(t: Tus) -> None:
    upload = t.new()
    answers = {
        "an unknown upload": t.unknown().head(),
        "a wrong offset": upload.patch(5, b"abc"),
        "a wrong content type": upload.patch(0, b"abc", {"Content-Type": "text/plain"}),
        "too many bytes": upload.patch(0, b"x" * 11),
        "a malformed offset": upload.patch("abc", b"abc"),
        "a bad version": upload.head(BAD),
    }
    if t.target.max_size_bytes is not None:
        answers["too large an upload"] = t.create(t.target.max_size_bytes + 1)
    lacking = [
        f"the {answer.status} for {what}"
        for what, answer in answers.items()
        if answer.status >= 400 and answer.get("Tus-Resumable") != "1.0.0"
    ]
    t.expect(not lacking, f"no Tus-Resumable: 1.0.0 on {', '.join(lacking)}")


@check("CORE-14")
def create_with_bad_version(t: Tus) -> None:
    answer = t.create(5, {"Tus-Resumable": "0.2.2"})
    _refused(t, answer)
    t.expect(not answer.has("Location"), "412 with a Location")


@check("CORE-15")
def patch_with_bad_version(t: Tus) -> None:
    upload = t.new()
    _refused(t, upload.patch(0, b"abc", BAD))
    upload.holds(0, 10)


@check("CORE-16")
def head_with_bad_version(t: Tus) -> None:
    answer = t.new().head(BAD)
    if 200 <= answer.status < 300:
        t.note("some servers leave HEAD unchecked on purpose, for people who open the URL in a browser")
    _refused(t, answer)
    t.expect(not answer.has("Upload-Offset"), "412 with an Upload-Offset")


@check("CORE-17")
def delete_with_bad_version(t: Tus) -> None:
    upload = t.new()
    _refused(t, upload.delete(BAD))
    upload.holds(0)


@check("CORE-18")
def change_without_version(t: Tus) -> None:
    t.refused(t.create(5, MISSING), "412", "400", after="to POST")
    upload = t.new()
    t.status(upload.patch(0, b"abc", MISSING), "412", "400", after="to PATCH")
    upload.holds(0, 10)
    if t.has("termination"):
        t.status(upload.delete(MISSING), "412", "400", after="to DELETE")
        upload.holds(0, 10)


@check("CORE-19")
def head_without_version(t: Tus) -> None:
    answer = t.status(t.new().head(MISSING), "200 204 412")
    t.note(f"HEAD without Tus-Resumable: {answer.status}")


@check("CORE-20")
def odd_versions(t: Tus) -> None:
    upload = t.new()
    for value in ("1.0", "1", "v1.0.0", "1.0.0, 1.0.0", "", "1.0.1"):
        t.status(upload.patch(0, b"abc", {"Tus-Resumable": value}), "412", "400", after=f"to {value!r}")
        upload.holds(0)
    t.status(
        upload.patch(0, b"abc", {"Tus-Resumable": "  1.0.0 \t"}), "2xx", after="to blanks around the version"
    )


@check("CORE-21")
def version_comes_first(t: Tus) -> None:
    t.status(t.unknown().head(BAD), "412", after="to an unknown upload")
    wrong_type = {**BAD, "Content-Type": "text/plain"}
    t.status(t.new().patch(0, b"abc", wrong_type), "412", after="to a wrong content type")


@check("CORE-22")
def header_names_in_any_case(t: Tus) -> None:
    for spell in (str.lower, str.upper):
        lines = {
            spell("Upload-Length"): "3",
            spell("Tus-Resumable"): "1.0.0",
            "Content-Length": None,
            spell("Content-Length"): "0",
        }
        upload = t.made(t.create(None, lines))
        sent = {
            spell("Tus-Resumable"): "1.0.0",
            "Upload-Offset": None,
            "Content-Type": None,
            spell("Upload-Offset"): "0",
            spell("Content-Type"): "application/offset+octet-stream",
        }
        t.status(upload.patch(None, b"abc", sent), "2xx", after=f"with {spell('Upload-Offset')}")
        upload.holds(3)
