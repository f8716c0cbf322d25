"""The command line means what it would mean to a Go program, and errors are one clear line."""

from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tusd_py.command.go_flags import (
    CommandLine,
    Flag,
    FlagError,
    HelpRequested,
    Value,
    parse,
    usage,
)
from tusd_py.command.go_values import Kind, format_duration, parse_duration, parse_int

FLAGS = (
    Flag("port", "string", "8080", "TCP port", "Listening"),
    Flag("host", "string", "0.0.0.0", "Address to bind", "Listening"),
    Flag("max-size", "int", 0, "Largest upload in bytes", "Protocol"),
    Flag("verbose", "bool", True, "Log more", "Logging"),
    Flag("version", "bool", False, "Print the version", "Logging"),
    Flag("timeout", "duration", 60.0, "How long to wait", "Timeouts"),
    Flag("upload-dir", "string", "", "Directory of the uploads", "Storage"),
)


def refused(*argv: str) -> str:
    """Parse what must be refused and return the message."""
    with pytest.raises(FlagError) as caught:
        parse(FLAGS, argv)
    return str(caught.value)


@pytest.mark.parametrize("argv", [("-port", "1"), ("--port", "1"), ("-port=1",), ("--port=1",)], ids=" ".join)
def test_four_spellings_are_equal(argv: tuple[str, ...]) -> None:
    assert parse(FLAGS, argv).values["port"] == "1"


def test_absent_flags_have_their_default_and_are_not_given() -> None:
    line = parse(FLAGS, ["-host", "0.0.0.0"])

    assert line.values == {flag.name: flag.default for flag in FLAGS}
    assert line.sources == {"host": "flag -host"}


def test_last_of_several_wins() -> None:
    assert parse(FLAGS, ["-max-size=1", "-verbose=false", "-max-size=2", "-verbose"]).values == {
        **parse(FLAGS, []).values,
        "max-size": 2,
        "verbose": True,
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [(text, True) for text in ("1", "t", "T", "true", "TRUE", "True")]
    + [(text, False) for text in ("0", "f", "F", "false", "FALSE", "False")],
)
def test_boolean_words(text: str, value: bool) -> None:
    assert parse(FLAGS, [f"-verbose={text}"]).values["verbose"] is value


@pytest.mark.parametrize("text", ["", "yes", "tRUE", "2", " true", "on"])
def test_other_boolean_words_are_refused(text: str) -> None:
    assert refused(f"-version={text}") == f'flag -version: "{text}" is not true or false'


def test_boolean_does_not_take_the_next_word() -> None:
    """In Go too, this leaves the flag true and everything later unread."""
    line = parse(FLAGS, ["-version", "false", "-port", "1"])

    assert line.values["version"] is True
    assert line.values["port"] == "8080"
    assert line.leftover == ("false", "-port", "1")


@pytest.mark.parametrize(
    ("argv", "leftover"),
    [
        pytest.param(["word", "-port", "1"], ("word", "-port", "1"), id="a word ends the flags"),
        pytest.param(["--", "-port", "1"], ("-port", "1"), id="two dashes end the flags and vanish"),
        pytest.param(["-", "-port", "1"], ("-", "-port", "1"), id="a single dash is a word"),
        pytest.param(["", "-port", "1"], ("", "-port", "1"), id="an empty word is a word"),
    ],
)
def test_parsing_stops(argv: list[str], leftover: tuple[str, ...]) -> None:
    line = parse(FLAGS, argv)

    assert line.leftover == leftover
    assert line.sources == {}


def test_value_may_look_like_a_flag() -> None:
    line = parse(FLAGS, ["-max-size", "-1", "-host", "-port", "-port", "--", "-upload-dir=a=b"])

    assert line.leftover == ()
    assert [line.values[name] for name in ("max-size", "host", "port", "upload-dir")] == [
        -1,
        "-port",
        "--",
        "a=b",
    ]


def test_empty_value_of_a_string() -> None:
    assert parse(FLAGS, ["-port="]).values["port"] == parse(FLAGS, ["-port", ""]).values["port"] == ""


@pytest.mark.parametrize("word", ["-h", "--h", "-help", "--help", "-help=x"])
def test_help(word: str) -> None:
    with pytest.raises(HelpRequested):
        parse(FLAGS, ["-port", "1", word, "-unknown"])


def test_help_as_a_value_or_after_the_flags_is_no_request() -> None:
    assert parse(FLAGS, ["-host", "-h", "word", "-help"]).values["host"] == "-h"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-max-size", "1MB"], 'flag -max-size: "1MB" is not a whole number'),
        (["-max-size="], 'flag -max-size: "" is not a whole number'),
        (["-timeout", "5"], 'flag -timeout: "5" is not a duration such as 300ms, 1.5s or 1h30m'),
        (["-port"], "flag -port: the value is missing, expected a text"),
        (["-max-size"], "flag -max-size: the value is missing, expected a whole number"),
        (["-uplod-dir", "x"], 'unknown flag "-uplod-dir", did you mean -upload-dir?'),
        (["-qqqqqq"], 'unknown flag "-qqqqqq", -help lists the known ones'),
        (["---port", "1"], '"---port" is not a flag, expected -name or -name=value'),
        (["-=1"], '"-=1" is not a flag, expected -name or -name=value'),
        (["--=1"], '"--=1" is not a flag, expected -name or -name=value'),
        (["-max-size", 'a\n\x1b\udc80"'], 'flag -max-size: "a\\n\\x1b\\udc80\\"" is not a whole number'),
    ],
)
def test_message_says_what_was_wrong_and_what_was_expected(argv: list[str], message: str) -> None:
    assert refused(*argv) == message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("010", 8),
        ("0_7", 7),
        ("0o17", 15),
        ("0O17", 15),
        ("0b101", 5),
        ("0xFf", 255),
        ("0x_f_f", 255),
        ("1_000_000", 1_000_000),
        ("-0x10", -16),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("0" * 5000 + "1", 1),
    ],
)
def test_int_literals(text: str, value: int) -> None:
    assert parse_int(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "+-1",
        "1.0",
        "1e3",
        " 1",
        "1\n",
        "_1",
        "1_",
        "1__0",
        "0x",
        "0x_",
        "08",
        "0b2",
        "0o8",
        "\u0661",
        "1MB",
        *("9223372036854775808", "-9223372036854775809", "0x1" + "0" * 16, "9" * 5000),
    ],
)
def test_int_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a whole number|out of range"):
        parse_int(text)


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["d", "_d", "#x", "#o", "#b", "#_x", "+d"]))
def test_int_round_trip(number: int, form: str) -> None:
    assert parse_int(format(number, form.replace("_d", "_"))) == number


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("-0", 0.0),
        ("0s", 0.0),
        ("300ms", 0.3),
        ("1.5s", 1.5),
        ("1h30m", 5400.0),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("1m1m", 120.0),
        ("1s1h", 3601.0),
        ("-1.5h", -5400.0),
        ("+2m", 120.0),
        ("5us", 5e-6),
        ("5\u00b5s", 5e-6),
        ("5\u03bcs", 5e-6),
        ("7ns", 7e-9),
        ("1.9ns", 1e-9),
        ("1d", 86400.0),
        ("1d12h", 129600.0),
        ("9223372036854775807ns", 9223372036.854775807),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "-",
        "s",
        ".s",
        ".",
        "1",
        "1.5",
        "1x",
        "1 s",
        " 1s",
        "1s ",
        "1h30",
        "--1s",
        "1h-1m",
        "1S",
        "1s\n",
        "00",
        *("\u0661s", "1e3s", "9223372036854775808ns", "300y", "110000d", "9" * 60 + "h", "0" * 100 + "1s"),
    ],
)
def test_duration_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration|out of range"):
        parse_duration(text)


@given(st.integers(-(2**63), 2**63 - 1))
@example(0)
@example(1)
@example(1_500_000)
@example(3600 * 10**9 + 1)
def test_duration_round_trip(nanoseconds: int) -> None:
    """Every duration Go can hold comes back as the same number of seconds."""
    seconds = nanoseconds / 10**9

    assert parse_duration(f"{nanoseconds}ns") == seconds
    # The two ends are no float; one step inside them everything is.
    if abs(nanoseconds) < 2**63 - 1024:
        assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (60.0, "1m"),
        (5400.0, "1h30m"),
        (1.5, "1.5s"),
        (10.0, "10s"),
        (0.3, "300ms"),
        (86400.0, "24h"),
        *((-61.0, "-1m1s"), (0.00025, "250us"), (1e-9, "1ns"), (1e-12, "0s"), (-1e-12, "0s")),
    ],
)
def test_durations_are_shown_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


TYPES = {flag.name: type(flag.default) for flag in FLAGS}
WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["-", "--", "-h", "-port", "--max-size", "-max-size=", "-verbose=1", "-timeout", "1h", "0x"]
    ),
    st.builds("-{}={}".format, st.sampled_from([flag.name for flag in FLAGS]), st.text(max_size=12)),
    st.text(st.characters(categories=["Cs", "Cc", "Nd"]), max_size=5).map("-timeout={}".format),
)


@given(st.lists(WORDS, max_size=6))
@example(["-max-size", "9" * 5000])
@example(["-timeout", "9" * 5000 + "h"])
@example(["-" + "x" * 5000])
def test_any_command_line_is_read_or_refused_in_one_line(argv: list[str]) -> None:
    try:
        line = parse(FLAGS, argv)
    except HelpRequested:
        return
    except FlagError as refusal:
        message = str(refusal)
    else:
        message = "none"
        assert line.leftover == tuple(argv[len(argv) - len(line.leftover) :])
        assert {name: type(value) for name, value in line.values.items()} == TYPES
    assert message.isprintable()
    assert len(message) < 1000


def test_get_returns_the_type_that_was_asked_for() -> None:
    line = parse(FLAGS, ["-max-size=7"])

    assert line.get("max-size", int) == 7
    assert line.get("verbose", bool) is True
    assert line.get("timeout", float) == 60.0
    with pytest.raises(TypeError, match="-verbose is a bool, not a int"):
        line.get("verbose", int)
    with pytest.raises(KeyError):
        line.get("unknown", str)
    assert isinstance(line, CommandLine)


@pytest.mark.parametrize(
    ("name", "kind", "default"),
    [
        *(
            ("x", "int", True),
            ("x", "duration", 5),
            ("x", "bool", 0),
            ("x", "string", None),
            ("-x", "int", 0),
        ),
        *(("", "int", 0), ("a b", "int", 0), ("a=b", "int", 0), ("x" * 65, "int", 0)),
    ],
)
def test_impossible_flags_are_refused(name: str, kind: Kind, default: Value) -> None:
    assert kind in get_args(Kind)
    with pytest.raises(ValueError, match="flag"):
        Flag(name, kind, default, "", "")


def test_two_flags_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        parse([FLAGS[0], FLAGS[0]], [])


def test_usage_groups_sorts_and_shows_defaults() -> None:
    assert usage(FLAGS[:4]) == (
        "Listening options:\n"
        "  -host string\n"
        '      Address to bind (default: "0.0.0.0")\n'
        "  -port string\n"
        '      TCP port (default: "8080")\n'
        "\n"
        "Protocol options:\n"
        "  -max-size int\n"
        "      Largest upload in bytes (default: 0)\n"
        "\n"
        "Logging options:\n"
        "  -verbose[=true|false]\n"
        "      Log more (default: true)\n"
    )
    assert "(default: 1m)" in usage(FLAGS)
    assert "(default: none)" in usage(FLAGS)


@given(st.text(max_size=400), st.text(max_size=200), st.text(max_size=150))
def test_usage_fits_100_columns(text: str, default: str, group: str) -> None:
    name = "x" * 64
    shown = usage([Flag(name, "string", default, text, group), Flag("aaa", "bool", False, text, group)])

    assert max(len(line) for line in shown.split("\n")) <= 100
    assert f"  -{name} string\n" in shown


def test_usage_keeps_flag_names_whole() -> None:
    name = "-behind-proxy-of-another-host"
    shown = usage([Flag("x", "bool", False, f"See {name}. " * 20, "G")])

    assert shown.count(name) == 20
