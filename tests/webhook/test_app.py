"""The doors: who gets in, what is answered, and what a stranger can not do."""

import json
import socket
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.adapters.test_prometheus_tls import Authority
from tests.webhook.door import Door, door
from tests.webhook.payloads import alert, delivery, grafana
from triage.catalog import IntakeLimits, Secret, Serve
from triage.catalog.connections import Basic
from triage.catalog.serve import ServeAuth, Tls
from triage.webhook.app import Rate

QUICK = IntakeLimits.model_validate({"read_timeout": "1s", "body_kib": 64, "connections": 16})


def test_a_delivery_is_on_disk_before_it_is_answered(tmp_path: Path) -> None:
    with door(tmp_path, Serve()) as at:
        assert at.post(delivery(alert())).status_code == 204
        assert at.post(grafana(alert()), "/grafana").status_code == 204
        assert [(one.origin, one.body) for one in at.inbox.waiting(10, datetime.now(UTC))] == [
            ("alertmanager", delivery(alert())),
            ("grafana", grafana(alert())),
        ]
        assert at.figure('triage_deliveries_total{code="204",origin="alertmanager"}') == 1


def test_what_can_not_be_read_is_taken_in_and_judged_later(tmp_path: Path) -> None:
    with door(tmp_path, Serve()) as at:
        assert at.post(b"[" * 10_000).status_code == 204
        assert at.inbox.count_waiting() == 1


def test_health_readiness_and_metrics_are_told(tmp_path: Path) -> None:
    with door(tmp_path, Serve()) as at:
        assert at.get("/healthz").json() == {"status": "ok", "dead": []}
        assert at.get("/readyz").json() == {"status": "ready", "reasons": []}
        assert "triage_persist_seconds_bucket" in at.get("/metrics").text
        assert at.get("/alertmanager").status_code == 405
        assert at.post(b"", "/elsewhere").status_code == 404


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Bearer s3cret", 204),
        ("bearer s3cret", 204),
        ("Bearer s3cre", 401),
        ("Bearer s3crett", 401),
        ("Bearer", 401),
        ("s3cret", 401),
        ("Basic czNjcmV0", 401),
        ("Bearer \xe9", 401),
        ("", 401),
    ],
)
def test_only_the_right_token_gets_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: str, code: int) -> None:
    monkeypatch.setenv("HOOK", "s3cret")
    with door(tmp_path, Serve(auth=ServeAuth(bearer=Secret(env="HOOK")))) as at:
        headers = {b"Authorization": header.encode("latin-1")} if header else {}
        answer = at.post(delivery(alert()), headers=headers)
        assert answer.status_code == code
        assert at.inbox.count_received() == (code == 204)
        assert at.get("/metrics").status_code == 401
        assert at.get("/healthz").status_code == 200


def test_only_the_right_name_and_password_get_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "s3cret")
    auth = ServeAuth(basic=Basic(username="am", password=Secret(env="HOOK")))
    with door(tmp_path, Serve(auth=auth)) as at:
        assert at.post(delivery(alert()), auth=("am", "s3cret")).status_code == 204
        assert at.post(delivery(alert()), auth=("am", "other")).status_code == 401
        assert at.post(delivery(alert()), auth=("bo", "s3cret")).status_code == 401
        assert at.post(delivery(alert()), headers={"Authorization": "Basic !!"}).status_code == 401


def test_a_secret_that_is_not_there_lets_nobody_in_and_asks_to_come_again(tmp_path: Path) -> None:
    with door(tmp_path, Serve(auth=ServeAuth(bearer=Secret(file=str(tmp_path / "none"))))) as at:
        assert at.post(delivery(alert()), headers={"Authorization": "Bearer x"}).status_code == 503
        (tmp_path / "none").write_text("x\n")
        assert at.post(delivery(alert()), headers={"Authorization": "Bearer x"}).status_code == 204


def test_with_a_client_authority_nobody_connects_without_its_certificate(tmp_path: Path) -> None:
    authority, other = Authority.new(tmp_path), tmp_path / "other"
    other.mkdir()
    cert, key = authority.issue("server")
    client = authority.issue("client")
    stranger = Authority.new(other).issue("client")
    with door(tmp_path, Serve(tls=Tls(cert=cert, key=key, client_ca=str(tmp_path / "ca.pem")))) as at:
        assert at.post(delivery(alert()), verify=_context(tmp_path, client)).status_code == 204
        for shown in (None, stranger):
            with pytest.raises(httpx.HTTPError):
                at.post(delivery(alert()), verify=_context(tmp_path, shown))
        assert at.inbox.count_received() == 1


def _context(folder: Path, shown: tuple[str, str] | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    if shown:
        context.load_cert_chain(*shown)
    return context


def test_a_body_that_is_too_large_is_refused_and_leaves_a_line(tmp_path: Path) -> None:
    with door(tmp_path, Serve(limits=QUICK)) as at:
        assert at.post(b"x" * 100_000).status_code == 413
        (line,) = at.inbox.refusals()
        assert line.reason == "larger than 64 KiB"
        assert line.bytes == 4096
        assert at.post(delivery(alert())).status_code == 204


def test_beyond_the_rate_a_sender_is_asked_to_come_again(tmp_path: Path) -> None:
    with door(tmp_path, Serve(limits=IntakeLimits(per_second=1))) as at:
        codes = [at.post(delivery(alert())).status_code for _ in range(6)]
        assert set(codes) == {204, 503}
        assert at.inbox.count_received() == codes.count(204)


def test_a_bucket_fills_again_and_one_address_does_not_empty_anothers() -> None:
    rate = Rate(2)
    assert [rate.lets_in("a", 0.0) for _ in range(5)] == [True] * 4 + [False]
    assert rate.lets_in("b", 0.0)
    assert [rate.lets_in("a", 1.0) for _ in range(3)] == [True, True, False]


def test_while_too_many_wait_a_sender_is_asked_to_come_again(tmp_path: Path) -> None:
    with door(tmp_path, Serve(limits=IntakeLimits(waiting=3))) as at:
        at.intake.recount(3)
        answer = at.post(delivery(alert()))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        at.intake.recount(0)
        assert at.post(delivery(alert())).status_code == 204


def test_a_full_inbox_asks_to_come_again_and_is_not_ready(tmp_path: Path) -> None:
    with door(tmp_path, Serve(limits=IntakeLimits(inbox_mib=1, body_kib=256))) as at:
        body = delivery(alert(note="x" * 200_000))
        codes = [at.post(body).status_code for _ in range(8)]
        assert codes[0] == 204
        assert codes[-1] == 503
        assert "full" in at.get("/readyz").json()["reasons"][0]
        assert at.get("/readyz").status_code == 503
        assert at.inbox.count_received() == codes.count(204)
        assert "inbox_not_written" in at.said.getvalue()


def closes(connection: socket.socket) -> bool:
    """Whether the other side ends ``connection`` by itself."""
    connection.settimeout(20)
    try:
        while connection.recv(4096):
            continue
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def trickle(connection: socket.socket, piece: bytes, over: threading.Event) -> None:
    """Send a byte now and then, until the other side has had enough."""
    try:
        while not over.wait(0.2):
            connection.sendall(piece)
    except OSError:
        return


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"", b""),
        (b"POST /alertmanager HTTP/1.1\r\nHost: x\r\n", b"X-Slow: 1\r\n"),
        (b"POST /alertmanager HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n", b"x"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nPOST /alertmanager HTT", b"P"),
    ],
    ids=["says nothing", "slow head", "slow body", "slow second head"],
)
def test_a_slow_client_is_cut_off_and_others_are_served(tmp_path: Path, first: bytes, piece: bytes) -> None:
    with door(tmp_path, Serve(limits=QUICK)) as at, socket.create_connection(("127.0.0.1", at.port)) as slow:
        slow.sendall(first)
        over = threading.Event()
        if piece:
            threading.Thread(target=trickle, args=(slow.dup(), piece, over), daemon=True).start()
        assert at.post(delivery(alert())).status_code == 204
        assert closes(slow)
        over.set()


def test_one_address_can_not_take_every_connection(tmp_path: Path) -> None:
    with door(tmp_path, Serve(limits=QUICK)) as at:
        held = [socket.create_connection(("127.0.0.1", at.port)) for _ in range(30)]
        assert sum(map(closes, held[8:])) == 22
        for one in held:
            one.close()
        assert at.post(delivery(alert())).status_code == 204


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x00\xa5",
        b"A" * 100_000,
        b"POST /alertmanager HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ],
    ids=["tls", "endless", "length"],
)
def test_what_is_no_http_is_cut_off(tmp_path: Path, garbage: bytes) -> None:
    with door(tmp_path, Serve(limits=QUICK)) as at:
        with socket.create_connection(("127.0.0.1", at.port)) as wild:
            wild.sendall(garbage)
            assert closes(wild)
        assert at.post(delivery(alert())).status_code == 204


def test_the_log_names_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "s3cret")
    with door(tmp_path, Serve(auth=ServeAuth(bearer=Secret(env="HOOK")))) as at:
        at.post(delivery(alert()), headers={"Authorization": "Bearer guess"})
        _all_but_secrets(at)


def _all_but_secrets(at: Door) -> None:
    lines = [json.loads(line) for line in at.said.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["unauthorized"]
    assert "s3cret" not in at.said.getvalue()
    assert "guess" not in at.said.getvalue()
