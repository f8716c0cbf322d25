"""Faults in creation, metadata and creation with upload."""

from __future__ import annotations

from tests.conformance.faulty.fault import Fault, fault

_OCT = "Content-Type=application/offset+octet-stream"
_MADE = "=201 ; Location={files}x"


def _accepts(check: str, pattern: str) -> Fault:
    """Metadata that should have been refused leads to an upload that is not there."""
    return fault(check, f"POST 400 ? Upload-Metadata~{pattern} | {_MADE}")


FAULTS: tuple[Fault, ...] = (
    fault("CREATE-02", "POST 201 ? Upload-Length~^100$ | =200"),
    fault("CREATE-03", "POST 201 ? Upload-Length~^100$ | Location={files}nowhere"),
    fault("CREATE-05", "POST 201 ? Upload-Length~^5$ | Location={files}00000000000000000000000000000000"),
    fault("CREATE-05", name="CREATE-05-guessable", flags="sequential-ids", verdicts="CREATE-05=WARN"),
    fault("CREATE-06", "POST 201 ? X-Forwarded-Host~evil | Location=http://evil.example/x"),
    fault("CREATE-07", "POST 201 ? :target~x=1 | Location={files}nowhere"),
    fault(
        "CREATE-08",
        "POST 400 ? Upload-Length~<absent> & Upload-Defer-Length~<absent> & Upload-Concat~<absent> | "
        + _MADE,
    ),
    fault("CREATE-09", given="POST ? Upload-Length~5 & Upload-Defer-Length~1 | -Upload-Defer-Length"),
    fault("CREATE-10", given="POST ? Upload-Length~^-1$ | Upload-Length=1"),
    fault("CREATE-11", given="POST ? Upload-Length~^1_000$ | Upload-Length=1000"),
    fault("CREATE-12", given="POST ? Upload-Length~^5, 6$ | Upload-Length=6"),
    fault("CREATE-13", f"POST 413 ? Upload-Length~^9007199254740993$ | {_MADE}"),
    fault("CREATE-14", "POST 413 ? Upload-Length~^18446744073709551616$ | =500"),
    fault("CREATE-15", "HEAD 200 ? :reply Upload-Length~^0$ | -Upload-Offset"),
    fault("CREATE-17", given="POST ? Upload-Length~^16777217$ | Upload-Length=16777216"),
    fault("CREATE-18", "POST 201 ? Upload-Length~^16777216$ | =413 ; -Location"),
    fault("CREATE-19", "POST 201 ? Content-Length~<absent> & Transfer-Encoding~<absent> | =400"),
    fault("CREATE-20 CREATE-08", "POST 400 | Location={files}x"),
    fault("CREATE-21", "POST 201 ? Upload-Foo~1 | =400"),
    fault("CREATE-22", f"POST 405 ? :target~no-such | {_MADE}"),
    fault("CREATE-23", "POST 201 ? Upload-Length~^5$ | raw=x"),
    fault("CREATE-24", "HEAD 200 ? :reply Upload-Metadata~^filename | Upload-Metadata=filename YS50eHQ="),
    fault(
        "CREATE-25",
        "HEAD 200 ? :reply Upload-Metadata~^b Yg | Upload-Metadata=a YQ==,b Yg==",
        verdicts="CREATE-25=WARN",
    ),
    fault("CREATE-26", "POST 201 ? Upload-Metadata~^k | =400"),
    fault("CREATE-27 CONCAT-11", "HEAD 200 ? :reply Upload-Metadata~<absent> | Upload-Metadata="),
    _accepts("CREATE-28", "^a YQ==,a"),
    _accepts("CREATE-29", "!!!"),
    _accepts("CREATE-30", "^a  YQ"),
    _accepts("CREATE-31", "^,$"),
    _accepts("CREATE-32", ", b"),
    fault("CREATE-33", "POST 201 ? Upload-Metadata~^$ | =400"),
    fault("CREATE-34", "POST 400 ? Upload-Metadata~schl | =403"),
    fault("CREATE-35", "HEAD 200 ? :reply Upload-Metadata~^blob AAEC | Upload-Metadata=blob AAEC"),
    fault("CREATE-36", "HEAD 200 ? :reply Upload-Metadata~^filename YS50 | Set-Cookie=a=b"),
    fault("CREATE-37", "POST 201 ? Upload-Metadata~^filename | Location={files}../../x"),
    fault("CREATE-38", "HEAD 200 ? :reply Upload-Metadata~^blob eHh4 | Upload-Metadata=blob eHh4"),
    fault("CREATE-39", "HEAD 200 ? :reply Upload-Metadata~^K YQ | Upload-Metadata=k Yg=="),
    fault("CREATE-40", "POST 201 ? Upload-Metadata~^a YQ==$ | Upload-Metadata=a Yg=="),
    fault("CWU-02 CWU-09", "POST 201 ? Upload-Length~^100$ & Content-Length~^5$ | -Upload-Offset"),
    fault("CWU-03 CWU-15", "POST 201 ? Upload-Length~^5$ & Content-Length~^5$ | Upload-Offset=0"),
    fault("CWU-04", given=f"POST ? Content-Type~text/plain | {_OCT}"),
    fault("CWU-05", given=f"POST ? Content-Type~<absent> & Content-Length~^5$ | {_OCT}"),
    fault(
        "CWU-06",
        "POST 201 ? Upload-Length~^100$ & Content-Type~offset & Content-Length~^0$ | Upload-Offset=1",
    ),
    fault(
        "CWU-06",
        "POST 201 ? Content-Type~offset & Content-Length~^0$ | -Upload-Offset",
        name="CWU-06-silent",
        verdicts="CWU-06=WARN",
    ),
    fault("CWU-07", f"POST 413 ? Upload-Length~^3$ | {_MADE}"),
    fault("CWU-08", "POST 201 ? Transfer-Encoding~chunked | Upload-Offset=0"),
    fault("CWU-10", flags="always-continue"),
    fault("CWU-11", flags="cut-creation-poisons", also="CORE-37 TERM-02 CREATE-08 CWU-12 CWU-13 CWU-14"),
    fault("CWU-12", "HEAD 200 ? :reply Upload-Metadata~a YQ & :reply Upload-Offset~^5$ | -Upload-Metadata"),
    fault("CWU-13", "POST 201 ? Upload-Defer-Length~1 & Content-Length~^5$ | -Upload-Offset"),
    fault("CWU-14", given="POST ? Upload-Checksum~sha1 | -Upload-Checksum"),
    fault("CWU-16", f"POST 400 ? Upload-Concat~final & Content-Length~^4$ | {_MADE}"),
    fault("CWU-17", "POST 400 ? Upload-Offset~^5$ | =201 ; Upload-Offset=10 ; Location={files}x"),
    fault("CWU-18", "POST 201 ? Content-Length~^5$ | Upload-Offset=5", without="creation-with-upload"),
    fault("CWU-19", "POST 201 ? Upload-Length~^0$ & Transfer-Encoding~chunked | =400 ; -Location"),
    fault("CWU-20", "POST 201 ? Content-Length~^4194304$ | =413 ; -Location"),
)
