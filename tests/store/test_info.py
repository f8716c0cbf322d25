"""The ``.info`` file: written as tusd v2 writes it, read however it was written."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tusd_py.adapters.store_file.info import Info, format_info, parse_info
from tusd_py.fronts.tus.metadata import format_metadata, parse_metadata
from tusd_py.model.upload import Upload, UploadChunk, UploadKind, is_upload_id

ID = "0b7d24fb0ea1a5e3fb1e2b1d3c4d5e6f"
UPLOAD = Upload(id=ID, length=11, metadata={"filename": b"a.txt"}, created_at=0.0)
#: What tusd v2 writes for that upload, byte for byte.
WRITTEN_BY_TUSD = (
    b'{"ID":"0b7d24fb0ea1a5e3fb1e2b1d3c4d5e6f","Size":11,"SizeIsDeferred":false,"Offset":0,'
    b'"MetaData":{"filename":"a.txt"},"IsPartial":false,"IsFinal":false,"PartialUploads":null,'
    b'"Storage":{"InfoPath":"/srv/u/0b7d24fb0ea1a5e3fb1e2b1d3c4d5e6f.info",'
    b'"Path":"/srv/u/0b7d24fb0ea1a5e3fb1e2b1d3c4d5e6f","Type":"filestore"}}'
)
KEYS = [
    "ID",
    "Size",
    "SizeIsDeferred",
    "Offset",
    "MetaData",
    "IsPartial",
    "IsFinal",
    "PartialUploads",
    "Storage",
]


def written(upload: Upload, *partial_ids: str) -> bytes:
    chunks = [
        UploadChunk(
            id=name,
            upload_id=upload.id,
            offset=offset,
            size=1,
            data_file=name,
            source_id=name,
            created_at=0.0,
        )
        for offset, name in enumerate(partial_ids)
    ]
    return format_info(upload, chunks, data_path=f"/srv/u/{upload.id}")


def test_the_file_is_tusd_s_byte_for_byte() -> None:
    """One line, no line feed at the end, tusd's keys in tusd's order."""
    assert written(UPLOAD) == WRITTEN_BY_TUSD


def test_tusd_s_file_is_read() -> None:
    assert parse_info(WRITTEN_BY_TUSD, upload_id=ID) == Info(
        length=11,
        metadata={"filename": b"a.txt"},
        kind=UploadKind.SINGLE,
        partial_ids=(),
        user=None,
        concat_header=None,
    )


@pytest.mark.parametrize(
    ("upload", "changes"),
    [
        pytest.param(replace(UPLOAD, length=None), {"Size": 0, "SizeIsDeferred": True}, id="deferred"),
        pytest.param(replace(UPLOAD, length=0), {"Size": 0}, id="empty"),
        pytest.param(replace(UPLOAD, length=2**63 - 1), {"Size": 2**63 - 1}, id="as large as can be"),
        pytest.param(replace(UPLOAD, metadata={}), {"MetaData": {}}, id="no metadata is {}, not null"),
        pytest.param(
            replace(UPLOAD, kind=UploadKind.PARTIAL, concat_header="partial"),
            {"IsPartial": True},
            id="partial",
        ),
        pytest.param(
            replace(UPLOAD, metadata={"k": "sch\xf6n \u2603".encode()}),
            {"MetaData": {"k": "sch\xf6n \u2603"}},
            id="text beyond ASCII",
        ),
        pytest.param(
            replace(UPLOAD, metadata={"k": b"\xff\xfe"}),
            {"MetaData": {"k": "\ufffd\ufffd"}},
            id="bytes that are no text, as in tusd",
        ),
    ],
)
def test_keys_types_and_values(upload: Upload, changes: dict[str, object]) -> None:
    """Everything else is as it was, and the order too."""
    found = json.loads(written(upload))
    assert list(found) == KEYS
    assert found == {**json.loads(WRITTEN_BY_TUSD), **changes}


def test_metadata_keys_are_sorted() -> None:
    """As Go prints a map."""
    found = json.loads(written(replace(UPLOAD, metadata={"b": b"1", "a": b"2", "C": b"3"})))
    assert list(found["MetaData"]) == ["C", "a", "b"]


def test_a_final_lists_its_partials_in_order() -> None:
    """Two keys are ours and come last: tusd ignores what it does not know."""
    final = replace(UPLOAD, kind=UploadKind.FINAL, concat_header="final;/files/b /files/a", user="ann")
    found = json.loads(written(final, "b", "a"))
    assert list(found) == [*KEYS, "User", "ConcatHeader"]
    assert found["IsFinal"] is True
    assert found["PartialUploads"] == ["b", "a"]
    assert found["User"] == "ann"
    assert found["ConcatHeader"] == "final;/files/b /files/a"


@given(
    st.one_of(st.none(), st.integers(0, 2**63 - 1)),
    st.dictionaries(st.from_regex(r"[!-+\--~]{1,10}", fullmatch=True), st.text(max_size=10), max_size=4),
    st.one_of(st.none(), st.text(max_size=10).filter(str.isprintable)),
)
def test_what_is_written_is_read(length: int | None, metadata: dict[str, str], user: str | None) -> None:
    encoded = {key: value.encode() for key, value in metadata.items()}
    info = parse_info(written(replace(UPLOAD, length=length, metadata=encoded, user=user)), upload_id=ID)
    assert info is not None
    assert (info.length, info.metadata, info.user) == (length, encoded, user)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"id":"%s","size":11}', id="keys in lower case"),
        pytest.param('{"ID":"%s","SIZE":11,"Unknown":[1,{"a":2}]}', id="unknown keys"),
        pytest.param(
            '{"ID":"%s","Size":11,"MetaData":null,"PartialUploads":null,"Storage":null}', id="nulls"
        ),
        pytest.param(' {"ID" : "%s",\n "Size": 11 }\n', id="white space"),
        pytest.param(
            '{"ID":"%s","Size":11,"Storage":{"Path":"/etc/passwd"}}', id="a path that is not believed"
        ),
    ],
)
def test_other_writers_are_understood(text: str) -> None:
    info = parse_info((text % ID).encode(), upload_id=ID)
    assert info is not None
    assert (info.length, info.metadata) == (11, {})


def test_go_s_escapes_are_read() -> None:
    r"""tusd writes ``<``, ``>`` and ``&`` as \u003c and so on; a reader must take both."""
    text = f'{{"ID":"{ID}","Size":1,"MetaData":{{"k":"\\u003ca\\u0026b\\u003e\\u2028"}}}}'
    info = parse_info(text.encode(), upload_id=ID)
    assert info is not None
    assert info.metadata == {"k": "<a&b>\u2028".encode()}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("null", id="null"),
        pytest.param("[]", id="no object"),
        pytest.param('{"ID":"other","Size":1}', id="another upload's"),
        pytest.param('{"ID":"../%s","Size":1}', id="an id that leads out"),
        pytest.param('{"Size":1}', id="no id"),
        pytest.param('{"ID":"%s"}', id="no size"),
        pytest.param('{"ID":"%s","Size":-1}', id="negative"),
        pytest.param('{"ID":"%s","Size":9223372036854775808}', id="too large"),
        pytest.param('{"ID":"%s","Size":1e400}', id="infinite"),
        pytest.param('{"ID":"%s","Size":1.5}', id="fraction"),
        pytest.param('{"ID":"%s","Size":true}', id="a truth is no size"),
        pytest.param('{"ID":"%s","Size":"1"}', id="text is no size"),
        pytest.param('{"ID":"%s","Size":1,"MetaData":{"k":1}}', id="metadata that is no text"),
        pytest.param('{"ID":"%s","Size":1,"MetaData":{"a b":"x"}}', id="a key that no header takes"),
        pytest.param(
            '{"ID":"%s","Size":1,"MetaData":{"a\\r\\nX: y":"x"}}', id="CREATE-36 line break in a key"
        ),
        pytest.param('{"ID":"%s","Size":1,"PartialUploads":["../a"]}', id="a partial that leads out"),
        pytest.param('{"ID":"%s","Size":1,"PartialUploads":["a.info"]}', id="a partial that is no data file"),
        pytest.param('{"ID":"%s","Size":1,"PartialUploads":"a"}', id="partials that are no list"),
        pytest.param('{"ID":"%s","Size":1,"User":7}', id="a user that is no text"),
        pytest.param('{"ID":"%s","Size":1,"ConcatHeader":"final;a\\r\\nX: y"}', id="line break in a header"),
        pytest.param("[" * 100_000, id="nested without end"),
        pytest.param('{"ID":"%s","Size":' + "9" * 5000 + "}", id="more digits than int() takes"),
    ],
)
def test_hostile_files_are_none_of_ours(text: str) -> None:
    assert parse_info(text.replace("%s", ID).encode(), upload_id=ID) is None


def test_a_user_that_no_catalog_can_keep_is_refused() -> None:
    """A lone surrogate is legal JSON but no text: the catalog could not store the adopted upload."""
    info = parse_info(f'{{"ID":"{ID}","Size":1,"User":"\\ud800"}}'.encode(), upload_id=ID)
    assert info is None or info.user is None or info.user.encode()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
_names = st.sampled_from(
    [*KEYS, "User", "ConcatHeader", "id", "size", "metadata", "isfinal", "partialuploads"]
)
_values = _json | st.sampled_from(
    [ID, 0, 11, True, ["a"], ["..", "a/b"], {"k": "v"}, {"k,": "v"}, "a\n", "\xe9"]
)


@given(st.dictionaries(_names, _values, max_size=8).map(lambda fields: {"ID": ID, "Size": 1, **fields}))
def test_any_json_is_read_or_refused(fields: dict[str, object]) -> None:
    """Whatever comes out is safe to use: ids as file names, metadata and concat in headers."""
    check_info(parse_info(json.dumps(fields).encode(), upload_id=ID))


@given(st.one_of(st.binary(), _json.map(lambda value: json.dumps(value).encode())))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    check_info(parse_info(data, upload_id=ID))


def test_a_torn_file_is_refused() -> None:
    """tusd truncates and rewrites in place, so a crash leaves any prefix."""
    for size in range(len(WRITTEN_BY_TUSD)):
        assert parse_info(WRITTEN_BY_TUSD[:size], upload_id=ID) is None


def check_info(info: Info | None) -> None:
    if info is None:
        return
    assert info.length is None or 0 <= info.length < 2**63
    assert all(is_upload_id(name) for name in info.partial_ids)
    if info.metadata:
        assert parse_metadata(format_metadata(info.metadata), max_bytes=1 << 20) == info.metadata
    if info.concat_header is not None:
        assert info.concat_header.isascii()
        assert info.concat_header.isprintable()
