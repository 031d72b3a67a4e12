"""The app in a browser: one page, one WebSocket, one app process for each browser that is let in.

By default it listens on loopback alone. Elsewhere a token is needed: given once in the address, then kept in a cookie
that scripts can't read. A WebSocket is opened only from the page's own origin, and only for the host names that are
meant, so that no other page in the same browser reaches it.
"""

import hmac
import ipaddress
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web
from textual_serve.server import Server, to_int

from triage.errors import UsageError
from tui.web.session import Session

COOKIE = "triage_token"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or an address, is this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class WebServer(Server):
    """Serves the command ``words``, with a ``token`` only to those who know it; UsageError where one is missing."""

    def __init__(self, words: Sequence[str], *, host: str, port: int, token: str = "") -> None:
        if not token and not is_loopback(host):
            raise UsageError(
                f"whoever reaches {host} could approve and roll back, so it needs a token",
                hint="set TRIAGE_WEB_TOKEN to a long secret, or leave out --host to listen on this machine alone",
            )
        super().__init__(" ".join(words), host=host, port=port, title="triage", templates_path=Path(__file__).parent)
        self._words = tuple(words)
        self._token = token
        self._sessions: set[Session] = set()

    async def _make_app(self) -> web.Application:
        app = web.Application(middlewares=[self._admitted])
        aiohttp_jinja2.setup(app, loader=jinja2.FileSystemLoader(self.templates_path), autoescape=True)
        app.add_routes(
            [
                web.get("/", self.handle_index, name="index"),
                web.get("/ws", self.handle_websocket, name="websocket"),
                web.get("/download/{key}", self.handle_download, name="download"),
                web.static("/static", self.statics_path, name="static"),
            ]
        )
        app.on_shutdown.append(self.on_shutdown)
        return app

    def run(self) -> None:
        """Serve until Ctrl-C or SIGTERM; every app ends with it. Raises OSError where the port can't be had."""
        web.run_app(
            self._make_app(), host=self.host, port=self.port, print=lambda *said: self._say_where(), access_log=None
        )

    def _say_where(self) -> None:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        where = f"http://{shown}:{self.port}/"
        token = "?token=…" if self._token else ""
        print(f"triage is at {where}{token}  (Ctrl-C ends it)", file=sys.stderr, flush=True)

    async def on_shutdown(self, app: web.Application) -> None:
        for session in tuple(self._sessions):
            await session.stop()

    @web.middleware
    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who may come in, and leave a cookie with who brought the token."""
        if not self._token and not is_loopback(_name(request.host)):
            raise web.HTTPForbidden(text=f"no service for the host '{request.host}'\n")
        if request.headers.get("Origin", "").partition("://")[2] not in ("", request.host):
            raise web.HTTPForbidden(text="only from the page itself\n")
        if not self._token:
            return await handler(request)
        brought = request.query.get("token", "")
        if brought and request.path == "/" and self._knows(brought):
            answer = web.HTTPFound("/")
            secure = request.headers.get("X-Forwarded-Proto", request.scheme) == "https"
            answer.set_cookie(COOKIE, brought, httponly=True, samesite="Strict", secure=secure)
            return answer
        if not self._knows(request.cookies.get(COOKIE, "")):
            raise web.HTTPUnauthorized(text="open this address with ?token=… once\n")
        return await handler(request)

    def _knows(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())

    @aiohttp_jinja2.template("index.html")
    async def handle_index(self, request: web.Request) -> dict[str, object]:
        secure = request.headers.get("X-Forwarded-Proto", request.scheme) == "https"
        size = max(8, min(40, to_int(request.query.get("fontsize", "16"), 16)))
        return {"static": "/static", "socket": f"{'wss' if secure else 'ws'}://{request.host}/ws", "size": size}

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=15)
        await socket.prepare(request)
        session = Session(
            self._words,
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=socket.close,
            download_manager=self.download_manager,
        )
        self._sessions.add(session)
        width, height = (to_int(request.query.get(key, ""), usual) for key, usual in (("width", 80), ("height", 24)))
        try:
            await session.start(max(20, min(500, width)), max(5, min(200, height)))
            await self._process_messages(socket, session)
        except (AssertionError, ValueError, KeyError, TypeError, IndexError, AttributeError):
            pass  # what came was no message of the page: the connection ends, and its app with it
        finally:
            self._sessions.discard(session)
            await session.stop()
            await socket.close()
        return socket


def serve(words: Sequence[str], *, host: str, port: int, token: str) -> int:
    """Serve the app that ``words`` opens. Raises UsageError where the port can't be had."""
    try:
        WebServer(words, host=host, port=port, token=token).run()
    except OSError as error:
        raise UsageError(f"can't listen on {host}:{port}: {error.strerror}", hint="choose another --port") from error
    return 0


def _name(host: str) -> str:
    """The host's name without its port."""
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
