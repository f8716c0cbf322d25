"""How long a final is (tus 1.0.0, Concatenation), and when a commit begins; decided without a catalog."""

import pytest

from tusd_py.model.claims import NotOpen
from tusd_py.model.commits import Begun, Incomplete, decide_commit
from tusd_py.model.finals import TooLarge, final_length
from tusd_py.model.upload import MAX_LENGTH, UploadState


@pytest.mark.parametrize(
    ("pieces", "max_size", "length"),
    [
        ([3, 0, 4], None, 7),
        ([3, None, 4], None, None),
        ([None, 11], 10, None),  # refused once the rest is known, as the sum
        ([5, 5], 10, 10),
        ([5, 6], 10, TooLarge(10)),
        ([MAX_LENGTH, 1], None, TooLarge(MAX_LENGTH)),
    ],
)
def test_concat_26_a_final_is_as_long_as_its_partials(
    pieces: list[int | None], max_size: int | None, length: object
) -> None:
    assert final_length(pieces, max_size) == length


@pytest.mark.parametrize("state", UploadState)
def test_a_commit_begins_of_an_open_upload_only(state: UploadState) -> None:
    answer = decide_commit(state=state, prefix=10, length=10)
    assert answer == (Begun() if state is UploadState.OPEN else NotOpen(state))


def test_no_commit_begins_of_an_upload_that_is_gone() -> None:
    assert decide_commit(state=None, prefix=None, length=None) == NotOpen(None)


@pytest.mark.parametrize(("prefix", "length"), [(9, 10), (0, None), (None, 0), (None, None)])
def test_no_commit_begins_before_every_byte_is_there(prefix: int | None, length: int | None) -> None:
    """None: not kept as chunks in any order, or not known how long it is."""
    assert decide_commit(state=UploadState.OPEN, prefix=prefix, length=length) == Incomplete()
