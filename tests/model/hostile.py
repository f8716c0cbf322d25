"""Values that a hostile client may send, and what its refusal must look like."""

from hypothesis import strategies as st

from tusd_py.errors import UploadError

#: Header values as a server sees them: any bytes, decoded as latin-1.
header_text = st.binary(max_size=300).map(lambda raw: raw.decode("latin-1"))


def assert_fit_to_send(refusal: UploadError, *, limit: int = 300) -> None:
    """A refusal is one short line of printable ASCII: no client's bytes in an answer or a log."""
    assert refusal.message.isascii(), "other than ASCII"
    assert refusal.message.isprintable(), "more than one line, or a control"
    assert len(refusal.message) < limit, f"{len(refusal.message)} characters"
    assert refusal.code.startswith("ERR_")
