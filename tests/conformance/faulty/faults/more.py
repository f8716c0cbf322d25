"""Faults in deferred lengths, expiration and termination."""

from __future__ import annotations

from tests.conformance.faulty.fault import Fault, fault

_MADE = "=201 ; Location={files}x"
_LATER = "Wed, 25 Jun 2036 16:00:00 GMT"
_PAST = "Wed, 25 Jun 2014 16:00:00 GMT"

FAULTS: tuple[Fault, ...] = (
    fault(
        "DEFER-01 DEFER-06",
        f"POST 400 ? Upload-Defer-Length~^1$ & Upload-Length~<absent> | {_MADE}",
        without="creation-defer-length",
    ),
    fault("DEFER-02", "POST 201 ? Upload-Defer-Length~1 | =200"),
    fault("DEFER-03 DEFER-04", "HEAD 200 ? :reply Upload-Defer-Length~1 | -Upload-Defer-Length"),
    fault("DEFER-05", given="POST ? Upload-Defer-Length~^(0|2|true)$ | Upload-Defer-Length=1"),
    fault("DEFER-07 DEFER-08 DEFER-23", given="PATCH ? Upload-Length~^10$ | -Upload-Length"),
    fault("DEFER-09 DEFER-18", flags="length-changes"),
    fault("DEFER-10", "PATCH 204 ? Upload-Length~^10$ & Upload-Offset~^5$ | =409"),
    fault("DEFER-11", given="PATCH ? Upload-Length~^3$ & Upload-Offset~^6$ | Upload-Length=6"),
    fault("DEFER-12", given="PATCH ? Upload-Length~^16777217$ | Upload-Length=16777216"),
    fault("DEFER-14", "PATCH 413 ? Upload-Length~^10$ | =204"),
    fault("DEFER-15", flags="declare-early"),
    fault("DEFER-16", "PATCH 413 ? Upload-Offset~^16777216$ | =204"),
    fault("DEFER-17", "PATCH 204 ? Upload-Length~^10$ & Upload-Offset~^0$ | =409"),
    fault("DEFER-21", "PATCH 204 ? Upload-Defer-Length~^1$ | =400"),
    fault("DEFER-22", given="PATCH ? Upload-Length~^(abc|-1|1[.]5)$ | -Upload-Length"),
    fault("DEFER-24", "HEAD 200 ? :reply Upload-Length~^[0-9] | Upload-Defer-Length=1"),
    fault("EXPIRE-01", f"POST,PATCH 2xx | Upload-Expires={_LATER}", without="expiration"),
    fault("EXPIRE-02", "POST 201 | -Upload-Expires", verdicts="EXPIRE-02=INFO"),
    fault("EXPIRE-03", "PATCH 204 | -Upload-Expires"),
    fault("EXPIRE-04", "POST,PATCH 2xx | Upload-Expires=tomorrow"),
    fault(
        "EXPIRE-04",
        "POST,PATCH 2xx | Upload-Expires=Wednesday, 25-Jun-36 16:00:00 GMT",
        name="EXPIRE-04-obsolete",
        verdicts="EXPIRE-04=WARN",
    ),
    fault("EXPIRE-05", f"POST,PATCH 2xx | Upload-Expires={_PAST}"),
    fault("EXPIRE-06", "HEAD 200 | -Upload-Expires"),
    fault("EXPIRE-07", f"PATCH 204 | Upload-Expires={_PAST}"),
    fault("EXPIRE-08", f"PATCH 204 ? :reply Upload-Expires~<absent> | Upload-Expires={_LATER}"),
    fault("EXPIRE-09", f"PATCH 409 | Upload-Expires={_LATER}"),
    fault("EXPIRE-10", flags="expires-early", expiry_s=3, expiry_wait_s=8.0, also="CORE-37 TERM-02"),
    fault("EXPIRE-11 EXPIRE-12", flags="never-expires", expiry_s=2, expiry_wait_s=5.0),
    fault("EXPIRE-13", "DELETE 410 | =400", expiry_s=2, expiry_wait_s=8.0),
    fault("EXPIRE-14", flags="finished-expire", expiry_s=2, expiry_wait_s=8.0),
    fault("EXPIRE-15", "POST 201 ? Content-Length~^3$ | -Upload-Expires"),
    fault("EXPIRE-16", "HEAD 200 ? :reply Upload-Concat~partial | =403", expiry_s=2, expiry_wait_s=8.0),
    fault("EXPIRE-17", flags="late-acknowledgement", expiry_s=3, expiry_wait_s=8.0),
    fault("EXPIRE-18", flags="reuse-ids", expiry_s=3, expiry_wait_s=8.0, workers=1),
    fault("TERM-01 TERM-08", "DELETE 405 | =204", without="termination"),
    fault("TERM-02 TERM-06 TERM-14 TERM-15 TERM-16", "DELETE 204 | =200"),
    fault("TERM-03 TERM-04 TERM-05 TERM-11", flags="delete-nothing"),
    fault("TERM-07", "DELETE 404 | =204"),
    fault("TERM-10", flags="delete-resurrects"),
    fault("TERM-12", flags="reuse-ids", also="TERM-13 TERM-14 TERM-15", workers=1),
    fault("TERM-13", "DELETE 405 ? :target~/files/$ | =204"),
    fault("TERM-17", "HEAD 410 | =200 ; Upload-Offset=0", expiry_wait_s=0.5),
)
