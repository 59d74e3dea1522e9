"""Pictures of every page, desktop and phone, French and English, to be looked at.

    python -m tests.dashboards.screenshots [FOLDER] [--address http://127.0.0.1:8866/]
    python -m tests.dashboards.screenshots --readme

Without an address it serves the dashboards itself, on the data of this installation (those of
``make demo``, if no portal is connected). ``--readme`` takes only the README's picture.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser
from playwright.sync_api import TimeoutError as TookTooLong

from tests.browser import DESKTOP, PHONE, Watched, chromium, watched
from tests.dashboards.serving import serving
from workbench.settings import settings

ROOT = Path(__file__).parent.parent.parent
README_PICTURE = ROOT / ".github" / "sales.png"
DEVICES = {"desktop": DESKTOP, "phone": PHONE}


def main() -> None:
    """Read the command line and take the pictures."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("folder", nargs="?", type=Path, default=ROOT / "outputs" / "screenshots")
    reader.add_argument("--address", help="of a running server")
    reader.add_argument("--readme", action="store_true", help="only the README's picture")
    asked = reader.parse_args()
    with served(asked.address) as address, chromium() as browser:
        if asked.readme:
            take(browser, f"{address}dashboards/sales?lang=fr", README_PICTURE, full=False)
            return
        for name, path in pages(browser, address).items():
            for language in ("fr", "en"):
                for device in DEVICES:
                    file = asked.folder / f"{name}-{device}-{language}.png"
                    take(browser, f"{address}{path}?lang={language}", file, device)


@contextmanager
def served(address: str | None) -> Iterator[str]:
    """Give the address of a server, of one that ends with the block if none runs."""
    if address:
        yield address.rstrip("/") + "/"
        return
    with serving(settings().project_dir, settings().home_dir) as server:
        yield server.address


def pages(browser: Browser, address: str) -> dict[str, str]:
    """Return name and path of the index and of every page that it lists."""
    with watched(browser) as seen:
        seen.page.goto(address)
        paths = seen.page.eval_on_selector_all(
            ".wb-card-link a", "links => links.map(a => a.pathname.slice(1))"
        )
    return {"index": ""} | {path.split("/")[-1]: path for path in paths}


def take(
    browser: Browser, address: str, file: Path, device: str = "desktop", *, full: bool = True
) -> None:
    """Take one picture; ``full``: of the whole page and not only of what a screen shows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with watched(browser, DEVICES[device]) as seen:
        show(seen, address)
        seen.page.screenshot(path=file, full_page=full)
    print(file)
    for error in seen.errors:
        print("  ", error)


def show(seen: Watched, address: str) -> None:
    """Open a page; wait until its charts stand still."""
    if "/dashboards/" not in address:
        seen.page.goto(address)
        return
    try:
        seen.open(address)
    except TookTooLong:
        seen.errors.append("no chart")
    seen.page.wait_for_timeout(700)


if __name__ == "__main__":
    main()
