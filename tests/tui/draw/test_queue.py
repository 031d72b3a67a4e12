from triage.journal import Summary
from tui.draw.queue import chosen


def _summary(name: str, state: str, drop: float | None, opened: str = "2026-11-20T09:00:00Z") -> Summary:
    return Summary(
        name,
        name,
        "A",
        opened,
        opened,
        state,
        "",
        None,
        None,
        None,
        "conversion",
        drop,
        drop is not None,
        False,
        False,
        opened,
    )


QUEUE = (
    _summary("running", "open", None),
    _summary("small", "needs_person", -0.02),
    _summary("large", "needs_person", -0.4),
    _summary("older", "needs_person", -0.02, "2026-11-19T09:00:00Z"),
    _summary("done", "closed", -0.9),
)


def test_those_in_need_of_a_person_come_first_then_the_larger_drop_then_the_older() -> None:
    assert [item.id for item in chosen(QUEUE, "open", "")] == ["large", "older", "small", "running"]


def test_closed_incidents_have_a_view_of_their_own() -> None:
    assert [item.id for item in chosen(QUEUE, "closed", "")] == ["done"]
    assert len(chosen(QUEUE, "all", "")) == len(QUEUE)


def test_every_word_of_the_filter_must_be_found() -> None:
    assert [item.id for item in chosen(QUEUE, "all", "PERSON large")] == ["large"]
    assert chosen(QUEUE, "all", "large closed") == []
