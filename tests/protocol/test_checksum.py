"""``Upload-Checksum``: tus 1.0.0, Checksum."""

import base64
import hashlib
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.hostile import assert_fit_to_send, header_text
from tusd_py.errors.requests import InvalidChecksum
from tusd_py.fronts.http.checksum import ALGORITHM_LIST, parse_checksum
from tusd_py.model.digests import ALGORITHMS

BODY = b"hello world"
#: The check value that every definition of a CRC names is over these bytes.
CRC_INPUT = b"123456789"

#: Digests made without a line of ours.
REFERENCE: dict[str, Callable[[bytes], bytes]] = {
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha512": lambda data: hashlib.sha512(data).digest(),
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
    "crc32": lambda data: struct.pack(">I", zlib.crc32(data)),
}
near_misses = st.lists(
    st.sampled_from(["sha1", "md5", "crc32", "SHA1", " ", ":", "=", "AAAA", "AAAAAA==", "\xe9"]), max_size=8
).map("".join)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def is_right(header: str, body: bytes) -> bool:
    """Whether ``body`` has the digest that the header names, taken in uneven pieces."""
    checksum = parse_checksum(header)
    assert checksum is not None
    taken = checksum.new_hash()
    for start in range(0, len(body), 3):
        taken.update(memoryview(body)[start : start + 3])
    return checksum.matches(taken)


def test_sha1_is_offered_and_names_are_lower_case() -> None:
    """CHECK-02, CHECK-03."""
    names = ALGORITHM_LIST.split(",")
    assert "sha1" in names
    assert set(names) >= set(REFERENCE)
    assert all(name.isascii() and name == name.lower() and " " not in name for name in names)


@pytest.mark.parametrize("algorithm", REFERENCE)
def test_right_digest_matches(algorithm: str) -> None:
    """CHECK-04, CHECK-10."""
    assert is_right(f"{algorithm} {encoded(REFERENCE[algorithm](BODY))}", BODY)


@pytest.mark.parametrize("algorithm", REFERENCE)
def test_digest_of_an_empty_body_matches(algorithm: str) -> None:
    """CHECK-13."""
    assert is_right(f"{algorithm} {encoded(REFERENCE[algorithm](b''))}", b"")


@pytest.mark.parametrize("algorithm", REFERENCE)
@pytest.mark.parametrize("other", [BODY[:-1], BODY + b"\0", b"jello world", b""])
def test_digest_of_other_bytes_does_not_match(algorithm: str, other: bytes) -> None:
    """CHECK-05, CHECK-10."""
    assert not is_right(f"{algorithm} {encoded(REFERENCE[algorithm](BODY))}", other)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("change", [-1, 1], ids=["a byte short", "a byte long"])
def test_digest_of_the_wrong_size_is_refused(algorithm: str, change: int) -> None:
    """CHECK-09: refused before the body, not taken for a mismatch."""
    size = ALGORITHMS[algorithm][1]
    with pytest.raises(InvalidChecksum, match=f"{size} bytes of {algorithm}"):
        parse_checksum(f"{algorithm} {encoded(bytes(size + change))}")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_announced_size_is_the_digest_s(algorithm: str) -> None:
    new_hash, size = ALGORITHMS[algorithm]
    assert len(new_hash().digest()) == size


def test_crc32_is_most_significant_byte_first() -> None:
    """CHECK-10: tus does not say, so it is written down: the order of PNG and of network bytes."""
    assert zlib.crc32(CRC_INPUT) == 0xCBF43926
    assert is_right(f"crc32 {encoded(bytes.fromhex('cbf43926'))}", CRC_INPUT)
    assert not is_right(f"crc32 {encoded(bytes.fromhex('2639f4cb'))}", CRC_INPUT)


def test_crc32c_is_most_significant_byte_first() -> None:
    """CHECK-10, with the ``crc32c`` extra."""
    pytest.importorskip("google_crc32c")
    assert is_right(f"crc32c {encoded(bytes.fromhex('e3069283'))}", CRC_INPUT)
    assert not is_right(f"crc32c {encoded(bytes.fromhex('839206e3'))}", CRC_INPUT)


def test_absent_header_is_no_checksum() -> None:
    """CHECK-16."""
    assert parse_checksum(None) is None


_SHA1 = hashlib.sha1(BODY, usedforsecurity=False)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("", id="CHECK-09 empty"),
        pytest.param("sha1", id="CHECK-09 no digest"),
        pytest.param("sha1 ", id="CHECK-09 empty digest"),
        pytest.param("sha1 !!!", id="CHECK-09 no base64"),
        pytest.param(f" {encoded(_SHA1.digest())}", id="CHECK-09 no algorithm"),
        pytest.param(f"sha1:{encoded(_SHA1.digest())}", id="CHECK-09 colon"),
        pytest.param(f"sha1  {encoded(_SHA1.digest())}", id="CHECK-09 two blanks"),
        pytest.param(f"sha1 {_SHA1.hexdigest()}", id="CHECK-09 hexadecimal digits"),
        pytest.param(f"sha1 {encoded(_SHA1.digest()).rstrip('=')}", id="CHECK-19 no padding"),
        pytest.param(f"sha1 {encoded(_SHA1.digest())} ", id="CHECK-19 blank behind"),
        pytest.param(f"sha1 {encoded(_SHA1.digest())[:8]} x", id="CHECK-19 blank within"),
        pytest.param(f"SHA1 {encoded(_SHA1.digest())}", id="CHECK-08 upper case"),
        pytest.param(f"foo {encoded(_SHA1.digest())}", id="CHECK-07 unknown algorithm"),
        pytest.param(f"sha256 {encoded(_SHA1.digest())}", id="CHECK-09 another algorithm's digest"),
        pytest.param(f"sha1\t{encoded(_SHA1.digest())}", id="CHECK-09 tab"),
        pytest.param(
            f"sha1 {encoded(_SHA1.digest())}, md5 {encoded(bytes(16))}", id="CHECK-18 two lines joined"
        ),
    ],
)
def test_bad_headers(header: str) -> None:
    with pytest.raises(InvalidChecksum) as refused:
        parse_checksum(header)
    assert refused.value.status == 400
    assert refused.value.code == "ERR_INVALID_CHECKSUM"


@given(st.sampled_from(sorted(REFERENCE)), st.binary(max_size=200), st.binary(max_size=200))
def test_only_the_same_bytes_match(algorithm: str, body: bytes, other: bytes) -> None:
    header = f"{algorithm} {encoded(REFERENCE[algorithm](body))}"
    assert is_right(header, body)
    assert is_right(header, other) is (REFERENCE[algorithm](body) == REFERENCE[algorithm](other))


@given(st.one_of(header_text, near_misses, st.text()))
def test_any_header_is_read_or_refused(header: str) -> None:
    try:
        checksum = parse_checksum(header)
    except InvalidChecksum as refusal:
        assert_fit_to_send(refusal, limit=600)
        return
    assert checksum is not None
    assert f"{checksum.algorithm} {encoded(checksum.expected)}" == header


@given(header_text)
def test_messages_are_short(header: str) -> None:
    with pytest.raises(InvalidChecksum) as refused:
        parse_checksum(header + "!")
    assert_fit_to_send(refused.value)
