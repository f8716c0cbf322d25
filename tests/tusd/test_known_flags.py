"""tusd, section 1.2: all 79 flags are known, with tusd's spelling, kind, default and group."""

from __future__ import annotations

from pathlib import Path

import pytest

from tusd_py.command.go_flags import Flag, parse, usage
from tusd_py.command.go_values import format_duration
from tusd_py.command.settings_flags import SERVE_FLAGS

_FILE = Path(__file__).with_name("flags_of_tusd.tsv")
#: Group, name, kind and default of each flag, taken from ``tusd -help`` of v2.10.0.
OF_TUSD = [tuple(line.split("\t")) for line in _FILE.read_text().splitlines()]
OURS = {flag.name: flag for flag in SERVE_FLAGS}
#: Texts of tusd that we read as numbers: what is no number is refused at once.
NUMBERS = {"port", "cors-max-age"}
#: Values that every flag of a kind takes in tusd.
TAKEN = {"bool": "false", "string": "x", "int": "0x10", "duration": "1h1.5s", "value": "0640"}


def default_of(flag: Flag) -> str:
    """Write a default as Go's flag package shows it; empty where it shows none."""
    match flag.kind:
        case "duration":
            return format_duration(float(flag.default)).replace("1m", "1m0s")
        case "octal":
            return f"{flag.default:o}"
        case "bool":
            return "true" if flag.default else ""
        case _:
            return str(flag.default) if flag.default else ""


def test_there_are_79() -> None:
    assert len(OF_TUSD) == len({name for _, name, _, _ in OF_TUSD}) == 79


@pytest.mark.parametrize(("group", "name", "kind", "default"), OF_TUSD, ids=[row[1] for row in OF_TUSD])
def test_a_flag_of_tusd_is_known(group: str, name: str, kind: str, default: str) -> None:
    flag = OURS[name]
    kinds = {"value": "octal"} | dict.fromkeys(NUMBERS & {name}, "int")
    assert flag.kind == kinds.get(kind, kinds.get(name, kind))
    assert flag.group == group
    assert default_of(flag) == default


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for _, name, kind, _ in OF_TUSD])
def test_all_spellings_of_a_flag_are_read(name: str, kind: str) -> None:
    """Section 1.1: ``-x v``, ``--x v``, ``-x=v`` and ``--x=v``; a boolean has the last two."""
    text = "8080" if name in NUMBERS else TAKEN[kind]
    spellings = [[f"{dashes}{name}={text}"] for dashes in ("-", "--")]
    if kind != "bool":
        spellings += [[f"{dashes}{name}", text] for dashes in ("-", "--")]
    values = [parse(SERVE_FLAGS, words).values[name] for words in spellings]
    assert values == [values[0]] * len(spellings)
    assert values[0] is not None


def test_help_has_tusds_groups_in_its_order() -> None:
    """Section 1.1, grouped usage; ours stand between them."""
    shown = [line.removesuffix(" options:") for line in usage(SERVE_FLAGS).splitlines() if line[0:1] > " "]
    groups = list(dict.fromkeys(row[0] for row in OF_TUSD))
    assert [group for group in shown if group in groups] == groups
