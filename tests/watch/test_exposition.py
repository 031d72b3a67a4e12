"""What Prometheus reads: absent where unmeasured, whatever the names in it."""

import re
import socket
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from triage.errors import SourceUnavailable, StepFailed, UsageError
from triage.incident import Window
from triage.prevention import families
from triage.prevention.families import FAMILIES
from triage.watch.exposition import Shown
from triage.watch.look import Look, Sample
from triage.watch.loop import Watched, keep_watching

NOW = datetime(2026, 11, 4, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(hours=6), NOW)
HOSTILE = 'a"b\\c\nd{e="f"} 1 \x1b[2J'


def taken(psi: float | None, feature: str = "place", rows: float | None = 700.0, model: str = "shop") -> Look:
    samples = [Sample(families.ROWS, (model,), rows)] if rows is not None else []
    if psi is not None:
        samples.append(Sample(families.PSI, (model, feature), psi))
    return Look(model, WINDOW, tuple(samples), ())


def values(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_names_help_and_labels_are_those_of_the_contract() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    assert all(family.name.startswith("triage_") and family.help.endswith(".") for family in FAMILIES)


def test_the_prevention_page_names_every_series_there_is_and_no_other() -> None:
    page = (Path(__file__).parents[2] / "docs" / "prevention.md").read_text(encoding="utf-8")
    rows = "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `triage_"))
    named = dict(re.findall(r"`(triage_\w+)\{([\w,]+)\}`", rows))
    assert named == {family.name: ",".join(family.labels) for family in FAMILIES}


def test_a_figure_that_was_not_measured_again_is_gone_and_not_zero() -> None:
    shown = Shown()
    shown.show(taken(0.3), 1.0)
    assert values(shown.text())["triage_feature_psi", "place", "shop"] == 0.3
    shown.show(taken(None), 1.0)
    assert "triage_feature_psi" not in shown.text()


def test_the_last_success_stays_where_a_look_could_not_read_the_log() -> None:
    shown = Shown()
    shown.show(taken(0.3), 1.5)
    later = Window(WINDOW.end, WINDOW.end + timedelta(hours=6))
    shown.show(Look("shop", later, (), ()), 9.0)
    found = values(shown.text())
    assert found == {
        ("triage_watch_last_success_timestamp_seconds", "shop"): NOW.timestamp(),
        ("triage_watch_duration_seconds", "shop"): 1.5,
    }


def test_hostile_names_stay_one_label_value() -> None:
    shown = Shown()
    shown.show(taken(0.3, feature=HOSTILE, model=HOSTILE), 1.0)
    assert values(shown.text())["triage_feature_psi", HOSTILE, HOSTILE] == 0.3


def test_it_is_served_and_written_whole(tmp_path: Path) -> None:
    shown = Shown()
    shown.show(taken(0.3), 1.0)
    with shown.served("127.0.0.1:0") as url, urllib.request.urlopen(url, timeout=10) as answer:
        assert values(answer.read().decode()) == values(shown.text())
    shown.write(tmp_path / "triage.prom")
    assert values((tmp_path / "triage.prom").read_text()) == values(shown.text())
    assert [path.name for path in tmp_path.iterdir()] == ["triage.prom"]


@pytest.mark.parametrize("address", ["9109", "host", "127.0.0.1:", "127.0.0.1:70000", ":x"])
def test_an_address_that_is_none_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(UsageError, match="no address to listen at"), Shown().served(address):
        pass


def test_a_port_that_is_taken_a_folder_and_a_gateway_that_is_away_are_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        taken_port = held.getsockname()[1]
        with pytest.raises(StepFailed, match="can't listen"), Shown().served(f"127.0.0.1:{taken_port}"):
            pass
    with pytest.raises(StepFailed, match="can't write"):
        Shown().write(tmp_path / "no" / "such.prom")
    with pytest.raises(SourceUnavailable, match=r"can't push to http://127\.0\.0\.1:9/"):
        Shown().push("http://me:secret@127.0.0.1:9/")


def test_the_loop_goes_on_after_a_sink_failed_and_says_what_changed_once() -> None:
    looks: Iterator[Look] = iter([taken(0.1), taken(0.2), taken(0.3)])
    stopped, said, shown, calls = threading.Event(), list[str](), Shown(), list[int]()

    def take(model: str, now: datetime) -> Look:
        return next(looks)

    def sink() -> None:
        calls.append(1)
        if len(calls) == 3:
            stopped.set()
        raise SourceUnavailable("the gateway is away")

    watched = [Watched("shop", timedelta(0))]
    keep_watching(watched, take, shown, [sink], now=lambda: NOW, stopped=stopped, say=said.append)
    assert values(shown.text())["triage_feature_psi", "place", "shop"] == 0.3
    assert said.count("shop: everything was measured") == 1
    assert said.count("the gateway is away") == 3
