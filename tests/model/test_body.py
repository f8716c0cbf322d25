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


def test_a_body_that_is_at_the_senders_offset_ends() -> None:
    """The older of two senders that are equally far may be dead: the newer one has the upload."""
    stop = StopSignal()
    stop.position = 5
    stop.request(at=5)
    assert stop.ends()
    assert stop.reason is Ended.STOPPED


def test_a_body_that_has_moved_on_ignores_the_stop_and_hears_the_next() -> None:
    """The late sender alone is refused; who comes with the right offset can still take over."""
    told: list[int | None] = []
    stop = StopSignal()
    stop.on_request(lambda: told.append(stop.at))
    stop.position = 5
    stop.request(at=5)
    assert not stop.ends(ahead=1)
    assert stop.reason is None
    stop.request(at=6)
    stop.position = 6
    assert stop.ends()
    assert told == [5, 6]


def test_a_body_whose_bytes_do_not_count_yet_is_where_others_are_told_it_is() -> None:
    """While bytes await their checksum HEAD tells the offset before them: a take-over comes with that."""
    stop = StopSignal()
    stop.shown = 5
    stop.position = 100
    stop.request(at=5)
    assert stop.ends()


def test_a_stop_without_an_offset_overrules_one_with_an_offset() -> None:
    """DELETE, or a server that goes down."""
    stop = StopSignal()
    stop.request(at=5)
    stop.request(Ended.SHUTDOWN)
    stop.request(at=6)
    stop.position = 100
    assert stop.ends()
    assert stop.reason is Ended.SHUTDOWN


def test_asking_again_gives_a_body_no_more_time() -> None:
    """A stream of senders, each with another offset, would else keep a body alive that must end."""
    stop = StopSignal()
    stop.request(at=5)
    until = stop.until
    stop.request(at=6)
    assert stop.until == until
