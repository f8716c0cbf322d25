"""Checksum: the header form."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import time
import zlib
from collections.abc import Callable

from tus_conformance.client import Framing
from tus_conformance.message import Response, WireError
from tus_conformance.registry import check
from tus_conformance.tus import Tus, payload
from tus_conformance.upload import Upload

DATA = b"hello world"


def _b64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


#: Digests the suite can compute; the byte order of crc32 is nowhere defined, see CHECK-10.
ALGORITHMS: dict[str, Callable[[bytes], bytes]] = {
    **{
        name: (lambda data, name=name: hashlib.new(name, data, usedforsecurity=False).digest())  # type: ignore[misc]
        for name in ("sha1", "md5", "sha224", "sha256", "sha384", "sha512")
    },
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "adler32": lambda data: zlib.adler32(data).to_bytes(4, "big"),
}


def sha1_of(data: bytes) -> str:
    """A value for Upload-Checksum."""
    return "sha1 " + _b64(ALGORITHMS["sha1"](data))


def patch_with(
    upload: Upload, offset: int, body: bytes, checksum: str | list[str], framing: Framing = "length"
) -> Response:
    """PATCH with Upload-Checksum."""
    return upload.patch(offset, body, {"Upload-Checksum": checksum}, framing=framing)


def mismatch(t: Tus, upload: Upload, answer: Response, offset: int, length: int | None = None) -> None:
    """Demand that a chunk was discarded; a status other than 460 is only worth a warning."""
    t.status(answer, "4xx")
    upload.holds(offset, length, after="a wrong checksum")
    if answer.status != 460:
        t.warn(f"answered {answer.status} instead of 460")


@check("CHECK-01")
def algorithms_announced(t: Tus) -> None:
    t.expect(bool(t.options_of().get("Tus-Checksum-Algorithm")), "no Tus-Checksum-Algorithm")


@check("CHECK-02")
def sha1_announced(t: Tus) -> None:
    t.expect("sha1" in t.options_of().items("Tus-Checksum-Algorithm"), "sha1 is not in the list")


@check("CHECK-03")
def algorithm_names(t: Tus) -> None:
    for name in t.options_of().items("Tus-Checksum-Algorithm"):
        t.expect(bool(re.fullmatch(r"[!-+\--@\[-~]+", name)), f"not an algorithm name: {name!r}")


@check("CHECK-04")
def right(t: Tus) -> None:
    upload = t.new(len(DATA))
    t.status(patch_with(upload, 0, DATA, sha1_of(DATA)), "204", "200")
    upload.holds(11, 11)


@check("CHECK-05")
def wrong(t: Tus) -> None:
    upload = t.new(20)
    mismatch(t, upload, patch_with(upload, 0, DATA, sha1_of(b"other")), 0, 20)


@check("CHECK-06")
def resend(t: Tus) -> None:
    upload = t.new(len(DATA))
    t.status(patch_with(upload, 0, DATA, sha1_of(b"other")), "4xx")
    t.status(patch_with(upload, 0, DATA, sha1_of(DATA)), "204", "200", after="to the same bytes again")
    upload.holds(11, 11)
    upload.contains(DATA)


@check("CHECK-07")
def unknown_algorithm(t: Tus) -> None:
    upload = t.new(20)
    answer = t.status(patch_with(upload, 0, DATA, "foo " + _b64(b"x" * 20)), "4xx")
    upload.holds(0, 20)
    if answer.status != 400:
        t.warn(f"answered {answer.status} instead of 400")


@check("CHECK-08")
def upper_case(t: Tus) -> None:
    good = t.new(20)
    answer = t.status(patch_with(good, 0, DATA, sha1_of(DATA).replace("sha1", "SHA1")), "400 204")
    good.holds(11 if answer.status == 204 else 0)
    bad = t.new(20)
    t.status(patch_with(bad, 0, DATA, sha1_of(b"other").replace("sha1", "SHA1")), "400 460")
    bad.holds(0)


@check("CHECK-09")
def malformed(t: Tus) -> None:
    digest = sha1_of(DATA).partition(" ")[2]
    hexadecimal = hashlib.sha1(DATA, usedforsecurity=False).hexdigest()
    values = (
        "sha1",
        "sha1 ",
        "sha1 !!!",
        f" {digest}",
        f"sha1:{digest}",
        f"sha1 {hexadecimal}",
        f"sha1 {_b64(b'short')}",
        f"sha1 {digest} x",
        "",
        f"sha1  {digest[:-1]}",
    )
    upload = t.new(20)
    for value in values:
        t.status(patch_with(upload, 0, DATA, value), "400", "460", after=f"to {value!r}")
        upload.holds(0, 20, after=f"{value!r}")


@check("CHECK-10")
def every_algorithm(t: Tus) -> None:
    known = [name for name in t.options_of().items("Tus-Checksum-Algorithm") if name in ALGORITHMS]
    t.note(f"tried: {', '.join(known)}")
    for name in known:
        digest, upload = ALGORITHMS[name](DATA), t.new(20)
        answer = patch_with(upload, 0, DATA, f"{name} {_b64(digest)}")
        if name == "crc32" and answer.status == 460:
            t.note("crc32 is read as little-endian")
            answer = patch_with(upload, 0, DATA, f"{name} {_b64(digest[::-1])}")
        t.status(answer, "204", after=f"to a right {name}")
        bad = bytes(b ^ 255 for b in ALGORITHMS[name](DATA))
        t.status(
            patch_with(upload, 11, DATA[:9], f"{name} {_b64(bad)}"), "460", "4xx", after=f"to a wrong {name}"
        )
        upload.holds(11, 20, after=f"a wrong {name}")


@check("CHECK-11")
def wrong_on_the_last(t: Tus) -> None:
    upload = t.filled(11, DATA[:6])
    mismatch(t, upload, patch_with(upload, 6, DATA[6:], sha1_of(b"other")), 6, 11)


@check("CHECK-12")
def wrong_drops_only_its_own(t: Tus) -> None:
    upload = t.filled(20, DATA[:4])
    mismatch(t, upload, patch_with(upload, 4, DATA[4:], sha1_of(b"other")), 4, 20)
    upload.contains_prefix(DATA[:4])


@check("CHECK-13")
def of_nothing(t: Tus) -> None:
    upload = t.filled(20, DATA)
    t.status(patch_with(upload, 11, b"", sha1_of(b"")), "204")
    upload.holds(11)


@check("CHECK-14")
def cut(t: Tus) -> None:
    upload = t.filled(1000, payload(100))
    body = payload(900, 100)
    connection = upload.start(100, 900, body[:400], {"Upload-Checksum": sha1_of(body)})
    time.sleep(0.2)
    connection.close()
    kept = upload.settled(at_least=100)
    t.expect(100 <= kept <= 500, f"Upload-Offset is {kept}")
    if kept > 100:
        t.info("unverified bytes of a cut request are kept")
    t.status(upload.patch(kept, payload(1000 - kept, kept)), "2xx", after="to the continuation")
    upload.contains(payload(1000))


@check("CHECK-15")
def with_chunked_body(t: Tus) -> None:
    upload = t.new(20)
    t.status(patch_with(upload, 0, DATA, sha1_of(DATA), "chunked"), "204")
    mismatch(t, upload, patch_with(upload, 11, DATA[:9], sha1_of(b"other"), "chunked"), 11, 20)


@check("CHECK-16")
def none(t: Tus) -> None:
    t.status(t.new(20).patch(0, DATA), "204")


@check("CHECK-17")
def wrong_offset_too(t: Tus) -> None:
    upload = t.new(20)
    t.status(patch_with(upload, 5, DATA, sha1_of(b"other")), "409", "460 400")
    upload.holds(0, 20)


@check("CHECK-18")
def two_values(t: Tus) -> None:
    upload = t.new(20)
    both = [sha1_of(DATA), sha1_of(b"other")]
    for values in (both, both[::-1]):
        t.status(patch_with(upload, 0, DATA, values), "400 460", after="to two checksums")
        upload.holds(0, 20)


@check("CHECK-19")
def loose_base64(t: Tus) -> None:
    good, bad = sha1_of(DATA).rstrip("="), sha1_of(b"other").rstrip("=")
    upload = t.new(20)
    t.status(patch_with(upload, 0, DATA, bad), "400 460", after="to a wrong digest without padding")
    upload.holds(0)
    answer = t.status(patch_with(upload, 0, DATA, good), "400 204", after="to a right digest without padding")
    upload.holds(11 if answer.status == 204 else 0)


@check("CHECK-20")
def never_shown_unverified(t: Tus) -> None:
    start, size = 1 << 20, 8 << 20
    upload = t.filled(start + size, payload(start))
    body = payload(size)
    connection = upload.start(start, size, body[: size // 2], {"Upload-Checksum": sha1_of(b"other")})
    time.sleep(0.2)
    try:
        seen = upload.head(timeout_s=min(5.0, t.options.lock_wait_s))
        t.tolerate(seen)
        during = seen.number("Upload-Offset")
    except WireError:
        during = None
    try:
        connection.send_body(body[size // 2 :])
        t.status(upload.answer(connection, t.options.lock_wait_s), "460", "4xx")
    except WireError as error:
        t.note(f"the request was ended by HEAD: {error}")
    upload.holds(start, start + size, after="a wrong checksum")
    t.expect(
        during in (None, start), f"HEAD showed {during} while the bytes arrived, then it went back to {start}"
    )


@check("CHECK-21")
def not_announced(t: Tus) -> None:
    answer = t.status(patch_with(t.new(20), 0, DATA, sha1_of(b"other")), "204 400", "4xx")
    t.note("a checksum is " + ("ignored" if answer.status == 204 else f"answered {answer.status}"))


@check("CHECK-22")
def over_bytes_as_sent(t: Tus) -> None:
    data = gzip.compress(DATA, mtime=0)
    upload = t.new(len(data))
    answer = upload.patch(0, data, {"Content-Encoding": "gzip", "Upload-Checksum": sha1_of(data)})
    t.status(answer, "204 200 415")
    upload.holds(0 if answer.status == 415 else len(data))


@check("CHECK-23")
def status_line_of_460(t: Tus) -> None:
    answer = patch_with(t.new(20), 0, DATA, sha1_of(b"other"))
    t.equal(answer.status, 460, "status")
    t.note(f"reason phrase: {answer.reason!r}")
