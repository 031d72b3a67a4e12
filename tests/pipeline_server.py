"""A small CI server on the loopback interface: jobs are posted, asked about and deleted."""

import http.server
import json
import threading
import time
from typing import Any


class PipelineServer:
    """``status`` is what it says of every job. ``replies`` are given first, in order: (status code, body) or "hang"."""

    def __init__(self) -> None:
        self.status = "running"
        self.replies: list[Any] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.posts = 0
        self.cancelled: list[str] = []
        self.token = ""
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.posts += 1
                if self.early():
                    return
                key = self.headers["Idempotency-Key"]
                job = server.jobs.setdefault(key, {"id": len(server.jobs) + 1, "body": body})
                self.answer(201, {"data": {"id": job["id"]}})

            def do_GET(self) -> None:
                if not self.early():
                    known = self.path.rsplit("/", 1)[-1] in {str(job["id"]) for job in server.jobs.values()}
                    self.answer(200 if known else 404, {"data": {"state": server.status}, "note": "the last words"})

            def do_DELETE(self) -> None:
                server.cancelled.append(self.path)
                self.answer(204, None)

            def early(self) -> bool:
                if server.token and self.headers.get("Authorization") != f"Bearer {server.token}":
                    self.answer(401, {"message": "who are you?"})
                    return True
                if not server.replies:
                    return False
                reply = server.replies.pop(0)
                if reply == "hang":
                    time.sleep(3)
                    return True
                self.answer(*reply)
                return True

            def answer(self, status: int, body: Any) -> None:
                raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *words: object) -> None:
                return

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                return  # a client that no longer waits

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
