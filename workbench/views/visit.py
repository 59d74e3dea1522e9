"""Who is looking: the kernel that a page runs in, and the visitor that it waits for."""

from __future__ import annotations

import logging
import os
import sys

from workbench.settings import private_folder, settings


def wait_for_visitor() -> None:
    """Wait until a kernel that Voila started ahead of any visitor has got one.

    Language and filters of the address are known only after it, so no data is read before.
    """
    if os.environ.get("VOILA_PREHEAT", "False") != "False":
        from voila.utils import wait_for_request

        wait_for_request()


def in_voila() -> bool:
    """Tell whether this kernel serves a page of Voila."""
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila")


def log_to_file() -> None:
    """Send the log of pages to ``logs/pages.log``: what a kernel prints is shown to the reader."""
    logger = logging.getLogger("workbench.views")
    if any(isinstance(handler, logging.FileHandler) for handler in logger.handlers):
        return
    folder = private_folder(settings().home_dir / "logs")
    handler = logging.FileHandler(folder / "pages.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.propagate = False


def in_kernel() -> bool:
    """Tell whether a Jupyter kernel runs this code, so that what is displayed is seen."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None
