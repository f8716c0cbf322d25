"""RFC 9110, Range Requests and Conditional Requests."""

import math
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tusd_py.errors.downloads import RangeNotSatisfiable
from tusd_py.fronts.downloads.byte_ranges import (
    Outcome,
    content_range,
    evaluate,
    multipart,
    parse_range,
    range_applies,
)
from tusd_py.fronts.http.http_dates import format_http_date
from tusd_py.model.ranges import ByteRange


def spans(header: str | None, size: int) -> list[tuple[int, int]] | None:
    ranges = parse_range(header, size)
    return None if ranges is None else [(each.start, each.stop) for each in ranges]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("bytes=0-0", [(0, 1)], id="first byte"),
        pytest.param("bytes=0-99", [(0, 100)], id="everything"),
        pytest.param("bytes=90-", [(90, 100)], id="open"),
        pytest.param("bytes=0-", [(0, 100)], id="open from the start"),
        pytest.param("bytes=-10", [(90, 100)], id="suffix"),
        pytest.param("bytes=-1000", [(0, 100)], id="suffix longer than the file"),
        pytest.param("bytes=90-1000", [(90, 100)], id="clipped"),
        pytest.param("bytes=90-" + "9" * 5000, [(90, 100)], id="huge last position"),
        pytest.param("bytes=-" + "9" * 5000, [(0, 100)], id="huge suffix"),
        pytest.param("bytes=" + "0" * 5000 + "1-2", [(1, 3)], id="many leading zeros"),
        pytest.param("BYTES=1-2", [(1, 3)], id="unit in another case"),
        pytest.param("bytes=1-2 ,\t5-6", [(1, 3), (5, 7)], id="blanks between"),
        pytest.param("bytes=,1-2,,5-6,", [(1, 3), (5, 7)], id="empty list elements"),
        pytest.param("bytes=50-59,0-9", [(0, 10), (50, 60)], id="sorted"),
        pytest.param("bytes=0-9,5-20", [(0, 21)], id="overlapping"),
        pytest.param("bytes=0-9,10-19", [(0, 20)], id="adjacent"),
        pytest.param("bytes=0-9,11-19", [(0, 10), (11, 20)], id="one byte apart"),
        pytest.param("bytes=0-50,10-20", [(0, 51)], id="contained"),
        pytest.param("bytes=-5,90-,0-0", [(0, 1), (90, 100)], id="all kinds"),
        pytest.param("bytes=100-,0-0", [(0, 1)], id="unsatisfiable one beside another"),
        pytest.param("bytes=-0,0-0", [(0, 1)], id="empty suffix beside another"),
        pytest.param(
            "bytes=" + ",".join(f"{n * 4}-{n * 4}" for n in range(16)),
            [(n * 4, n * 4 + 1) for n in range(16)],
            id="16 ranges",
        ),
    ],
)
def test_ranges_of_100_bytes(header: str, expected: list[tuple[int, int]]) -> None:
    assert spans(header, 100) == expected


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(None, id="absent"),
        pytest.param("", id="empty"),
        pytest.param("bytes", id="no set"),
        pytest.param("bytes=", id="empty set"),
        pytest.param("bytes=,", id="only commas"),
        pytest.param("lines=0-1", id="unknown unit"),
        pytest.param("bytes =0-1", id="blank before the sign"),
        pytest.param("bytes=-", id="neither end"),
        pytest.param("bytes=1", id="no dash"),
        pytest.param("bytes=1--2", id="two dashes"),
        pytest.param("bytes=5-4", id="last before first"),
        pytest.param("bytes=500-4", id="last before first, beyond the end"),
        pytest.param("bytes=" + "9" * 5000 + "-4", id="last before a huge first"),
        pytest.param("bytes=0-1,5-4", id="one malformed spoils all"),
        pytest.param("bytes=0 - 1", id="blanks inside"),
        pytest.param("bytes=+1-2", id="sign"),
        pytest.param("bytes=0x1-2", id="not decimal"),
        pytest.param("bytes=1_0-20", id="underscore"),
        pytest.param("bytes=\u0661-\u0662", id="other digits"),
        pytest.param("bytes=\u00b2-5", id="superscript digit"),
        pytest.param("bytes=0-1\n", id="line end"),
        pytest.param("bytes=" + ",".join(["0-0"] * 17), id="17 ranges"),
    ],
)
def test_header_is_ignored(header: str | None) -> None:
    assert parse_range(header, 100) is None


@pytest.mark.parametrize(
    "header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=" + "9" * 5000 + "-", "bytes=200-,-0"]
)
def test_no_overlap_is_unsatisfiable(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range(header, 100)

    assert caught.value.size == 100


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-5", "bytes=-0", "bytes=7-9"])
def test_empty_file_is_sent_whole(header: str) -> None:
    """Readers that always ask for a range shall not fail on an empty file."""
    assert parse_range(header, 0) is None


NUMBERS = st.one_of(st.just(""), st.integers(0, 300).map(str), st.integers(0, 10**60).map(str))
SETS = st.lists(st.builds("{}-{}".format, NUMBERS, NUMBERS), max_size=18).map(",".join)


@given(
    st.one_of(
        SETS.map("bytes={}".format), st.text(), st.text("0123456789-, \t=bytes").map("bytes={}".format)
    ),
    st.integers(0, 200),
)
def test_ranges_lie_in_the_file_sorted_and_apart(header: str, size: int) -> None:
    try:
        ranges = parse_range(header, size)
    except RangeNotSatisfiable:
        return
    if ranges is None:
        return
    assert 1 <= len(ranges) <= 16
    assert all(0 <= each.start < each.stop <= size for each in ranges)
    assert all(one.stop < other.start for one, other in pairwise(ranges))


SOUND = st.one_of(
    st.tuples(st.integers(0, 120), st.integers(0, 120)).map(lambda pair: (min(pair), max(pair))),
    st.tuples(st.integers(0, 120), st.none()),
    st.tuples(st.none(), st.integers(0, 120)),
)


@given(st.lists(SOUND, min_size=1, max_size=16), st.integers(1, 100))
def test_exactly_the_requested_bytes_are_covered(
    wanted: list[tuple[int | None, int | None]], size: int
) -> None:
    """Against the definition, byte by byte."""
    header = "bytes=" + ", ".join(f"{'' if a is None else a}-{'' if b is None else b}" for a, b in wanted)
    expected: set[int] = set()
    for first, last in wanted:
        start = size - (last or 0) if first is None else first
        stop = size - 1 if first is None or last is None else last
        expected |= {at for at in range(size) if start <= at <= stop}

    if expected:
        ranges = parse_range(header, size)
        assert ranges is not None
        assert {at for each in ranges for at in range(each.start, each.stop)} == expected
    else:
        with pytest.raises(RangeNotSatisfiable):
            parse_range(header, size)


def test_content_range_names_the_last_byte() -> None:
    assert content_range(ByteRange(0, 1), 10) == "bytes 0-0/10"
    assert content_range(ByteRange(5, 10), 10) == "bytes 5-9/10"
    assert ByteRange(5, 10).size == 5


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (5, 4), (-1, 4)])
def test_impossible_range_is_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="no range of bytes"):
        ByteRange(start, stop)


def test_multipart_layout() -> None:
    assert multipart([ByteRange(0, 2), ByteRange(5, 6)], 10, "text/plain", "B-1") == [
        b"--B-1\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n",
        ByteRange(0, 2),
        b"\r\n--B-1\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-5/10\r\n\r\n",
        ByteRange(5, 6),
        b"\r\n--B-1--\r\n",
    ]


@given(st.sets(st.integers(0, 5000), min_size=2, max_size=32), st.sampled_from(["text/plain", "a/b; c=\xe9"]))
def test_multipart_has_every_range_between_delimiters(cuts: set[int], content_type: str) -> None:
    ranges = [ByteRange(start, stop) for start, stop in pairwise(sorted(cuts))][::2]
    pieces = multipart(ranges, 5000, content_type, "boundary")
    assert pieces[1::2] == ranges
    assert all(isinstance(each, bytes) and b"--boundary" in each for each in pieces[::2])


@pytest.mark.parametrize(
    ("content_type", "boundary", "count"),
    [
        ("text/plain", "", 1),
        ("text/plain", "a" * 71, 1),
        ("text/plain", "a b", 1),
        ("text/plain", "a\r\n", 1),
        ("text/plain", "a\n", 1),
        ("text/plain\r\nX: 1", "a", 1),
        ("text/\u20ac", "a", 1),
        ("text/plain", "a", 0),
    ],
)
def test_multipart_refuses_what_would_break_the_body(content_type: str, boundary: str, count: int) -> None:
    with pytest.raises(ValueError, match=r"cannot lay out|latin-1"):
        multipart([ByteRange(0, 1)] * count, 1, content_type, boundary)


CHANGED_AT = 784_111_777.75  # Sun, 06 Nov 1994 08:49:37 GMT and three quarters
SAME = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"
GO, NOT_MODIFIED, FAILED = Outcome.PROCEED, Outcome.NOT_MODIFIED, Outcome.PRECONDITION_FAILED


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        pytest.param({}, GO, id="no condition"),
        pytest.param({"if-match": '"a"'}, GO, id="If-Match: same"),
        pytest.param({"if-match": '"x", "a"'}, GO, id="If-Match: listed"),
        pytest.param({"if-match": "*"}, GO, id="If-Match: any"),
        pytest.param({"if-match": '"b"'}, FAILED, id="If-Match: other"),
        pytest.param({"if-match": 'W/"a"'}, FAILED, id="If-Match: compares strongly"),
        pytest.param({"if-match": "a"}, FAILED, id="If-Match: malformed"),
        pytest.param({"if-match": '"a" "b"'}, FAILED, id="If-Match: malformed list"),
        pytest.param({"if-match": ""}, FAILED, id="If-Match: empty"),
        pytest.param({"if-match": '"x,"a","'}, FAILED, id="If-Match: comma inside a tag is no separator"),
        pytest.param({"if-unmodified-since": SAME}, GO, id="If-Unmodified-Since: same second"),
        pytest.param({"if-unmodified-since": AFTER}, GO, id="If-Unmodified-Since: later"),
        pytest.param({"if-unmodified-since": BEFORE}, FAILED, id="If-Unmodified-Since: earlier"),
        pytest.param({"if-unmodified-since": "yesterday"}, GO, id="If-Unmodified-Since: no date"),
        pytest.param({"if-none-match": '"a"'}, NOT_MODIFIED, id="If-None-Match: same"),
        pytest.param({"if-none-match": 'W/"a"'}, NOT_MODIFIED, id="If-None-Match: compares weakly"),
        pytest.param({"if-none-match": '"x" ,,\tW/"a" ,'}, NOT_MODIFIED, id="If-None-Match: listed"),
        pytest.param({"if-none-match": " * "}, NOT_MODIFIED, id="If-None-Match: any"),
        pytest.param({"if-none-match": '"b", "c,d"'}, GO, id="If-None-Match: others"),
        pytest.param({"if-none-match": '"a'}, GO, id="If-None-Match: malformed"),
        pytest.param({"if-none-match": '"a", b'}, GO, id="If-None-Match: malformed after a match"),
        pytest.param({"if-none-match": 'w/"a"'}, GO, id="If-None-Match: weak prefix is case-sensitive"),
        pytest.param({"if-modified-since": SAME}, NOT_MODIFIED, id="If-Modified-Since: same second"),
        pytest.param({"if-modified-since": AFTER}, NOT_MODIFIED, id="If-Modified-Since: later"),
        pytest.param({"if-modified-since": BEFORE}, GO, id="If-Modified-Since: earlier"),
        pytest.param({"if-modified-since": "0"}, GO, id="If-Modified-Since: no date"),
        pytest.param(
            {"if-match": '"a"', "if-unmodified-since": BEFORE}, GO, id="If-Match beats If-Unmodified-Since"
        ),
        pytest.param(
            {"if-match": '"b"', "if-unmodified-since": AFTER}, FAILED, id="failed If-Match is final"
        ),
        pytest.param(
            {"if-match": '"a"', "if-none-match": '"a"'}, NOT_MODIFIED, id="If-None-Match after If-Match"
        ),
        pytest.param({"if-match": '"b"', "if-none-match": '"a"'}, FAILED, id="If-Match before If-None-Match"),
        pytest.param(
            {"if-unmodified-since": BEFORE, "if-none-match": '"a"'}, FAILED, id="If-Unmodified-Since first"
        ),
        pytest.param(
            {"if-none-match": '"b"', "if-modified-since": SAME},
            GO,
            id="If-None-Match beats If-Modified-Since",
        ),
        pytest.param({"if-unmodified-since": SAME, "if-modified-since": SAME}, NOT_MODIFIED, id="both dates"),
    ],
)
def test_precedence_of_conditions_for_get(headers: dict[str, str], outcome: Outcome) -> None:
    assert evaluate("GET", headers, '"a"', CHANGED_AT) is outcome
    assert evaluate("HEAD", headers, '"a"', CHANGED_AT) is outcome


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        pytest.param({"if-none-match": '"a"'}, FAILED, id="If-None-Match fails"),
        pytest.param({"if-none-match": "*"}, FAILED, id="If-None-Match: any fails"),
        pytest.param({"if-modified-since": SAME}, GO, id="If-Modified-Since is ignored"),
    ],
)
def test_other_methods_are_never_not_modified(headers: dict[str, str], outcome: Outcome) -> None:
    assert evaluate("DELETE", headers, '"a"', CHANGED_AT) is outcome


@pytest.mark.parametrize(
    ("etag", "headers", "outcome"),
    [
        pytest.param('W/"a"', {"if-match": 'W/"a"'}, FAILED, id="two weak tags never match strongly"),
        pytest.param('W/"a"', {"if-match": '"a"'}, FAILED, id="weak current tag"),
        pytest.param('W/"a"', {"if-none-match": '"a"'}, NOT_MODIFIED, id="weak current tag matches weakly"),
        pytest.param("", {"if-match": '"a"'}, FAILED, id="no current tag"),
        pytest.param("", {"if-match": "*"}, GO, id="no current tag, any"),
        pytest.param("", {"if-none-match": '""'}, GO, id="empty tag is not no tag"),
        pytest.param('"a,b"', {"if-match": '"x","a,b"'}, GO, id="tag with a comma"),
        pytest.param('"\xe9"', {"if-match": '"\xe9"'}, GO, id="tag beyond ASCII"),
    ],
)
def test_weak_absent_and_odd_tags(etag: str, headers: dict[str, str], outcome: Outcome) -> None:
    assert evaluate("GET", headers, etag, CHANGED_AT) is outcome


@pytest.mark.parametrize(
    ("if_range", "etag", "applies"),
    [
        pytest.param(None, '"a"', True, id="absent"),
        pytest.param('"a"', '"a"', True, id="same tag"),
        pytest.param('"b"', '"a"', False, id="other tag"),
        pytest.param('W/"a"', '"a"', False, id="weak tag"),
        pytest.param('W/"a"', 'W/"a"', False, id="both weak"),
        pytest.param('"a"', 'W/"a"', False, id="weak current tag"),
        pytest.param('"a", "b"', '"a"', False, id="a list is malformed"),
        pytest.param("*", '"a"', False, id="no wildcard here"),
        pytest.param("", "", False, id="empty"),
        pytest.param(SAME, "", True, id="same second"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", "", True, id="same second in another form"),
        pytest.param(BEFORE, "", False, id="earlier"),
        pytest.param(AFTER, "", False, id="later: a date must match exactly"),
        pytest.param("soon", "", False, id="no date"),
    ],
)
def test_if_range(if_range: str | None, etag: str, applies: bool) -> None:
    assert range_applies(if_range, etag, CHANGED_AT) is applies


@given(
    st.dictionaries(
        st.sampled_from(["if-match", "if-none-match", "if-unmodified-since", "if-modified-since"]), st.text()
    ),
    st.floats(allow_nan=False, allow_infinity=False),
)
@example({"if-none-match": '"' + "a" * 50_000}, 0.0)
@example({"if-none-match": ", " * 50_000 + "x"}, 0.0)
def test_any_condition_has_an_outcome(headers: dict[str, str], modified_at: float) -> None:
    assert evaluate("GET", headers, '"a"', modified_at) in Outcome
    assert range_applies(headers.get("if-match"), '"a"', modified_at) in {True, False}


@given(st.floats(0, 4e9))
def test_own_last_modified_is_not_modified_and_its_range_applies(modified_at: float) -> None:
    """What we send as Last-Modified must work as a condition, whatever the fraction."""
    sent = format_http_date(modified_at)

    assert math.isfinite(modified_at)
    assert evaluate("GET", {"if-modified-since": sent}, "", modified_at) is NOT_MODIFIED
    assert evaluate("GET", {"if-unmodified-since": sent}, "", modified_at) is GO
    assert range_applies(sent, "", modified_at)
