"""Debian's Chromium for tests and screenshots, watched while it works."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
DRAWN = ".wb-chart-live :is(svg.marks, canvas.marks)"
READY = 100_000  # milliseconds; on a busy machine a page takes half a minute


@dataclass
class Watched:
    """A page with what went wrong in it and what it asked for."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def foreign(self, address: str) -> list[str]:
        """Return the requests to anything but ``address`` (blobs and data stay in the page)."""
        ours = urlsplit(address).netloc
        return [
            request
            for request in self.requests
            if urlsplit(request).scheme not in ("blob", "data") and urlsplit(request).netloc != ours
        ]

    def open(self, address: str) -> None:
        """Go to a dashboard and wait until its charts are drawn."""
        self.page.goto(address, wait_until="commit")
        self.ready()

    def ready(self) -> None:
        """Wait until the cells are shown and a chart has its marks; tell what went wrong if not."""
        try:
            self.page.wait_for_selector("body[data-state=ready]", timeout=READY)
            self.page.wait_for_selector(DRAWN, timeout=READY)
        except TimeoutError as error:
            raise AssertionError(f"{self.page.url}: {error.message}\n{self.errors}") from None


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """Run the browser, with ``more`` arguments, until the block ends."""
    with sync_playwright() as driver:
        arguments = [*ARGUMENTS, *more]
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched(browser: Browser, viewport: dict | None = None) -> Iterator[Watched]:
    """Open an empty page whose console, failures and requests are recorded."""
    context = browser.new_context(viewport=viewport or DESKTOP)
    page = context.new_page()
    seen = Watched(page)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("websocket", lambda socket: seen.requests.append(socket.url))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on(
        "console",
        lambda said: seen.errors.append(said.text) if said.type == "error" else None,
    )
    page.on(
        "response",
        lambda answer: (
            seen.errors.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None
        ),
    )
    try:
        yield seen
    finally:
        context.close()


MARKS = """() => {
    const marks = document.querySelector(".wb-chart-live :is(svg.marks, canvas.marks)");
    if (!marks) return "";
    return marks.tagName === "svg" ? marks.outerHTML : marks.toDataURL();
}"""


def chart(seen: Watched) -> str:
    """Return the first chart's marks as the browser has drawn them, once they stand still."""
    last = ""
    for _look in range(40):
        now = seen.page.evaluate(f"({MARKS})()")
        if now and now == last:
            return now
        last = now
        seen.page.wait_for_timeout(250)
    raise AssertionError("the chart never stands still")


def changed(seen: Watched, before: str) -> None:
    """Wait until the first chart shows something else."""
    seen.page.wait_for_function(
        f"before => {{ const now = ({MARKS})(); return now && now !== before; }}", arg=before
    )


def shows(seen: Watched, figure: str) -> None:
    """Wait until the page's figure is this one."""
    seen.page.wait_for_function(
        "figure => document.querySelector('output').innerText === figure", arg=figure
    )


def body(seen: Watched) -> str:
    """Return all the text that is seen."""
    return seen.page.inner_text("body")


def hrefs(seen: Watched, address: str) -> list[str]:
    """Return the paths of the pages that the index leads to."""
    seen.page.goto(address)
    return seen.page.eval_on_selector_all(".wb-card-link a", "links => links.map(a => a.pathname)")
