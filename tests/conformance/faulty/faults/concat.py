"""Faults in concatenation."""

from __future__ import annotations

from tests.conformance.faulty.fault import Fault, fault

_MADE = "=201 ; Location={files}x"
_FINAL = "HEAD 200 ? :reply Upload-Concat~^final"
_OPEN = f"{_FINAL} & :reply Upload-Offset~<absent>"

FAULTS: tuple[Fault, ...] = (
    fault("CONCAT-01", "OPTIONS * | Tus-Extension=creation,termination"),
    fault("CONCAT-02", "POST 201 ? Upload-Concat~^partial$ & Upload-Length~^5$ | =200"),
    fault("CONCAT-03", "HEAD 200 ? :reply Upload-Concat~^partial$ | -Upload-Concat"),
    fault("CONCAT-04", "PATCH 204 ? :reply Upload-Offset~^3$ | Upload-Offset=2"),
    fault(
        "CONCAT-05 CONCAT-12 CONCAT-23 CONCAT-27 CONCAT-29 CONCAT-38 CONCAT-39",
        "POST 201 ? Upload-Concat~^final | =400 ; -Location",
    ),
    fault(
        "CONCAT-06 CONCAT-10 CONCAT-21 CONCAT-22 CONCAT-40 CONCAT-42",
        f"{_FINAL} | Upload-Offset=4",
        lock_wait_s=1.0,
    ),
    fault("CONCAT-07 CONCAT-08", f"{_FINAL} | Upload-Concat=final;/x", verdicts="CONCAT-08=WARN"),
    fault("CONCAT-09 CONCAT-36", flags="reverse-parts"),
    fault("CONCAT-13 CONCAT-43", "PATCH 403 | =409"),
    fault("CONCAT-14", "POST 400 ? Upload-Concat~^final & Upload-Length~^[0-9] | =422"),
    fault("CONCAT-15", f"POST 400 ? Upload-Concat~^final;?$ | {_MADE}"),
    fault("CONCAT-16", given="POST ? Upload-Concat~^PARTIAL$ | Upload-Concat=partial"),
    fault("CONCAT-17", f"POST 404 ? Upload-Concat~no-such | {_MADE}"),
    fault("CONCAT-18 CONCAT-19", flags="any-part"),
    fault(
        "CONCAT-20 CONCAT-35 CONCAT-38",
        f"POST 400 ? Upload-Concat~^final | {_MADE}",
        without="concatenation-unfinished",
    ),
    fault(
        "CONCAT-21",
        "POST 201 ? Upload-Concat~^final;([^ ]+) \\1$ | =400 ; -Location",
        name="CONCAT-21-refused",
        verdicts="CONCAT-21=WARN",
    ),
    fault("CONCAT-24", f"POST 400 ? Upload-Concat~127.0.0.1:1/x | {_MADE}"),
    fault(
        "CONCAT-24",
        f"POST 400 ? Upload-Concat~evil | {_MADE}",
        name="CONCAT-24-host",
        verdicts="CONCAT-24=WARN",
    ),
    fault("CONCAT-25", "POST * ? Upload-Concat~final; / | =404 ; -Location"),
    fault("CONCAT-26", f"POST 413 ? Upload-Concat~^final | {_MADE}"),
    fault("CONCAT-28", "POST 201 ? Upload-Concat~(/[^ ]+ ){50} | =500"),
    fault(
        "CONCAT-30",
        f"POST 501 ? Upload-Concat~^final | {_MADE}",
        without="concatenation concatenation-unfinished",
    ),
    fault("CONCAT-31", "POST 201 | -Upload-Concat"),
    fault("CONCAT-32", flags="delete-hurts-finals"),
    fault("CONCAT-33", "HEAD 200 ? :reply Upload-Concat~^partial | =403"),
    fault("CONCAT-34", "PATCH 413 ? Upload-Offset~^5$ & Content-Length~^1$ | =204 ; Upload-Offset=6"),
    fault("CONCAT-41", f"{_OPEN} | -Upload-Length"),
    fault("CONCAT-44", f"{_OPEN} | Upload-Offset=11"),
)
