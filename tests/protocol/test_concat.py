"""``Upload-Concat``: tus 1.0.0, Concatenation."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.model.hostile import assert_fit_to_send, header_text
from tusd_py.errors.requests import InvalidConcat
from tusd_py.fronts.tus.concat import parse_concat, partial_id
from tusd_py.model.upload import is_upload_id, new_upload_id

ENDPOINT = "http://up.example/files/"
ID = "0123456789abcdef0123456789abcdef"

near_misses = st.lists(
    st.sampled_from(
        ["final;", "final", "partial", ";", " ", "/files/", ID, "http://up.example", "\xe9", "\t"]
    ),
    max_size=8,
).map("".join)
#: Pieces that URL parsers disagree on.
_PIECES = (
    "http: https: // / up.example evil.example files .. . %2e%2e %2f %2F %5c \\ %00 % %zz ? # @ :80 [ ] ;"
)
url_pieces = st.lists(
    st.sampled_from([*_PIECES.split(), ID, "%c0%af", "\xe9", ".info", "\t"]), max_size=10
).map("".join)


def test_absent_header_asks_for_nothing() -> None:
    assert parse_concat(None, max_partials=10) is None


def test_partial() -> None:
    """CONCAT-02."""
    concat = parse_concat("partial", max_partials=10)
    assert concat is not None
    assert not concat.is_final
    assert concat.partial_urls is None
    assert concat.header == "partial"


@pytest.mark.parametrize(
    ("header", "urls"),
    [
        pytest.param("final;/files/a /files/b", ("/files/a", "/files/b"), id="CONCAT-05 two"),
        pytest.param("final;/files/b /files/a", ("/files/b", "/files/a"), id="CONCAT-09 in the order listed"),
        pytest.param("final;a", ("a",), id="CONCAT-27 a single one"),
        pytest.param("final;a a", ("a", "a"), id="CONCAT-21 the same one twice"),
        pytest.param("final; a  b ", ("a", "b"), id="CONCAT-25 more blanks"),
        pytest.param("final;a;b", ("a;b",), id="only the first semicolon separates"),
        pytest.param(
            "final;" + " ".join("abcdefghij"), tuple("abcdefghij"), id="CONCAT-28 as many as allowed"
        ),
    ],
)
def test_final(header: str, urls: tuple[str, ...]) -> None:
    concat = parse_concat(header, max_partials=10)
    assert concat is not None
    assert concat.is_final
    assert concat.partial_urls == urls
    assert concat.header == header, "CONCAT-08: HEAD sends it back as received"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("", id="CONCAT-16 empty"),
        pytest.param("foo", id="CONCAT-16 unknown"),
        pytest.param("PARTIAL", id="CONCAT-16 upper case"),
        pytest.param("partial;x", id="CONCAT-16 partial with a list"),
        pytest.param("partial ", id="CONCAT-16 partial and a blank"),
        pytest.param("final", id="CONCAT-15 no list"),
        pytest.param("final;", id="CONCAT-15 empty list"),
        pytest.param("final;   ", id="CONCAT-15 only blanks"),
        pytest.param("Final;a", id="CONCAT-16 capital letter"),
        pytest.param(" final;a", id="blank before"),
        pytest.param("final a b", id="no semicolon"),
        pytest.param("final;" + "a " * 11, id="CONCAT-28 more than allowed"),
    ],
)
def test_bad_headers(header: str) -> None:
    with pytest.raises(InvalidConcat) as refused:
        parse_concat(header, max_partials=10)
    assert refused.value.status == 400
    assert refused.value.code == "ERR_INVALID_CONCAT"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"http://up.example/files/{ID}", id="CONCAT-23 absolute"),
        pytest.param(f"/files/{ID}", id="CONCAT-23 path-absolute"),
        pytest.param(ID, id="CONCAT-23 relative"),
        pytest.param(f"./{ID}", id="CONCAT-23 relative with a dot"),
        pytest.param(f"//up.example/files/{ID}", id="CONCAT-23 scheme-relative"),
        pytest.param(f"https://up.example/files/{ID}", id="another scheme: a proxy ends TLS"),
        pytest.param(f"HTTP://UP.EXAMPLE/files/{ID}", id="host and scheme know no case"),
        pytest.param(f"/files/{ID}/", id="CONCAT-29 trailing slash"),
        pytest.param(f"/files/{ID}?x=1", id="CONCAT-29 query"),
        pytest.param(f"/files/%30{ID[1:]}", id="CONCAT-29 percent-encoded"),
    ],
)
@pytest.mark.parametrize("endpoint", [ENDPOINT, ENDPOINT.rstrip("/")])
def test_urls_of_ours_name_their_upload(url: str, endpoint: str) -> None:
    assert partial_id(url, creation_url=endpoint) == ID


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"https://evil.example/files/{ID}", id="CONCAT-24 another host"),
        pytest.param("http://127.0.0.1:1/x", id="CONCAT-24 an address inside"),
        pytest.param(f"http://up.example:81/files/{ID}", id="CONCAT-24 another port"),
        pytest.param(f"http://up.example@evil.example/files/{ID}", id="CONCAT-24 our name as user"),
        pytest.param(f"http://up.example.evil.example/files/{ID}", id="CONCAT-24 our name as a prefix"),
        pytest.param(f"/other/{ID}", id="another path"),
        pytest.param(f"/filesystem/{ID}", id="our path as a prefix"),
        pytest.param(f"../{ID}", id="above the endpoint"),
        pytest.param("/files/../etc/passwd", id="dots that lead out"),
        pytest.param("/files/..%2f..%2fetc%2fpasswd", id="CORE-35 encoded dots and slashes"),
        pytest.param("/files/%2e%2e", id="encoded dots"),
        pytest.param(f"/files/a/{ID}", id="two segments"),
        pytest.param(f"/files/a%2f{ID}", id="CORE-35 encoded slash"),
        pytest.param(f"/files/{ID}%00", id="CORE-35 NUL"),
        pytest.param(f"/files/{ID}%0a", id="line feed"),
        pytest.param(f"/files/{ID}.info", id="CORE-35 file beside an upload"),
        pytest.param("/files/", id="the endpoint itself"),
        pytest.param("/files", id="the endpoint without its slash"),
        pytest.param("file:///etc/passwd", id="another kind of URL"),
        pytest.param("http://[::1", id="malformed"),
        pytest.param("http://up\u2100.example/", id="a host that normalises to a slash"),
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidConcat) as refused:
        partial_id(url, creation_url=ENDPOINT)
    assert_fit_to_send(refused.value)


def test_ids_with_reserved_characters_go_through_a_url() -> None:
    """A directory left by tusd may hold ids such as these."""
    assert partial_id("/files/a%2Bb%25c", creation_url=ENDPOINT) == "a+b%c"
    assert partial_id("/files/a;b=c", creation_url=ENDPOINT) == "a;b=c"


@given(st.one_of(header_text, near_misses, st.text()))
@example("final;" + "\xff" * 400)
def test_any_header_is_read_or_refused(header: str) -> None:
    try:
        concat = parse_concat(header, max_partials=4)
    except InvalidConcat as refusal:
        assert_fit_to_send(refusal, limit=600)
        return
    assert concat is not None
    assert concat.header == header
    if concat.partial_urls is None:
        assert header == "partial"
    else:
        assert 1 <= len(concat.partial_urls) <= 4
        assert "final;" + "".join(concat.partial_urls) == header.replace(" ", ""), "nothing is lost or added"


@given(st.one_of(url_pieces, header_text, st.text()))
def test_any_url_names_an_upload_or_is_refused(url: str) -> None:
    """Whatever comes out is one file name, so the list of a final never leads out of the directory."""
    try:
        found = partial_id(url, creation_url=ENDPOINT)
    except InvalidConcat as refusal:
        assert_fit_to_send(refusal, limit=600)
        return
    assert is_upload_id(found)
    assert not set(found) & {"/", "\\", "\0", " ", "\n"}
    assert found not in (".", "..")


@given(header_text)
def test_messages_are_short(text: str) -> None:
    with pytest.raises(InvalidConcat) as refused:
        partial_id(f"http://evil.example/{text}", creation_url=ENDPOINT)
    assert_fit_to_send(refused.value)


def test_the_ids_made_here_survive_the_round_trip() -> None:
    for _ in range(100):
        made = new_upload_id()
        assert partial_id(f"{ENDPOINT}{made}", creation_url=ENDPOINT) == made
        assert partial_id(f"/files/{made}", creation_url=ENDPOINT) == made
