"""The stamp of a page: how fresh its data are, over which period, and what is wrong with them."""

from __future__ import annotations

import json

from workbench.bitrix24 import entities
from workbench.i18n import _, format_datetime, format_number
from workbench.metrics.loaded import PORTAL
from workbench.settings import settings
from workbench.views import filters, panel, tables
from workbench.views.contents import Notice
from workbench.views.selection import Selection, shown_value
from workbench.views.text import attribute
from workbench.warehouse import Data

TROUBLES = ("partial", "stale", "denied", "failed")


def html(selection: Selection, count: str = "", *, name_filters: bool = True) -> str:
    """Write the stamp, and below it the sources that are not loaded as they should be.

    ``count``: the metric whose number stands in it. ``name_filters``: name the chosen filters too,
    for a page that does not show them otherwise.
    """
    snapshot = selection.snapshot
    facts = [
        (_("Data as of"), format_datetime(snapshot.as_of, snapshot.timezone)),
        (_("Period"), selection.period.label()),
    ]
    if name_filters:
        facts += [
            (filters.filter_title(name), shown_value(name, value))
            for name, value in selection.chosen.items()
        ]
    if count:
        frame = selection.query(count)
        title = tables.spoken(frame.attrs["metrics"][count]["title"])
        facts.append((title, f"n = {format_number(frame.attrs['n'][count])}"))
    facts += [
        (_("Portal"), snapshot.portal),
        (_("Time zone"), snapshot.timezone),
        (_("Snapshot"), snapshot.id),
    ]
    items = "".join(
        f"<div><dt>{attribute(name)}</dt><dd>{attribute(value)}</dd></div>" for name, value in facts
    )
    return f'<dl class="wb-stamp">{items}</dl>{troubles_html(snapshot)}'


def troubles_html(snapshot: Data) -> str:
    """Tell of damaged data, and of entities that are loaded in part, late or not at all."""
    told = [text for text in (snapshot.warning, despite_checks()) if text]
    damaged = "".join(panel.notice_html(Notice("stale", text)) for text in told)
    rows = snapshot.sources()
    rows = rows[rows["status"].isin(TROUBLES)]
    if rows.empty:
        return damaged
    words = {
        "partial": _("loaded in part"),
        "stale": _("not up to date"),
        "denied": _("no access"),
        "failed": _("loading failed"),
    }
    old_file = _("file refused or not found, shown as it was loaded before")
    listed = _("; ").join(
        _("{title}: {value}").format(
            title=entities.title(row.entity),
            value=old_file if row.source != PORTAL and row.status == "stale" else words[row.status],
        )
        for row in rows.itertuples()
    )
    text = _("Not everything is loaded as it should be: {list}.").format(list=listed)
    return damaged + panel.notice_html(Notice("stale", text))


def despite_checks() -> str:
    """Return which failed checks this run was started despite, as its record has it."""
    folder = settings().run
    try:
        record = json.loads((folder / "run.json").read_text("utf-8")) if folder else {}
        return str(record.get("notice") or "")
    except (OSError, ValueError, AttributeError):
        return ""
