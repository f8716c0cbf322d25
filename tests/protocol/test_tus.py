"""tus 1.0.0 on the wire: what a POST and a PATCH say."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from tests.model.hostile import assert_fit_to_send
from tusd_py.errors import UploadError
from tusd_py.errors.requests import (
    InvalidChecksum,
    InvalidConcat,
    InvalidDeferLength,
    InvalidMetadata,
    InvalidOffset,
    InvalidUploadLength,
    MalformedHeader,
    UnsupportedMediaType,
    UnsupportedVersion,
)
from tusd_py.fronts.tus import grammar as tus
from tusd_py.fronts.tus.grammar import CONTENT_TYPE, Limits, parse_append, parse_create

LIMITS = Limits(metadata_bytes=1000, partials=3)
DIGEST = "sha1 " + base64.b64encode(hashlib.sha1(b"hello", usedforsecurity=False).digest()).decode()


def fields(*lines: tuple[str, str]) -> Headers:
    """A request's header section as the server hands it over."""
    return Headers(raw=[(name.lower().encode(), value.encode("latin-1")) for name, value in lines])


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("value", ["1.0", "1", "v1.0.0", "1.0.0, 1.0.0", "", "1.0.1", "0.2.2", "9.9.9"])
def test_other_versions_are_refused(value: str, required: bool) -> None:
    """CORE-14, CORE-20: also where the header may be absent."""
    with pytest.raises(UnsupportedVersion, match=r"Tus-Resumable must be 1\.0\.0") as refused:
        tus.check_version(fields(("Tus-Resumable", value)), required=required)
    assert refused.value.status == 412


def test_version_twice_is_refused() -> None:
    """CORE-20: two lines are not one, even when they agree."""
    with pytest.raises(UnsupportedVersion):
        tus.check_version(fields(("Tus-Resumable", "1.0.0"), ("Tus-Resumable", "1.0.0")), required=True)


def test_absent_version_is_refused_only_where_required() -> None:
    """CORE-18, CORE-19."""
    tus.check_version(fields(), required=False)
    with pytest.raises(UnsupportedVersion, match="got none"):
        tus.check_version(fields(), required=True)


@pytest.mark.parametrize("name", ["Tus-Resumable", "tus-resumable", "TUS-RESUMABLE"])
def test_the_version_spoken_here_is_taken(name: str) -> None:
    """CORE-22."""
    tus.check_version(fields((name, "1.0.0")), required=True)


@pytest.mark.parametrize(
    ("lines", "is_upload_data"),
    [
        pytest.param([CONTENT_TYPE], True, id="CORE-36 as it is"),
        pytest.param(["Application/Offset+Octet-Stream"], True, id="CORE-44 case"),
        pytest.param([CONTENT_TYPE + "; charset=utf-8"], True, id="CORE-44 parameter"),
        pytest.param([CONTENT_TYPE + " ;x=y"], True, id="CORE-44 blank before the parameter"),
        pytest.param(["application/octet-stream"], False, id="CORE-42 another type"),
        pytest.param([CONTENT_TYPE + "x"], False, id="CORE-42 ours as a prefix"),
        pytest.param([""], False, id="CORE-43 empty"),
        pytest.param([], False, id="CORE-43 absent"),
        pytest.param([CONTENT_TYPE, CONTENT_TYPE], False, id="twice"),
    ],
)
def test_content_type_of_upload_data(lines: list[str], is_upload_data: bool) -> None:
    assert tus.has_upload_type(fields(*(("Content-Type", line) for line in lines))) is is_upload_data


def test_create_with_everything() -> None:
    """CREATE-02, CREATE-24, CWU-02, CONCAT-02."""
    wanted = parse_create(
        fields(
            ("Upload-Length", "100"),
            ("Upload-Metadata", "name YQ==,flag"),
            ("Upload-Concat", "partial"),
            ("Upload-Checksum", DIGEST),
            ("Content-Type", CONTENT_TYPE),
        ),
        LIMITS,
    )
    assert wanted.length == 100
    assert wanted.metadata == {"name": b"a", "flag": b""}
    assert wanted.metadata_header == "name YQ==,flag", "CREATE-25: kept as sent"
    assert wanted.concat is not None
    assert not wanted.concat.is_final
    assert wanted.checksum is not None
    assert wanted.checksum.expected == hashlib.sha1(b"hello", usedforsecurity=False).digest()
    assert wanted.has_chunk


def test_create_with_only_a_length() -> None:
    """CREATE-02, CREATE-27."""
    wanted = parse_create(fields(("Upload-Length", "0")), LIMITS)
    assert wanted == tus.CreateRequest(0, {}, None, None, None, has_chunk=False)


def test_deferred_length() -> None:
    """DEFER-02."""
    assert parse_create(fields(("Upload-Defer-Length", "1")), LIMITS).length is None


@pytest.mark.parametrize("lengths", [[], ["7"], ["nonsense"]])
def test_length_of_a_final_is_not_read(lengths: list[str]) -> None:
    """CONCAT-14: it is the sum of the partials whatever the client says."""
    lines = [("Upload-Length", value) for value in lengths]
    wanted = parse_create(fields(("Upload-Concat", "final;/files/a"), *lines), LIMITS)
    assert wanted.length is None
    assert wanted.concat is not None
    assert wanted.concat.is_final


@pytest.mark.parametrize("header", ["", "  "])
def test_empty_metadata_is_none(header: str) -> None:
    """CREATE-33, CREATE-27: HEAD must not send an empty header back."""
    wanted = parse_create(fields(("Upload-Length", "1"), ("Upload-Metadata", header)), LIMITS)
    assert wanted.metadata_header is None


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param([], InvalidUploadLength, id="CREATE-08 no length at all"),
        pytest.param([("Upload-Length", "-1")], InvalidUploadLength, id="CREATE-10 negative"),
        pytest.param(
            [("Upload-Length", "5"), ("Upload-Length", "6")], InvalidUploadLength, id="CREATE-12 twice"
        ),
        pytest.param(
            [("Upload-Length", "5"), ("Upload-Length", "5")], InvalidUploadLength, id="CREATE-12 alike"
        ),
        pytest.param(
            [("Upload-Length", "5"), ("Upload-Defer-Length", "1")], InvalidDeferLength, id="CREATE-09 both"
        ),
        *(
            pytest.param([("Upload-Defer-Length", value)], InvalidDeferLength, id=f"DEFER-05 {value!r}")
            for value in ("0", "2", "true", "", "-1", "1 ", "01", "1, 1")
        ),
        pytest.param(
            [("Upload-Defer-Length", "1"), ("Upload-Defer-Length", "1")],
            InvalidDeferLength,
            id="DEFER-05 twice",
        ),
        pytest.param([("Upload-Metadata", "a !")], InvalidMetadata, id="CREATE-29"),
        pytest.param([("Upload-Metadata", "a" * 1001)], InvalidMetadata, id="CREATE-38 over the limit"),
        pytest.param(
            [("Upload-Metadata", "a"), ("Upload-Metadata", "b")], MalformedHeader, id="metadata twice"
        ),
        pytest.param([("Upload-Concat", "")], InvalidConcat, id="CONCAT-16"),
        pytest.param([("Upload-Concat", "final;a b c d")], InvalidConcat, id="CONCAT-28 over the limit"),
        pytest.param([("Upload-Concat", "partial")] * 2, MalformedHeader, id="concat twice"),
        pytest.param([("Upload-Checksum", "sha1")], InvalidChecksum, id="CHECK-09, CWU-14"),
        pytest.param([("Upload-Checksum", DIGEST)] * 2, MalformedHeader, id="CHECK-18 twice"),
    ],
)
def test_creations_that_are_refused(lines: list[tuple[str, str]], error: type[MalformedHeader]) -> None:
    length = [("Upload-Length", "5")] if lines and not any("Length" in name for name, _ in lines) else []
    with pytest.raises(error) as refused:
        parse_create(fields(*length, *lines), LIMITS)
    assert refused.value.status == 400


APPEND = [("Content-Type", CONTENT_TYPE), ("Upload-Offset", "70")]


def test_append() -> None:
    """CORE-36; CORE-65: headers that mean nothing here are ignored."""
    wanted = parse_append(fields(*APPEND, ("Upload-Concat", "partial"), ("Upload-Metadata", "!"), ("X", "y")))
    assert wanted == tus.AppendRequest(offset=70, length=None, checksum=None)


def test_append_that_declares_the_length_and_a_checksum() -> None:
    """DEFER-07, CHECK-04; DEFER-21: Upload-Defer-Length is ignored in a PATCH."""
    lines = [("Upload-Length", "100"), ("Upload-Defer-Length", "1"), ("Upload-Checksum", DIGEST)]
    wanted = parse_append(fields(*APPEND, *lines))
    assert wanted.length == 100
    assert wanted.checksum is not None
    assert wanted.checksum.algorithm == "sha1"


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param([("Upload-Offset", "0")], UnsupportedMediaType, id="CORE-43 no type"),
        pytest.param([APPEND[0]], InvalidOffset, id="CORE-46 no offset"),
        pytest.param([APPEND[0], ("Upload-Offset", "1.5")], InvalidOffset, id="CORE-47"),
        pytest.param([APPEND[0], ("Upload-Offset", "9" * 23)], InvalidOffset, id="CORE-48"),
        pytest.param([*APPEND, ("Upload-Offset", "5")], InvalidOffset, id="CORE-63 offset twice"),
        pytest.param([*APPEND, ("Upload-Length", "abc")], InvalidUploadLength, id="DEFER-22 letters"),
        pytest.param([*APPEND, ("Upload-Length", "-1")], InvalidUploadLength, id="DEFER-22 negative"),
        pytest.param([*APPEND, *[("Upload-Length", "9")] * 2], InvalidUploadLength, id="DEFER-22 twice"),
        pytest.param([*APPEND, ("Upload-Checksum", "foo AAAA")], InvalidChecksum, id="CHECK-07"),
        pytest.param([*APPEND, *[("Upload-Checksum", DIGEST)] * 2], MalformedHeader, id="CHECK-18"),
    ],
)
def test_appends_that_are_refused(lines: list[tuple[str, str]], error: type[UploadError]) -> None:
    with pytest.raises(error) as refused:
        parse_append(fields(*lines))
    assert refused.value.status == (415 if error is UnsupportedMediaType else 400)


_NAMES = ["Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Concat", "Upload-Checksum"]
_NAMES += ["Upload-Offset", "Content-Type"]
_VALUES = st.one_of(
    st.binary(max_size=50).map(lambda raw: raw.decode("latin-1")),
    st.sampled_from(["0", "1", "5", "partial", "final;a", "a YQ==", DIGEST, CONTENT_TYPE]),
)


@given(st.lists(st.tuples(st.sampled_from(_NAMES), _VALUES), max_size=6))
def test_any_header_section_is_read_or_refused(lines: list[tuple[str, str]]) -> None:
    """Nothing but the two documented classes ever leaves a parser."""
    headers = fields(*lines)
    try:
        created = parse_create(headers, LIMITS)
        assert created.length is None or created.length >= 0
    except MalformedHeader as refusal:
        assert_fit_to_send(refusal)
    try:
        assert parse_append(headers).offset >= 0
    except (MalformedHeader, UnsupportedMediaType) as refusal:
        assert_fit_to_send(refusal)


@pytest.mark.parametrize(
    ("trailers", "is_announced"),
    [
        pytest.param(["Upload-Checksum"], True, id="CHECK-25"),
        pytest.param(["upload-checksum"], True, id="CORE-22 case"),
        pytest.param(["X, Upload-Checksum"], True, id="in a list"),
        pytest.param(["X", "Y,Upload-Checksum "], True, id="in the second line"),
        pytest.param(["Upload-Checksums"], False, id="another name"),
        pytest.param([], False, id="CHECK-29 not announced"),
    ],
)
def test_announced_checksum_trailer(trailers: list[str], is_announced: bool) -> None:
    headers = fields(*(("Trailer", line) for line in trailers))
    assert tus.announces_checksum_trailer(headers) is is_announced


def test_extensions_imply_what_they_build_on() -> None:
    """CORE-04, CORE-05."""
    names = [extension.value for extension in tus.Extension]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and "," not in name for name in names)
    assert {"creation", "checksum", "concatenation"} <= set(names)
