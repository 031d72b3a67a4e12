"""The app in a browser, over the real server: who is let in, and that nothing is left behind."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.tui.world import standard
from triage.errors import UsageError
from tui.web.server import WebServer, is_loopback

TOKEN = "a-long-secret"


def _port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Served:
    """``triage ui --web`` as a process of its own."""

    def __init__(self, home: Path, token: str = "") -> None:
        self.port = _port()
        environment = {**os.environ, "TRIAGE_HOME": str(home), "TRIAGE_WEB_TOKEN": token}
        words = [sys.executable, "-m", "triage", "ui", "--web", "--port", str(self.port)]
        self.process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE)
        assert self.process.stderr is not None
        assert b"triage is at" in self.process.stderr.readline()
        self.url = f"http://127.0.0.1:{self.port}"

    def apps(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    server = Served(standard(tmp_path))
    yield server
    server.end()


async def _first_words(answer: aiohttp.ClientWebSocketResponse, wanted: bytes) -> bytes:
    seen = b""
    async with asyncio.timeout(120):
        while wanted not in seen:
            message = await answer.receive()
            assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
            seen += message.data if isinstance(message.data, bytes) else message.data.encode()
    return seen


def _gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=30)
    return not alive


async def test_a_browser_sees_the_queue_and_closing_it_ends_its_app(served: Served) -> None:
    async with aiohttp.ClientSession() as browser:
        async with browser.get(f"{served.url}/") as page:
            text = await page.text()
        assert f"ws://127.0.0.1:{served.port}/ws" in text
        assert "googleapis" not in text
        async with browser.get(f"{served.url}/static/js/textual.js") as script:
            assert script.status == 200
        async with browser.ws_connect(f"{served.url}/ws?width=80&height=24") as opened:
            await _first_words(opened, b"recommender-1")
            apps = served.apps()
            assert len(apps) == 1
        assert _gone(apps)
        async with browser.ws_connect(f"{served.url}/ws") as opened:
            await _first_words(opened, b"triage")
            apps = served.apps()
            await opened.send_str("no message")
            assert _gone(apps)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
async def test_no_app_outlives_the_server(served: Served, sign: signal.Signals) -> None:
    async with aiohttp.ClientSession() as browser, browser.ws_connect(f"{served.url}/ws") as opened:
        await _first_words(opened, b"triage")
        apps = served.apps()
        assert apps
        served.process.send_signal(sign)
        served.process.wait(30)
        assert _gone(apps)


async def test_other_pages_and_other_names_are_refused(served: Served) -> None:
    async with aiohttp.ClientSession() as browser:
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
            async with browser.get(f"{served.url}/ws", headers=headers) as answer:
                assert answer.status == 403
    assert served.apps() == []


async def test_with_a_token_only_those_who_know_it_come_in(tmp_path: Path) -> None:
    server = Served(standard(tmp_path), TOKEN)
    try:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            for path in ("/", "/ws", "/?token=wrong", "/static/js/textual.js"):
                async with browser.get(f"{server.url}{path}") as answer:
                    assert answer.status == 401
            async with browser.get(f"{server.url}/?token={TOKEN}") as answer:
                assert answer.status == 200
                assert TOKEN not in str(answer.url)
            async with browser.ws_connect(f"{server.url}/ws") as opened:
                await _first_words(opened, b"triage")
    finally:
        server.end()


def test_beyond_this_machine_a_token_is_needed() -> None:
    with pytest.raises(UsageError, match="needs a token"):
        WebServer(["triage"], host="0.0.0.0", port=1)
    WebServer(["triage"], host="0.0.0.0", port=1, token=TOKEN)


@pytest.mark.parametrize(
    ("host", "own"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("x.y", False)]
)
def test_loopback_is_this_machine_alone(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = [sys.executable, "-m", "triage", "ui", "--web", "--port", str(taken.getsockname()[1])]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "can't listen on 127.0.0.1" in ended.stderr
    assert "Traceback" not in ended.stderr
