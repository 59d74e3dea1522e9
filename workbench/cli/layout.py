"""Tables and sentences for a terminal of any width; neither breaks inside a number."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

HEADING = 14  # characters that a line of a heading over numbers has at least


def plain_table(title: str = "") -> Table:
    """Return a table without lines, as every command prints it."""
    from rich.table import Table

    return Table(box=None, header_style="bold", title=title or None, title_justify="left")


def add_numbers(table: Table, heading: str, style: str = "", width: int = HEADING) -> None:
    """Add a column whose cells keep their line; its heading is broken at ``width``."""
    lines = textwrap.wrap(heading, max(width, HEADING), break_long_words=False)
    table.add_column("\n".join(lines), justify="right", no_wrap=True, style=style)


def say(text: str, style: str | None = None) -> None:
    """Print a sentence, wrapped between words: a narrow no-break space holds a number together."""
    from workbench.cli.screen import printable, table_console

    console = table_console()
    # textwrap breaks at ASCII spaces only, Rich at any space.
    lines = textwrap.wrap(
        printable(text), console.width, break_long_words=False, break_on_hyphens=False
    )
    console.print("\n".join(lines), style=style, markup=False, highlight=False, soft_wrap=True)
