"""Concatenation: limits, deletion, unfinished parts."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from tus_conformance.checks.concat import complete, two
from tus_conformance.message import Response, WireError
from tus_conformance.registry import check
from tus_conformance.tus import Tus, payload
from tus_conformance.upload import Upload

_SUM_LIMIT_BYTES = 64 * 1024 * 1024
_PARTIAL = {"Upload-Concat": "partial"}


def _unfinished(t: Tus) -> tuple[Upload, Upload]:
    return t.filled(5, b"he", _PARTIAL), t.new(6, _PARTIAL)


@check("CONCAT-26")
def sum_above_max_size(t: Tus) -> None:
    limit = t.target.max_size_bytes or 0
    if t.has("concatenation-unfinished"):
        parts = [t.new(limit, _PARTIAL), t.new(limit, _PARTIAL)]
    elif limit > _SUM_LIMIT_BYTES:
        t.skip(f"Tus-Max-Size is above {_SUM_LIMIT_BYTES} bytes")
    else:
        parts = [t.partial(payload(limit // 2 + 1)), t.partial(payload(limit // 2 + 1))]
    t.refused(t.final(*parts), "413")


@check("CONCAT-32")
def deleted_part(t: Tus) -> None:
    first, second = two(t)
    final = t.made(t.final(first, second))
    complete(t, final, 11)
    t.status(first.delete(), "204", "404 410", after="to DELETE of a part")
    complete(t, final, 11)
    final.contains(b"hello world")


@check("CONCAT-33")
def parts_after_deleted_final(t: Tus) -> None:
    part = t.partial(b"hello")
    final = t.made(t.final(part))
    t.status(final.delete(), "204")
    answer = t.status(part.head(), "200 204 404 410")
    t.note("the parts " + ("survive" if answer.status < 300 else "go with the final upload"))


@check("CONCAT-34")
def finished_part_does_not_grow(t: Tus) -> None:
    part = t.partial(b"hello")
    answer = t.status(part.patch(5, b"x"), "204 4xx")
    t.expect(answer.status != 204 or answer.get("Upload-Offset") == "5", "a wrong Upload-Offset")
    part.holds(5, 5)


@check("CONCAT-35")
def part_of_open_length(t: Tus) -> None:
    part = t.new(None, _PARTIAL)
    answer = t.final(part)
    if answer.status == 201 and t.has("concatenation-unfinished"):
        head = t.made(answer).head()
        t.expect(not head.has("Upload-Offset"), "a final upload of an open part shows an offset")
        return
    t.refused(answer, "4xx")


@check("CONCAT-36")
def same_final_twice_at_once(t: Tus) -> None:
    parts = two(t)
    answers: list[Response] = []

    def join() -> None:
        with suppress(WireError):  # noticed below when there is no answer at all, and an interrupt elsewhere
            answers.append(t.final(*parts))

    threads = [threading.Thread(target=join) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = [t.made(answer) for answer in answers if answer.status == 201]
    t.expect(bool(made), f"none succeeded: {[answer.status for answer in answers]}")
    t.equal(len({upload.target for upload in made}), len(made), "number of distinct final uploads")
    for answer in answers:
        t.status(answer, "201 4xx")
    for upload in made:
        complete(t, upload, 11)
        upload.contains(b"hello world")


@check("CONCAT-38")
def announced_when_it_works(t: Tus) -> None:
    answer = t.final(*_unfinished(t))
    announced = t.has("concatenation-unfinished")
    t.expect(
        announced or answer.status != 201, "unfinished parts are accepted, but the extension is not announced"
    )
    t.expect(not announced or answer.status == 201, f"announced, but answered {answer.status}")


@check("CONCAT-39")
def unfinished_parts(t: Tus) -> None:
    t.made(t.final(*_unfinished(t)))


@check("CONCAT-40")
def no_offset_yet(t: Tus) -> None:
    answer = t.status(t.made(t.final(*_unfinished(t))).head(), "200 204")
    t.expect((answer.get("Upload-Concat") or "").startswith("final;"), "no Upload-Concat")
    t.expect(not answer.has("Upload-Offset"), f"Upload-Offset is {answer.get('Upload-Offset')}")


@check("CONCAT-41")
def length_already(t: Tus) -> None:
    t.equal(t.made(t.final(*_unfinished(t))).head().get("Upload-Length"), "11", "Upload-Length")


@check("CONCAT-42")
def completes_with_its_parts(t: Tus) -> None:
    first, second = _unfinished(t)
    final = t.made(t.final(first, second))
    for part, offset, data in ((first, 2, b"llo"), (second, 0, b" world")):
        t.status(part.patch(offset, data), "2xx", after="to finishing a part")
    complete(t, final, 11)
    final.contains(b"hello world")


@check("CONCAT-43")
def takes_no_bytes_before(t: Tus) -> None:
    final = t.made(t.final(*_unfinished(t)))
    for offset, body in ((0, b"x"), (2, b"x"), (0, b"")):
        t.status(final.patch(offset, body), "403")


@check("CONCAT-44")
def deleted_unfinished_part(t: Tus) -> None:
    first, second = _unfinished(t)
    final = t.made(t.final(first, second))
    t.status(first.patch(2, b"llo"), "2xx")
    t.status(second.delete(), "204", "4xx", after="to DELETE of a part")
    time.sleep(0.1)
    answer = t.status(final.head(), "404 410 200 204")
    if answer.status < 300:
        offset, length = answer.number("Upload-Offset"), answer.number("Upload-Length")
        t.expect(offset is None or offset != length, f"complete with {offset} bytes although a part is gone")
