"""Faults in checksums and trailers."""

from __future__ import annotations

from tests.conformance.faulty.fault import Fault, fault

FAULTS: tuple[Fault, ...] = (
    fault("CHECK-01", "OPTIONS * | -Tus-Checksum-Algorithm"),
    fault("CHECK-02", "OPTIONS * | Tus-Checksum-Algorithm=md5"),
    fault("CHECK-03", "OPTIONS * | Tus-Checksum-Algorithm=sha1,SHA256"),
    fault("CHECK-04", "PATCH 204 ? Upload-Checksum~sha1 | =400"),
    fault(
        "CHECK-05 CHECK-06 CHECK-11 CHECK-12 CHECK-18 CHECK-23",
        given="PATCH ? Upload-Checksum~sha1 | -Upload-Checksum",
    ),
    fault("CHECK-06", name="CHECK-06-rollback", flags="keep-unverified"),
    fault("CHECK-07", given="PATCH ? Upload-Checksum~^foo | -Upload-Checksum"),
    fault("CHECK-08", given="PATCH ? Upload-Checksum~^SHA1 | -Upload-Checksum"),
    fault("CHECK-09", given="PATCH ? Upload-Checksum~^sha1$ | -Upload-Checksum"),
    fault("CHECK-10", given="PATCH ? Upload-Checksum~^sha256 | -Upload-Checksum"),
    fault("CHECK-14 CHECK-20 CHECK-33", flags="publish-unverified", verdicts="CHECK-14=INFO"),
    fault("CHECK-16", "PATCH 204 ? Upload-Checksum~<absent> & Content-Length~^11$ | =400"),
    fault(
        "CHECK-17",
        given="PATCH ? Upload-Checksum~^sha1 & Upload-Offset~^5$ | Upload-Offset=0 ; -Upload-Checksum",
    ),
    fault("CHECK-19", given="PATCH ? Upload-Checksum~^sha1 [^=]*$ | -Upload-Checksum"),
    fault("CHECK-21", "PATCH 204 ? Upload-Checksum~sha1 | =302", without="checksum checksum-trailer"),
    fault("CHECK-22", "PATCH 204 ? Upload-Checksum~sha1 & Content-Encoding~gzip | =460"),
    fault("CHECK-23", "PATCH 460 | =417", name="CHECK-23-status"),
    fault(
        "CHECK-05 CHECK-11 CHECK-12 CHECK-26",
        "PATCH 460 | =417",
        name="CHECK-05-status",
        verdicts="CHECK-05=WARN CHECK-11=WARN CHECK-12=WARN CHECK-26=WARN",
    ),
    fault("CHECK-24 CHECK-31", "PATCH 204 ? Trailer~Upload-Checksum | =460", without="checksum-trailer"),
    fault("CHECK-25 CHECK-32", "PATCH 204 ? Trailer~Upload-Checksum | =400"),
    fault("CHECK-26 CHECK-27 CHECK-30 CHECK-35", flags="ignore-trailers"),
    fault("CHECK-28", flags="trailer-optional"),
    fault("CHECK-29", "PATCH 460 ? Trailer~<absent> & Transfer-Encoding~chunked | =204"),
)
