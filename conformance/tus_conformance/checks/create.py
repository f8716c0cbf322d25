"""Creation: answers, lengths, limits."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from tus_conformance.message import Response
from tus_conformance.registry import check
from tus_conformance.tus import Tus
from tus_conformance.upload import Upload

_EVIL = "evil.example"


def _exact_or_refused(t: Tus, length: int) -> None:
    """Demand that a length is either kept to the last digit or refused."""
    answer = t.create(length)
    if answer.status == 201:
        t.equal(t.made(answer).head().get("Upload-Length"), str(length), "Upload-Length")
        return
    t.refused(answer, "413 400", after=f"to Upload-Length {length}")


@check("CREATE-01")
def announced_when_it_works(t: Tus) -> None:
    answer = t.create(5)
    if answer.status == 201:
        t.expect(t.has("creation"), "POST creates uploads, but creation is not announced")
    elif t.has("creation"):
        t.violated(f"creation is announced, but POST answered {answer.status}")
    else:
        t.tolerate(answer, "501")
        t.skip("no creation extension")


@check("CREATE-02")
def create(t: Tus) -> None:
    t.status(t.create(100), "201")


@check("CREATE-03")
def location(t: Tus) -> None:
    t.status(t.made(t.create(100)).head(), "200 204", after="to HEAD at the Location")


@check("CREATE-04")
def starts_at_zero(t: Tus) -> None:
    t.made(t.create(100)).holds(0, 100)


@check("CREATE-05")
def distinct_urls(t: Tus) -> None:
    targets = [t.new(5).target for _ in range(50)]
    t.equal(len(set(targets)), 50, "number of distinct URLs")
    numbers = [
        int(match[1]) for target in targets if (match := re.search(r"(\d{1,18})/?$", target, re.ASCII))
    ]
    steps = {b - a for a, b in zip(sorted(numbers), sorted(numbers)[1:], strict=False)}
    if len(numbers) == 50 and steps <= set(range(4)):
        t.warn("upload URLs are consecutive numbers and can be guessed")


@check("CREATE-06")
def location_origin(t: Tus) -> None:
    forwarded = {"X-Forwarded-Host": _EVIL, "X-Forwarded-Proto": "gopher", "Forwarded": f'host="{_EVIL}:1"'}
    for extra in ({}, forwarded):
        location = t.create(5, extra).get("Location") or ""
        t.expect(_EVIL not in location, f"Location follows a forwarded header of a stranger: {location}")
        seen, own = urlsplit(urljoin(t.endpoint.url, location)), urlsplit(t.endpoint.url)
        t.equal(
            f"{seen.scheme}://{seen.netloc}".lower(),
            f"{own.scheme}://{own.netloc}".lower(),
            "origin of Location",
        )


@check("CREATE-07")
def creation_url_with_query(t: Tus) -> None:
    separator = "&" if "?" in t.url else "?"
    answer = t.send("POST", f"{t.url}{separator}x=1", {"Upload-Length": "5"})
    t.made(answer).holds(0, 5)


@check("CREATE-08")
def no_length(t: Tus) -> None:
    t.refused(t.create(None), "400", "4xx")


@check("CREATE-09")
def length_and_deferred(t: Tus) -> None:
    t.refused(t.create(5, {"Upload-Defer-Length": "1"}), "400", "501")


@check("CREATE-10")
def length_is_no_number(t: Tus) -> None:
    for value in ("-1", "abc", "1.5", ""):
        t.refused(t.create(value), "400", "4xx", after=f"to Upload-Length {value!r}")


@check("CREATE-11")
def length_in_odd_spelling(t: Tus) -> None:
    for value in ("+5", "007", "1e3", "0x5", "1_000", "\uff15"):
        answer = t.create(value)
        if answer.status == 201:
            shown = t.made(answer).head().get("Upload-Length") or ""
            t.expect(
                shown.isascii() and shown.isdigit() and shown == str(int(shown)),
                f"Upload-Length {value!r} was accepted and is shown as {shown!r}",
            )
            if value != "007":
                t.warn(f"Upload-Length {value!r} was accepted as {shown}")
        else:
            t.refused(answer, "400", "4xx", after=f"to Upload-Length {value!r}")


@check("CREATE-12")
def two_lengths(t: Tus) -> None:
    t.refused(t.create(None, {"Upload-Length": ["5", "6"]}), "400")


@check("CREATE-13")
def length_beyond_floats(t: Tus) -> None:
    _exact_or_refused(t, 2**53 + 1)


@check("CREATE-14")
def length_beyond_64_bits(t: Tus) -> None:
    for length in (2**63 - 1, 2**63, 2**64, 10**40):
        _exact_or_refused(t, length)


@check("CREATE-15")
def empty_upload(t: Tus) -> None:
    answer = t.create(0)
    if 400 <= answer.status < 500:
        t.info(f"empty uploads are refused with {answer.status}")
        return
    t.made(answer).holds(0, 0)


@check("CREATE-16")
def empty_upload_stays_empty(t: Tus) -> None:
    answer = t.create(0)
    if 400 <= answer.status < 500:
        t.skip(f"empty uploads are refused with {answer.status}")
    upload = t.made(answer)
    empty = t.status(upload.patch(0, b""), "204", "4xx", after="to an empty PATCH")
    t.expect(empty.status != 204 or empty.get("Upload-Offset") == "0", "a wrong Upload-Offset")
    more = t.status(upload.patch(0, b"x"), "413 403 409 400 204", after="to a byte")
    t.expect(
        more.status != 204 or more.get("Upload-Offset") == "0", f"Upload-Offset {more.get('Upload-Offset')}"
    )
    upload.holds(0, 0)


@check("CREATE-17")
def above_max_size(t: Tus) -> None:
    t.refused(t.create((t.target.max_size_bytes or 0) + 1), "413")


@check("CREATE-18")
def exactly_max_size(t: Tus) -> None:
    answer = t.create(t.target.max_size_bytes)
    if answer.status == 507:
        t.tolerate(answer)
        t.skip("the server reserves space and has too little")
    t.made(answer).holds(0, t.target.max_size_bytes)


@check("CREATE-19")
def creation_without_framing(t: Tus) -> None:
    t.status(t.create(5, framing="none"), "201", "411")


@check("CREATE-20", last=True)
def refusal_has_no_location(t: Tus) -> None:
    answers = [t.create("abc"), t.create(None), t.create(5, {"Tus-Resumable": "0.2.2"})]
    t.expect(not any(a.status >= 400 and a.has("Location") for a in answers), "a refusal names a Location")
    # With bytes in the creation a server may keep an upload and still complain about the rest.
    seen = sorted(
        fact for fact in t.target.seen["refused-with-location"] if not fact.startswith(("413", "460"))
    )
    t.expect(not seen, f"refusals with a Location: {', '.join(seen)}")


@check("CREATE-21")
def unknown_headers(t: Tus) -> None:
    t.made(t.create(5, {"Upload-Foo": "1", "Upload-Tag": "x"})).holds(0, 5)


@check("CREATE-22")
def post_to_made_up_url(t: Tus) -> None:
    answer = t.send("POST", t.unknown().target, {"Upload-Length": "5"})
    t.refused(answer, "404 405 400", "501")


@check("CREATE-23")
def creation_response_framing(t: Tus) -> None:
    connection = t.connect()
    answer: Response = t.status(t.create(5, on=connection), "201")
    if (answer.get("Connection") or "").lower() == "close":
        t.note("closes the connection after a creation")
        return
    t.expect(answer.has("Content-Length") or answer.has("Transfer-Encoding"), "the 201 has no framing")
    upload = Upload(t, t.resolve(answer.get("Location") or ""))
    t.status(upload.head(on=connection), "200 204", after="to HEAD on the same connection")
