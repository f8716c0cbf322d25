"""The values everything else passes around: levels, verdicts, requirements, results."""

from __future__ import annotations

import enum
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources


class Level(enum.StrEnum):
    """How binding a requirement is; the EDGE levels cover what the protocol text leaves open."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"
    EDGE_M = "EDGE-M"  # the alternative corrupts data, lies about state or breaks HTTP
    EDGE_S = "EDGE-S"  # clients in use favour one answer
    EDGE_I = "EDGE-I"  # worth reporting, nobody is wrong


class Verdict(enum.StrEnum):
    """The outcome of one check."""

    PASS = "PASS"  # noqa: S105 - a verdict
    FAIL = "FAIL"
    WARN = "WARN"
    INFO = "INFO"
    SKIP = "SKIP"
    ERROR = "ERROR"


#: From harmless to grave; several findings of one check are reported as the gravest.
GRAVITY: tuple[Verdict, ...] = (Verdict.PASS, Verdict.INFO, Verdict.WARN, Verdict.FAIL)

#: What a violated requirement is reported as.
ON_VIOLATION: dict[Level, Verdict] = {
    Level.MUST: Verdict.FAIL,
    Level.SHOULD: Verdict.WARN,
    Level.MAY: Verdict.FAIL,
    Level.EDGE_M: Verdict.FAIL,
    Level.EDGE_S: Verdict.WARN,
    Level.EDGE_I: Verdict.INFO,
}

#: A failure at one of these levels makes the whole run fail, whatever the profile.
BINDING = frozenset({Level.MUST, Level.MAY, Level.EDGE_M})


@dataclass(frozen=True, slots=True)
class Requirement:
    """One demand on a server, in one sentence."""

    id: str
    section: str  # of the tus 1.0.0 text, by name
    level: Level
    text: str
    needs: tuple[str, ...] = ()  # see gate.py
    undecidable: str = ""  # why no check exists

    @property
    def area(self) -> str:
        """The part of the id before the number, such as ``CORE``."""
        return self.id.rsplit("-", 1)[0]


@dataclass(slots=True)
class Result:
    """What one check found out."""

    requirement: Requirement
    verdict: Verdict
    message: str = ""
    notes: list[str] = field(default_factory=list)
    transcript: list[str] = field(default_factory=list)
    duration_s: float = 0.0

    @property
    def id(self) -> str:
        """The requirement's id."""
        return self.requirement.id


@cache
def requirements() -> dict[str, Requirement]:
    """Every requirement by id, in the order of the data file."""
    text = (resources.files(__package__) / "requirements.toml").read_text("utf-8")
    return {
        key: Requirement(
            id=key,
            section=row["section"],
            level=Level(row["level"]),
            text=row["text"],
            needs=tuple(row.get("needs", ())),
            undecidable=row.get("undecidable", ""),
        )
        for key, row in tomllib.loads(text).items()
    }


def areas() -> list[str]:
    """The areas in the order of the data file."""
    return list(dict.fromkeys(r.area for r in requirements().values()))
