"""A small HTTP server that answers as it is told: what a portal does in its worse moments."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], Any]  # status, headers, body (JSON unless bytes)


def fine(result: Any, **more: Any) -> Answer:
    return 200, {}, {"result": result, "time": {"operating": 1.5}, **more}


def refused(status: int, code: Any, text: str = "") -> Answer:
    return status, {}, {"error": code, "error_description": text}


@dataclass
class Answering:
    """``say(path, body)`` makes each answer; ``seen`` are the requests (path, JSON body)."""

    base: str = ""
    say: Callable[[str, Any], Answer] = lambda _path, _body: fine(True)
    seen: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.base}/rest/1/s3cretc0de/"

    def in_turn(self, *answers: Answer) -> None:
        """Give these answers one after the other, the last one for ever."""
        rest = list(answers)
        self.say = lambda _path, _body: rest.pop(0) if len(rest) > 1 else rest[0]


@contextmanager
def answering() -> Iterator[Answering]:
    state = Answering()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length) or b"{}")
            state.seen.append((self.path, body))
            status, headers, answer = state.say(self.path, body)
            if answer is None:  # cut the line
                self.close_connection = True
                self.connection.close()
                return
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
