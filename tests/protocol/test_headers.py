"""Pieces of header grammar: numbers of bytes, base64, and how a hostile value is shown."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.model.hostile import assert_fit_to_send, header_text
from tusd_py.errors.requests import InvalidOffset, InvalidUploadLength, MalformedHeader
from tusd_py.fronts.http.headers import decode_base64, parse_byte_count, quote
from tusd_py.model.upload import MAX_LENGTH


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(0, id="CORE-33 zero"),
        pytest.param(7, id="one digit"),
        pytest.param(2**53 + 1, id="CREATE-13 beyond what a double holds"),
        pytest.param(2**63 - 1, id="CREATE-14 the largest file offset"),
    ],
)
def test_plain_decimal_digits_are_read_exactly(value: int) -> None:
    assert parse_byte_count("Upload-Offset", str(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("-1", id="CORE-47, CREATE-10 negative"),
        pytest.param("abc", id="CORE-47, CREATE-10 letters"),
        pytest.param("1.5", id="CORE-47, CREATE-10 fraction"),
        pytest.param("", id="CORE-47, CREATE-10 empty"),
        pytest.param("0x0", id="CORE-47 hexadecimal"),
        pytest.param("1e0", id="CORE-47 exponent"),
        pytest.param("+0", id="CORE-47, CREATE-11 sign"),
        pytest.param("00", id="CORE-47, CREATE-11 leading zero"),
        pytest.param("0,0", id="CORE-47 list"),
        pytest.param("1_000", id="CREATE-11 underscore"),
        pytest.param("\uff15", id="CREATE-11 full-width digit"),
        pytest.param("\u0665", id="CREATE-11 Arabic digit"),
        pytest.param("\xb2", id="superscript two, which str.isdigit() takes"),
        pytest.param(" 1", id="blank before"),
        pytest.param("1 ", id="blank after"),
        pytest.param("1\n", id="line feed after"),
        pytest.param("1\x00", id="NUL after"),
        pytest.param(str(2**63), id="CREATE-14 2**63"),
        pytest.param(str(2**64), id="CREATE-14 2**64"),
        pytest.param("9" * 23, id="CORE-48 23 digits"),
        pytest.param("9" * 100_000, id="CORE-48 more digits than int() takes"),
    ],
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidOffset) as refused:
        parse_byte_count("Upload-Offset", text, InvalidOffset)
    assert refused.value.status == 400
    assert refused.value.message.startswith("Upload-Offset ")
    assert_fit_to_send(refused.value)


def test_absent_header_is_refused() -> None:
    """CORE-46, CREATE-08."""
    with pytest.raises(InvalidUploadLength, match="Upload-Length is required"):
        parse_byte_count("Upload-Length", None, InvalidUploadLength)


@given(st.one_of(header_text, st.text(), st.from_regex(r"[-+]?[0-9]{1,25}", fullmatch=True)))
def test_a_number_is_echoed_or_refused(text: str) -> None:
    """What is read prints as it was sent, so no two parsers can disagree on it."""
    try:
        value = parse_byte_count("Upload-Offset", text)
    except MalformedHeader as refusal:
        assert_fit_to_send(refusal, limit=600)
    else:
        assert str(value) == text
        assert 0 <= value <= MAX_LENGTH


@given(st.integers(0, MAX_LENGTH))
def test_every_number_of_bytes_is_read(value: int) -> None:
    assert parse_byte_count("Upload-Length", str(value)) == value


@given(header_text)
@example("\xff" * 1000)
def test_messages_about_header_bytes_are_short_and_printable(text: str) -> None:
    """A refusal must not smuggle the client's bytes into the answer or into a log."""
    with pytest.raises(MalformedHeader) as refused:
        parse_byte_count("Upload-Length", text + "x")
    assert_fit_to_send(refused.value)


@given(st.text())
@example("\U0001f600" * 100)
@example("\r\nSet-Cookie: a=b")
def test_quote_is_printable_ascii(text: str) -> None:
    shown = quote(text)
    assert shown.isascii()
    assert shown.isprintable()
    assert shown[0] in "'\""


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="'\\"), max_size=40))
def test_quote_shows_harmless_text_as_it_is(text: str) -> None:
    assert quote(text) == f"'{text}'"


@pytest.mark.parametrize(
    ("text", "data"),
    [("", b""), ("YQ==", b"a"), ("YWI=", b"ab"), ("YWJj", b"abc"), ("/+8=", b"\xff\xef")],
)
def test_standard_base64_is_decoded(text: str, data: bytes) -> None:
    assert decode_base64(text) == data


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("!!!", id="CREATE-29 no base64"),
        pytest.param("YQ", id="CREATE-29, CHECK-19 no padding"),
        pytest.param("YQ=", id="CREATE-29 half the padding"),
        pytest.param("_-8=", id="CREATE-29 url-safe alphabet"),
        pytest.param("YQ==YQ==", id="CREATE-29 two values in a row"),
        pytest.param("YW Jj", id="CREATE-29, CHECK-19 white space inside"),
        pytest.param("YWJj\n", id="CREATE-29 line feed"),
        pytest.param("YR==", id="stray bits: decodes like YQ=="),
        pytest.param("====", id="only padding"),
        pytest.param("YWJj=", id="padding too much"),
        pytest.param("\u0391WJj", id="a Greek letter"),
        pytest.param("YWJj\x00", id="NUL"),
    ],
)
def test_anything_else_is_no_base64(text: str) -> None:
    assert decode_base64(text) is None


@given(st.binary())
def test_decoding_undoes_encoding(data: bytes) -> None:
    assert decode_base64(base64.b64encode(data).decode()) == data


@given(st.one_of(header_text, st.text(), st.text("AQYZaz09+/=", max_size=12)))
def test_what_is_decoded_encodes_to_the_same_text(text: str) -> None:
    data = decode_base64(text)
    assert data is None or base64.b64encode(data).decode() == text
