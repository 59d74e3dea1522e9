"""Tables and sentences for a terminal of any width; neither breaks inside a number."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

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


def say_source(as_of: datetime, timezone: str, snapshot: str) -> None:
    """Print the last line of every answer: of which moment the data is, and in which snapshot."""
    from workbench.i18n import _, format_datetime

    moment = format_datetime(as_of, timezone)
    say(_("Data as of {moment}, snapshot {id}.").format(moment=moment, id=snapshot), style="dim")


def say_definition(described: Mapping[str, Any]) -> None:
    """Print what a metric means and by which date it counts (see `workbench.metrics.describe`)."""
    from workbench.i18n import _, language
    from workbench.metrics.formats import basis_name

    code = language()
    text = _("{title}: {meaning} Date basis: {basis}.").format(
        title=described["title"][code],
        meaning=described["help"][code],
        basis=basis_name(described["date_basis"]),
    )
    say(text, style="dim")
