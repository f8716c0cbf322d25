"""OPTIONS: what the server says about itself."""

from __future__ import annotations

import re

from tus_conformance.registry import check
from tus_conformance.tus import Tus

_DEPENDENCIES = (
    ("creation-with-upload", "creation"),
    ("creation-defer-length", "creation"),
    ("checksum-trailer", "checksum"),
    ("concatenation-unfinished", "concatenation"),
    ("concatenation", "creation"),
)


@check("CORE-01")
def options_succeeds(t: Tus) -> None:
    answer = t.status(t.options_of(), "200 204")
    t.expect(answer.has("Tus-Version"), "no Tus-Version")


@check("CORE-02")
def versions(t: Tus) -> None:
    items = t.options_of().items("Tus-Version")
    t.expect("1.0.0" in items, f"Tus-Version lists {items}")
    t.expect("" not in items, f"Tus-Version has an empty item: {items}")


@check("CORE-03")
def options_ignores_version(t: Tus) -> None:
    plain = t.options_of()
    odd = t.options_of(headers={"Tus-Resumable": "9.9.9"})
    t.equal(odd.status, plain.status, "status with Tus-Resumable: 9.9.9")
    t.equal(odd.get("Tus-Version"), plain.get("Tus-Version"), "Tus-Version with Tus-Resumable: 9.9.9")
    t.equal(odd.get("Tus-Extension"), plain.get("Tus-Extension"), "Tus-Extension with Tus-Resumable: 9.9.9")


@check("CORE-04")
def extension_list(t: Tus) -> None:
    answer = t.options_of()
    if not answer.has("Tus-Extension"):
        t.note("no extensions")
        return
    items = answer.items("Tus-Extension")
    for item in items:
        t.expect(bool(re.fullmatch(r"[a-z0-9][a-z0-9._-]*", item)), f"not an extension name: {item!r}")
    t.equal(len(set(items)), len(items), "number of distinct names")


@check("CORE-05")
def extension_dependencies(t: Tus) -> None:
    names = t.target.extensions
    lonely = [f"{name} without {base}" for name, base in _DEPENDENCIES if name in names and base not in names]
    t.expect(not lonely, ", ".join(lonely))


@check("CORE-06")
def max_size_is_a_number(t: Tus) -> None:
    value = t.options_of().get("Tus-Max-Size")
    if value is None:
        t.note("no limit announced")
        return
    t.expect(bool(re.fullmatch(r"[0-9]+", value, re.ASCII)), f"Tus-Max-Size is {value!r}")


@check("CORE-07")
def max_size_is_announced(t: Tus) -> None:
    t.equal(t.options_of().number("Tus-Max-Size"), t.options.max_size_bytes, "Tus-Max-Size")


@check("CORE-08")
def options_of_an_upload(t: Tus) -> None:
    answer = t.status(t.options_of(t.new().target), "200 204")
    t.expect(answer.has("Tus-Version"), "no Tus-Version")


@check("CORE-09")
def options_with_and_without_slash(t: Tus) -> None:
    seen = {}
    for target in (t.collection, t.collection.rstrip("/") or "/"):
        answer = t.options_of(target)
        t.tolerate(answer, "501")
        seen[target] = answer.status
    if not all(status in (200, 204) for status in seen.values()):
        t.info(f"different answers: {seen}")


@check("CORE-10")
def options_has_tus_resumable(t: Tus) -> None:
    t.equal(t.options_of().get("Tus-Resumable"), "1.0.0", "Tus-Resumable")


@check("CORE-11")
def options_204_is_empty(t: Tus) -> None:
    answer = t.options_of()
    if answer.status != 204:
        t.note(f"answers {answer.status}")
        return
    t.expect(
        answer.get("Content-Length") in (None, "0"), f"204 with Content-Length {answer.get('Content-Length')}"
    )
    t.expect(not answer.has("Transfer-Encoding"), "204 with Transfer-Encoding")
    t.expect(not answer.stray, "bytes follow the 204")
