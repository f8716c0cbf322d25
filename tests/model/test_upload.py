"""Upload ids, what an Upload refuses to be, and every move between states."""

import itertools
import os
import time
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tusd_py.model.upload import (
    Growing,
    Move,
    Upload,
    UploadKind,
    UploadState,
    is_upload_id,
    new_upload_id,
)

_ODD = st.lists(
    st.sampled_from(
        ["a", "Z", "0", ".", "..", "/", "\\", "~", "%", ":", ".info", ".lock", ".stop", "\0", "\n", " "]
    ),
    max_size=6,
).map("".join)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("0123456789abcdef0123456789abcdef", id="one made here"),
        pytest.param("a", id="one character"),
        pytest.param("a" * 200, id="200 characters"),
        pytest.param("report.pdf", id="a dot within, as a hook of tusd may choose"),
        pytest.param("-_~!$'()*+,;=@%", id="every other character that tusd allows in a name"),
        pytest.param("a..b", id="dots that mean nothing"),
        pytest.param("info", id="only the suffix is reserved"),
        pytest.param("a.info.txt", id="not at the end"),
    ],
)
def test_ids(text: str) -> None:
    assert is_upload_id(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(".", id="this directory"),
        pytest.param("..", id="CORE-35 the directory above"),
        pytest.param(".tusd-py", id="hidden: the folder of our state"),
        pytest.param("a/b", id="CORE-35 separator"),
        pytest.param("/a", id="absolute"),
        pytest.param("a\\b", id="separator elsewhere"),
        pytest.param("a\0", id="CORE-35 NUL"),
        pytest.param("a\n", id="line feed behind, which $ of a regular expression lets pass"),
        pytest.param("a b", id="blank: a separator in Upload-Concat"),
        pytest.param("a:b", id="stream of a file elsewhere"),
        pytest.param("a.info", id="CORE-35 a description"),
        pytest.param(".info", id="only the suffix"),
        pytest.param("a.lock", id="a lock of tusd"),
        pytest.param("a.stop", id="a request of tusd"),
        pytest.param("\xe9", id="a letter beyond ASCII"),
        pytest.param("\uff11", id="full-width digit"),
        pytest.param("a" * 201, id="CORE-35 too long"),
        pytest.param("a" * 8192, id="CORE-35 much too long"),
    ],
)
def test_no_ids(text: str) -> None:
    assert not is_upload_id(text)


@given(st.one_of(st.text(), _ODD, st.from_regex(r"[!-~]{1,12}", fullmatch=True)))
@example("..")
@example("a.info")
def test_an_id_is_one_harmless_file_name(text: str) -> None:
    """Whatever is accepted names one file in the directory, beside none of the files we put there."""
    if not is_upload_id(text):
        return
    assert os.path.basename(text) == text
    assert Path("/uploads", text).parent == Path("/uploads")
    assert os.path.normpath(f"/uploads/{text}") == f"/uploads/{text}"
    assert not text.startswith(".")
    assert not text.endswith((".info", ".lock", ".stop"))
    assert text.isascii()
    assert text.isprintable()
    assert not set(text) & set('/\\:*?"<>|& \t') - {"*"}
    assert len(f".{text}.info.new") <= 255, "a file name of the system"


def test_ids_made_here_are_tusd_s_and_never_the_same() -> None:
    """CREATE-05."""
    made = {new_upload_id() for _ in range(1000)}
    assert len(made) == 1000
    for upload_id in made:
        assert is_upload_id(upload_id)
        assert len(upload_id) == 32
        assert set(upload_id) <= set("0123456789abcdef")


def test_ids_are_in_the_order_of_their_making_and_random_behind_that() -> None:
    before = time.time()
    made = [new_upload_id() for _ in range(1000)]
    after = time.time()
    assert [upload_id[:12] for upload_id in made] == sorted(upload_id[:12] for upload_id in made)
    assert before - 0.001 <= int(made[0][:12], 16) / 1000 <= after
    assert len({upload_id[12:] for upload_id in made}) == 1000, "80 random bits never come twice"


@pytest.mark.parametrize("upload_id", ["", "..", "a/b", "a.info", ".a"])
def test_an_upload_has_an_id(upload_id: str) -> None:
    with pytest.raises(ValueError, match="not an upload id"):
        Upload(id=upload_id, length=1, created_at=0.0)


@pytest.mark.parametrize("length", [-1, -(2**63)])
def test_a_length_is_not_negative(length: int) -> None:
    with pytest.raises(ValueError, match="between 0 and"):
        Upload(id="a", length=length, created_at=0.0)


def test_an_upload_is_open_single_and_anybody_s_unless_told_otherwise() -> None:
    upload = Upload(id="a", length=None, created_at=0.0)
    assert (upload.kind, upload.state, upload.user) == (UploadKind.SINGLE, UploadState.OPEN, None)
    assert upload.expires_at is None
    with pytest.raises(FrozenInstanceError):
        upload.length = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("unverified_from", "stored", "offset"),
    [
        pytest.param(None, 7, 7, id="all bytes are verified"),
        pytest.param(4, 7, 4, id="CHECK-20: bytes that await their checksum do not count"),
        pytest.param(0, 7, 0, id="not even the first one"),
        pytest.param(7, 7, 7, id="nothing of the new request has arrived"),
        pytest.param(9, 7, 7, id="fewer bytes than were promised: the file is right"),
    ],
)
def test_offset_counts_verified_bytes(unverified_from: int | None, stored: int, offset: int) -> None:
    assert Growing(unverified_from).offset(stored) == offset


#: What may happen in which state, and what comes of it: an independent copy of the rule, as a table.
#: "-": refused. Columns: the moves in the order of _MOVES.
_MOVES = [Move.FINISH, Move.EXPIRE, Move.COMMIT, Move.REOPEN]
_TABLE = {
    UploadState.OPEN: ["complete", "expired", "committing", "-"],
    UploadState.COMMITTING: ["complete", "expired", "-", "open"],
    UploadState.COMPLETE: ["-", "expired", "-", "-"],
    UploadState.EXPIRED: ["-", "-", "-", "-"],
}


@pytest.mark.parametrize(("state", "move"), list(itertools.product(UploadState, Move)))
def test_every_move_in_every_state(state: UploadState, move: Move) -> None:
    """EXPIRE: a pair that the table does not name is refused."""
    expected = _TABLE[state][_MOVES.index(move)]
    assert (move.after.value if state in move.before else "-") == expected


def test_no_upload_comes_back() -> None:
    """No move leads back to a state with fewer bytes."""
    order = [UploadState.OPEN, UploadState.COMMITTING, UploadState.COMPLETE, UploadState.EXPIRED]
    for move in Move:
        if move is Move.REOPEN:  # a commit changes no byte, so its failure takes none away
            continue
        assert all(order.index(move.after) > order.index(before) for before in move.before)
