"""The PDF of a run: its page printed by Chromium, where there is one.

Header, page numbers and what may not be cut are the stylesheet's (``@page``, ``break-inside``).
The page runs no script and fetches nothing; Chromium is told the same.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.i18n import _

FILE = "report.pdf"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 90  # seconds


def browser() -> str | None:
    """Return Chromium's place on the PATH, None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def write_pdf(folder: Path) -> None:
    """Write ``report.pdf`` from ``report.html``; raises `WorkbenchError` saying why it cannot."""
    program = browser()
    if program is None:
        raise WorkbenchError(_("there is no Chromium on the PATH"))
    part, place = folder / f".{FILE}.part", folder / "tmp" / "chromium"
    place.mkdir(parents=True, exist_ok=True)
    command = [
        program,
        "--headless",
        "--disable-gpu",
        "--disable-extensions",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--user-data-dir=profile",
        "--no-pdf-header-footer",
        f"--print-to-pdf={part}",
        (folder / "report.html").as_uri(),
    ]
    if os.geteuid() == 0:
        command.insert(1, "--no-sandbox")  # Chromium refuses to be root otherwise
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=place,
        # Chromium puts sockets there, whose paths may not be longer than some hundred characters.
        env={**os.environ, "TMPDIR": "."},
        start_new_session=True,
    )
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        raise WorkbenchError(
            _("Chromium took longer than {seconds} s").format(seconds=PATIENCE)
        ) from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(place, ignore_errors=True)
    if process.returncode != 0 or not part.is_file() or part.read_bytes()[:5] != b"%PDF-":
        raise WorkbenchError(
            _("Chromium ended with code {code} and made none").format(code=process.returncode)
        )
    part.replace(folder / FILE)
