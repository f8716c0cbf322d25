"""The first questions to a URL: is anybody there, is it tus, can bytes be read back?"""

from __future__ import annotations

from contextlib import suppress

from tus_conformance.endpoint import Endpoint
from tus_conformance.message import (
    ClosedEarly,
    ConnectError,
    Garbage,
    Response,
    TimedOut,
    TlsError,
    WireError,
)
from tus_conformance.model import Level, Requirement
from tus_conformance.options import Options
from tus_conformance.outcome import Skipped, Unready, Violation
from tus_conformance.process import ServerProcess
from tus_conformance.target import Target
from tus_conformance.tus import Tus

EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_NOT_TUS = 4


class Unusable(Exception):
    """The URL cannot be checked at all."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


def open_target(options: Options, process: ServerProcess | None = None) -> Target:
    """Ask the URL what it is.

    Raises:
        Unusable: Nobody answers there, or somebody who does not speak tus.
    """
    try:
        endpoint = Endpoint.parse(options.url, verify_tls=options.verify_tls)
    except ValueError as error:
        raise Unusable(str(error), EXIT_USAGE) from error
    target = Target(options, endpoint, process=process)
    probe = Tus(target, Requirement("PROBE-00", "", Level.EDGE_I, ""))
    try:
        answer = _first_answer(probe)
        _must_be_tus(answer, options.url)
        target.discovery = answer
        if options.readback == "get":
            target.readback = _can_read_back(probe)
    finally:
        probe.close()
    return target


def _first_answer(probe: Tus) -> Response:
    try:
        return probe.options_of()
    except TlsError as error:
        raise Unusable(f"{error}. --insecure accepts any certificate", EXIT_UNREACHABLE) from error
    except ConnectError as error:
        raise Unusable(f"{error}. Is the server running?", EXIT_UNREACHABLE) from error
    except TimedOut as error:
        raise Unusable(
            f"the server takes connections but does not answer OPTIONS within {probe.options.timeout_s:g} s",
            EXIT_UNREACHABLE,
        ) from error
    except ClosedEarly as error:
        raise Unusable(
            f"the server closes the connection instead of answering OPTIONS ({error})", EXIT_UNREACHABLE
        ) from error
    except Garbage as error:
        raise Unusable(f"what answers there does not speak HTTP/1.1: {error}", EXIT_NOT_TUS) from error


def _must_be_tus(answer: Response, url: str) -> None:
    if 300 <= answer.status < 400:
        where = answer.get("Location") or "an unnamed place"
        raise Unusable(
            f"{url} redirects ({answer.status}) to {where}; if that is the endpoint, give its URL",
            EXIT_NOT_TUS,
        )
    if answer.status in (401, 403):
        raise Unusable(
            f"{url} answers OPTIONS with {answer.status}; give credentials with --header", EXIT_NOT_TUS
        )
    if not answer.has("Tus-Version") and not answer.has("Tus-Resumable"):
        raise Unusable(
            f"{url} answers OPTIONS with {answer.status} and no Tus-Version: not a tus upload creation URL",
            EXIT_NOT_TUS,
        )


def _can_read_back(probe: Tus) -> bool:
    with suppress(Skipped, Unready, Violation, WireError):
        answer = probe.finished(b"read back?").get()
        return answer.status == 200 and answer.body == b"read back?"
    return False
