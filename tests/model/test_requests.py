"""The description of a request: what is in it, what is kept out, and that it is bounded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tusd_py.model.requests import MAX_DESCRIBED, SECRET_HEADERS, RequestInfo

_LATIN_1 = st.text(st.characters(max_codepoint=255))
_LINES = st.lists(st.tuples(st.sampled_from(["Host", "host", "X-A", "Cookie", "x-b"]), _LATIN_1))


def described(*lines: tuple[str, str], uri: str = "/files/", named: tuple[str, ...] = ()) -> RequestInfo:
    return RequestInfo.of("POST", uri, "192.0.2.7:50112", lines, named=named)


@given(_LINES, _LATIN_1)
def test_json_there_and_back(lines: list[tuple[str, str]], uri: str) -> None:
    """Serialisable: nothing is lost on the way through text, whatever bytes a client sent."""
    info = described(*lines, uri=uri)
    assert RequestInfo.from_json(json.loads(json.dumps(info.as_json()))) == info


def test_lines_of_one_name_stay_apart_and_in_order() -> None:
    info = described(("X-Forwarded-For", "a"), ("Host", "here"), ("x-forwarded-for", "b, c"))
    assert info.headers == {"x-forwarded-for": ("a", "b, c"), "host": ("here",)}


@pytest.mark.parametrize("name", sorted(SECRET_HEADERS))
def test_secrets_are_kept_out_unless_named(name: str) -> None:
    """What is kept in a database must not let its readers in."""
    assert described((name.title(), "secret"), ("Host", "here")).headers == {"host": ("here",)}
    assert described((name.title(), "secret"), named=(name,)).headers == {name: ("secret",)}


def test_the_secrets() -> None:
    assert {"authorization", "cookie", "proxy-authorization"} <= SECRET_HEADERS


@given(st.lists(st.integers(0, MAX_DESCRIBED), max_size=6), st.integers(0, 2 * MAX_DESCRIBED))
def test_a_description_is_bounded(sizes: list[int], target: int) -> None:
    """A client decides how long its lines are, not how much is kept of them."""
    lines = [(f"h{number}", "x" * size) for number, size in enumerate(sizes)]
    info = described(*lines, uri="/" * target)
    kept = sum(len(name) + len(value) for name, values in info.headers.items() for value in values)
    assert len(info.uri) + kept <= MAX_DESCRIBED


def test_what_is_too_long_pushes_nothing_else_out() -> None:
    assert described(("A", "x" * MAX_DESCRIBED), ("Host", "here")).headers == {"host": ("here",)}
