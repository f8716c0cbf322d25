"""How a check arrives at its verdict."""

from __future__ import annotations

from typing import NoReturn

from tus_conformance.message import Response
from tus_conformance.model import GRAVITY, ON_VIOLATION, Requirement, Verdict


class Violation(Exception):
    """The requirement is not met; ends the check."""


class Skipped(Exception):
    """The check does not apply here; ends it."""


class Unready(Exception):
    """The server could not be brought into the state the check wants; ends it as ERROR."""


def matches(status: int, pattern: str) -> bool:
    """Whether ``status`` is among the words of ``pattern``, such as ``"204 4xx"``."""
    return any(word == str(status) or word == f"{status // 100}xx" for word in pattern.split())


class Outcome:
    """Findings of one check; the gravest decides."""

    def __init__(self, requirement: Requirement, *, strict: bool) -> None:
        self.requirement = requirement
        self.strict = strict
        self.findings: list[tuple[Verdict, str]] = []
        self.notes: list[str] = []
        self._server_errors: list[Response] = []
        self._tolerated: set[int] = set()

    # -- demands ---------------------------------------------------------------------------------

    def expect(self, holds: bool, otherwise: str) -> None:
        """Demand something; ``otherwise`` says what was seen instead."""
        if not holds:
            raise Violation(otherwise)

    def violated(self, what: str) -> NoReturn:
        """The requirement is not met."""
        raise Violation(what)

    def status(self, answer: Response, preferred: str, noted: str = "", *, after: str = "") -> Response:
        """Demand a status: ``preferred`` passes silently, ``noted`` with a note."""
        self._tolerate(answer, f"{preferred} {noted}")
        where = f" {after}" if after else ""
        if matches(answer.status, preferred):
            return answer
        if matches(answer.status, noted):
            self.note(f"answered {answer.status}{where}; {preferred} is preferred")
            return answer
        wanted = " or ".join(f"{preferred} {noted}".split())
        raise Violation(f"answered {answer.status}{where}, expected {wanted}")

    def refused(
        self, answer: Response, preferred: str = "4xx", noted: str = "", *, after: str = ""
    ) -> Response:
        """Demand a refused creation: the status, and no ``Location``."""
        self.status(answer, preferred, noted, after=after)
        self.expect(
            not answer.has("Location"), f"{answer.status} came with a Location{' ' + after if after else ''}"
        )
        return answer

    def equal(self, seen: object, wanted: object, what: str) -> None:
        """Demand a value."""
        if seen != wanted:
            raise Violation(f"{what} is {_short(seen)}, expected {_short(wanted)}")

    # -- remarks ---------------------------------------------------------------------------------

    def note(self, what: str) -> None:
        """A legal choice of the server, for the report."""
        if what not in self.notes:
            self.notes.append(what)

    def warn(self, what: str) -> None:
        """Tolerated but not recommended."""
        self.findings.append((Verdict.WARN, what))

    def deviation(self, what: str) -> None:
        """Violates the letter, but is harmless in practice: fails in the strict profile only."""
        self.findings.append((Verdict.FAIL if self.strict else Verdict.WARN, what))

    def info(self, what: str) -> None:
        """Worth knowing."""
        self.findings.append((Verdict.INFO, what))

    def skip(self, why: str) -> NoReturn:
        """This check does not apply."""
        raise Skipped(why)

    def unready(self, why: str) -> NoReturn:
        """This check could not be set up."""
        raise Unready(why)

    # -- what holds for every response -------------------------------------------------------------

    def universal(self, method: str, answer: Response) -> None:
        """Record violations of the demands that hold for every response."""
        if answer.status >= 500:
            self._server_errors.append(answer)
        if answer.stray:
            self.findings.append(
                (Verdict.FAIL, f"bytes follow the {answer.status} to {method}: {answer.stray[:40]!r}")
            )
        offset, length = answer.number("Upload-Offset"), answer.number("Upload-Length")
        if offset is not None and length is not None and offset > length:
            self.findings.append(
                (Verdict.FAIL, f"Upload-Offset {offset} is larger than Upload-Length {length}")
            )

    def _tolerate(self, answer: Response, allowed: str) -> None:
        if answer.status >= 500 and matches(answer.status, allowed):
            self._server_errors = [error for error in self._server_errors if error is not answer]

    def tolerate(self, answer: Response, allowed: str = "5xx") -> Response:
        """Allow this response to be a server error."""
        self._tolerate(answer, allowed)
        return answer

    def verdict(self, violation: str = "") -> tuple[Verdict, str]:
        """The gravest finding and its text."""
        on_violation = ON_VIOLATION[self.requirement.level]
        found = list(self.findings)
        if violation:
            found.append((on_violation, violation))
        for answer in self._server_errors:
            # Even where nobody is wrong about the status, a crash deserves attention.
            graver = max(on_violation, Verdict.WARN, key=GRAVITY.index)
            found.append((graver, f"server error {answer.status} {answer.body[:60]!r}"))
        if not found:
            return Verdict.PASS, ""
        worst = max((verdict for verdict, _ in found), key=GRAVITY.index)
        return worst, "; ".join(dict.fromkeys(text for verdict, text in found if verdict is worst))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"
