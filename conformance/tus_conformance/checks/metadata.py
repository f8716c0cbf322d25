"""Upload-Metadata: keys, values, hostile ones among them."""

from __future__ import annotations

import base64

from tus_conformance.message import Response
from tus_conformance.registry import check
from tus_conformance.tus import Tus


def pairs(value: str | None) -> dict[str, str] | None:
    """Key to base64 text; None when there is no header."""
    if value is None:
        return None
    out = {}
    for item in value.split(","):
        key, _, encoded = item.strip(" ").partition(" ")
        out[key] = encoded.strip(" ")
    return out


def encoded(value: bytes) -> str:
    """Base64 as text."""
    return base64.b64encode(value).decode()


def _send(t: Tus, value: str) -> Response:
    return t.create(5, {"Upload-Metadata": value})


def _shown(t: Tus, answer: Response) -> str | None:
    """What HEAD shows as metadata of the upload just made."""
    return t.status(t.made(answer).head(), "200 204", after="to HEAD").get("Upload-Metadata")


def _refused_or(t: Tus, value: str, *allowed: dict[str, str] | None) -> None:
    """Demand 400, or an upload whose metadata is one of ``allowed``."""
    answer = _send(t, value)
    if answer.status != 201:
        t.refused(answer, "400", after=f"to {value!r}")
        return
    shown = pairs(_shown(t, answer))
    t.expect(shown in allowed, f"{value!r} became {shown}")
    t.note(f"{value!r} is accepted as {shown}")


@check("CREATE-24")
def same_keys_and_values(t: Tus) -> None:
    shown = pairs(_shown(t, _send(t, "filename YS50eHQ=,is_confidential")))
    t.equal(shown, {"filename": "YS50eHQ=", "is_confidential": ""}, "Upload-Metadata")


@check("CREATE-25")
def same_spelling(t: Tus) -> None:
    for value in ("filename YS50eHQ=,is_confidential", "b Yg==,a YQ==", "k "):
        shown = _shown(t, _send(t, value))
        if pairs(shown) != pairs(value):
            t.violated(f"{value!r} became {shown!r}")
        if shown != value.strip(" "):
            t.deviation(f"{value!r} comes back as {shown!r}")


@check("CREATE-26")
def keys_without_value(t: Tus) -> None:
    for value, wanted in (("k", {"k": ""}), ("k ", {"k": ""}), ("k ,v", {"k": "", "v": ""})):
        t.equal(pairs(_shown(t, _send(t, value))), wanted, f"metadata {value!r}")


@check("CREATE-27")
def no_metadata(t: Tus) -> None:
    answer = t.new(5).head()
    t.expect(not answer.has("Upload-Metadata"), f"Upload-Metadata is {answer.get('Upload-Metadata')!r}")


@check("CREATE-28")
def repeated_key(t: Tus) -> None:
    _refused_or(t, "a YQ==,a Yg==", {"a": "YQ=="}, {"a": "Yg=="})


@check("CREATE-29")
def bad_base64(t: Tus) -> None:
    for value in ("!!!", "YQ", "_-8=", "YQ==YQ==", "YWJj ZGVm"):
        _refused_or(t, f"a {value}", None, {}, {"a": value}, {"a": value + "=="} if value == "YQ" else None)


@check("CREATE-30")
def odd_blanks(t: Tus) -> None:
    _refused_or(t, "a  YQ==", None, {}, {"a": "YQ=="})
    _refused_or(t, "a YQ== x", None, {}, {"a": "YQ== x"})


@check("CREATE-31")
def empty_items(t: Tus) -> None:
    _refused_or(t, ",", None, {})
    _refused_or(t, "a YQ==,", {"a": "YQ=="})
    _refused_or(t, "a YQ==,,b Yg==", {"a": "YQ==", "b": "Yg=="})


@check("CREATE-32")
def blank_after_comma(t: Tus) -> None:
    _refused_or(t, "a YQ==, b Yg==", {"a": "YQ==", "b": "Yg=="})


@check("CREATE-33")
def empty_header(t: Tus) -> None:
    shown = _shown(t, _send(t, ""))
    t.expect(not shown, f"an empty Upload-Metadata became {shown!r}")


@check("CREATE-34")
def key_outside_ascii(t: Tus) -> None:
    answer = _send(t, "schlüssel YQ==")
    if answer.status != 201:
        t.refused(answer, "400")
        return
    t.equal(pairs(_shown(t, answer)), {"schlüssel": "YQ=="}, "Upload-Metadata")


@check("CREATE-35")
def binary_value(t: Tus) -> None:
    value = encoded(bytes(range(256)))
    t.equal(pairs(_shown(t, _send(t, f"blob {value}"))), {"blob": value}, "Upload-Metadata")


@check("CREATE-36")
def header_smuggling(t: Tus) -> None:
    for raw in (b"a.txt\r\nSet-Cookie: a=b\r\n\r\n", b"a\0b", b'a"; x="y', b"a\nSet-Cookie: a=b"):
        value = ",".join(f"{key} {encoded(raw)}" for key in ("filename", "filetype", "name"))
        answer = t.create(3, {"Upload-Metadata": value})
        if answer.status != 201:
            t.refused(answer, "400", "4xx")
            continue
        upload = t.made(answer)
        stored = t.status(upload.patch(0, b"abc"), "2xx", after="to PATCH")
        answers = [answer, stored, t.status(upload.head(), "200 204", after="to HEAD"), upload.get()]
        t.tolerate(answers[-1], "501")
        for one in answers:
            t.expect(not one.has("Set-Cookie"), f"metadata {raw!r} smuggled a header into the {one.status}")


@check("CREATE-37")
def hostile_file_names(t: Tus) -> None:
    for name in (b"../../x", b"/etc/passwd", b"n" * 4096, b"CON", b"", b"..", b"a\\b"):
        answer = _send(t, f"filename {encoded(name)}".rstrip())
        t.status(answer, "201 400", "413 431", after=f"to the file name {name[:20]!r}")
        if answer.status == 201:
            t.expect(".." not in (answer.get("Location") or ""), f"Location is {answer.get('Location')}")
            t.made(answer).holds(0, 5)


@check("CREATE-38")
def large_metadata(t: Tus) -> None:
    for kib in (4, 16, 64):
        value = "blob " + encoded(b"x" * (kib * 768 - 6))
        answer = _send(t, value)
        if answer.status != 201:
            t.refused(answer, "431 413 400", after=f"to {kib} KiB of metadata")
            t.note(f"{kib} KiB of metadata: {answer.status}")
            continue
        t.equal(pairs(_shown(t, answer)), pairs(value), f"{kib} KiB of metadata")


@check("CREATE-39")
def keys_are_case_sensitive(t: Tus) -> None:
    t.equal(pairs(_shown(t, _send(t, "K YQ==,k Yg=="))), {"K": "YQ==", "k": "Yg=="}, "Upload-Metadata")


@check("CREATE-40")
def echo_on_creation(t: Tus) -> None:
    answer = _send(t, "a YQ==")
    t.made(answer)
    if not answer.has("Upload-Metadata"):
        t.note("the creation response does not echo the metadata")
        return
    t.equal(pairs(answer.get("Upload-Metadata")), {"a": "YQ=="}, "Upload-Metadata")
