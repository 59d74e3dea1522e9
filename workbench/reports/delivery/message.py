"""What a delivery says: a run's key figures and findings as HTML, plain text and BB code."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from typing import Any

from workbench.i18n import _
from workbench.i18n.directions import straight
from workbench.reports.origin import period_label, shown_parameters, stamp
from workbench.reports.record import RunRecord, read_contents
from workbench.settings import settings

MOST_FIGURES = 8
INK, MUTED, PALE, RULE, BLUE = "#1b2733", "#52606d", "#eef3f8", "#dfe5ea", "#1f5f99"
FONT = "font-family: Helvetica, Arial, 'Liberation Sans', sans-serif"
CHART = "chart"  # the id by which the HTML shows the picture that comes with it


@dataclass(frozen=True)
class Message:
    """A run in few words, in its language; every text is plain.

    ``figures``: title, value, change. ``chart`` is a PNG in the run's folder, ``finding`` what it
    shows. ``facts``: name and value of filters and origin. ``link`` leads to the live page.
    """

    title: str
    heading: str
    summary: str
    figures: list[tuple[str, str, str]] = field(default_factory=list)
    chart: str = ""
    chart_title: str = ""
    finding: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    link: str = ""
    language: str = "fr"


def message(record: RunRecord) -> Message:
    """Return what to say of a run, in the language of the moment."""
    panels = read_contents(record.folder).get("panels", [])
    figures = [figure for panel in panels for figure in panel.get("figures", [])]
    charts = [panel for panel in panels if panel.get("chart")]
    chart = charts[0] if charts else {}
    period = period_label(record)
    title = _line(record.title)
    filters = [
        (name, value)
        for (name, value), given in zip(
            shown_parameters(record), record.parameters.values(), strict=True
        )
        if given not in ("", "all", 0) and value != "–"
    ]
    return Message(
        title=title,
        heading=f"{title} – {period}" if period else title,
        summary=_line(str(record.result.get("summary") or "")),
        figures=[
            (_line(each["title"]), _line(each["text"]), _line(each["change"]))
            for each in figures[:MOST_FIGURES]
        ],
        chart=f"{chart['chart']}.png" if chart else "",
        chart_title=_line(str(chart.get("title", ""))),
        finding=_line(str(chart.get("finding", ""))),
        facts=[
            *((_line(name), _line(value)) for name, value in filters),
            (_("State"), stamp(record)),
            *(((_("Portal"), record.portal),) if record.portal else ()),
            (_("Data"), record.snapshot or "–"),
            (_("Run"), record.id),
        ],
        notes=[_line(text) for text in (record.notice, *record.skipped) if text],
        link=_link(record),
        language=record.language,
    )


def as_html(said: Message, *, with_chart: bool) -> str:
    """Write the message as HTML for mail programs: tables, styles in place, nothing from outside.

    With ``with_chart`` it shows the picture that is attached under the id `CHART`.
    """
    parts = [
        f'<h1 style="{FONT}; color: {INK}; font-size: 22px; line-height: 1.25; margin: 0 0 8px">'
        f"{escape(said.heading)}</h1>"
    ]
    if said.summary:
        parts.append(_paragraph(said.summary))
    parts += [_paragraph(note, "#b3382c") for note in said.notes]
    if said.figures:
        parts.append(_cards(said.figures))
    if said.finding and not with_chart:  # the picture says it itself
        parts.append(
            f'<h2 style="{FONT}; color: {INK}; font-size: 16px; margin: 24px 0 4px">'
            f"{escape(said.chart_title)}</h2>{_paragraph(said.finding)}"
        )
    if with_chart:
        parts.append(
            f'<img src="cid:{CHART}" width="592" alt="{escape(said.finding)}" '
            'style="display: block; margin-top: 20px; width: 100%; max-width: 592px; height: auto">'
        )
    if said.link:
        shown = escape(_("Open the live page"))
        parts.append(
            f'<p style="{FONT}; font-size: 15px; margin: 20px 0 0">'
            f'<a href="{escape(said.link)}" style="color: {BLUE}">{shown}</a></p>'
        )
    body = "\n".join([*parts, _facts(said.facts)])
    return (
        f'<!doctype html>\n<html lang="{escape(said.language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(said.heading)}</title></head>\n"
        f'<body style="margin: 0; padding: 0; background: #f4f5f7">'
        '<table role="presentation" width="100%" cellspacing="0" cellpadding="0"><tr>'
        '<td align="center" style="padding: 16px">'
        '<table role="presentation" cellspacing="0" cellpadding="0" style="width: 100%;'
        ' max-width: 640px; background: #ffffff; border-radius: 8px"><tr>'
        f'<td style="padding: 24px">\n{body}\n</td></tr></table></td></tr></table></body></html>\n'
    )


def as_text(said: Message) -> str:
    """Write the message as plain text."""
    lines = [said.heading, "=" * len(said.heading), ""]
    lines += [text for text in (said.summary, *said.notes) if text]
    if said.figures:
        lines.append("")
        lines += [_figure_line(*figure) for figure in said.figures]
    if said.finding:
        lines += ["", _("{title}: {value}").format(title=said.chart_title, value=said.finding)]
    if said.link:
        lines += ["", said.link]
    lines += ["", "-- "]
    lines += [_("{title}: {value}").format(title=name, value=value) for name, value in said.facts]
    return "\n".join(lines) + "\n"


def as_bbcode(said: Message, *links: tuple[str, str]) -> str:
    """Write the message for the portal's chats and timelines; ``links``: text and address."""
    lines = [f"[b]{_plain(said.heading)}[/b]"]
    lines += [_plain(text) for text in (said.summary, *said.notes) if text]
    lines += [_plain(_figure_line(*figure)) for figure in said.figures]
    if said.finding:
        lines.append(
            _plain(_("{title}: {value}").format(title=said.chart_title, value=said.finding))
        )
    shown = [*links, *(((_("Open the live page"), said.link),) if said.link else ())]
    lines += [f"[url={address}]{_plain(text)}[/url]" for text, address in shown]
    lines.append(_plain(next(value for name, value in said.facts if name == _("State"))))
    return "\n".join(lines)


def _figure_line(title: str, value: str, change: str) -> str:
    line = _("{title}: {value}").format(title=title, value=value)
    return f"{line} ({change})" if change else line


def _cards(figures: list[tuple[str, str, str]]) -> str:
    """Write the figures two to a row."""
    cells = [
        f'<td width="50%" style="{FONT}; background: {PALE}; padding: 12px; vertical-align: top;'
        f' border: 4px solid #ffffff">'
        f'<div style="color: {MUTED}; font-size: 13px">{escape(title)}</div>'
        f'<div style="color: {INK}; font-size: 20px; font-weight: bold">{escape(value)}</div>'
        f'<div style="color: {MUTED}; font-size: 12px">{escape(change)}</div></td>'
        for title, value, change in figures
    ]
    if len(cells) % 2:
        cells.append("<td></td>")
    rows = "".join(f"<tr>{one}{two}</tr>" for one, two in zip(cells[::2], cells[1::2], strict=True))
    return (
        '<table role="presentation" width="100%" cellspacing="0" cellpadding="0" '
        f'style="margin: 16px -4px 0; table-layout: fixed">{rows}</table>'
    )


def _facts(facts: list[tuple[str, str]]) -> str:
    """Write what the figures are about and where they come from."""
    small = f"{FONT}; color: {MUTED}; font-size: 12px; vertical-align: top"
    rows = "".join(
        f'<tr><td style="{small}; padding: 2px 12px 2px 0; white-space: nowrap">{escape(name)}</td>'
        f'<td style="{small}; padding: 2px 0">{escape(value)}</td></tr>'
        for name, value in facts
    )
    inner = f'<table role="presentation" cellspacing="0" cellpadding="0">{rows}</table>'
    return (
        '<table role="presentation" cellspacing="0" cellpadding="0" style="margin-top: 24px;'
        f' border-top: 1px solid {RULE}; width: 100%">'
        f'<tr><td style="padding-top: 12px">{inner}</td></tr></table>'
    )


def _paragraph(text: str, colour: str = INK) -> str:
    return (
        f'<p style="{FONT}; color: {colour}; font-size: 15px; line-height: 1.45; margin: 0 0 8px">'
        f"{escape(text)}</p>"
    )


def _plain(text: str) -> str:
    """Return a text in which the portal finds no BB code."""
    return text.translate(str.maketrans("[]", "()"))


def _line(text: Any) -> str:
    """Return a text of the data as one line that turns no direction; no-break spaces stay."""
    return re.sub(r"[\x00-\x20\x7f]+", " ", straight(str(text))).strip()


def _link(record: RunRecord) -> str:
    """Return the address of the live page with this run's filters, if one is set."""
    base = settings().dashboards_address
    return f"{base.rstrip('/')}/dashboards/{record.report}" if base else ""
