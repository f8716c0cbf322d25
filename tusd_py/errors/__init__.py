"""One class per refusal: a stable code, the HTTP status it has by default, and the facts as values.

Fronts turn these into their own form (``ERR_X: message`` for tus). Messages say what was wrong and
what was expected; they never carry a path, a query or a stack, because they reach the client.
"""

from __future__ import annotations

from tusd_py.model.commits import Fact


class UploadError(Exception):
    """A request is refused. Unless a subclass says otherwise, nothing was stored or changed.

    ``facts`` are for programs what ``message`` is for people.
    """

    code = "ERR_INTERNAL_SERVER_ERROR"
    status = 500

    def __init__(self, message: str, **facts: Fact) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts


class InternalFailure(UploadError):
    """The server failed. The client gets no details; they are in the log."""

    def __init__(self) -> None:
        super().__init__("internal server error, see the server's log")
