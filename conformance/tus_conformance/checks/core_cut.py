"""PATCH: interruptions, kept-alive connections, early refusals."""

from __future__ import annotations

import time

from tus_conformance.message import WireError
from tus_conformance.registry import check
from tus_conformance.tus import Tus, payload
from tus_conformance.upload import Upload

_ANNOUNCED_BYTES, _SENT_BYTES = 1_000_000, 300_000
_BIG_BYTES = 8 * 1024 * 1024


def _cut_and_resume(t: Tus, *, rst: bool) -> Upload:
    data = payload(_ANNOUNCED_BYTES)
    upload = t.new(_ANNOUNCED_BYTES)
    connection = upload.start(0, _ANNOUNCED_BYTES, data[:_SENT_BYTES])
    if rst:
        # RST throws away what the server has not read yet; give it a moment to read.
        time.sleep(0.3)
        connection.reset()
    else:
        connection.half_close()
        connection.closed_within(0.3)
        connection.close()
    kept = upload.settled(10.0)
    t.expect(kept <= _SENT_BYTES, f"offset {kept} after {_SENT_BYTES} bytes were sent")
    t.expect(kept > 0, "nothing of the interrupted request was kept")
    if kept < _SENT_BYTES:
        t.note(f"{kept} of {_SENT_BYTES} bytes were kept")
    t.status(upload.patch(kept, data[kept:]), "204", "200", after="to the continuation")
    upload.holds(_ANNOUNCED_BYTES, _ANNOUNCED_BYTES)
    return upload


@check("CORE-56")
def cut_with_fin(t: Tus) -> None:
    _cut_and_resume(t, rst=False)


@check("CORE-57")
def cut_with_rst(t: Tus) -> None:
    _cut_and_resume(t, rst=True)


@check("CORE-58")
def content_after_cuts(t: Tus) -> None:
    for rst in (False, True):
        data = payload(_ANNOUNCED_BYTES)
        upload = t.new(_ANNOUNCED_BYTES)
        connection = upload.start(0, _ANNOUNCED_BYTES, data[:_SENT_BYTES])
        time.sleep(0.2)
        connection.reset() if rst else connection.close()
        kept = upload.settled(10.0, at_least=0)
        t.expect(kept <= _SENT_BYTES, f"offset {kept} after {_SENT_BYTES} bytes were sent")
        t.status(upload.patch(kept, data[kept:]), "2xx", after="to the continuation")
        upload.contains(data)


@check("CORE-60")
def one_connection(t: Tus) -> None:
    upload = t.new(10)
    connection = t.connect()
    for offset, data in ((0, b"abc"), (3, b"def")):
        t.status(upload.patch(offset, data, on=connection), "204")
    error = t.status(upload.patch(0, payload(1000), on=connection), "409", "413")
    if (error.get("Connection") or "").lower() == "close":
        t.note("closes the connection after the error")
    else:
        answer = t.status(upload.head(on=connection), "200 204", after="to HEAD behind the error")
        t.equal(answer.get("Upload-Offset"), "6", "Upload-Offset")
    upload.holds(6, 10)


@check("CORE-61")
def expect_and_refuse(t: Tus) -> None:
    upload = t.new(10)
    cases: tuple[tuple[Upload, int, dict[str, str], str], ...] = (
        (upload, 5, {}, "409"),
        (t.unknown(), 0, {}, "404 410"),
        (upload, 0, {"Content-Type": "text/plain"}, "415 400"),
    )
    for where, offset, extra, wanted in cases:
        connection = where.start(offset, 3, b"", {"Expect": "100-continue", **extra})
        first = connection.any_response("PATCH", t.options.timeout_s)
        if first.status == 100:
            t.info("sends 100 Continue before it refuses")
            connection.send(b"abc")
            first = connection.response("PATCH")
        t.status(t.judged("PATCH", where.target, first), wanted)
        connection.close()
    upload.holds(0, 10)


@check("CORE-62")
def refusal_of_a_large_body(t: Tus) -> None:
    upload = t.new(_BIG_BYTES)
    connection = t.connect()
    lines = {**upload.patch_lines(5), "Content-Length": str(_BIG_BYTES)}
    connection.send(t.head_of("PATCH", upload.target, lines))
    try:
        connection.send(payload(_BIG_BYTES))
    except WireError as error:
        t.note(f"the server did not take all of the body: {error}")
    t.status(t.judged("PATCH", upload.target, connection.response("PATCH")), "409")


@check("CORE-67", waits=True)
def stalled_patch_ends(t: Tus) -> None:
    upload = t.new(1000)
    connection = upload.start(0, 1000, payload(400))
    started = time.monotonic()
    closed = connection.closed_within(t.options.stall_wait_s)
    t.expect(closed, f"the stalled request is still open after {t.options.stall_wait_s:g} s")
    t.note(f"a stalled request is ended after {time.monotonic() - started:.0f} s")
    t.equal(upload.settled(), 400, "Upload-Offset after the stall")
