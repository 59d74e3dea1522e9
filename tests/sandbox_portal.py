"""Sandbox portals as processes of their own, over HTTP."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import httpx
from command_line import start

TODAY = "2026-11-02"  # the seeded small company's last day
SEED = "7"
SMALL_COMPANY = ("--company", "small", "--seed", SEED, "--today", TODAY, "--plan", "unlimited")


@dataclass(frozen=True)
class SandboxPortal:
    """A running sandbox: ``url`` is its webhook, ``base`` its address without the secret.

    The methods are control calls: they need a portal started with ``--control``.
    """

    url: str
    base: str
    process: BaseProcess

    def advance(self, seconds: int) -> None:
        """Let the portal's clock jump ahead."""
        httpx.post(f"{self.base}/control/clock", json={"advance": seconds}).raise_for_status()

    def fault(self, **rule: object) -> None:
        """Add a fault to those that the portal answers with."""
        httpx.post(f"{self.base}/control/faults", json=rule).raise_for_status()

    def no_faults(self) -> None:
        httpx.delete(f"{self.base}/control/faults").raise_for_status()

    def scoped(self, scopes: list[str], user: int = 1) -> str:
        """Return the address of a new webhook of a user with these scopes."""
        asked = {"user_id": user, "scopes": scopes}
        answer = httpx.post(f"{self.base}/control/webhooks", json=asked).raise_for_status()
        return answer.json()["url"]


@contextmanager
def running_portal(folder: Path, *options: str) -> Iterator[SandboxPortal]:
    """Run ``workbench sandbox start`` on a port of its own until the block ends."""
    url_file = folder / "portal.url"
    log = folder / "portal.log"
    url_file.unlink(missing_ok=True)
    log.unlink(missing_ok=True)
    process = start(
        *("sandbox", "start", "--port", "0", "--url-file", str(url_file)), *options, output=log
    )
    try:
        deadline = time.monotonic() + 60
        while not url_file.exists() or not url_file.read_text().strip():
            if not process.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(log.read_text())
            time.sleep(0.02)
        url = url_file.read_text().strip()
        yield SandboxPortal(url, url.split("/rest/")[0], process)
    finally:
        process.terminate()
        process.join(10)
