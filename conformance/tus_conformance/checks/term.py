"""Termination."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from tus_conformance.message import Response, WireError
from tus_conformance.registry import check
from tus_conformance.tus import Tus, payload


@check("TERM-01")
def announced_when_it_works(t: Tus) -> None:
    answer = t.tolerate(t.new().delete(), "501")
    announced = t.has("termination")
    t.expect(announced or answer.status != 204, "DELETE works, but termination is not announced")
    t.expect(
        not announced or answer.status == 204,
        f"termination is announced, but DELETE answered {answer.status}",
    )


@check("TERM-02")
def unfinished(t: Tus) -> None:
    answer = t.status(t.filled(10, b"abc").delete(), "204")
    t.expect(
        answer.get("Content-Length") in (None, "0"), f"204 with Content-Length {answer.get('Content-Length')}"
    )


@check("TERM-03")
def then_head(t: Tus) -> None:
    upload = t.new()
    upload.delete()
    upload.gone(after="after the deletion")


@check("TERM-04")
def then_patch(t: Tus) -> None:
    upload = t.new()
    upload.delete()
    t.status(upload.patch(0, b"abc"), "404 410")


@check("TERM-05")
def then_delete(t: Tus) -> None:
    upload = t.new()
    upload.delete()
    t.status(upload.delete(), "404 410")


@check("TERM-06")
def finished(t: Tus) -> None:
    upload = t.finished(b"abc")
    t.status(upload.delete(), "204")
    upload.gone(after="after the deletion")


@check("TERM-07")
def unknown(t: Tus) -> None:
    t.status(t.unknown().delete(), "404 410")


@check("TERM-08")
def not_announced(t: Tus) -> None:
    upload = t.new()
    t.status(upload.delete(), "405 501 404", "4xx")
    upload.holds(0, 10)


@check("TERM-09")
def without_version(t: Tus) -> None:
    upload = t.new()
    t.status(upload.delete({"Tus-Resumable": None}), "412")
    upload.holds(0, 10)


@check("TERM-10")
def during_patch(t: Tus) -> None:
    upload = t.new(1000)
    data = payload(1000)
    patch = upload.start(0, 1000, data[:400])
    time.sleep(0.2)
    answer = t.status(upload.delete(timeout_s=t.options.lock_wait_s), "204 423 409 503")
    t.note(f"DELETE during a PATCH: {answer.status}")
    try:
        patch.send_body(data[400:])
        late = upload.answer(patch, t.options.lock_wait_s)
        t.tolerate(late)
        if answer.status == 204:
            # A server may stop the PATCH first and tell it truthfully how far it came.
            told = late.number("Upload-Offset") if late.status == 204 else 0
            t.expect(told is not None and told <= 400, f"the PATCH of a deleted upload was told {told} bytes")
    except WireError:
        t.note("the PATCH got no answer")
    if answer.status == 204:
        time.sleep(0.2)
        upload.gone(after="after the deletion")
    else:
        t.expect(upload.settled() >= 400, "bytes are lost")


@check("TERM-11")
def then_get(t: Tus) -> None:
    upload = t.finished(b"abc")
    upload.delete()
    t.status(upload.get(), "404 410", "405")


@check("TERM-12")
def url_is_not_reused(t: Tus) -> None:
    upload = t.new()
    upload.delete()
    t.expect(upload.target not in {t.new().target for _ in range(50)}, "the deleted URL was given out again")
    upload.gone(after="after fifty creations")


@check("TERM-13")
def of_the_collection(t: Tus) -> None:
    upload = t.new()
    t.status(t.send("DELETE", t.url), "404 405", "4xx 501")
    upload.holds(0, 10)


@check("TERM-14")
def every_kind(t: Tus) -> None:
    kinds = {}
    if t.has("creation-defer-length"):
        kinds["of open length"] = t.new(None)
    if t.has("concatenation"):
        kinds["partial"] = t.partial(b"abc")
        kinds["final"] = t.made(t.final(t.partial(b"abc")))
    if not kinds:
        t.skip("neither creation-defer-length nor concatenation is announced")
    for kind, upload in kinds.items():
        t.status(upload.delete(), "204", after=f"to an upload that is {kind}")
        upload.gone(after="after the deletion")


@check("TERM-15")
def with_a_body(t: Tus) -> None:
    t.status(t.new().delete(), "204", after="without a body")
    t.status(t.new().delete({"Content-Length": "0"}), "204", after="with Content-Length 0")
    t.status(t.send("DELETE", t.new().target, body=b"{}"), "204", after="with a body")


@check("TERM-16")
def two_at_once(t: Tus) -> None:
    upload = t.new()
    answers: list[Response] = []

    def delete() -> None:
        with suppress(WireError):  # an answer that is missing is noticed below, and an interrupt elsewhere
            answers.append(upload.delete(timeout_s=t.options.lock_wait_s))

    threads = [threading.Thread(target=delete) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    t.equal(len(answers), 2, "number of answers")
    for answer in answers:
        t.status(answer, "204 404 410 423")
    t.expect(any(answer.status == 204 for answer in answers), "none of the two succeeded")
    upload.gone(after="after both")


@check("TERM-17", waits=True)
def answer_over_time(t: Tus) -> None:
    upload = t.new()
    upload.delete()
    first = upload.head().status
    time.sleep(t.options.expiry_wait_s)
    later = upload.head().status
    t.expect({first, later} <= {404, 410}, f"HEAD of a deleted upload: {first}, later {later}")
    t.note(f"HEAD of a deleted upload: {first}, {t.options.expiry_wait_s:g} s later {later}")
