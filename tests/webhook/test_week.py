"""One simulated week: 10,000 deliveries with repeats, pairs, flapping, resolved and unknown alerts, and restarts."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from tests.light_world import CATALOG
from tests.webhook.hub import Hub, hub
from tests.webhook.payloads import alert, delivery
from triage.codec import format_time

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MODELS = ("shop", "fraud", "search", "ads", "eta")
REPEAT = 4 * MINUTE
PEERS = ("http://am-1:9093", "http://am-2:9093")
DELIVERIES = 10_000


@dataclass(frozen=True, slots=True)
class Episode:
    """A time in which a model is ill; a person ends its incident a little after."""

    model: str
    start: datetime
    end: datetime
    flaps: bool


def catalog() -> str:
    head, _, models = CATALOG.partition("models:\n")
    return head + "models:\n" + "".join(models.replace("  shop:", f"  {name}:", 1) for name in MODELS)


def episodes(rng: np.random.Generator) -> list[Episode]:
    """About two a day and model, at least three hours apart, so that each is an incident of its own."""
    found = []
    for model in MODELS:
        at = MONDAY + rng.uniform(0, 300) * MINUTE
        while at < MONDAY + timedelta(days=7) - 4 * HOUR:
            length = rng.uniform(20, 150) * MINUTE
            found.append(Episode(model, _whole(at), _whole(at + length), bool(rng.random() < 0.5)))
            at += length + 3 * HOUR + rng.exponential(3) * HOUR
    return found


def _whole(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def deliveries(episode: Episode, rng: np.random.Generator) -> list[tuple[datetime, bytes]]:
    """What two peers send of an episode: two alerts, repeated while they fire; one that flaps begins anew each time."""
    sent = []
    for name, instance in (("ModelQualityDrop", "a"), ("ModelQualityDrop", "b")):
        began, at = episode.start, episode.start
        while at < episode.end:
            over = episode.flaps and instance == "b" and rng.random() < 0.3
            for peer in PEERS:
                late = timedelta(seconds=float(rng.uniform(0, 45)))
                body = alert(name, episode.model, format_time(began), firing=not over, instance=instance)
                sent.append((at + late, delivery(body, external=peer)))
            at += REPEAT
            if over:
                began = at
        ended = alert(name, episode.model, format_time(began), firing=False, instance=instance)
        sent += [
            (episode.end + timedelta(seconds=float(rng.uniform(0, 45))), delivery(ended, external=peer))
            for peer in PEERS
        ]
    return sent


def test_a_week_of_alerts_opens_exactly_the_right_incidents(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    ill = episodes(rng)
    sent = [one for episode in ill for one in deliveries(episode, rng)]
    noise = DELIVERIES - len(sent)
    assert noise > 0
    for number in range(noise):  # what nobody has a playbook for, from models that nobody has
        name, model = ("Watchdog", "") if number % 2 else ("ModelQualityDrop", f"stranger-{number % 9}")
        sent.append((MONDAY + rng.uniform(0, 7 * 24) * HOUR, delivery(alert(name, model))))
    by_minute: dict[datetime, list[bytes]] = defaultdict(list)
    for at, body in sorted(sent, key=lambda one: one[0]):
        by_minute[_whole(at)].append(body)
    ended: dict[datetime, list[str]] = defaultdict(list)
    for episode in ill:
        ended[episode.end + 10 * MINUTE].append(episode.model)

    here = hub(tmp_path, catalog=catalog(), now=MONDAY)
    for number, minute in enumerate(sorted({*by_minute, *ended})):
        if number % 500 == 499:
            here = _restarted(here, tmp_path)
        here.clock.sleep((minute + MINUTE - here.clock.now()).total_seconds())
        for model in ended.get(minute, ()):
            here.end(here.desk.incidents(1, model)[0].id)
        here.deliver(*by_minute.get(minute, ()))
    here.later(30)

    opened = [here.desk.incident(one.id) for one in here.desk.incidents()]
    print(f"{here.inbox.count_received():,} deliveries, {len(ill)} times ill: {len(opened)} incidents")
    assert sorted((one.model, one.alert.starts_at) for one in opened) == sorted((one.model, one.start) for one in ill)
    assert here.inbox.count_received() == DELIVERIES
    assert here.inbox.count_waiting() == 0
    became = Counter(one.decision.value for one in here.inbox.alerts(100_000))
    assert became["started"] == len(ill)
    assert became["unknown"] == 10
    assert sum(one.deliveries for one in here.inbox.alerts(100_000)) == DELIVERIES


def _restarted(before: Hub, home: Path) -> Hub:
    before.inbox.close()
    before.desk.journal.close()
    return hub(home, catalog=catalog(), now=before.clock.now())
