"""How a fault is written down.

``given`` changes requests before the server sees them, ``answers`` changes replies before they leave, both
as lines of a tiny language; ``flags`` switch on behaviour that neither can express; ``without`` takes
extensions away.

    given:    METHODS [? Header ~ regex [& ...]] | change ; change
    answers:  METHODS STATUSES [? Header ~ regex [& ...]] | change ; change

A change is ``Header=value``, ``-Header``, ``=204`` (status), ``drop`` (close without an answer), ``close``,
``delay=SECONDS``, ``body=text`` or ``raw=text`` (bytes behind the response). An absent header reads
``<absent>``; ``:target``, ``:version`` and ``:reply Header`` are readable too. ``{files}`` stands for the
path of the creation URL.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import NamedTuple

from tests.conformance.faulty.http import Reply, Request


class _Line(NamedTuple):
    methods: frozenset[str]
    statuses: tuple[str, ...]
    conditions: tuple[tuple[str, re.Pattern[str]], ...]
    changes: tuple[str, ...]


def _parse(line: str, *, reply: bool) -> _Line:
    left, _, right = line.partition(" | ")
    when, _, conditions = left.partition(" ? ")
    words = when.split()
    tests = []
    for condition in filter(None, conditions.split(" & ")):
        name, _, pattern = condition.partition("~")
        tests.append((name.strip(), re.compile(pattern.strip())))
    return _Line(
        frozenset(words[0].split(",")),
        tuple(words[1].split(",")) if reply else (),
        tuple(tests),
        tuple(change.strip(" ") for change in right.split(" ; ")),
    )


def _holds(line: _Line, method: str, request: Request, reply: Reply | None) -> bool:
    if "*" not in line.methods and method not in line.methods:
        return False
    if reply is not None and not any(
        s in ("*", str(reply.status), f"{reply.status // 100}xx") for s in line.statuses
    ):
        return False
    for name, pattern in line.conditions:
        value: str | None
        if name == ":target":
            value = request.target
        elif name == ":version":
            value = request.version
        elif name.startswith(":reply "):
            value = reply.headers.get(name[7:]) if reply else None
        else:
            value = request.get(name)
        if not pattern.search("<absent>" if value is None else value):
            return False
    return True


@dataclass(frozen=True)
class Fault:
    """One way to be wrong, and the checks that must notice."""

    name: str
    checks: tuple[str, ...]
    also: tuple[str, ...] = ()  # checks that may notice, but do not have to
    verdicts: tuple[tuple[str, str], ...] = ()  # where the verdict is not the level's own
    given: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    expiry_s: float = 3600.0
    options: tuple[tuple[str, object], ...] = ()  # for the run that proves it

    def change_request(self, request: Request) -> None:
        """Apply ``given``."""
        for line in map(_given, self.given):
            if _holds(line, request.method, request, None):
                for change in line.changes:
                    if change.startswith("-"):
                        request.put(change[1:], None)
                    else:
                        name, _, value = change.partition("=")
                        request.put(name, value)

    def change_reply(self, method: str, request: Request, reply: Reply, files: str) -> None:
        """Apply ``answers``; ``method`` is the one the request came with."""
        for line in map(_answer, self.answers):
            if _holds(line, method, request, reply):
                for change in line.changes:
                    _change(reply, change.replace("{files}", files))


def _given(line: str) -> _Line:
    return _parse(line, reply=False)


def _answer(line: str) -> _Line:
    return _parse(line, reply=True)


def _change(reply: Reply, change: str) -> None:
    name, _, value = change.partition("=")
    if change == "drop":
        reply.drop = True
    elif change == "close":
        reply.close = True
    elif name == "":
        reply.status = int(value)
    elif name == "delay":
        time.sleep(float(value))
    elif name == "body":
        reply.body = value.encode()
    elif name == "raw":
        reply.raw = value.encode()
    elif change.startswith("-"):
        reply.headers.pop(change[1:], None)
    else:
        reply.headers[name] = value


def fault(
    checks: str,
    *answers: str,
    given: str = "",
    flags: str = "",
    without: str = "",
    also: str = "",
    name: str = "",
    verdicts: str = "",
    expiry_s: float = 3600.0,
    **options: object,
) -> Fault:
    """A fault in short form: names separated by blanks, ``verdicts`` as ``ID=WARN``."""
    ids = tuple(checks.split())
    return Fault(
        name or ids[0],
        ids,
        tuple(also.split()),
        tuple((one.partition("=")[0], one.partition("=")[2]) for one in verdicts.split()),
        (given,) if given else (),
        answers,
        frozenset(flags.split()),
        frozenset(without.split()),
        expiry_s,
        tuple(options.items()),
    )
