"""One panel of a page, still or live.

A panel is made by a function of the selection. Live, it is drawn again when the selection
changes; what fails in it stays in it.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ipywidgets

from workbench.errors import AccessRefused, WorkbenchError
from workbench.i18n import _
from workbench.views import figures, live, locales, render, run_files, tables
from workbench.views.contents import (
    AnswerContent,
    ChartContent,
    Content,
    FiguresContent,
    Notice,
    TableContent,
    TextContent,
)
from workbench.views.text import attribute, markdown

log = logging.getLogger("workbench.views")

Make = Callable[..., Content]


@dataclass(frozen=True)
class Setting:
    """What rendering needs to know: base currency, portal time zone, run folder if any.

    ``origin`` says in one line of plain text where the data come from, ``source`` says it by
    name (see `run_files.keep`); files carry them.
    """

    currency: str = "EUR"
    timezone: str | None = None
    folder: Path | None = None
    origin: str = ""
    source: Mapping[str, str] = field(default_factory=dict)


def attempt(make: Make, selection: Any, name: str) -> tuple[Content, Exception | None]:
    """Make a panel's content; what goes wrong becomes a short notice with an id that is logged.

    What the reader has no right to is said plainly.
    """
    try:
        return make(selection), None
    except AccessRefused as error:
        return Notice("denied", error.message), error
    except Exception as error:  # a panel must not take the page with it
        number = secrets.token_hex(4)
        log.exception("panel %s failed, id %s", name, number)
        reason = f" {error.message}" if isinstance(error, WorkbenchError) else ""
        text = _("This part could not be shown.") + reason
        traced = _("Error id: {id}.").format(id=number)
        return Notice("error", f"{text} {traced}"), error


def notice_html(notice: Notice) -> str:
    """Write a notice."""
    reason = notice.kind.replace(" ", "-")
    role = ' role="alert"' if notice.kind == "error" else ""
    title = f'<h2 class="wb-title">{attribute(notice.title)}</h2>' if notice.title else ""
    return (
        f'{title}<p class="wb-notice wb-notice-{attribute(reason)}"{role}>'
        f"{attribute(notice.text)}</p>"
    )


def head_html(content: Content, key: str, setting: Setting) -> str:
    """Write what stands above a panel's chart; for a panel without chart, all of it."""
    match content:
        case ChartContent():
            return (
                f'<h2 class="wb-title" id="{key}">{attribute(content.title)}</h2>'
                f'<p class="wb-finding" id="{key}-finding">{attribute(content.finding)}</p>'
            )
        case TableContent():
            shown = tables.html(
                content.data,
                content.columns,
                caption=content.title,
                currency=setting.currency,
                timezone=setting.timezone,
            )
            title = f'<h2 class="wb-title" id="{key}">{attribute(content.title)}</h2>'
            return title + shown + _note(content.note) + _about(content, setting)
        case FiguresContent():
            cards = figures.html(content.figures, currency=setting.currency, key=key)
            return cards + _note(content.note)
        case TextContent():
            return f'<div class="wb-text">{markdown(content.text, **content.values)}</div>'
        case AnswerContent():
            return f'<p class="wb-result">{attribute(content.text)}</p>' if content.text else ""
        case Notice():
            return notice_html(content)
    raise TypeError(type(content).__name__)


def tail_html(content: Content, setting: Setting) -> str:
    """Write what stands below a panel's chart: its data as a table, folded."""
    if not isinstance(content, ChartContent):
        return ""
    table = tables.html(
        content.data,
        content.columns,
        caption=content.title,
        currency=setting.currency,
        timezone=setting.timezone,
    )
    summary = attribute(_("Show as table"))
    return (
        f"{_note(content.note)}"
        f'<details class="wb-data"><summary>{summary}</summary>'
        f"{table}{_about(content, setting)}</details>"
    )


def still_html(content: Content, name: str, setting: Setting) -> str:
    """Write a panel that does not change; leave its files in the run folder, if there is one.

    A chart is there twice, for wide and for narrow screens; the stylesheet shows one of them.
    """
    key = f"wb-{name}"
    if setting.folder is not None:
        run_files.keep(setting.folder, name, content, setting.source)
    if not isinstance(content, ChartContent):
        return section(head_html(content, key, setting), content, name)
    spec = render.specification(content.chart, description=content.finding)
    if setting.folder is not None:
        alone = render.headed(spec, content.title, content.finding, content.note, setting.origin)
        render.save(setting.folder / "charts", name, alone, currency=setting.currency)
    frame = _pictures(spec, content, key, setting.currency)
    inner = head_html(content, key, setting) + frame + tail_html(content, setting)
    return section(inner, content, name)


def _pictures(spec: dict[str, Any], content: ChartContent, key: str, currency: str) -> str:
    """Draw a chart for wide and, if it can follow its place, for narrow screens."""

    def draw(drawn: dict[str, Any], suffix: str) -> str:
        return render.svg(
            drawn,
            currency=currency,
            title=content.title,
            description=content.finding,
            key=f"{key}-{suffix}",
        )

    narrow = render.narrowed(spec)
    if narrow is None:
        # It can be scrolled sideways where a phone is too narrow for it.
        return (
            f'<div class="wb-chart wb-chart-fixed" role="group" tabindex="0" '
            f'aria-labelledby="{key}">{draw(spec, "svg")}</div>'
        )
    return (
        f'<div class="wb-chart wb-chart-wide">{draw(spec, "svg")}</div>'
        # Hidden here too, for readers without the stylesheet.
        f'<div class="wb-chart wb-chart-narrow" style="display: none">'
        f"{draw(narrow, 'narrow')}</div>"
    )


def section(inner: str, content: Content, name: str) -> str:
    """Wrap a panel."""
    return (
        f'<section class="wb-panel wb-panel-{kind(content)}" data-panel="{attribute(name)}">'
        f"{inner}</section>"
    )


def kind(content: Content) -> str:
    """Return ``chart``, ``table``, ``figures``, ``text``, ``answer`` or ``notice``."""
    return type(content).__name__.removesuffix("Content").lower()


def plain_text(content: Content) -> str:
    """Say a panel in one plain line, for outputs that show no HTML."""
    match content:
        case ChartContent():
            return f"{content.title}: {content.finding}"
        case TableContent():
            return f"{content.title}\n{content.data.to_string(index=False)}"
        case FiguresContent():
            return "\n".join(f"{each.title}: {each.value}" for each in content.figures)
        case TextContent():
            return content.text.format(**content.values)
        case AnswerContent() | Notice():
            return content.text
    raise TypeError(type(content).__name__)


def _about(content: ChartContent | TableContent, setting: Setting) -> str:
    """Write what the columns of a table mean, and where its data come from."""
    meant = [each for each in content.columns if each.help]
    told = "".join(
        f"<dt>{attribute(each.title)}</dt><dd>{attribute(each.help)}</dd>" for each in meant
    )
    summary = attribute(_("Definitions"))
    folded = (
        f'<details class="wb-data"><summary>{summary}</summary><dl>{told}</dl></details>'
        if meant
        else ""
    )
    return folded + _note(setting.origin)


def _note(text: str) -> str:
    return f'<p class="wb-note">{attribute(text)}</p>' if text else ""


class LivePanel:
    """The widgets of a panel; `update` draws it again in place."""

    def __init__(self, name: str, make: Make, setting: Setting, inputs: Sequence[str] = ()) -> None:
        self.name, self.make, self.setting = name, make, setting
        self.inputs = frozenset(inputs)
        self._head, self._tail = ipywidgets.HTML(), ipywidgets.HTML()
        self._chart: Any = None
        self.box = ipywidgets.VBox([self._head], layout=ipywidgets.Layout(width="100%"))
        self.box.add_class("wb-panel")
        self.box.add_class(f"wb-at-{name.replace('_', '-')}")
        self._kind = ""

    def update(self, selection: Any) -> Content:
        """Make the content for a selection and show it; returns it."""
        content, _error = attempt(self.make, selection, self.name)
        shown: Content = content
        if isinstance(content, ChartContent):
            try:
                self._draw(content)
            except Exception as error:  # a chart that cannot be made is an error of this panel
                failure = error

                def fail(_selection: Any) -> Content:
                    raise failure

                shown, _error = attempt(fail, selection, self.name)
        self._head.value = head_html(shown, f"wb-{self.name}", self.setting)
        self._tail.value = tail_html(shown, self.setting)
        if self._kind != kind(shown):
            self.box.remove_class(f"wb-panel-{self._kind}")
            self._kind = kind(shown)
            self.box.add_class(f"wb-panel-{self._kind}")
        children = [self._head]
        if isinstance(shown, ChartContent):
            children += [self._chart, self._tail]
        if list(self.box.children) != children:
            self.box.children = children
        return shown

    def _draw(self, content: ChartContent) -> None:
        chart = content.chart.properties(description=content.finding)
        if self._chart is None:
            options = locales.embed_options(self.setting.currency)
            self._chart = live.LiveChart(chart, embed_options=options)
        else:
            self._chart.chart = chart
