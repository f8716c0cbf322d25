"""Expiration."""

from __future__ import annotations

import email.utils
import re
import time
from datetime import UTC, datetime, timedelta

from tus_conformance.message import Response, WireError
from tus_conformance.registry import check
from tus_conformance.tus import Tus, payload
from tus_conformance.upload import Upload

_IMF_FIXDATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
    r"\d{2}:\d{2}:\d{2} GMT"
)
_SLACK_S = 3.0  # a sweep needs a moment, and HTTP dates have whole seconds


def http_date(text: str) -> datetime | None:
    """An HTTP date in any of its three forms, or None."""
    try:
        seen = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        for form in ("%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"):
            try:
                return datetime.strptime(text, form).replace(tzinfo=UTC)
            except ValueError:
                continue
        return None
    return seen if seen.tzinfo else seen.replace(tzinfo=UTC)


def _left_s(t: Tus, answer: Response) -> float:
    """Seconds until the announced expiry, by the server's own clock."""
    text = answer.get("Upload-Expires")
    if text is None:
        t.skip("the server does not tell when this upload expires")
    expires = http_date(text)
    if expires is None:
        t.violated(f"Upload-Expires is no date: {text!r}")
    now = http_date(answer.get("Date") or "") or datetime.now(UTC)
    return (expires - now) / timedelta(seconds=1)


def _short_lived(t: Tus, headers: dict[str, str] | None = None, length: int = 10) -> tuple[Upload, float]:
    """A fresh upload and the seconds until it expires; the check is skipped when that is too long."""
    answer = t.create(length, headers)
    left_s = _left_s(t, answer)
    if left_s > t.options.expiry_wait_s:
        t.skip(f"uploads expire after {left_s:.0f} s; pass --expiry-wait {left_s + 5:.0f}")
    return t.made(answer), left_s


def _wait_until_gone(t: Tus, upload: Upload, left_s: float) -> Response:
    """Wait for the expiry, then ask until the upload is gone or the patience is over."""
    time.sleep(max(0.0, left_s) + 1.0)
    deadline = time.monotonic() + max(_SLACK_S, t.options.expiry_wait_s - left_s)
    while (answer := upload.head()).status in (200, 204) and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer


@check("EXPIRE-01", last=True)
def announced_when_sent(t: Tus) -> None:
    t.filled(10, b"abc")
    seen = sorted(t.target.seen["expires"])
    t.expect(t.has("expiration") or not seen, f"expiration is not announced, but {seen[:1]} was sent")


@check("EXPIRE-02")
def on_creation(t: Tus) -> None:
    if not t.create(10).has("Upload-Expires"):
        t.info("no Upload-Expires on creation; perhaps the time is not known then")


@check("EXPIRE-03")
def on_patch(t: Tus) -> None:
    created = t.create(10)
    answer = t.made(created).patch(0, b"abc")
    if answer.has("Upload-Expires"):
        return
    t.expect(not created.has("Upload-Expires"), "Upload-Expires on creation, but not on PATCH")
    t.info("no Upload-Expires on PATCH")


@check("EXPIRE-04", last=True)
def is_a_date(t: Tus) -> None:
    t.new().patch(0, b"abc")
    for fact in sorted(t.target.seen["expires"]):
        value = fact.partition("Upload-Expires: ")[2]
        t.expect(http_date(value) is not None, f"not a date: {value!r}")
        if not _IMF_FIXDATE.fullmatch(value):
            t.warn(f"an obsolete form of date: {value!r}")


@check("EXPIRE-05")
def is_in_the_future(t: Tus) -> None:
    left_s = _left_s(t, t.create(10))
    t.expect(left_s > 0, f"Upload-Expires lies {-left_s:.0f} s in the past")
    t.note(f"uploads expire after {left_s:.0f} s")


@check("EXPIRE-06")
def on_head(t: Tus) -> None:
    if not t.new().head().has("Upload-Expires"):
        t.info("HEAD does not tell the expiry")


@check("EXPIRE-07")
def fixed_or_sliding(t: Tus) -> None:
    answer = t.create(10)
    before, upload = _left_s(t, answer), t.made(answer)
    first = answer.get("Upload-Expires")
    time.sleep(1.1)
    later = upload.patch(0, b"abc")
    t.expect(_left_s(t, later) > 0, f"after a PATCH the expiry is in the past (it was {before:.0f} s ahead)")
    t.note("the expiry is " + ("fixed" if later.get("Upload-Expires") == first else "sliding"))


@check("EXPIRE-08")
def on_completion(t: Tus) -> None:
    if t.new(3).patch(0, b"abc").has("Upload-Expires"):
        t.info("the completing PATCH still tells an expiry")


@check("EXPIRE-09")
def on_errors(t: Tus) -> None:
    upload = t.new(10)
    answers = (
        upload.patch(5, b"abc"),
        upload.patch(0, payload(11)),
        upload.patch(0, b"a", {"Content-Type": "a/b"}),
    )
    told = [str(answer.status) for answer in answers if answer.has("Upload-Expires")]
    t.note(f"refused PATCH requests that tell the expiry: {', '.join(told) or 'none'}")
    if 0 < len(told) < len(answers):
        t.info(f"only some refused PATCH requests tell the expiry: {', '.join(told)}")


@check("EXPIRE-10", waits=True)
def lives_until_then(t: Tus) -> None:
    upload, left_s = _short_lived(t)
    time.sleep(max(0.0, left_s - 1.2))
    t.status(upload.head(), "200 204", after="shortly before the announced time")


@check("EXPIRE-11", waits=True)
def head_when_expired(t: Tus) -> None:
    upload, left_s = _short_lived(t)
    answer = t.status(_wait_until_gone(t, upload, left_s), "404 410", after="after the announced time")
    t.expect(not answer.has("Upload-Offset"), f"{answer.status} with an Upload-Offset")
    t.note(f"expired uploads answer {answer.status}")


@check("EXPIRE-12", waits=True)
def patch_when_expired(t: Tus) -> None:
    upload, left_s = _short_lived(t)
    _wait_until_gone(t, upload, left_s)
    t.status(upload.patch(0, b"abc"), "404 410", after="after the announced time")


@check("EXPIRE-13", waits=True)
def delete_when_expired(t: Tus) -> None:
    upload, left_s = _short_lived(t)
    _wait_until_gone(t, upload, left_s)
    t.status(upload.delete(), "404 410 204", after="after the announced time")


@check("EXPIRE-14", waits=True)
def finished_stays(t: Tus) -> None:
    upload, left_s = _short_lived(t)
    t.status(upload.patch(0, b"abcde"), "2xx")
    finishing = t.status(upload.patch(5, b"fghij"), "2xx")
    if finishing.has("Upload-Expires"):
        t.skip("the server announces that finished uploads expire too")
    time.sleep(left_s + _SLACK_S)
    t.status(upload.head(), "200 204", after="for a finished upload after its old expiry")
    upload.holds(10, 10)


@check("EXPIRE-15")
def on_creation_with_upload(t: Tus) -> None:
    if not t.create(10).has("Upload-Expires"):
        t.skip("no Upload-Expires on creation either")
    t.expect(t.create(10, body=b"abc").has("Upload-Expires"), "no Upload-Expires")


@check("EXPIRE-16", waits=True)
def finished_partial(t: Tus) -> None:
    upload, left_s = _short_lived(t, {"Upload-Concat": "partial"}, 3)
    t.status(upload.patch(0, b"abc"), "2xx")
    time.sleep(left_s + _SLACK_S)
    answer = t.status(upload.head(), "200 204 404 410")
    t.note("a finished partial " + ("stays" if answer.status < 300 else f"expires ({answer.status})"))


@check("EXPIRE-17", waits=True)
def patch_across_expiry(t: Tus) -> None:
    upload, left_s = _short_lived(t)
    time.sleep(max(0.0, left_s - 1.5))
    connection = upload.start(0, 5, b"ab")
    time.sleep(min(left_s, 1.5) + 1.5)
    try:
        connection.send_body(b"cde")
        answer = upload.answer(connection)
    except WireError as error:
        t.note(f"the PATCH got no answer: {error}")
        return
    t.note(f"a PATCH across the expiry: {answer.status}")
    if answer.status != 204:
        t.status(answer, "4xx")
        return
    upload.holds(5)


@check("EXPIRE-18", waits=True)
def url_is_not_reused(t: Tus) -> None:
    upload, left_s = _short_lived(t)
    _wait_until_gone(t, upload, left_s)
    t.expect(upload.target not in {t.new().target for _ in range(20)}, "the expired URL was given out again")
