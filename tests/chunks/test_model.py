"""Random chunks, repeats, overlaps, wrong digests, deletions and commits against a model of a few lines."""

import base64
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chunks.lab import Api, Service
from tests.support.tus import payload, sha256

SIZE = 64
TRUE, OTHER = payload(SIZE), payload(SIZE, 1)


@dataclass
class Model:
    """What a session of SIZE bytes has to be."""

    ranges: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def put(self, first: int, stop: int, data: bytes, *, is_right: bool) -> int:
        if (first, stop) in self.ranges:
            return 400 if not is_right else 200 if self.ranges[first, stop] == data else 409
        if any(first < end and start < stop for start, end in self.ranges):
            return 409
        if not is_right:
            return 400
        self.ranges[first, stop] = data
        return 200

    def delete(self, first: int) -> int:
        found = [each for each in self.ranges if each[0] == first]
        for each in found:
            del self.ranges[each]
        return 204 if found else 404

    def content(self) -> bytes | None:
        joined = b"".join(self.ranges[each] for each in sorted(self.ranges))
        return joined if len(joined) == SIZE else None


@dataclass(frozen=True)
class Put:
    """One chunk to send."""

    first: int
    stop: int
    source: bytes
    is_right: bool
    is_form: bool


edges = st.integers(0, 8).map(lambda number: number * 8)
puts = st.builds(
    Put, edges, edges, st.sampled_from([TRUE, TRUE, TRUE, OTHER]), st.integers(0, 5).map(bool), st.booleans()
)
steps = st.one_of(puts, puts, puts, edges, st.none())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=st.lists(steps, min_size=5, max_size=25))
def test_t4_any_sequence_of_requests(server: Service, api: Api, script: list[Put | int | None]) -> None:
    """Received ranges are always disjoint, the file is what the model says, and so is every status."""
    upload, model = api.create(SIZE), Model()
    for step in script:
        if step is None:
            whole = model.content()
            reply = api.commit(upload, sha256(b"no such content"))
            assert reply.status_code == (409 if whole is None else 400)
        elif isinstance(step, int):
            assert api.http.delete(f"{upload['href']}chunks/{step}").status_code == model.delete(step)
        elif step.first < step.stop:
            send(api, upload, model, step)
        check(server, api, upload["id"], model)
    whole = model.content()
    if whole is not None:
        assert api.commit(upload, sha256(whole)).status_code == 200
    api.http.delete(upload["href"])


def send(api: Api, upload: dict[str, Any], model: Model, put: Put) -> None:
    data = put.source[put.first : put.stop]
    digest = sha256(data if put.is_right else b"wrong")
    if put.is_form:
        reply = api.put_form(upload, put.first, data, sha256=digest)
    else:
        encoded = base64.b64encode(bytes.fromhex(digest)).decode()
        reply = api.put(upload, put.first, data, headers={"Digest": f"SHA-256={encoded}"})
    assert reply.status_code == model.put(put.first, put.stop, data, is_right=put.is_right), reply.text


def check(server: Service, api: Api, upload_id: str, model: Model) -> None:
    rows = server.sql(
        "SELECT position, position + size, sha256 FROM upload_chunks WHERE upload_id = ? ORDER BY position",
        upload_id,
    )
    assert rows == [(*each, sha256(model.ranges[each])) for each in sorted(model.ranges)]
    ((prefix, received, count),) = server.sql(
        "SELECT prefix, received, chunk_count FROM uploads JOIN sessions ON upload_id = id WHERE id = ?",
        upload_id,
    )
    assert received == sum(stop - start for start, stop in model.ranges)
    assert count == len(model.ranges)
    expected = 0
    for start, stop in sorted(model.ranges):
        expected = stop if start == expected else expected
    assert prefix == expected
    file = (server.upload_dir / upload_id).read_bytes()
    for (start, stop), data in model.ranges.items():
        assert file[start:stop] == data
