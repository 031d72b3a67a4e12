"""One item is made while the one before is worked on; order, errors and an early end are the reader's."""

import threading
from collections.abc import Iterator

import pytest

from triage.reading.ahead import ahead


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 10])
def test_items_come_in_their_order(count: int, depth: int) -> None:
    assert list(ahead(range(count), depth)) == list(range(count))


def test_the_next_item_is_made_by_another_thread_before_it_is_asked_for() -> None:
    made = threading.Event()

    def items() -> Iterator[int]:
        yield threading.get_ident()
        made.set()
        yield threading.get_ident()

    found = ahead(items())
    assert next(found) != threading.get_ident()
    assert made.wait(10)


def test_an_error_comes_where_its_item_would_have() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(OSError, match="gone"):
        next(found)


def test_who_stops_early_has_no_more_items_made_and_leaves_no_thread() -> None:
    made = []

    def items() -> Iterator[int]:
        for item in range(100):
            made.append(item)
            yield item

    before = threading.active_count()
    found = ahead(items())
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert len(made) <= 4
    assert threading.active_count() == before
