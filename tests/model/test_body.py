"""The signal that ends a body early."""

from tusd_py.model.body import Ended, StopSignal


def test_a_stop_is_told_once() -> None:
    """Asking twice is harmless; the first reason stays."""
    told: list[Ended | None] = []
    stop = StopSignal()
    stop.on_request(lambda: told.append(stop.reason))
    assert stop.reason is None
    assert told == []

    stop.request(Ended.SHUTDOWN)
    stop.request(Ended.STOPPED)

    assert told == [Ended.SHUTDOWN]
    assert stop.reason is Ended.SHUTDOWN


def test_who_listens_late_is_told_at_once() -> None:
    told: list[str] = []
    stop = StopSignal()
    stop.request()
    stop.on_request(lambda: told.append("late"))
    assert told == ["late"]
    assert stop.reason is Ended.STOPPED


def test_everybody_who_listens_is_told() -> None:
    told: list[int] = []
    stop = StopSignal()
    for number in range(3):
        stop.on_request(lambda number=number: told.append(number))  # type: ignore[misc]
    stop.request()
    assert told == [0, 1, 2]
