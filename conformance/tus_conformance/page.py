"""The outcome as one self-contained HTML page: no scripts, nothing to load."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tus_conformance.model import Result, Verdict, areas
from tus_conformance.report import conclusion, counts
from tus_conformance.target import Target

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
body{color:#222;background:#fff}
table{border-collapse:collapse;margin:1rem 0}
td,th{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}summary{cursor:pointer;padding:.3rem 0}
pre{background:#f5f5f5;padding:.7rem;overflow-x:auto;font-size:12px;line-height:1.35}
.v{display:inline-block;min-width:3.6rem;text-align:center;border-radius:3px;color:#fff;font-size:12px;font-weight:600}
.PASS{background:#2a7d3f}.FAIL{background:#c0262d}.WARN{background:#a86400}.INFO{background:#1f6f9f}
.SKIP{background:#777}.ERROR{background:#8a2a8f}.seen{color:#a00}.note{color:#555}code{font-size:13px}
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}pre{background:#222}td,th{border-color:#444}
.seen{color:#f88}.note{color:#aaa}}
"""


def _text(value: str) -> str:
    return escape(value.encode("utf-8", "backslashreplace").decode())


def as_html(results: Sequence[Result], target: Target, duration_s: float) -> str:
    """Summary, table by area, and every check with its requirement, verdict and exchange."""
    url = _text(target.endpoint.url)
    extensions = ", ".join(sorted(target.extensions)) or "none"
    out = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<title>tus conformance: {url}</title><style>{_STYLE}</style>",
        "<h1>tus 1.0.0 conformance</h1>",
        f"<p><code>{url}</code>, {duration_s:.1f} s. Extensions: {_text(extensions)}.",
        f"<p><strong>{_text(conclusion(results, target.options))}</strong>",
        *_table(results),
    ]
    for area in areas():
        mine = [result for result in results if result.requirement.area == area]
        if mine:
            out.append(f"<h2 id={area}>{area}</h2>")
            out += [_check(result) for result in mine]
    return "\n".join(out) + "\n"


def _table(results: Sequence[Result]) -> list[str]:
    rows = ["<table><tr><th>area" + "".join(f"<th>{verdict}" for verdict in Verdict)]
    for area in areas():
        mine = counts([result for result in results if result.requirement.area == area])
        if mine:
            cells = "".join(f"<td>{mine[verdict] or ''}" for verdict in Verdict)
            rows.append(f"<tr><td><a href='#{area}'>{area}</a>{cells}")
    total = counts(results)
    rows.append("<tr><th>all" + "".join(f"<th>{total[verdict] or ''}" for verdict in Verdict) + "</table>")
    return rows


def _check(result: Result) -> str:
    row = result.requirement
    opened = " open" if result.verdict in (Verdict.FAIL, Verdict.ERROR) else ""
    out = [
        f"<details id={row.id}{opened}><summary><span class='v {result.verdict}'>{result.verdict}</span> "
        f"<code>{row.id}</code> {row.level}: {_text(row.text)}</summary>",
        f"<p class=note>{_text(row.section)}; {result.duration_s:.2f} s",
    ]
    if result.message:
        out.append(f"<p class=seen>{_text(result.message)}")
    out += [f"<p class=note>{_text(note)}" for note in result.notes]
    if result.transcript:
        out.append("<pre>" + _text("\n".join(result.transcript)) + "</pre>")
    return "\n".join([*out, "</details>"])
