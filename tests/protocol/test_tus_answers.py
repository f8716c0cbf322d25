"""tus 1.0.0 on the wire: what HEAD, PATCH and creations answer."""

from dataclasses import replace

import pytest

from tusd_py.fronts.tus import grammar as tus
from tusd_py.model.upload import Upload, UploadKind, UploadState

UPLOAD = Upload(id="a" * 32, length=10, created_at=0.0)
_FINAL = replace(UPLOAD, kind=UploadKind.FINAL, concat_header="final;/files/a  b")
_BASE = {"Cache-Control": "no-store"}


@pytest.mark.parametrize(
    ("upload", "offset", "answer"),
    [
        pytest.param(UPLOAD, 4, {"Upload-Offset": "4", "Upload-Length": "10"}, id="CORE-27, DEFER-24"),
        pytest.param(
            replace(UPLOAD, state=UploadState.COMPLETE),
            10,
            {"Upload-Offset": "10", "Upload-Length": "10"},
            id="CORE-28 complete",
        ),
        pytest.param(
            replace(UPLOAD, length=0), 0, {"Upload-Offset": "0", "Upload-Length": "0"}, id="CREATE-15 empty"
        ),
        pytest.param(
            replace(UPLOAD, length=None), 3, {"Upload-Offset": "3", "Upload-Defer-Length": "1"}, id="DEFER-03"
        ),
        pytest.param(
            replace(UPLOAD, kind=UploadKind.PARTIAL, concat_header="partial"),
            5,
            {"Upload-Offset": "5", "Upload-Length": "10", "Upload-Concat": "partial"},
            id="CONCAT-03",
        ),
        pytest.param(
            _FINAL,
            0,
            {"Upload-Length": "10", "Upload-Concat": "final;/files/a  b"},
            id="CONCAT-40, CONCAT-41 waiting final",
        ),
        pytest.param(
            replace(_FINAL, length=None),
            0,
            {"Upload-Concat": "final;/files/a  b"},
            id="CONCAT-41 final of a deferred partial",
        ),
        pytest.param(
            replace(_FINAL, state=UploadState.COMPLETE),
            10,
            {"Upload-Offset": "10", "Upload-Length": "10", "Upload-Concat": "final;/files/a  b"},
            id="CONCAT-06, CONCAT-08 complete final",
        ),
        pytest.param(
            replace(UPLOAD, metadata={"k": b""}, metadata_header="k "),
            0,
            {"Upload-Offset": "0", "Upload-Length": "10", "Upload-Metadata": "k "},
            id="CREATE-25, CREATE-26 as sent",
        ),
        pytest.param(
            replace(UPLOAD, metadata={"k": b"a"}),
            0,
            {"Upload-Offset": "0", "Upload-Length": "10", "Upload-Metadata": "k YQ=="},
            id="metadata that no client sent",
        ),
        pytest.param(
            replace(UPLOAD, expires_at=784_111_777.0),
            0,
            {
                "Upload-Offset": "0",
                "Upload-Length": "10",
                "Upload-Expires": "Sun, 06 Nov 1994 08:49:37 GMT",
            },
            id="EXPIRE-04, EXPIRE-06",
        ),
    ],
)
def test_head(upload: Upload, offset: int, answer: dict[str, str]) -> None:
    """CORE-26: and no-store always. Nothing but what is listed."""
    assert tus.head_headers(upload, offset) == {**_BASE, **answer}


def test_offset_headers() -> None:
    """CORE-36, EXPIRE-03, EXPIRE-08."""
    assert tus.offset_headers(UPLOAD, 7) == {"Upload-Offset": "7"}
    expiring = replace(UPLOAD, expires_at=784_111_777.0)
    assert tus.offset_headers(expiring, 7) == {
        "Upload-Offset": "7",
        "Upload-Expires": "Sun, 06 Nov 1994 08:49:37 GMT",
    }
    assert tus.expiry_headers(replace(expiring, state=UploadState.EXPIRED)) == {}
