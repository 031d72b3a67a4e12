"""Look, expose, wait: until told to stop. Nothing that goes wrong with one model or one sink ends it."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Event
from typing import NamedTuple

from triage.errors import TriageError
from triage.watch.exposition import Shown, Sink
from triage.watch.look import Look


class Watched(NamedTuple):
    """A model, and the time from one look at it to the next."""

    model: str
    every: timedelta


def keep_watching(
    models: Sequence[Watched],
    take: Callable[[str, datetime], Look],
    shown: Shown,
    sinks: Sequence[Sink],
    *,
    now: Callable[[], datetime],
    stopped: Event,
    say: Callable[[str], None],
) -> None:
    """Look at each model when it is due; a look that takes longer than ``every`` is followed by the next at once."""
    due = {one.model: 0.0 for one in models}
    told: dict[str, tuple[str, ...]] = {}
    while not stopped.is_set():
        watched = min(models, key=lambda one: due[one.model])
        if stopped.wait(max(0.0, due[watched.model] - time.monotonic())):
            return
        due[watched.model] = time.monotonic() + watched.every.total_seconds()
        said = _words(look_once(watched.model, take, shown, now))
        if said != told.get(watched.model):
            told[watched.model] = said
            for line in said:
                say(f"{watched.model}: {line}")
        for sink in sinks:
            try:
                sink()
            except TriageError as error:
                say(str(error))


def look_once(model: str, take: Callable[[str, datetime], Look], shown: Shown, now: Callable[[], datetime]) -> Look:
    """One look, shown."""
    began = time.monotonic()
    found = take(model, now())
    shown.show(found, time.monotonic() - began)
    return found


def _words(look: Look) -> tuple[str, ...]:
    """What to say of a look: nothing measured is worth a word each time it changes, the time of day is not."""
    if not look.unmeasured:
        return ("everything was measured",)
    return tuple(
        dict.fromkeys(f"unmeasured: {one.what}" + (f" ({one.hint})" if one.hint else "") for one in look.unmeasured)
    )
