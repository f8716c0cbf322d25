"""Creates the events that subscribers get."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass

from tusd_py.model.events import EventType, NewEvent
from tusd_py.ports.hooks import IncomingRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Creates the events that the catalog writes with changes."""

    types: Set[EventType]  # that somebody subscribes to
    headers: Set[str]  # secret ones that are told all the same, in lower case
    clock: Callable[[], float]

    def event(self, type_: EventType, request: IncomingRequest | None) -> NewEvent | None:
        """Return the event for a change that ``request`` makes; None: there is no subscriber."""
        if type_ not in self.types:
            return None
        info = None if request is None else request.describe(named=self.headers)
        return NewEvent(type=type_, at=self.clock(), request=info)
