"""A small HTTP server that remembers what is posted to it: the other end of the portal's calls."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl


@dataclass
class Listener:
    """``posts`` are the flat forms received, in order; ``status``, ``delay`` shape the answer."""

    url: str = ""
    status: int = 200
    delay: float = 0.0
    posts: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)

    def wait_for(self, count: int, timeout: float = 10.0) -> list[dict[str, str]]:
        """Return the posts once there are ``count`` of them."""
        wait_until(lambda: len(self.posts) >= count, timeout)
        return self.posts


def wait_until(true: Callable[[], Any], timeout: float = 10.0) -> Any:
    """Wait for a condition; fails the test when time is up."""
    deadline = time.monotonic() + timeout
    while not (result := true()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return result


@contextmanager
def listening() -> Iterator[Listener]:
    """Run a listener on a free port of 127.0.0.1 until the block ends."""
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            listener.types.append(self.headers["Content-Type"])
            listener.paths.append(self.path)
            listener.posts.append(dict(parse_qsl(body, keep_blank_values=True)))
            time.sleep(listener.delay)
            self.send_response(listener.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
