"""Interruption and concurrency."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress

from tus_conformance.endpoint import chunked
from tus_conformance.message import ClosedEarly, Response, TimedOut, WireError
from tus_conformance.registry import check
from tus_conformance.tus import Tus, payload
from tus_conformance.upload import Upload
from tus_conformance.wire import Connection

_LENGTH, _SENT = 200_000, 80_000
_NORMAL_S = 2.0


def _stalled(t: Tus) -> tuple[Upload, Connection]:
    """A PATCH that has sent a part of its body and says nothing more."""
    upload = t.new(_LENGTH)
    connection = upload.start(0, _LENGTH, payload(_SENT))
    time.sleep(0.3)
    return upload, connection


@check("CONC-01")
def head_during_stall(t: Tus) -> None:
    upload, _ = _stalled(t)
    started = time.monotonic()
    answer = t.status(upload.head(timeout_s=t.options.lock_wait_s), "200 204 423 409")
    t.note(f"HEAD during a stalled PATCH: {answer.status} after {time.monotonic() - started:.1f} s")
    if answer.status < 300:
        offset = answer.number("Upload-Offset")
        t.expect(offset is not None and offset <= _SENT, f"Upload-Offset {offset}, {_SENT} bytes were sent")


@check("CONC-02")
def offset_is_usable(t: Tus) -> None:
    upload, _ = _stalled(t)
    head = t.status(upload.head(timeout_s=t.options.lock_wait_s), "200 204 423 409")
    if head.status >= 300:
        t.skip(f"HEAD during a stalled PATCH is refused with {head.status}")
    offset = head.number("Upload-Offset") or 0
    answer = upload.patch(offset, payload(_LENGTH - offset, offset), timeout_s=t.options.lock_wait_s)
    if answer.status == 409 and (better := answer.number("Upload-Offset")) not in (None, offset):
        # The first request may have stored more since; a 409 that says where to go on is as good.
        t.note("a 409 names the newer offset")
        answer = upload.patch(
            better or 0, payload(_LENGTH - (better or 0), better or 0), timeout_s=t.options.lock_wait_s
        )
    t.status(answer, "204", "200", after=f"to PATCH at {offset}")
    upload.holds(_LENGTH, _LENGTH)
    upload.contains(payload(_LENGTH))


@check("CONC-03")
def superseded_answer(t: Tus) -> None:
    upload, first = _stalled(t)
    head = t.tolerate(upload.head(timeout_s=t.options.lock_wait_s))
    offset = head.number("Upload-Offset")
    if offset is not None:
        t.tolerate(upload.patch(offset, b"x", timeout_s=t.options.lock_wait_s))
    try:
        first.send_body(payload(_LENGTH - _SENT, _SENT))
        answer = t.tolerate(upload.answer(first, t.options.lock_wait_s))
    except (ClosedEarly, TimedOut) as error:
        t.note(f"the superseded PATCH gets no answer: {error}")
        return
    told = answer.number("Upload-Offset")
    t.note(f"the superseded PATCH gets {answer.status}")
    if answer.status == 204:
        kept = upload.settled()
        t.expect(told is not None and told <= kept, f"answered 204 with offset {told}, but HEAD shows {kept}")


def _other(count: int) -> bytes:
    return b"#" * count


@check("CONC-04")
def two_writers(t: Tus) -> None:
    upload, first = _stalled(t)
    try:
        second = upload.patch(0, _other(_SENT), timeout_s=t.options.lock_wait_s)
        t.tolerate(second)
        t.note(f"a second writer at the same offset gets {second.status}")
        first.send_body(payload(_LENGTH - _SENT, _SENT))
        t.tolerate(upload.answer(first, 3.0))
    except WireError:
        first.close()
    kept = upload.settled(t.options.lock_wait_s)
    t.expect(kept <= _LENGTH, f"Upload-Offset {kept}")
    t.status(upload.patch(kept, _other(_LENGTH - kept), timeout_s=t.options.lock_wait_s), "2xx", "409")
    if not t.target.readback or upload.offset() != _LENGTH:
        t.note("stored bytes not compared")
        return
    stored = upload.get().body
    switch = next((n for n, byte in enumerate(stored) if byte == ord("#")), len(stored))
    whole = payload(switch) + _other(_LENGTH - switch)
    t.expect(stored == whole, f"bytes of both writers are mixed, first at {switch}")


@check("CONC-05", alone=True)
def twenty_equal_writers(t: Tus) -> None:
    data = payload(50_000)
    upload = t.new(len(data))
    answers: list[Response] = []

    def write() -> None:
        with suppress(WireError):  # being closed on is one of the legal outcomes
            answers.append(t.tolerate(upload.patch(0, data, timeout_s=t.options.lock_wait_s)))

    threads = [threading.Thread(target=write) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    full = [a for a in answers if 200 <= a.status < 300 and a.number("Upload-Offset") == len(data)]
    codes = sorted({answer.status for answer in answers})
    t.note(f"statuses: {codes}")
    t.expect(len(full) <= 1, f"{len(full)} of 20 requests were told that they wrote everything")
    kept = upload.settled()
    if not full:
        t.status(upload.patch(kept, data[kept:]), "2xx", after="to the continuation")
    upload.holds(len(data), len(data))
    upload.contains(data)


@check("CONC-06", alone=True)
def others_are_not_slowed(t: Tus) -> None:
    stalled, first = _stalled(t)
    waiting = stalled.start(0, 10, b"x" * 10)  # a second writer that has to wait for the lock
    started = time.monotonic()
    upload = t.new(10)
    t.status(upload.patch(0, b"abc"), "204", after="to another upload")
    upload.holds(3, 10)
    took_s = time.monotonic() - started
    t.expect(took_s < _NORMAL_S, f"another upload took {took_s:.1f} s while one was stalled")
    for connection in (first, waiting):
        connection.close()


@check("CONC-07")
def one_byte_short(t: Tus) -> None:
    upload = t.filled(1000, payload(500))
    connection = upload.start(500, 500, payload(499, 500))
    connection.half_close()
    connection.closed_within(0.3)
    connection.close()
    kept = upload.settled(at_least=500)
    t.expect(500 <= kept <= 999, f"Upload-Offset {kept} after 999 of 1000 bytes")


@check("CONC-08")
def broken_chunks(t: Tus) -> None:
    data = payload(4000)
    for broken in (b"fa0\r\n" + data[:1000], b"3e8\r\n" + data[:1000] + b"\r\nxyz\r\n" + data[:100]):
        upload = t.new(4000)
        connection = t.connect()
        lines = {**upload.patch_lines(0), "Transfer-Encoding": "chunked"}
        connection.send(t.head_of("PATCH", upload.target, lines) + broken)
        connection.half_close()
        try:
            t.status(upload.answer(connection, 2.0), "4xx")
        except WireError:
            t.note("closes without an answer")
        connection.close()
        kept = upload.settled(at_least=0)
        t.expect(kept <= 1000, f"Upload-Offset {kept} after 1000 bytes")
        upload.contains_prefix(data[:kept])
        t.status(upload.patch(kept, data[kept:]), "2xx", after="to the continuation")


@check("CONC-09")
def no_last_chunk(t: Tus) -> None:
    data = payload(1000)
    upload = t.new(1000)
    connection = t.connect()
    lines = {**upload.patch_lines(0), "Transfer-Encoding": "chunked"}
    connection.send(t.head_of("PATCH", upload.target, lines) + chunked(data, end=False))
    connection.half_close()
    connection.closed_within(0.5)
    connection.close()
    kept = upload.settled()
    t.expect(kept <= 1000, f"Upload-Offset {kept}")
    t.note(f"without the last chunk {kept} of 1000 bytes are kept")
    if kept < 1000:
        t.status(upload.patch(kept, data[kept:]), "2xx", after="to the continuation")


def _head_then_patch(t: Tus, upload: Upload, data: bytes) -> Response:
    head = upload.head(timeout_s=t.options.lock_wait_s)
    if head.status in (409, 423):
        t.tolerate(head)
        return head
    kept = t.status(head, "200 204").number("Upload-Offset") or 0
    return upload.patch(kept, data[kept:], timeout_s=t.options.lock_wait_s)


@check("CONC-10")
def head_right_after_abort(t: Tus) -> None:
    data = payload(_LENGTH)
    upload, connection = _stalled(t)
    connection.reset()
    answer = _head_then_patch(t, upload, data)
    if answer.status in (409, 423):
        # The server may still be flushing; once is forgivable.
        t.note(f"the first try after the abort gets {answer.status}")
        time.sleep(0.5)
        answer = _head_then_patch(t, upload, data)
    t.status(answer, "204", "200")
    upload.contains(data)


@check("CONC-11")
def random_cuts(t: Tus) -> None:
    chance = random.Random(11)
    data = payload(500_000)
    upload = t.new(len(data))
    offset = 0
    for _ in range(50):
        connection = upload.start(
            offset, len(data) - offset, data[offset : offset + chance.randrange(1, 9000)]
        )
        if chance.random() < 0.5:
            time.sleep(0.01)
        connection.reset() if chance.random() < 0.5 else connection.close()
        kept = upload.settled(5.0, at_least=offset + 1, patience_s=0.4)
        t.expect(offset <= kept <= offset + 9000, f"Upload-Offset went from {offset} to {kept}")
        offset = kept
    t.status(upload.patch(offset, data[offset:]), "2xx", after="to the rest")
    upload.holds(len(data), len(data))
    upload.contains(data)
