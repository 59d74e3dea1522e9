"""Sandbox portals as processes of their own, over HTTP."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TODAY = "2026-11-02"  # the seeded small company's last day
SEED = "7"
SMALL_COMPANY = ("--company", "small", "--seed", SEED, "--today", TODAY, "--plan", "unlimited")


@dataclass(frozen=True)
class SandboxPortal:
    """A running sandbox: ``url`` is its webhook, ``base`` its address without the secret."""

    url: str
    base: str
    process: subprocess.Popen


@contextmanager
def running_portal(folder: Path, *options: str) -> Iterator[SandboxPortal]:
    """Run ``workbench sandbox start`` on a port of its own until the block ends."""
    url_file = folder / "portal.url"
    with (folder / "portal.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench", "sandbox", "start", "--port", "0"]
            + ["--url-file", str(url_file), *options],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 60
        while not url_file.exists() or not url_file.read_text().strip():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "portal.log").read_text())
            time.sleep(0.02)
        url = url_file.read_text().strip()
        yield SandboxPortal(url, url.split("/rest/")[0], process)
    finally:
        process.terminate()
        process.wait(10)
