"""Fields, ranges and digests that make no sense: refused by name, and nothing comes of them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chunks.lab import content_range, problem
from tests.support.lab import Tus, running
from tests.support.tus import checksum, sha256

pytestmark = pytest.mark.anyio

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
DATA = b"hello world"


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Tus]:
    async with running(tmp_path / "uploads") as lab:
        yield lab


async def session(lab: Tus) -> dict[str, Any]:
    """A session that has all of its bytes."""
    made: dict[str, Any] = (await lab.http.post("/uploads/", json={"size": len(DATA)})).json()
    reply = await lab.http.put(made["href"], content=DATA, headers=content_range(0, DATA))
    assert reply.status_code == 200
    return made


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"size": 1, "filename": "a\nb"}, "filename"),
        ({"size": 1, "filename": "a" * 5000}, "filename"),
        ({"size": 1, "metadata": "no JSON"}, "metadata"),
        ({"size": 1, "metadata": "[" * 100_000}, "metadata"),
        ({"size": 1, "metadata": {"a": "b" * 60_000}}, "metadata"),
    ],
)
async def test_fields_of_a_creation(lab: Tus, fields: dict[str, Any], name: str) -> None:
    """The field is named, and no upload is there."""
    reply = await lab.http.post("/uploads/", json=fields)
    if reply.status_code == 413:
        problem(reply, "body-too-large", 413)
    else:
        assert list(problem(reply, "invalid-field", 400)["errors"]) == [name]
    assert lab.rows()["uploads"] == 0


async def test_metadata_may_be_json_in_a_field_of_a_form(lab: Tus) -> None:
    """As tools send it that know no objects."""
    reply = await lab.http.post("/uploads/", data={"size": "1", "metadata": '{"where": "here"}'})
    assert (reply.status_code, reply.json()["metadata"]) == (201, {"where": "here"})


@pytest.mark.parametrize(
    ("body", "name", "status"),
    [
        (b"size=\xff", "invalid-body", 400),
        (b"&".join(b"a%d=1" % number for number in range(101)), "invalid-body", 400),
        (b"sha256=" + b"0" * 70_000, "body-too-large", 413),
    ],
)
async def test_forms_that_cannot_be_read(lab: Tus, body: bytes, name: str, status: int) -> None:
    """A commit may have a long list of parts as JSON; a form may be no longer than any other."""
    made = await session(lab)
    problem(await lab.http.post(made["links"]["commit"], content=body, headers=FORM), name, status)
    assert lab.sql("SELECT state FROM uploads") == [("open",)]


@pytest.mark.parametrize(
    ("fields", "headers", "name"),
    [
        ({"sha256": sha256(b"other")}, {"Repr-Digest": "own"}, "sha256"),
        ({"parts": [1]}, {}, "parts"),
        ({"parts": "all"}, {}, "parts"),
    ],
)
async def test_what_a_commit_is_told(
    lab: Tus, fields: dict[str, Any], headers: dict[str, str], name: str
) -> None:
    """The upload stays open, and a right commit follows."""
    made = await session(lab)
    digest = checksum(DATA).removeprefix("sha256 ")
    sent = {key: f"sha-256=:{digest}:" for key in headers}
    refused = await lab.http.post(made["links"]["commit"], json=fields, headers=sent)
    assert list(problem(refused, "invalid-field", 400)["errors"]) == [name]
    assert lab.sql("SELECT state FROM uploads") == [("open",)]
    done = await lab.http.post(made["links"]["commit"], json={"sha256": sha256(DATA)})
    assert done.json()["state"] == "completed"


async def test_a_range_that_no_upload_can_have(lab: Tus) -> None:
    made = await session(lab)
    headers = {"Content-Range": f"bytes {2**63 - 1}-{2**63}/*"}
    reply: httpx.Response = await lab.http.put(made["href"], content=b"xx", headers=headers)
    problem(reply, "content-range", 400)
    assert lab.rows()["upload_chunks"] == 1


async def test_an_artifact_whose_description_cannot_be_written_is_there_all_the_same(lab: Tus) -> None:
    """Only a lost catalog would need it."""
    made = await session(lab)
    await lab.http.post(made["links"]["commit"], json={"sha256": sha256(DATA)})
    exports = lab.directory / ".tusd-py" / "exports"
    if exports.exists():
        exports.rmdir()
    exports.write_bytes(b"")
    reply = await lab.http.post("/artifacts/", json={"upload": made["id"]})
    assert reply.status_code == 201
    assert (await lab.http.get(reply.json()["links"]["content"])).content == DATA
