"""Metadata of strangers may choose a name and a type, never a header or a place."""

import re
import time
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tusd_py.fronts.downloads.disposition import DEFAULT_TYPE, INLINE_TYPES, content_disposition, content_type

HOSTILE_NAMES = st.one_of(
    st.binary(max_size=600),
    st.text(max_size=300).map(str.encode),
    st.lists(
        st.sampled_from(["..", ".", "/", "\\", "\r\n", "\0", '"', ";", "%2F", "é", "😀", "\u202e", "a"])
    ).map(lambda pieces: "".join(pieces).encode()),
)


def names(value: str) -> list[str]:
    """Return every name that an independent parser finds in the field value, which has nothing else."""
    message = Message()
    message["Content-Disposition"] = value
    found: list[tuple[str, Any]] = list(message.get_params(header="content-disposition") or [])
    assert {name for name, _ in found[1:]} <= {"filename"}
    # Only extended values are still encoded; for the others this function would unquote twice.
    return [text if isinstance(text, str) else collapse_rfc2231_value(text) for _, text in found[1:]]


@pytest.mark.parametrize(
    "declared",
    [
        "text/plain",
        "Text/HTML",
        "image/svg+xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "text/plain;charset=utf-8",
        "text/plain ; charset=utf-8; format=flowed",
        'text/plain; a="b; c=\\"d\\"; a=e"',
        "text/plain;",
        "a/" + "b" * 198,
    ],
)
def test_well_formed_type_is_kept_unchanged(declared: str) -> None:
    assert content_type(declared.encode()) == declared


@pytest.mark.parametrize(
    "declared",
    [
        None,
        b"",
        b"text",
        b"text/",
        b"/plain",
        b"text/plain/x",
        b"text /plain",
        b"text/pl ain",
        b" text/plain",
        b"text/plain ",
        b"text/plain; ",
        b"text/plain\n",
        b"text/plain\r\nX-Injected: 1",
        b'text/plain; a="b\r\nX: 1"',
        b"text/plain\0",
        b"text/plain; charset",
        b"text/plain; charset=",
        b"text/plain; =utf-8",
        b"text/plain; charset =utf-8",
        b'text/plain; a="b',
        b"text/plain; a=b; A=c",
        b"text/plain, text/html",
        "text/pläin".encode(),
        b"text/pl\xe4in",
        b"a/" + b"b" * 199,
    ],
)
def test_malformed_type_becomes_the_default(declared: bytes | None) -> None:
    assert content_type(declared) == DEFAULT_TYPE == "application/octet-stream"


def test_hostile_blanks_are_refused_in_no_time() -> None:
    """A backtracking pattern would take longer than anybody can wait."""
    began = time.perf_counter()

    assert content_type(b"a/b" + b"; " * 97 + b"!!") == DEFAULT_TYPE
    assert time.perf_counter() - began < 1


INLINE = {
    *("text/plain", "image/png", "image/jpeg", "image/gif", "image/bmp", "image/webp"),
    *("audio/wave", "audio/wav", "audio/x-wav", "audio/x-pn-wav", "audio/webm", "audio/ogg"),
    *("video/mp4", "video/webm", "video/ogg", "application/ogg"),
}


@pytest.mark.parametrize(
    "declared",
    [*sorted(INLINE), "IMAGE/PNG", "text/plain ;charset=utf-8", 'text/plain; CHARSET="US-ASCII"; x=y'],
)
def test_harmless_types_are_inline(declared: str) -> None:
    assert content_disposition(declared.encode(), None) == "inline"


def test_no_other_type_is_inline() -> None:
    assert INLINE_TYPES == INLINE


@pytest.mark.parametrize(
    "declared",
    [
        None,
        b"",
        b"text/html",
        b"image/svg+xml",
        b"application/pdf",
        b"text/plain\r\n",
        b"text/plain, text/html",
        b"text/plain;charset=utf-7",
        b'text/plain; x=y; Charset="UTF-7"',
        b"text/plain;charset=iso-2022-jp",
        b'text/plain;charset="utf-8\\" "',
    ],
)
def test_other_types_are_saved(declared: bytes | None) -> None:
    assert content_disposition(declared, None) == "attachment"


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        pytest.param("a b.txt", "a b.txt", id="plain"),
        pytest.param("../../x", "x", id="directories"),
        pytest.param("/etc/passwd", "passwd", id="absolute"),
        pytest.param("C:\\Users\\me\\x.txt", "x.txt", id="backslashes"),
        pytest.param("dir/", "dir", id="trailing separator"),
        pytest.param("x/..", "x", id="trailing parent"),
        pytest.param(".bashrc", "_bashrc", id="leading dot"),
        pytest.param("...", "___", id="dots only"),
        pytest.param(" . x ", "_ x", id="blanks around"),
        pytest.param("a\r\nX-Injected: 1\0\x7f.txt", "a__X-Injected: 1__.txt", id="controls"),
        pytest.param('say "hi".txt', 'say "hi".txt', id="quotation marks"),
        pytest.param('a"; filename="b.exe', 'a"; filename="b.exe', id="parameter smuggling"),
    ],
)
def test_ascii_name_is_one_harmless_component(filename: str, name: str) -> None:
    value = content_disposition(b"text/plain", filename.encode())

    assert names(value) == [name]
    assert "filename*" not in value


def test_quotation_marks_are_escaped() -> None:
    assert content_disposition(None, b'a"b.txt') == 'attachment; filename="a\\"b.txt"'


@pytest.mark.parametrize(
    ("filename", "value"),
    [
        ("naïve.txt", "filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
        ("😀 a'(b)*.txt", "filename=\"_ a'(b)*.txt\"; filename*=UTF-8''%F0%9F%98%80%20a%27%28b%29%2A.txt"),
        ("a%2Fb", "filename=\"a_2Fb\"; filename*=UTF-8''a%252Fb"),
        ("x\u202egpj.exe", 'filename="x_gpj.exe"'),
        ("a\u2028b\x85c", 'filename="a_b_c"'),
    ],
)
def test_other_names_are_given_twice_and_misleading_characters_not_at_all(filename: str, value: str) -> None:
    assert content_disposition(None, filename.encode()) == f"attachment; {value}"


def test_invalid_utf8_is_replaced() -> None:
    value = content_disposition(None, b"a\xff.txt")

    assert value == "attachment; filename=\"a_.txt\"; filename*=UTF-8''a%EF%BF%BD.txt"


@pytest.mark.parametrize("filename", [None, b"", b"/", b"..", b"../..", b" \\ ", b"./"])
def test_nothing_left_means_no_name(filename: bytes | None) -> None:
    assert content_disposition(b"image/png", filename) == "inline"


@pytest.mark.parametrize(
    ("filename", "kept"),
    [
        ("a" * 300, "a" * 255),
        ("é" * 200, "é" * 127),
        ("a" * 254 + "😀", "a" * 254),
        ("a" * 254 + " b", "a" * 254),
    ],
)
def test_long_name_is_cut_between_characters(filename: str, kept: str) -> None:
    assert names(content_disposition(None, filename.encode()))[-1] == kept


@given(st.one_of(st.none(), st.binary(max_size=300)), HOSTILE_NAMES)
@example(b'text/plain; a="\r\n"', b"..\r\n/\xff\0")
def test_no_metadata_can_break_a_header_or_leave_the_directory(
    filetype: bytes | None, filename: bytes
) -> None:
    value = content_disposition(filetype, filename)
    declared = content_type(filetype)

    for text in (value, declared):
        text.encode("latin-1")
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text)
        assert text == text.strip()
    found = names(value)
    assert bool(found) != (value in {"inline", "attachment"})
    if found:
        assert re.sub(r"[^\x00-\x7f]|%", "_", found[-1]) == found[0]
    for name in found:
        assert name == name.strip()
        assert not name.startswith(".")
        assert not set(name) & set("/\\\0\r\n\x7f\u202e\u2028")
        assert 0 < len(name.encode()) <= 255


@given(st.binary(max_size=220))
def test_type_is_the_declared_one_or_the_default(filetype: bytes) -> None:
    assert content_type(filetype) in {filetype.decode("latin-1"), DEFAULT_TYPE}
