"""What is printed on a terminal: nothing in it is obeyed by the terminal.

Names of deals, customers and people come from the portal, where anybody may have typed them. An
escape sequence in one could clear the screen, change the window's title or hide a line.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from workbench.i18n.directions import SIGN, TURNING

if TYPE_CHECKING:
    from rich.console import Console

# Control characters (but for line breaks and tabs), marks that turn the direction of the text,
# and halves of surrogate pairs, which no terminal can show.
UNSAFE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f{TURNING}\ud800-\udfff]")
PIPE = 1000  # columns of a file or a pipe, where nothing is to be cut


def printable(text: str) -> str:
    """Return ``text`` with a sign in place of everything that a terminal would obey."""
    return UNSAFE.sub(SIGN, text)


def escape(text: str) -> str:
    """Return ``text`` for a place where rich reads markup: as it stands, and obeyed by nobody."""
    from rich.markup import escape as literally

    return literally(printable(text))


def table_console() -> Console:
    """Return the console for a table: as wide as the terminal; a file or a pipe gets it all."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal and not os.environ.get("COLUMNS"):
        console.width = PIPE
    return console
