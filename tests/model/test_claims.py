"""Who may write a range (the rules of the chunk API), decided without a catalog."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tusd_py.model.claims import (
    Absent,
    Busy,
    Forgotten,
    Full,
    Granted,
    NotOpen,
    Overlap,
    Repeat,
    Wish,
    decide,
    decide_deletion,
)
from tusd_py.model.ranges import ByteRange
from tusd_py.model.upload import ChunkState, UploadChunk, UploadState

SIZE = 5
FREE, WRITING, THERE = 0, 1, 2


def wish(start: int, stop: int, *, may_replace: bool = False, max_chunks: int | None = None) -> Wish:
    return Wish(
        upload_id="u",
        range=ByteRange(start, stop),
        chunk_id=f"{start}-{stop}",
        worker="w",
        at=0.0,
        replace=may_replace,
        max_chunks=max_chunks,
    )


places = st.sampled_from([(start, stop) for stop in range(1, SIZE + 1) for start in range(stop)])
steps = st.lists(
    st.tuples(places, st.booleans(), st.sampled_from(["claim", "record", "drop", "delete"])),
    min_size=10,
    max_size=40,
)


@given(steps=steps, limit=st.integers(1, 6))
def test_no_sequence_of_claims_makes_ranges_overlap(
    steps: list[tuple[tuple[int, int], bool, str]], limit: int
) -> None:
    """The bytes of an upload, one by one, say the same as the rules on ranges."""
    chunks: dict[int, UploadChunk] = {}
    model = bytearray(SIZE)
    for (start, stop), may_replace, step in steps:
        at = chunks.get(start)
        if step == "claim":
            wanted = wish(start, stop, may_replace=may_replace, max_chunks=limit)
            _claim(chunks, model, wanted, limit)
        elif step == "record" and at is not None:
            chunks[start] = replace(at, state=ChunkState.RECEIVED)
            model[at.range.start : at.range.stop] = bytes([THERE]) * at.range.size
        elif at is None or step == "delete":
            _delete(chunks, model, start)
        elif at.state is ChunkState.RECEIVING:
            del chunks[start]
            model[at.range.start : at.range.stop] = bytes(at.range.size)
        assert sum(each.range.size for each in chunks.values()) == SIZE - model.count(FREE)
        assert len(chunks) <= limit


def _claim(chunks: dict[int, UploadChunk], model: bytearray, wanted: Wish, limit: int) -> None:
    span = slice(wanted.range.start, wanted.range.stop)
    near = sorted((c for c in chunks.values() if c.range.overlaps(wanted.range)), key=lambda c: c.range)
    answer = decide(wanted, state=UploadState.OPEN, chunk_count=len(chunks), neighbours=near)
    is_same = wanted.range.start in chunks and chunks[wanted.range.start].range == wanted.range
    is_same = is_same and WRITING not in model[span]
    match answer:
        case Granted(chunk, replaced):
            assert not any(model[span]) or (wanted.replace and is_same)
            assert (replaced is not None) == any(model[span])
            chunks[chunk.range.start] = chunk
            model[span] = bytes([WRITING]) * wanted.range.size
        case Repeat(chunk):
            assert is_same
            assert chunk.range == wanted.range
            assert not wanted.replace
        case Busy():
            assert WRITING in model[span]
        case Overlap():
            assert THERE in model[span]
            assert WRITING not in model[span]
            assert not is_same
        case Full():
            assert len(chunks) >= limit
            assert not any(model[span])
        case NotOpen():
            raise AssertionError("the upload is open")


def _delete(chunks: dict[int, UploadChunk], model: bytearray, start: int) -> None:
    match decide_deletion(chunks.get(start), state=UploadState.OPEN):
        case Forgotten(chunk):
            assert model[start] == THERE
            del chunks[start]
            model[chunk.range.start : chunk.range.stop] = bytes(chunk.range.size)
        case Busy():
            assert model[start] == WRITING
        case Absent():
            assert start not in chunks
        case NotOpen():
            raise AssertionError("the upload is open")


@pytest.mark.parametrize("state", [None, *(each for each in UploadState if each is not UploadState.OPEN)])
@pytest.mark.parametrize("may_replace", [False, True])
def test_only_an_open_upload_changes(state: UploadState | None, may_replace: bool) -> None:
    """A repeat changes nothing, so that it is answered in every state."""
    granted = decide(wish(0, 4), state=UploadState.OPEN, chunk_count=0, neighbours=[])
    assert isinstance(granted, Granted)
    received = replace(granted.chunk, state=ChunkState.RECEIVED)
    again, other = wish(0, 4, may_replace=may_replace), wish(0, 5, may_replace=may_replace)
    assert decide(again, state=state, chunk_count=1, neighbours=[received]) == Repeat(received)
    assert decide(other, state=state, chunk_count=1, neighbours=[received]) == NotOpen(state)
    assert decide_deletion(received, state=state) == NotOpen(state)


def test_a_replaced_range_does_not_count_twice() -> None:
    granted = decide(wish(0, 4, max_chunks=1), state=UploadState.OPEN, chunk_count=0, neighbours=[])
    assert isinstance(granted, Granted)
    received = replace(granted.chunk, state=ChunkState.RECEIVED)
    again = wish(0, 4, may_replace=True, max_chunks=1)
    answer = decide(again, state=UploadState.OPEN, chunk_count=1, neighbours=[received])
    assert isinstance(answer, Granted)
    assert answer.replaced == received
    full = decide(wish(4, 8, max_chunks=1), state=UploadState.OPEN, chunk_count=1, neighbours=[])
    assert full == Full(1)
