"""Small real model servers: they load a version when they are told to, and count what they are asked."""

import http.server
import json
import threading
from collections import Counter
from typing import Any


class ModelServer:
    """Serves ``version``. ``broken`` versions fail their load, ``liar`` says 200 and loads nothing.

    ``asked`` counts predictions by version; ``mirrored`` those that Envoy sent as a copy.
    """

    def __init__(self, version: str, *, model: str = "shop", port: int = 0) -> None:
        self.model, self.version = model, version
        self.broken: set[str] = set()
        self.liar = False
        self.html = False
        self.loads: list[str] = []
        self.asked: Counter[str] = Counter()
        self.mirrored: Counter[str] = Counter()
        self._lock = threading.Lock()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                if server.html:
                    self.answer(200, b"<html>hello</html>")
                elif self.path == "/version":
                    self.answer(200, {"model": server.model, "version": server.version})
                else:
                    self.predict()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path == "/reload":
                    wanted = json.loads(body)["version"]
                    if wanted in server.broken:
                        self.answer(409, {"error": f"version {wanted} can't be loaded: no such file"})
                        return
                    server.loads.append(wanted)
                    server.version = server.version if server.liar else wanted
                    self.answer(200, {"version": wanted})
                else:
                    self.predict()

            def predict(self) -> None:
                version = server.version
                with server._lock:
                    counted = server.mirrored if "-shadow" in (self.headers.get("Host") or "") else server.asked
                    counted[version] += 1
                self.answer(200, {"version": version})

            def answer(self, status: int, body: Any) -> None:
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *words: object) -> None:
                return

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                return  # a client that was killed

        self._server = Server(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
