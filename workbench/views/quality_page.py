"""The page of `workbench check`: what is wrong, how many, examples, and scores over time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from workbench.bitrix24.entities import title
from workbench.i18n import _, format_datetime, format_number, format_percent, ngettext
from workbench.metrics.quality import Outcome, Quality
from workbench.metrics.quality.history import Score
from workbench.metrics.quality.outcomes import Example
from workbench.views.document import document

LINE = (160, 32)  # width and height of a line of scores, in pixels


def severity_name(severity: str) -> str:
    """Return a severity in the reader's language."""
    return {"error": _("error"), "warning": _("warning"), "info": _("note")}[severity]


def status_name(status: str) -> str:
    """Return in the reader's language how well an entity is loaded."""
    known = {
        "complete": _("complete"),
        "partial": _("partial"),
        "stale": _("stale"),
        "denied": _("denied"),
        "failed": _("failed"),
        "not loaded": _("not loaded"),
    }
    return known.get(status, status)


def quality_html(
    quality: Quality,
    history: Sequence[Score],
    timezone: str,
    unparsed: Sequence[tuple[str, str, int, str]] = (),
) -> str:
    """Return the page (HTML) in the language of the moment.

    ``unparsed``: rows of entity, field, count, example.
    """
    moment = format_datetime(quality.done_at, timezone)
    told = _("{n} of {all} checks passed. Snapshot {id}, checked {moment}.").format(
        n=format_number(sum(each.passed for each in quality.outcomes)),
        all=format_number(len(quality.outcomes)),
        id=quality.snapshot,
        moment=moment,
    )
    heading = _("Data quality")
    body = f"<h1>{escape(heading)}</h1><p>{escape(told)}</p>"
    body += _scores(quality, history) + _failed(quality.failed) + _unparsed(unparsed)
    return document(heading, f'<main class="wb-quality">{body}</main>')


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in headings)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="wb-table"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _second(text: str) -> str:
    """Return a heading below the page's own."""
    return f"<h2>{escape(text)}</h2>"


def _scores(quality: Quality, history: Sequence[Score]) -> str:
    rows = []
    for entity, score in quality.scores.items():
        past = [each.scores[entity] for each in history if entity in each.scores]
        rows.append([escape(title(entity)), escape(format_percent(score)), _line(past, entity)])
    heading = _second(_("Scores"))
    lead = _("The share of the records that no error and no warning finds broken.")
    headings = [_("Entity"), _("Score"), _("Over time")]
    return f"{heading}<p>{escape(lead)}</p>{_table(headings, rows)}"


def _line(past: Sequence[float], entity: str) -> str:
    """Return the scores of the checked snapshots as a line (SVG), 100 % at the top."""
    if len(past) < 2:
        return ""
    width, height = LINE
    low = min(*past, 0.9)
    points = " ".join(
        f"{i * width / (len(past) - 1):.1f},{2 + (1 - s) / max(1 - low, 1e-9) * (height - 4):.1f}"
        for i, s in enumerate(past)
    )
    told = _("{name}: from {first} to {last}, {n} checks").format(
        name=title(entity),
        first=format_percent(past[0]),
        last=format_percent(past[-1]),
        n=format_number(len(past)),
    )
    return (
        f'<svg role="img" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<title>{escape(told)}</title>"
        f'<polyline points="{points}" fill="none" stroke="var(--wb-accent)" stroke-width="2"/>'
        "</svg>"
    )


def _failed(failed: Sequence[Outcome]) -> str:
    heading = _second(_("What is wrong"))
    if not failed:
        nothing = escape(_("Nothing."))
        return f"{heading}<p>{nothing}</p>"
    rows = [
        [
            escape(severity_name(each.severity)),
            escape(each.title),
            escape(each.table),
            escape(_of(each)),
            ", ".join(_link(example) for example in each.examples) or escape(each.detail),
        ]
        for each in failed
    ]
    headings = [_("Severity"), _("Check"), _("Table"), _("Broken"), _("Examples")]
    return heading + _table(headings, rows)


def _of(outcome: Outcome) -> str:
    if not outcome.rows:
        return format_number(outcome.broken)
    return _("{n} of {all} ({share})").format(
        n=format_number(outcome.broken),
        all=format_number(outcome.rows),
        share=format_percent(outcome.broken / outcome.rows),
    )


def _link(example: Example) -> str:
    number = f"#{example.record}"
    text = escape(f"{example.name[:60]} ({number})" if example.name else number)
    if not example.link.startswith(("https://", "http://")):
        return f'<bdi dir="auto">{text}</bdi>'
    return (
        f'<a href="{escape(example.link)}" rel="noopener noreferrer" target="_blank">'
        f'<bdi dir="auto">{text}</bdi></a>'
    )


def _unparsed(rows: Sequence[tuple[str, str, int, str]]) -> str:
    if not rows:
        return ""
    lines = [
        escape(
            ngettext(
                "{entity}, {field}: {n} value cannot be read, such as “{example}”.",
                "{entity}, {field}: {n} values cannot be read, such as “{example}”.",
                count,
            ).format(entity=title(entity), field=field, n=format_number(count), example=example)
        )
        for entity, field, count, example in rows
    ]
    listed = "".join(f"<li>{line}</li>" for line in lines)
    heading = _second(_("Values that cannot be read"))
    return f"{heading}<ul>{listed}</ul>"
