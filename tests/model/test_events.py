"""Events as text and back."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from tusd_py.model.events import Event, EventType, UploadSnapshot
from tusd_py.model.requests import RequestInfo
from tusd_py.model.upload import METADATA_KEY, Upload, UploadKind, UploadState

_TIMES = st.floats(0, 2**40)
_UPLOADS = st.builds(
    Upload,
    id=st.just("a"),
    kind=st.sampled_from(UploadKind),
    state=st.sampled_from(UploadState),
    length=st.none() | st.integers(0, 2**63 - 1),
    user=st.none() | st.text(st.characters(codec="utf-8")),
    metadata=st.dictionaries(st.from_regex(METADATA_KEY, fullmatch=True), st.binary()),
    metadata_header=st.none() | st.text(),
    concat_header=st.none() | st.text(),
    created_at=_TIMES,
    completed_at=st.none() | _TIMES,
    expires_at=st.none() | _TIMES,
)
_REQUESTS = st.none() | st.builds(
    RequestInfo.of, st.text(), st.text(), st.text(), st.lists(st.tuples(st.text(), st.text()))
)


@given(st.sampled_from(EventType), _TIMES, _UPLOADS, _REQUESTS)
def test_an_event_comes_back_as_it_was(
    type_: EventType, at: float, upload: Upload, request: RequestInfo | None
) -> None:
    """Every field, and metadata as the bytes that the client sent."""
    event = Event(type=type_, at=at, upload=UploadSnapshot.of(upload), request=request)
    text = event.to_json()
    assert text.isascii()
    assert Event.from_json(text) == event


def test_a_snapshot_has_what_an_upload_says_of_itself() -> None:
    """How the bytes are kept may change until the event is read; all else of an upload is in its snapshot."""
    kept = {each.name for each in dataclasses.fields(UploadSnapshot)}
    assert {each.name for each in dataclasses.fields(Upload)} - kept == {"layout"}


def test_no_two_events_have_the_same_id() -> None:
    upload = UploadSnapshot.of(Upload(id="a", length=None, created_at=0))
    assert len({Event(type=EventType.CREATED, at=0, upload=upload).id for _ in range(1000)}) == 1000
