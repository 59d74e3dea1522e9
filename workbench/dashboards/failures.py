"""What a visitor is told when something fails: a short text and an id, never a traceback.

The id stands in ``dashboards.log`` beside everything that is known about the failure.
"""

from __future__ import annotations

import html
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.errors import NoSnapshot
from workbench.i18n import _

log = logging.getLogger("workbench.dashboards")

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Failure:
    """One failure: the id that leads to its log entry, and whether only data are missing."""

    id: str
    no_data: bool = False

    def output(self) -> dict:
        """Return the content of a ``display_data`` message that stands where the error was."""
        title = (
            _("There are no data yet.") if self.no_data else _("This part could not be computed.")
        )
        text = (
            _("They appear here after the first synchronisation with the portal.")
            if self.no_data
            else _("Reference: {id}").format(id=self.id)
        )
        return {
            "data": {
                "text/plain": f"{title} {text}",
                "text/html": (
                    '<div class="wb-failure" role="alert">'
                    f"<strong>{html.escape(title)}</strong> <span>{html.escape(text)}</span></div>"
                ),
            },
            "metadata": {"workbench": {"failure": self.id}},
            "transient": {},
        }


def record_failure(name: str, traceback: Sequence[str], *, page: str, kernel: str) -> Failure:
    """Write a failure to the log; ``name`` is the exception's class."""
    failure = Failure(new_failure_id(), no_data=name == NoSnapshot.__name__)
    text = ANSI.sub("", "\n".join(traceback))
    log.error("failure %s on page %s, kernel %s\n%s", failure.id, page, kernel, text)
    return failure


def new_failure_id() -> str:
    """Return an id that is short enough to be read out on the phone."""
    return "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _letter in range(8))
