"""An application's page on a host of its own, by HTTPS: it remembers what it was opened with."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

COOKIES = (
    "lax=1; Secure; SameSite=Lax",
    "none=1; Secure; SameSite=None",
    "own=1; Secure; SameSite=None; Partitioned",
)
PAGE = b"""<!doctype html><html lang="en"><title>Embedded</title>
<body><h1>Embedded page</h1><p id="said">not yet</p>
<script>
fetch("/again").then(() => { document.getElementById("said").textContent = "back again"; });
const sid = window.name.split("|")[2];
parent.postMessage('resizeWindow:{"width":300,"height":777}::' + sid, "*");
</script>"""


@dataclass
class EmbeddedPage:
    """``opened`` holds method, address, query and form of each opening, ``origins`` who sent it;
    ``cookies`` what came with the page's own later request."""

    port: int = 0
    opened: list[tuple[str, str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    cookies: list[set[str]] = field(default_factory=list)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """What answers its requests."""
        page = self

        class Handler(BaseHTTPRequestHandler):
            def _open(self, form: dict[str, str]) -> None:
                address = urlsplit(self.path)
                page.origins.append(self.headers.get("Origin", ""))
                query = dict(parse_qsl(address.query))
                page.opened.append((self.command, address.path, query, form))
                self._answer(PAGE, COOKIES)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._open(dict(parse_qsl(body, keep_blank_values=True)))

            def do_GET(self) -> None:
                if self.path == "/again":
                    page.cookies.append(set(SimpleCookie(self.headers.get("Cookie", ""))))
                    self._answer(b"", ())
                elif self.path == "/favicon.ico":
                    self._answer(b"", ())
                else:
                    self._open({})

            def _answer(self, body: bytes, cookies: tuple[str, ...]) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                for cookie in cookies:
                    self.send_header("Set-Cookie", cookie)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                pass

        return Handler


@contextmanager
def embedded_page(certificate: Path) -> Iterator[EmbeddedPage]:
    """Serve the page by HTTPS with a key and certificate until the block ends."""
    page = EmbeddedPage()
    server = ThreadingHTTPServer(("127.0.0.1", 0), page.handler())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    page.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield page
    finally:
        server.shutdown()
        server.server_close()
