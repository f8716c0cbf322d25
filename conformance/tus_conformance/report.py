"""The outcome as text for a terminal, as JSON and as JUnit XML."""

from __future__ import annotations

import json
import textwrap
import time
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree

from tus_conformance import __version__
from tus_conformance.model import BINDING, Result, Verdict, areas
from tus_conformance.options import Options
from tus_conformance.target import Target

_SHOWN = (Verdict.ERROR, Verdict.FAIL, Verdict.WARN)
_COLOURS = {"PASS": 32, "FAIL": 31, "ERROR": 35, "WARN": 33, "INFO": 36, "SKIP": 90}


def succeeded(results: Sequence[Result], *, strict: bool) -> bool:
    """Whether no binding demand failed; with ``strict`` no recommendation either."""
    for result in results:
        binding = result.requirement.level in BINDING
        if result.verdict is Verdict.FAIL or (result.verdict is Verdict.ERROR and (binding or strict)):
            return False
        if strict and result.verdict is Verdict.WARN:
            return False
    return True


def counts(results: Sequence[Result]) -> Counter[Verdict]:
    """How many of each verdict."""
    return Counter(result.verdict for result in results)


def _paint(text: str, verdict: str, *, colour: bool) -> str:
    return f"\x1b[{_COLOURS[verdict]}m{text}\x1b[0m" if colour else text


def terminal(results: Sequence[Result], options: Options, *, colour: bool = False) -> str:
    """The report for a person who has seen nothing but this terminal."""
    shown = tuple(Verdict) if options.verbose else _SHOWN
    lines: list[str] = []
    for verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.WARN, Verdict.INFO, Verdict.SKIP, Verdict.PASS):
        if verdict in shown:
            for result in results:
                if result.verdict is verdict:
                    lines += _finding(result, options, colour=colour)
    return "\n".join([*lines, *_by_area(results), "", conclusion(results, options)])


def _finding(result: Result, options: Options, *, colour: bool) -> list[str]:
    row = result.requirement
    label = _paint(f"{result.verdict:5}", result.verdict, colour=colour)
    lines = [f"{label} {row.id:10} {row.level}: {row.text}"]
    if result.message:
        lines += textwrap.wrap(
            f"seen: {result.message}", 100, initial_indent=" " * 17, subsequent_indent=" " * 23
        )
    if options.verbose:
        lines += [f"{'':17}note: {note}" for note in result.notes]
        if result.verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.WARN):
            lines += [f"{'':19}{line[:160]}" for line in result.transcript]
    return lines


def _by_area(results: Sequence[Result]) -> list[str]:
    lines = ["", f"{'area':10}" + "".join(f"{verdict:>7}" for verdict in Verdict)]
    for area in areas():
        mine = counts([result for result in results if result.requirement.area == area])
        if mine:
            lines.append(f"{area:10}" + "".join(f"{mine[verdict] or '.':>7}" for verdict in Verdict))
    total = counts(results)
    lines.append(f"{'all':10}" + "".join(f"{total[verdict] or '.':>7}" for verdict in Verdict))
    return lines


def conclusion(results: Sequence[Result], options: Options) -> str:
    """One paragraph in plain words."""
    total = counts(results)
    decided = sum(total[verdict] for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.INFO))
    if succeeded(results, strict=options.strict):
        first = f"CONFORMS: no binding requirement failed ({decided} of {len(results)} decided)."
    else:
        first = (
            f"DOES NOT CONFORM: {total[Verdict.FAIL]} failed, "
            f"{total[Verdict.ERROR]} undecided by error ({decided} of {len(results)} decided)."
        )
    rest = []
    if total[Verdict.WARN]:
        rest.append(f"{total[Verdict.WARN]} recommendations are not followed (WARN).")
    if total[Verdict.SKIP]:
        rest.append(
            f"{total[Verdict.SKIP]} checks do not apply or lack an option (SKIP; --verbose says why)."
        )
    if not options.verbose:
        rest.append("--verbose or --html FILE shows what went over the wire.")
    return " ".join([first, *rest])


def as_json(results: Sequence[Result], target: Target, duration_s: float) -> str:
    """Everything, for programs."""
    document = {
        "suite": {"name": "tus-conformance", "version": __version__},
        "url": target.endpoint.url,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "profile": "strict" if target.options.strict else "spec",
        "extensions": sorted(target.extensions),
        "duration_s": round(duration_s, 3),
        "conforms": succeeded(results, strict=target.options.strict),
        "counts": {str(verdict): count for verdict, count in sorted(counts(results).items())},
        "results": [
            {
                "id": result.id,
                "section": result.requirement.section,
                "level": result.requirement.level,
                "text": result.requirement.text,
                "verdict": result.verdict,
                "message": result.message,
                "notes": result.notes,
                "duration_s": round(result.duration_s, 3),
                "transcript": result.transcript,
            }
            for result in results
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _xml_text(text: str) -> str:
    return "".join(
        c if c in "\n\t" or 32 <= ord(c) < 0xD800 or 0xE000 <= ord(c) < 0xFFFE else "?" for c in text
    )


def as_junit(results: Sequence[Result], target: Target, duration_s: float) -> str:
    """For build servers: failures and errors as such, warnings as failures in the strict profile."""
    failing = {Verdict.FAIL, Verdict.WARN} if target.options.strict else {Verdict.FAIL}
    total = counts(results)
    suite = ElementTree.Element(
        "testsuite",
        name=f"tus-conformance {target.endpoint.url}",
        time=f"{duration_s:.3f}",
        tests=str(len(results)),
        failures=str(sum(total[v] for v in failing)),
        errors=str(total[Verdict.ERROR]),
        skipped=str(total[Verdict.SKIP]),
    )
    for result in results:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=result.requirement.area,
            name=f"{result.id} {result.requirement.text}",
            time=f"{result.duration_s:.3f}",
        )
        message = _xml_text(result.message)
        if result.verdict in failing:
            ElementTree.SubElement(case, "failure", message=message).text = _xml_text(
                "\n".join(result.transcript)
            )
        elif result.verdict is Verdict.ERROR:
            ElementTree.SubElement(case, "error", message=message).text = _xml_text(
                "\n".join(result.transcript)
            )
        elif result.verdict is Verdict.SKIP:
            ElementTree.SubElement(case, "skipped", message=message)
        elif message or result.notes:
            ElementTree.SubElement(case, "system-out").text = _xml_text("\n".join([message, *result.notes]))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
