"""RFC 9110, Date/Time Formats: read three forms, write one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tusd_py.fronts.http.http_dates import format_http_date, parse_http_date

NOW = 1_800_000_000.0  # 15 January 2027, 08:00:00
FIRST, LAST = -62_135_596_800, 253_402_300_799


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", id="IMF-fixdate"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", id="RFC 850"),
        pytest.param("Sun Nov  6 08:49:37 1994", id="asctime"),
    ],
)
def test_three_forms_are_read(text: str) -> None:
    assert parse_http_date(text, now=NOW) == 784_111_777


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "sun, 06 nov 1994 08:49:37 gmt",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\n",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov \u0661994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert parse_http_date(text, now=NOW) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param("Friday, 15-Jan-77 08:00:00 GMT", "Fri, 15 Jan 2077 08:00:00 GMT", id="50 years ahead"),
        pytest.param("Friday, 15-Jan-77 08:00:01 GMT", "Sat, 15 Jan 1977 08:00:01 GMT", id="a second more"),
        pytest.param("Friday, 31-Dec-99 23:59:59 GMT", "Fri, 31 Dec 1999 23:59:59 GMT", id="72 years ahead"),
        pytest.param("Saturday, 01-Jan-00 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT", id="this century"),
        pytest.param("Saturday, 29-Feb-76 00:00:00 GMT", "Sat, 29 Feb 2076 00:00:00 GMT", id="a leap day"),
    ],
)
def test_two_digit_year_over_50_years_ahead_is_past(text: str, meant: str) -> None:
    assert parse_http_date(text, now=NOW) == parse_http_date(meant, now=NOW)


def test_leap_second_is_the_next_minute() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", now=NOW) == parse_http_date(
        "Sun, 01 Jan 2017 00:00:00 GMT", now=NOW
    )


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (784_111_777.999999, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (-0.5, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (FIRST, "Mon, 01 Jan 0001 00:00:00 GMT"),
        (LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_written_as_imf_fixdate_cut_to_the_second(at: float, text: str) -> None:
    assert format_http_date(at) == text


@pytest.mark.parametrize("at", [FIRST - 1, LAST + 1, 1e300, float("inf"), float("nan")])
def test_times_without_a_date_are_refused(at: float) -> None:
    with pytest.raises(ValueError, match="no HTTP date"):
        format_http_date(at)


@given(st.integers(FIRST, LAST))
def test_what_is_written_is_read_back(at: int) -> None:
    assert parse_http_date(format_http_date(at), now=NOW) == at


@given(st.text(), st.floats(allow_nan=False))
def test_any_text_is_read_or_none(text: str, now: float) -> None:
    found = parse_http_date(text, now=now)

    assert found is None or FIRST <= found <= LAST + 1


@given(st.integers(0, 99), st.floats(allow_nan=False))
def test_two_digit_years_need_no_sensible_clock(year: int, now: float) -> None:
    found = parse_http_date(f"Sunday, 06-Nov-{year:02} 08:49:37 GMT", now=now)

    assert found is None or format_http_date(found)[14:16] == f"{year:02}"
