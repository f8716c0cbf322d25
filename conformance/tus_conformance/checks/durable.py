"""Load, slowness, restarts and kills."""

from __future__ import annotations

import time
from contextlib import suppress

from tus_conformance.message import WireError
from tus_conformance.outcome import Unready
from tus_conformance.process import ServerProcess
from tus_conformance.registry import check
from tus_conformance.tus import Tus, payload
from tus_conformance.upload import Upload

_LENGTH = 300_000
_IDLE = 300


def _process(t: Tus) -> ServerProcess:
    if t.target.process is None:
        t.skip("needs --server")
    return t.target.process


def _complete(t: Tus, upload: Upload, acknowledged: int) -> None:
    """Demand that nothing acknowledged is lost, and that the upload can be completed."""
    data = payload(_LENGTH)
    kept = upload.settled(at_least=0)
    t.expect(kept >= acknowledged, f"{acknowledged} bytes were acknowledged, {kept} are left")
    if kept < _LENGTH:
        t.status(upload.patch(kept, data[kept:]), "2xx", after="to the continuation")
    upload.holds(_LENGTH, _LENGTH)
    upload.contains(data)


@check("CONC-12", alone=True)
def restart(t: Tus) -> None:
    process = _process(t)
    upload = t.filled(_LENGTH, payload(100_000))
    process.stop()
    process.start()
    _complete(t, upload, 100_000)


@check("CONC-13", alone=True)
def kill(t: Tus) -> None:
    process = _process(t)
    data = payload(_LENGTH)
    upload = t.filled(_LENGTH, data[:100_000])
    upload.start(100_000, 200_000, data[100_000:200_000])
    time.sleep(0.3)
    process.kill()
    process.start()
    _complete(t, upload, 100_000)


@check("CONC-14", waits=True)
def slow_but_steady(t: Tus) -> None:
    seconds = int(min(30, t.options.stall_wait_s))
    upload = t.new(seconds)
    data = payload(seconds)
    connection = upload.start(0, seconds)
    for at in range(seconds):
        connection.send(data[at : at + 1])
        time.sleep(1.0)
    t.status(upload.answer(connection), "204", "200")
    upload.holds(seconds, seconds)


@check("CONC-15", alone=True)
def many_idle_requests(t: Tus) -> None:
    started = time.monotonic()
    with suppress(WireError, Unready):  # refusing connections is one of the legal outcomes
        for _ in range(_IDLE):
            t.new(1000).start(0, 1000, b"x")
    try:
        answer = t.create(10)
    except WireError as error:
        t.violated(f"no new upload during {_IDLE} idle requests: {error}")
    t.status(answer, "201", "503 429")
    t.note(
        f"a new upload beside {_IDLE} idle requests: {answer.status} after {time.monotonic() - started:.1f} s"
    )


@check("CONC-16", alone=True)
def graceful_stop(t: Tus) -> None:
    process = _process(t)
    data = payload(_LENGTH)
    upload = t.filled(_LENGTH, data[:100_000])
    connection = upload.start(100_000, 200_000, data[100_000:200_000])
    time.sleep(0.3)
    process.ask_to_stop()
    try:
        answer = upload.answer(connection, 10.0)
        t.status(answer, "503 4xx", "204")
        t.note(f"the interrupted PATCH gets {answer.status}")
    except WireError as error:
        t.note(f"the interrupted PATCH gets no answer: {error}")
    if not process.stop():
        t.warn("the server did not end within 15 s of SIGTERM")
    process.start()
    kept = upload.settled(at_least=100_001)
    t.expect(kept > 100_000, "the bytes of the interrupted request are lost")
    _complete(t, upload, 100_000)
