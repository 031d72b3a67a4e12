"""Every way to tell people keeps the same promises, against real servers on the loopback interface."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from triage.adapters.clock import SystemClock
from triage.adapters.notify_command import CommandNotifier
from triage.adapters.notify_http import SlackNotifier, WebhookNotifier, signature
from triage.errors import Refused, SourceUnavailable
from triage.ports import Notice, Notifier

HOSTILE = "<!channel> *b* `x` _i_ \x1b[2J <http://evil|click> & ~s~"
NOTICE = Notice(
    id="0123abcd",
    of=30,
    incident="shop-1",
    model="shop",
    moment="needs_approval",
    words="needs approval",
    cause="conversion −14%: feature drift: user_location (98%)",
    reason=HOSTILE,
    command="triage show shop-1",
    at=datetime(2026, 11, 4, tzinfo=UTC),
)


@dataclass(slots=True)
class Ear:
    """A server that hears notices. ``answers`` are the codes it gives, 200 once they are used up."""

    url: str = ""
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)


@pytest.fixture
def ear() -> Iterator[Ear]:
    heard = Ear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.heard.append((dict(self.headers), body))
            self.send_response(heard.answers.pop(0) if heard.answers else 200)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.end_headers()
            self.wfile.write(b"no")

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    heard.url = f"http://127.0.0.1:{server.server_address[1]}/hooks/T0/s3cret"
    yield heard
    server.shutdown()


@dataclass(frozen=True, slots=True)
class Way:
    """One adapter: that tells, that fails for now, that fails for good; and how often it has told."""

    works: Notifier
    away: Notifier
    refused: Notifier
    told: Callable[[], int]


@pytest.fixture(params=["slack", "webhook", "command"])
def way(request: pytest.FixtureRequest, ear: Ear, tmp_path: Path) -> Way:
    nobody = "http://127.0.0.1:9/s3cret"
    if request.param == "command":
        told = tmp_path / "told"
        script = ("/bin/sh", "-c", f"cat >> {told}; echo >> {told}")

        def lines() -> int:
            return len(told.read_text().splitlines()) if told.exists() else 0

        return Way(
            CommandNotifier(script, tmp_path),
            CommandNotifier(("/bin/sh", "-c", "echo no; exit 3"), tmp_path),
            CommandNotifier((str(tmp_path / "nothing"),), tmp_path),
            lines,
        )

    def made(url: str) -> Notifier:
        if request.param == "slack":
            return SlackNotifier(lambda: url)
        return WebhookNotifier(lambda: url, lambda: "key", SystemClock())

    class Refusing:
        def send(self, notice: Notice) -> None:
            ear.answers = [404]
            made(ear.url).send(notice)

    return Way(made(ear.url), made(nobody), Refusing(), lambda: len(ear.heard))


def test_a_notice_is_told_once(way: Way) -> None:
    way.works.send(NOTICE)
    assert way.told() == 1


def test_what_may_be_tried_again_is_unavailable(way: Way) -> None:
    with pytest.raises(SourceUnavailable) as raised:
        way.away.send(NOTICE)
    assert "s3cret" not in str(raised.value)


def test_what_would_not_help_is_refused(way: Way) -> None:
    with pytest.raises(Refused) as raised:
        way.refused.send(NOTICE)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("code", [500, 503, 429, 408])
def test_a_server_that_is_busy_is_tried_again(ear: Ear, code: int) -> None:
    ear.answers = [code]
    with pytest.raises(SourceUnavailable):
        SlackNotifier(lambda: ear.url).send(NOTICE)


@pytest.mark.parametrize("code", [301, 302, 307, 400, 403, 410])
def test_no_redirect_is_followed_and_what_is_wrong_stays_wrong(ear: Ear, code: int) -> None:
    ear.answers = [code]
    with pytest.raises(Refused):
        SlackNotifier(lambda: ear.url).send(NOTICE)
    assert len(ear.heard) == 1


def test_slack_shows_the_cause_and_the_command_and_runs_nothing_of_the_text(ear: Ear) -> None:
    SlackNotifier(lambda: ear.url).send(NOTICE)
    (_, body) = ear.heard[0]
    text = json.loads(body)["text"]
    assert "needs approval: conversion −14%: feature drift: user_location (98%)" in text
    assert "`triage show shop-1`" in text
    assert "&lt;!channel&gt;" in text
    assert not {"<!channel>", "<http", "\x1b"} & set(text.split())
    assert text.count("*") == 2
    assert text.count("`") == 2


def test_a_webhook_is_signed_over_its_time_and_body(ear: Ear) -> None:
    WebhookNotifier(lambda: ear.url, lambda: "key", SystemClock()).send(NOTICE)
    headers, body = ear.heard[0]
    assert headers["X-Triage-Signature"] == signature("key", headers["X-Triage-Timestamp"], body)
    assert headers["X-Triage-Signature"] != signature("other", headers["X-Triage-Timestamp"], body)
    assert headers["X-Triage-Notice"] == "0123abcd"
    assert json.loads(body)["reason"] == HOSTILE


def test_a_command_reads_the_notice_on_stdin_and_takes_nothing_of_it_as_an_argument(tmp_path: Path) -> None:
    CommandNotifier(("/bin/sh", "-c", "cat > told; echo $# > arguments"), tmp_path).send(NOTICE)
    assert json.loads((tmp_path / "told").read_text())["reason"] == HOSTILE
    assert (tmp_path / "arguments").read_text().strip() == "0"
