"""A portal of one's own making: a real HTTP server that passes calls on to a sandbox.

What the sandbox answers can be altered per method before it is sent back, so that a sync meets
forms of values, missing rights and renamings that a well-behaved portal does not show.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx

Alter = Callable[[Any], Any]


class Refused(Exception):
    """Raised by an alteration: the method is refused with this code and text."""


@dataclass
class Between:
    """``url`` is the webhook to sync from; ``alter`` is asked for each method's result.

    ``moved_to``: answer everything with 302 to this webhook address (a renamed portal).
    ``asked`` lists the commands of all batches. ``page(n)`` may give a status and a body to answer
    the n-th request with, counted from 1, instead of passing it on. ``refuse`` may give a code
    and a text to refuse a batch's command with.
    """

    url: str = ""
    alter: dict[str, Alter] = field(default_factory=dict)
    moved_to: str = ""
    asked: list[str] = field(default_factory=list)
    page: Callable[[int], tuple[int, bytes] | None] = lambda _number: None
    refuse: Callable[[str], tuple[str, str] | None] = lambda _command: None
    requests: int = 0


@contextmanager
def between(portal_url: str) -> Iterator[Between]:
    """Serve in front of a sandbox's webhook on a free port until the block ends."""
    it = Between()
    client = httpx.Client(timeout=60)
    path = urlsplit(portal_url).path

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            name = self.path.removeprefix(path)
            if it.moved_to:
                self.send_response(302)
                self.send_header("Location", it.moved_to + name)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            it.requests += 1
            if page := it.page(it.requests):
                self.send_response(page[0])
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page[1])))
                self.end_headers()
                self.wfile.write(page[1])
                return
            answer = client.post(
                portal_url + name, content=body, headers={"Content-Type": "application/json"}
            )
            payload = answer.json()
            if name.lower().startswith("batch") and answer.status_code == 200:
                alter_batch(it, json.loads(body)["cmd"], payload["result"])
            sent = json.dumps(payload).encode()
            self.send_response(answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it.url = f"http://127.0.0.1:{server.server_address[1]}{path}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield it
    finally:
        server.shutdown()
        server.server_close()
        client.close()


def alter_batch(it: Between, commands: dict[str, str], result: dict[str, Any]) -> None:
    """Change a batch's answer in place; an empty section comes as a list."""
    for key, command in commands.items():
        it.asked.append(command)
        method = command.split("?")[0].lower()
        if refusal := it.refuse(command):
            refused_in(result, key, *refusal)
            continue
        if method not in it.alter or key not in (result["result"] or {}):
            continue
        try:
            result["result"][key] = it.alter[method](result["result"][key])
        except Refused as refused:
            refused_in(result, key, *refused.args)


def refused_in(result: dict[str, Any], key: str, code: str, text: str) -> None:
    """Put a refusal in the place of a command's result."""
    result["result"] = dict(result["result"] or {})
    result["result"].pop(key, None)
    result["result_error"] = dict(result["result_error"] or {})
    result["result_error"][key] = {"error": code, "error_description": text}
