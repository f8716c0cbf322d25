"""``Upload-Metadata``: tus 1.0.0, Creation."""

import base64
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.model.hostile import assert_fit_to_send, header_text
from tusd_py.errors.requests import InvalidMetadata
from tusd_py.fronts.tus.metadata import format_metadata, parse_metadata

LIMIT = 8192
KEY_CHARACTERS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != ",")

keys = st.text(KEY_CHARACTERS, min_size=1, max_size=20)
metadata = st.dictionaries(keys, st.binary(max_size=60), max_size=6)
#: Nearly right headers find more than noise does.
near_misses = st.lists(
    st.sampled_from(["a", "b", "k", " ", ",", "YQ==", "YQ", "=", "\t", "\xe9", "_-8=", '"', "\x7f"]),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        pytest.param(None, {}, id="CREATE-27 absent"),
        pytest.param("", {}, id="CREATE-33 empty: tuspy always sends the header"),
        pytest.param("  ", {}, id="CREATE-33 blank"),
        pytest.param("a YQ==", {"a": b"a"}, id="one pair"),
        pytest.param(
            "filename YS50eHQ=,is_confidential",
            {"filename": b"a.txt", "is_confidential": b""},
            id="CREATE-24 the example of the specification",
        ),
        pytest.param("k", {"k": b""}, id="CREATE-26 key without value"),
        pytest.param("k ", {"k": b""}, id="CREATE-26 key, blank, no value"),
        pytest.param("k ,v YQ==", {"k": b"", "v": b"a"}, id="CREATE-26 in the middle"),
        pytest.param("a YQ==, b Yg==", {"a": b"a", "b": b"b"}, id="CREATE-32 blank after the comma"),
        pytest.param("K YQ==,k Yg==", {"K": b"a", "k": b"b"}, id="CREATE-39 case matters"),
        pytest.param(
            "b " + base64.b64encode(bytes(range(256))).decode(),
            {"b": bytes(range(256))},
            id="CREATE-35 all byte values",
        ),
        pytest.param("f Li4vLi4veA==", {"f": b"../../x"}, id="CREATE-37 a value is only a value"),
    ],
)
def test_good_headers(header: str | None, meant: dict[str, bytes]) -> None:
    found = parse_metadata(header, max_bytes=LIMIT)
    assert found == meant
    assert list(found) == list(meant), "the order is the client's"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("a YQ==,a Yg==", id="CREATE-28 key twice"),
        pytest.param("a,a ", id="CREATE-28 key twice without value"),
        pytest.param("a !!!", id="CREATE-29 no base64"),
        pytest.param("a YQ", id="CREATE-29 no padding"),
        pytest.param("a _-8=", id="CREATE-29 url-safe alphabet"),
        pytest.param("a YQ==YQ==", id="CREATE-29 two values in a row"),
        pytest.param("a Y Q==", id="CREATE-29 white space inside"),
        pytest.param("a  YQ==", id="CREATE-30 two blanks"),
        pytest.param("a YQ== x", id="CREATE-30 three tokens"),
        pytest.param(",", id="CREATE-31 only a comma"),
        pytest.param("a YQ==,", id="CREATE-31 empty item at the end"),
        pytest.param(",a YQ==", id="CREATE-31 empty item at the start"),
        pytest.param("a YQ==,,b Yg==", id="CREATE-31 empty item in the middle"),
        pytest.param("sch\xc3\xb6n YQ==", id="CREATE-34 non-ASCII key"),
        pytest.param("a\tYQ==", id="a tab is part of no key"),
        pytest.param("a\x00b YQ==", id="CREATE-36 control in a key"),
        pytest.param("a\r\nSet-Cookie: x", id="CREATE-36 line break in a key"),
        pytest.param("\x7f YQ==", id="DEL as key"),
    ],
)
def test_bad_headers(header: str) -> None:
    with pytest.raises(InvalidMetadata) as refused:
        parse_metadata(header, max_bytes=LIMIT)
    assert refused.value.status == 400
    assert refused.value.code == "ERR_INVALID_METADATA"


@pytest.mark.parametrize(("size", "is_taken"), [(99, True), (100, True), (101, False)])
def test_limit_is_in_bytes_of_the_header(size: int, is_taken: bool) -> None:
    """CREATE-38: refused at creation, never cut and never a HEAD that fails later."""
    header = "k" * size
    if is_taken:
        assert parse_metadata(header, max_bytes=100) == {header: b""}
        return
    with pytest.raises(InvalidMetadata, match="101 bytes, at most 100"):
        parse_metadata(header, max_bytes=100)


@given(metadata)
def test_parse_undoes_format(pairs: dict[str, bytes]) -> None:
    """CREATE-35: any key of the grammar, any bytes."""
    header = format_metadata(pairs)
    if not pairs:
        assert header is None, "CREATE-27: no metadata is no header, not an empty one"
        return
    assert header is not None
    assert header.isascii()
    assert header.isprintable()
    assert parse_metadata(header, max_bytes=1 << 20) == pairs


@given(st.one_of(header_text, near_misses))
@example("\xff" * 300)
@example("a" * 200 + " \xff")
def test_any_header_is_read_or_refused(header: str) -> None:
    """One error class, and what was read says the same when it is written again."""
    try:
        pairs = parse_metadata(header, max_bytes=LIMIT)
    except InvalidMetadata as refusal:
        assert_fit_to_send(refusal)
        return
    assert parse_metadata(format_metadata(pairs), max_bytes=LIMIT) == pairs
    for key in pairs:
        assert re.fullmatch(r"[!-+\--~]+", key), "a key goes back into a header"


@given(st.text())
def test_text_beyond_latin_1_is_read_or_refused(header: str) -> None:
    """No HTTP server hands this over, but an application that calls us may."""
    try:
        assert all(key.isascii() for key in parse_metadata(header, max_bytes=LIMIT))
    except InvalidMetadata as refusal:
        assert_fit_to_send(refusal, limit=600)
