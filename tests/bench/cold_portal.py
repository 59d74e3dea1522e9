"""A sandbox portal started as its user starts it; those of the tests are forked."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class ColdPortal:
    """``url`` is the portal's webhook, ``base`` its address without the secret."""

    url: str
    base: str
    process: psutil.Process


@contextmanager
def cold_portal(folder: Path, *options: str) -> Iterator[ColdPortal]:
    """Run ``workbench sandbox start`` on a port of its own until the block ends."""
    url_file = folder / "portal.url"
    url_file.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", "sandbox", "start", "--port", "0"]
        + ["--url-file", str(url_file), *options],
        stdout=subprocess.DEVNULL,
    )
    try:
        while not url_file.exists() or not url_file.read_text().strip():
            assert process.poll() is None
            time.sleep(0.02)
        url = url_file.read_text().strip()
        yield ColdPortal(url, url.split("/rest/")[0], psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(30)
