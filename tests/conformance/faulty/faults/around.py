"""Faults in concurrency, durability, CORS and HTTP itself."""

from __future__ import annotations

from tests.conformance.faulty.fault import Fault, fault

FAULTS: tuple[Fault, ...] = (
    fault("CONC-01", flags="head-waits", lock_wait_s=1.0),
    fault("CONC-02", "PATCH 409 | -Upload-Offset", flags="stale-head"),
    fault("CONC-03", "PATCH 400 ? Content-Length~^200000$ | =204 ; Upload-Offset=200000"),
    fault("CONC-04 CONC-05", flags="mix"),
    fault("CONC-06", flags="one-lock"),
    fault("CONC-07", flags="pad-interrupted"),
    fault("CONC-09", "HEAD 200 ? :reply Upload-Length~^1000$ | Upload-Offset=2000", verdicts="CONC-09=FAIL"),
    fault("CONC-12 CONC-13 CONC-16", flags="forget"),
    fault("CONC-14", flags="impatient", stall_wait_s=3.0),
    fault("CONC-15", flags="few-writers"),
    fault("HTTP-01", "OPTIONS * | Access-Control-Allow-Methods=GET"),
    fault("HTTP-02", "OPTIONS * | Access-Control-Allow-Headers=Content-Type"),
    fault("HTTP-03", "POST,HEAD,PATCH 2xx | Access-Control-Expose-Headers=Location"),
    fault("HTTP-04", "* 4xx | -Access-Control-Allow-Origin"),
    fault("HTTP-05 HTTP-08", "* 2xx | Access-Control-Allow-Origin=* ; Access-Control-Allow-Credentials=true"),
    fault("HTTP-06", "* * | -Vary"),
    fault(
        "HTTP-07",
        "OPTIONS * ? Authorization~<absent> & Origin~^http | =401",
        headers=(("Authorization", "Bearer something"),),
    ),
    fault("HTTP-09", "GET 200 | Content-Type=text/html ; -Content-Disposition"),
    fault("HTTP-10", "PATCH 400 ? Transfer-Encoding~chunked | =200"),
    fault("HTTP-11", "PATCH 400 ? Content-Length~^-3$ | =204"),
    fault("HTTP-12", "PATCH 501 | =204"),
    fault("HTTP-13", "PATCH 204 ? :version~1[.]0 | =400"),
    fault("HTTP-15", "PATCH 409 | body=cannot open /var/lib/tus/x"),
    fault("HTTP-17", "OPTIONS 431 | =500"),
    fault("HTTP-18", "HEAD 200 | =302 ; Location=/x"),
)
