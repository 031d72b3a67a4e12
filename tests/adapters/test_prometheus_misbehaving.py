"""What bad servers get: every failure names the query and the fix, in bounded time and memory."""

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest

from triage.adapters.prometheus import Credentials, PrometheusMetrics
from triage.adapters.prometheus_http import Limits
from triage.errors import SourceUnavailable, TriageError, Unmeasurable, UsageError
from triage.incident import Window

END = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = Window(END - timedelta(hours=1), END)
QUERY = 'sum(rate(requests_total{job="api"}[5m]))'
QUICK = Limits(timeout_seconds=2.0, backoff_seconds=0.01)

Talk = Callable[[socket.socket, str], None]


class Server:
    """One thread, one request per connection; ``talk`` gets the socket and the request's head."""

    def __init__(self, talk: Talk) -> None:
        self.requests: list[str] = []
        self._talk = talk
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._closing = False
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                block = connection.recv(65536)
                if not block:
                    return
                if block[:1] == b"\x16":  # a TLS greeting
                    connection.sendall(http("plain", "400 Bad Request", "text/plain"))
                    return
                head += block
            head, _, body = head.partition(b"\r\n\r\n")
            length = next((int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if b"content-length" in x), 0)
            while len(body) < length:
                body += connection.recv(65536)
            self.requests.append((head + b"\r\n\r\n" + body).decode())
            self._talk(connection, self.requests[-1])

    def close(self) -> None:
        self._closing = True
        self._socket.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Talk], Server]]:
    servers: list[Server] = []

    def start(talk: Talk) -> Server:
        servers.append(Server(talk))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def http(body: bytes | str, status: str = "200 OK", kind: str = "application/json", headers: str = "") -> bytes:
    body = body.encode() if isinstance(body, str) else body
    lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close")
    return ("\r\n".join(lines) + f"\r\n{headers}\r\n").encode() + body


def saying(*answers: bytes) -> Talk:
    """Say ``answers`` one after another, and the last one for ever."""
    left = list(answers)

    def talk(connection: socket.socket, request: str) -> None:
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return talk


def matrix(*series: dict, **more: object) -> str:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": list(series)}, **more})


def points(*values: str, start: datetime = HOUR.start, step: float = 60) -> list[list[object]]:
    return [[start.timestamp() + step * index, value] for index, value in enumerate(values)]


def metrics(server: Server | str, **options: object) -> PrometheusMetrics:
    url = server if isinstance(server, str) else server.url
    return PrometheusMetrics(url, **{"limits": QUICK, "now": lambda: END + timedelta(hours=1), **options})


def failure(server: Server | str, kind: type[TriageError] = SourceUnavailable, **options: object) -> str:
    """The words of the failure, which always name the query and a fix."""
    with pytest.raises(kind) as caught:
        metrics(server, **options).range(QUERY, HOUR, 60)
    assert QUERY in str(caught.value)
    assert caught.value.hint
    return str(caught.value)


def test_a_server_that_is_down_is_named_after_bounded_retries():
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    words = failure(f"http://127.0.0.1:{port}")
    assert f"127.0.0.1:{port} refuses connections" in words


def test_a_host_that_does_not_resolve_is_said():
    assert "does not resolve" in failure("http://no-such-host.invalid:9090")


@pytest.mark.parametrize("talk", ["nothing", "dripping headers", "dripping body"])
def test_a_slow_server_ends_at_the_deadline(serve, talk):
    def drip(connection: socket.socket, request: str) -> None:
        if talk == "dripping body":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n")
        elif talk == "dripping headers":
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(60):
            time.sleep(0.05)
            if talk != "nothing":
                connection.sendall(b" ")

    server = serve(drip)
    words = failure(server, limits=Limits(timeout_seconds=0.4))
    assert "no whole answer within 0.4 s" in words
    assert len(server.requests) == 1


def test_a_busy_server_is_asked_again_and_then_answers(serve):
    busy = http("{}", "503 Service Unavailable")
    server = serve(saying(busy, busy, http(matrix({"metric": {}, "values": points("1", "2")}))))
    result = metrics(server).range(QUERY, HOUR, 60)
    assert np.nansum(result.series[0].values) == 3
    assert len(server.requests) == 3


def test_retries_are_bounded(serve):
    server = serve(saying(http("gone", "502 Bad Gateway", "text/plain")))
    assert "answered 502" in failure(server)
    assert len(server.requests) == 1 + QUICK.retries


def test_a_connection_cut_in_the_middle_of_the_answer_is_asked_again(serve):
    whole = http(matrix({"metric": {}, "values": points("1")}))
    server = serve(saying(whole[:-9], whole))
    assert metrics(server).range(QUERY, HOUR, 60).series[0].values[0] == 1


def test_an_answer_that_always_breaks_off_is_said(serve):
    server = serve(saying(http(matrix({"metric": {}, "values": points("1")}))[:-9]))
    assert "broke off in the middle" in failure(server)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("401 Unauthorized", "does not let us in (401)"),
        ("403 Forbidden", "does not let us in (403)"),
        ("404 Not Found", "need a path, such as /prometheus"),
        ("500 Internal Server Error", "answered 500"),
        ("429 Too Many Requests", "limiting our requests"),
    ],
)
def test_a_refusal_says_what_to_do(serve, status, words):
    assert words in failure(serve(saying(http("no", status, "text/plain"))))


def test_a_query_that_the_server_refuses_is_unmeasurable_and_not_asked_again(serve):
    body = json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error: \x1b[31munexpected <b>"})
    server = serve(saying(http(body, "400 Bad Request")))
    words = failure(server, Unmeasurable)
    assert "parse error: unexpected <b>" in words
    assert "\x1b" not in words
    assert len(server.requests) == 1


def test_an_error_inside_a_200_is_an_error(serve):
    body = json.dumps({"status": "error", "errorType": "execution", "error": "many-to-many matching"})
    assert "many-to-many" in failure(serve(saying(http(body))), Unmeasurable)


def test_a_query_that_runs_out_of_the_servers_time_is_not_asked_again(serve):
    body = json.dumps({"status": "error", "errorType": "timeout", "error": "query timed out"})
    server = serve(saying(http(body, "503 Service Unavailable")))
    assert "ran out of time" in failure(server)
    assert len(server.requests) == 1


def test_a_login_page_is_recognised(serve):
    page = http("<html><form>Sign in</form></html>", kind="text/html")
    assert "answers with a web page" in failure(serve(saying(page)))


def test_json_that_is_not_the_api_is_recognised(serve):
    assert "something that is not the API" in failure(serve(saying(http('["hello"]'))))


def test_a_redirect_is_not_followed_with_our_credentials(serve):
    elsewhere = serve(saying(http(matrix())))
    server = serve(saying(http("", "302 Found", headers=f"Location: {elsewhere.url}/login\r\n")))
    words = failure(server, credentials=Credentials(headers={"X-Api-Key": "s3cret"}))
    assert f"redirects to {elsewhere.url}/login" in words
    assert elsewhere.requests == []


def test_a_huge_answer_is_cut_off(serve):
    def flood(connection: socket.socket, request: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b" " * 65536)

    words = failure(serve(flood), Unmeasurable, limits=Limits(timeout_seconds=10, max_bytes=2**20))
    assert "larger than 1 MiB" in words


def test_a_packed_bomb_is_cut_off_where_it_unpacks(serve):
    bomb = gzip.compress(b" " * (1 << 26))
    answer = http(bomb, headers="Content-Encoding: gzip\r\n")
    assert "larger than 1 MiB" in failure(
        serve(saying(answer)), Unmeasurable, limits=Limits(timeout_seconds=10, max_bytes=2**20)
    )


def test_thousands_of_series_are_refused_with_an_aggregation_as_the_hint(serve):
    many = [{"metric": {"pod": str(number)}, "values": points("1")} for number in range(2000)]
    server = serve(saying(http(matrix(*many))))
    assert "2,000 series or more, 500 are allowed" in failure(server, Unmeasurable)


def test_more_points_than_allowed_are_refused_before_they_are_asked_for(serve):
    server = serve(saying(http(matrix())))
    with pytest.raises(Unmeasurable, match=r"3,600 points.*a step of 36 s"):
        metrics(server, max_points=100).range(QUERY, HOUR, 1)
    assert server.requests == []


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_wrong_clock_is_an_error(serve, hours):
    now = END + timedelta(hours=1)
    date = format_datetime(now + timedelta(hours=hours), usegmt=True)
    server = serve(saying(http(matrix({"metric": {}, "values": points("1")}), headers=f"Date: {date}\r\n")))
    words = failure(server)
    assert ("5 hours ahead of" if hours > 0 else "5 hours behind") in words
    assert "NTP" in words


def test_a_clock_that_is_a_little_off_is_a_warning(serve):
    date = format_datetime(END + timedelta(hours=1, seconds=90), usegmt=True)
    server = serve(saying(http(matrix({"metric": {}, "values": points("1")}), headers=f"Date: {date}\r\n")))
    assert metrics(server).range(QUERY, HOUR, 60).warnings == ("the server's clock is +90 s from ours",)


def test_the_age_of_a_cached_answer_is_not_a_wrong_clock(serve):
    date = format_datetime(END, usegmt=True)
    headers = f"Date: {date}\r\nAge: 3600\r\n"
    server = serve(saying(http(matrix({"metric": {}, "values": points("1")}), headers=headers)))
    assert metrics(server).range(QUERY, HOUR, 60).warnings == ()


def test_warnings_of_the_server_come_along_as_one_printable_line(serve):
    body = matrix({"metric": {}, "values": points("1")}, warnings=["store A\n\x1b[2Jdid not answer"])
    assert metrics(serve(saying(http(body)))).range(QUERY, HOUR, 60).warnings == ("store A did not answer",)


def test_a_partial_answer_is_refused_unless_it_is_accepted(serve):
    server = serve(saying(http(matrix({"metric": {}, "values": points("1")}, isPartial=True))))
    assert "partial" in failure(server, Unmeasurable)
    assert "partial" in metrics(server, accept_partial=True).range(QUERY, HOUR, 60).warnings[0]


def test_native_histograms_are_refused_with_the_wrapping_as_the_hint(serve):
    server = serve(saying(http(matrix({"metric": {}, "histograms": [[HOUR.start.timestamp(), {}]]}))))
    assert "histogram_quantile(0.99" in failure(server, Unmeasurable)


@pytest.mark.parametrize(
    "series",
    [
        {"metric": {}, "values": [["x", "1"]]},
        {"metric": {}, "values": [[1.0]]},
        {"metric": {}, "values": [[1.0, "one"]]},
        {"metric": {}, "values": [[1.0, None]]},
        {"metric": {}, "values": [["nan", "1"]]},
        {"metric": [], "values": [[1.0, "1"]]},
        {"metric": {}},
        "series",
        None,
    ],
)
def test_a_series_that_makes_no_sense_is_an_error(serve, series):
    assert "can't be read" in failure(serve(saying(http(matrix(series)))))


@pytest.mark.parametrize("data", [None, [], {"result": None}, {"result": {}}])
def test_data_that_makes_no_sense_is_an_error(serve, data):
    body = json.dumps({"status": "success", "data": data})
    assert "can't be read" in failure(serve(saying(http(body))))


def test_gaps_nan_and_infinities_are_gaps(serve):
    values = points("1", "NaN", "+Inf", "-Inf")
    later = [[HOUR.start.timestamp() + 600, "5"]]
    server = serve(saying(http(matrix({"metric": {}, "values": values + later}))))
    result = metrics(server).range(QUERY, HOUR, 60)
    (series,) = result.series
    assert len(series.times) == len(series.values) == 60
    assert np.flatnonzero(np.isfinite(series.values)).tolist() == [0, 10]
    assert result.warnings == ("2 infinite values are gaps (a division by zero?)",)
    assert result.source.rows == 2


def test_a_series_of_nothing_but_nan_is_no_series(serve):
    server = serve(saying(http(matrix({"metric": {}, "values": points("NaN", "NaN")}))))
    result = metrics(server).range(QUERY, HOUR, 60)
    assert result.series == ()
    assert "every value is NaN" in result.warnings[0]


def test_evaluation_times_that_the_server_moved_are_put_back_and_said(serve):
    moved = points("1", "2", start=HOUR.start + timedelta(seconds=10))
    server = serve(saying(http(matrix({"metric": {}, "values": moved}))))
    result = metrics(server).range(QUERY, HOUR, 60)
    assert result.series[0].values[:2].tolist() == [1, 2]
    assert "moved evaluation times by up to 10 s" in result.warnings[0]


def test_the_future_is_a_gap_and_is_not_asked_for(serve):
    server = serve(saying(http(matrix({"metric": {}, "values": points("1")}))))
    half = END - timedelta(minutes=30)
    result = metrics(server, now=lambda: half).range(QUERY, HOUR, 60)
    assert f"end={half.timestamp():.3f}" in server.requests[0]
    assert "29 of 60 steps lie in the future" in result.warnings[-1]


def test_a_window_wholly_in_the_future_is_unmeasured_without_asking(serve):
    server = serve(saying(http(matrix())))
    result = metrics(server, now=lambda: END - timedelta(days=1)).range(QUERY, HOUR, 60)
    assert result.series == ()
    assert server.requests == []


def test_long_windows_are_asked_for_in_chunks_that_join_without_overlap(serve):
    seen: list[tuple[float, float]] = []

    def talk(connection: socket.socket, request: str) -> None:
        from urllib.parse import parse_qs, urlsplit

        asked = parse_qs(urlsplit(request.split()[1]).query)
        start, end = float(asked["start"][0]), float(asked["end"][0])
        seen.append((start, end))
        values = [[start + 60 * index, str(start + 60 * index)] for index in range(int((end - start) / 60) + 1)]
        connection.sendall(http(matrix({"metric": {"a": "b"}, "values": values})))

    fortnight = Window(END - timedelta(days=14), END)
    result = metrics(serve(talk), limits=Limits(timeout_seconds=20)).range(QUERY, fortnight, 60)
    (series,) = result.series
    assert len(seen) == 3
    assert all((end - start) / 60 + 1 <= 11_000 for start, end in seen)
    assert np.array_equal(series.values, series.times)
    assert series.times[-1] < END.timestamp()


def test_an_empty_answer_is_no_series_and_names_the_nearest_metric(serve):
    names = json.dumps({"status": "success", "data": ["request_total", "up"]})

    def talk(connection: socket.socket, request: str) -> None:
        connection.sendall(http(names if "__name__" in request else matrix()))

    result = metrics(serve(talk)).range(QUERY, HOUR, 60)
    assert result.series == ()
    assert "no metric 'requests_total'. did you mean 'request_total'?" in result.warnings[0]


def test_markup_in_label_values_is_kept_as_data(serve):
    nasty = "[red]<script>alert(1)</script>\x1b[2J漢"
    body = matrix({"metric": {"pod": nasty}, "values": points("1")})
    assert metrics(serve(saying(http(body)))).range(QUERY, HOUR, 60).series[0].labels == {"pod": nasty}


def test_a_long_query_goes_in_the_body(serve):
    query = " + ".join(["up"] * 3000)
    server = serve(saying(http(matrix({"metric": {}, "values": points("1")}))))
    metrics(server).range(query, HOUR, 60)
    assert server.requests[0].startswith("POST ")


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        (Credentials(bearer="t0ken\n"), "Authorization: Bearer t0ken"),
        (Credentials(bearer=lambda: "fresh"), "Authorization: Bearer fresh"),
        (Credentials(username="ann", password="pw"), "Authorization: Basic YW5uOnB3"),
        (Credentials(headers={"X-Scope-OrgID": "7"}), "X-Scope-OrgID: 7"),
        (Credentials(headers={"X-Api-Key": lambda: "fresh\n"}), "X-Api-Key: fresh"),
    ],
)
def test_credentials_go_along(serve, credentials, header):
    server = serve(saying(http(matrix({"metric": {}, "values": points("1")}))))
    metrics(server, credentials=credentials).range(QUERY, HOUR, 60)
    assert header in server.requests[0]


def test_a_netrc_file_is_never_read(serve, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login netrc password netrc\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server = serve(saying(http(matrix({"metric": {}, "values": points("1")}))))
    metrics(server).range(QUERY, HOUR, 60)
    assert "authorization" not in server.requests[0].lower()


def test_no_secret_is_ever_in_an_error(serve):
    server = serve(saying(http("no", "401 Unauthorized", "text/plain")))
    address = server.url.replace("http://", "http://ann:s3cret@")
    words = failure(address)
    assert "s3cret" not in words
    assert "Authorization: Basic" in server.requests[0]
    assert "s3cret" not in failure(server, credentials=Credentials(bearer="s3cret\nX-Evil: 1"))


def test_a_certificate_file_that_is_missing_is_said(tmp_path):
    words = failure("https://127.0.0.1:1", credentials=Credentials(client_certificate=str(tmp_path / "none.pem")))
    assert "none.pem" in words


def test_plain_http_where_tls_is_spoken_is_about_tls(serve):
    server = serve(saying(http("no")))
    assert "TLS" in failure(server.url.replace("http:", "https:"))


@pytest.mark.parametrize("url", ["localhost:9090", "ftp://x", "", "http://"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(UsageError, match="no address of a Prometheus server"):
        PrometheusMetrics(url)


def test_the_same_answer_has_the_same_digest_and_another_has_not(serve):
    one, other = (http(matrix({"metric": {}, "values": points(value)})) for value in "12")
    first, again, different = (metrics(serve(saying(say))).range(QUERY, HOUR, 60) for say in (one, one, other))
    assert first.source == again.source
    assert first.source.digest != different.source.digest


def test_check_says_who_answers_to_whom(serve):
    def talk(connection: socket.socket, request: str) -> None:
        if "buildinfo" in request:
            connection.sendall(http(json.dumps({"status": "success", "data": {"version": "2.99"}})))
        else:
            vector = {"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}
            connection.sendall(http(json.dumps(vector)))

    server = serve(talk)
    assert (
        metrics(server, credentials=Credentials(username="ann")).check()
        == f"Prometheus 2.99 at {server.url} answers as ann"
    )
