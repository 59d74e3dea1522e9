"""A page: the same notebook as a live dashboard and as a still report.

With ``WORKBENCH_RUN`` set (papermill) a page is *still*: its charts are SVG, its tables HTML, and
charts, tables and the typed answer are also written into the run's folder. In any other Jupyter
kernel (Voila, JupyterLab) it is *live*: filters redraw its panels in place. Outside of a kernel
it is still and shows nothing by itself; `Page.html` holds it.

CSS classes that the HTML uses, styled in ``static/workbench.css``:

    wb-header (h1, lead), wb-stamp, wb-filters, wb-filter, wb-slider,
    wb-panel, wb-panel-chart|table|figures|text|answer|notice (live also wb-at-<name>),
    wb-title, wb-finding, wb-chart, wb-chart-live, wb-data, wb-note,
    wb-figures, wb-figure, wb-figure-title|value|change|n|absent, wb-good, wb-bad, wb-help, wb-tip,
    wb-table, wb-number, wb-missing, wb-text, wb-result, wb-segment-editor, wb-segment-answer,
    wb-notice, wb-notice-saved|empty|not-loaded|denied|error|stale|address
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import altair as alt
import ipywidgets
import pandas as pd

from workbench.errors import NoSnapshot
from workbench.i18n import _, format_datetime, language, use_language
from workbench.metrics.service.door import newest_data
from workbench.settings import settings
from workbench.views import filters, live, panel, stamp, tables, theme, values
from workbench.views.contents import (
    AnswerContent,
    Chart,
    ChartContent,
    Content,
    FiguresContent,
    Notice,
    TableContent,
)
from workbench.views.document import STYLESHEET
from workbench.views.figures import Figure, figures_from
from workbench.views.panel import LivePanel, Setting
from workbench.views.segment_editor import SegmentEditor, refresh
from workbench.views.selection import (
    AGAINST,
    ALL,
    SEGMENT,
    Selection,
    choose,
    from_address,
    settled,
)
from workbench.views.text import attribute, markdown
from workbench.views.visit import in_kernel, in_voila, log_to_file, wait_for_visitor
from workbench.warehouse import Data

NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")


class Page:
    """One page, filled from top to bottom by the cells of a notebook.

    ``name`` is that of the notebook; ``title`` and ``text`` (Markdown) are shown at once. Waits
    for the visitor where a kernel was started ahead of one, then opens the newest snapshot.
    Without any snapshot a still page raises `NoSnapshot`, a live one says so in its panels.
    """

    def __init__(self, name: str, *, title: str = "", text: str = "") -> None:
        wait_for_visitor()
        alt.theme.enable(theme.NAME)
        self.name = _checked(name)
        self.folder = settings().run
        self.live = self.folder is None and in_kernel()
        self.html: list[str] = []
        self._panels: list[LivePanel] = []
        self._lists: dict[str, Any] = {}
        self._listeners: list[Callable[[Selection], None]] = []
        self._count = ""
        self._stamp_box: Any = None
        self._runtime: Any = None
        self._problem: NoSnapshot | None = None
        self.selection: Selection | None = None
        if self.live:
            log_to_file()
        try:
            self.selection = choose(newest_data(), {})
        except NoSnapshot as error:
            if not self.live:
                raise
            self._problem = error
        if self.live and not in_voila():
            self._show(f"<style>{STYLESHEET.read_text('utf-8')}</style>", "")
        if title:
            self.header(title, text)
        if self._problem is not None:
            self._show(panel.notice_html(self._nothing_yet()), self._problem.message)

    @property
    def snapshot(self) -> Data:
        """The snapshot that the page shows; raises `NoSnapshot` where there is none."""
        return self._chosen().snapshot

    def _chosen(self) -> Selection:
        if self.selection is None:
            raise self._problem or NoSnapshot(_("Nothing has been synced yet."))
        return self.selection

    @property
    def setting(self) -> Setting:
        """Currency, time zone, folder and origin that panels are rendered with."""
        snapshot = self.snapshot
        origin = _("{portal}, data as of {moment}, snapshot {id}").format(
            portal=snapshot.portal,
            moment=format_datetime(snapshot.as_of, snapshot.timezone),
            id=snapshot.id,
        )
        source = {
            "portal": snapshot.portal,
            "snapshot": snapshot.id,
            "as_of": snapshot.as_of.isoformat(),
            "timezone": snapshot.timezone,
            "currency": snapshot.base_currency,
        }
        return Setting(snapshot.base_currency, snapshot.timezone, self.folder, origin, source)

    def header(self, title: str, text: str = "") -> None:
        """Show the page's title and what it is about (Markdown)."""
        lead = f'<div class="wb-lead">{markdown(text)}</div>' if text else ""
        html = f'<header class="wb-header"><h1>{attribute(title)}</h1>{lead}</header>'
        self._show(html, f"{title}\n{text}")

    def text(self, text: str, **filled: Any) -> None:
        """Show Markdown; ``{name}`` in it is filled with a value that stays plain text."""
        self._show(
            f'<div class="wb-text">{markdown(text, **filled)}</div>',
            text.format(**filled) if filled else text,
        )

    def filters(self, *, count: str = "", **wanted: str) -> None:
        """Set the selection from parameters, show the filters and the stamp of the data.

        ``wanted``: ``period`` and dimensions (``pipeline``, ``department``, ``manager``,
        ``source``, ``channel``), “all” for no filter; ``segment`` and ``against`` are segments by
        their names, “first” the first of them. A live page lets its address overrule them;
        what is not allowed there is left out with a notice. ``count``: the metric whose number
        stands in the stamp. Raises `ParameterError` for a parameter that is not allowed.
        """
        self._count = count
        if self.selection is None:
            return
        refused: list[str] = []
        wanted = settled(wanted)
        if self.live:
            wanted, refused = from_address(self.snapshot, wanted)
        chosen = choose(self.snapshot, wanted)
        self.selection = replace(chosen, inputs=self.selection.inputs)
        if refused:
            self._show_refused(refused)
        if not self.live:
            self._show(self._stamp_html(), "")
            return
        self._show_filters(wanted)

    def inputs(self, **given: Any) -> None:
        """Give panels values of their own, such as a deal's id: ``selection.inputs[name]``."""
        if self.selection is not None:
            self.selection = replace(self.selection, inputs={**self.selection.inputs, **given})

    def share_slider(
        self, name: str, title: str, value: float | Callable[[Selection], float]
    ) -> None:
        """Show a slider from 0 to 100 %; panels with ``inputs=(name,)`` follow it.

        ``value``: where it stands at first, or a function of the selection that says it. A still
        page shows the value alone. Panels read it as ``selection.inputs[name]``.
        """
        if self.selection is None:
            return
        value = min(max(float(value(self.selection) if callable(value) else value), 0.0), 1.0)
        self.selection = replace(self.selection, inputs={**self.selection.inputs, name: value})
        if not self.live:
            shown = _("{title}: {value}").format(
                title=title, value=values.text_of(value, values.SHARE)
            )
            self._show(f'<p class="wb-slider">{attribute(shown)}</p>', shown)
            return

        def moved(now: float) -> None:
            chosen = self._chosen()
            self.selection = replace(chosen, inputs={**chosen.inputs, name: now})
            for each in self._panels:
                if name in each.inputs:
                    each.update(self.selection)

        self._display(filters.share_slider(title, value, _in_language(moved)))

    def segment_editor(self, title: str) -> None:
        """Show a form that tries and saves segments; nothing on a still page."""
        if not self.live or self.selection is None:
            return
        self._start_runtime()

        def saved() -> None:
            lists = {name: box for name, box in self._lists.items() if name in (SEGMENT, AGAINST)}
            refresh(lists, lambda name: filters.offers(self.snapshot, name))
            self._changed()

        editor = SegmentEditor(title, self._chosen, saved, _in_language)
        self._display(editor.box)

    def on_change(self, listener: Callable[[Selection], None]) -> None:
        """Call ``listener`` with the new selection after each change of a live page's filters."""
        self._listeners.append(listener)

    def figures(
        self,
        content: pd.DataFrame | Sequence[Figure] | Callable[[Selection], Content],
        name: str = "figures",
    ) -> None:
        """Show key figures: of a metrics frame of one row, a list, or a function's answer."""
        if callable(content):
            self._panel(name, content)
            return
        found = figures_from(content) if isinstance(content, pd.DataFrame) else list(content)
        self._panel(name, lambda _selection: FiguresContent(found))

    def chart(
        self,
        name: str,
        chart: Chart | Callable[[Selection], Content],
        *,
        finding: str = "",
        data: pd.DataFrame | None = None,
        title: str = "",
        columns: Sequence[tables.Column] | None = None,
        inputs: Sequence[str] = (),
    ) -> None:
        """Show a chart with its finding and its data as a table.

        Either a function of the selection (see `workbench.views.panels`), or an Altair chart
        with its ``title``, ``finding`` (text alternative) and the ``data`` it shows.
        """
        if not isinstance(chart, (alt.Chart, alt.LayerChart)):
            self._panel(name, chart, inputs)
            return
        frame = pd.DataFrame() if data is None else data
        shown = tuple(columns) if columns is not None else tuple(tables.columns_of(frame))
        content: Content = ChartContent(title or name, chart, finding, frame, shown)
        if data is not None and data.empty:
            content = Notice("empty", _("There is nothing to show for this selection."), title)
        self._panel(name, lambda _selection: content)

    def table(
        self,
        name: str,
        frame: pd.DataFrame | Callable[[Selection], Content],
        *,
        title: str = "",
        columns: Sequence[tables.Column] | None = None,
        note: str = "",
        inputs: Sequence[str] = (),
    ) -> None:
        """Show a table: a frame with its ``title``, or a function of the selection."""
        if not isinstance(frame, pd.DataFrame):
            self._panel(name, frame, inputs)
            return
        shown = tuple(columns) if columns is not None else tuple(tables.columns_of(frame))
        content: Content = TableContent(title or name, frame, shown, note)
        if frame.empty:
            content = Notice("empty", _("There is nothing to show for this selection."), title)
        self._panel(name, lambda _selection: content)

    def prose(self, name: str, make: Callable[[Selection], Content]) -> None:
        """Show prose that follows the selection."""
        self._panel(name, make)

    def result(
        self, make: Callable[[Selection], Mapping[str, Any]] | None = None, **answer: Any
    ) -> dict[str, Any]:
        """Give the typed answer of this page and show its ``summary`` (plain text).

        ``answer``, or what ``make`` returns for the selection: what a business process reads
        (``status``, ``value``, ``previous``, ``change_percent``, ``summary`` …). Written to
        ``result.json`` of the run folder; missing numbers are null there. ``rows`` counts the
        rows of the tables that the page asked. Returns what was written. Live, the summary
        follows the selection.
        """
        if self.selection is None:
            return {}
        given = {**make(self.selection), **answer} if make is not None else dict(answer)
        summary = str(given.setdefault("summary", ""))
        given["rows"] = self.snapshot.rows_read
        written = {key: values.plain(value) for key, value in given.items()}
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = self.folder / "result.json.part"
            unfinished.write_text(
                json.dumps(written, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8"
            )
            unfinished.replace(self.folder / "result.json")
        if self.live and make is not None:
            self._panel("answer", lambda selection: AnswerContent(str(make(selection)["summary"])))
        elif summary:
            self._show(f'<p class="wb-result">{attribute(summary)}</p>', summary)
        return written

    def _panel(
        self, name: str, make: Callable[[Selection], Content], inputs: Sequence[str] = ()
    ) -> None:
        _checked(name)
        if self.selection is None:
            self._show(
                panel.section(panel.notice_html(self._nothing_yet()), self._nothing_yet(), name), ""
            )
            return
        if self.live:
            self._start_runtime()
            shown = LivePanel(name, make, self.setting, inputs)
            shown.update(self.selection)
            self._panels.append(shown)
            self._display(shown.box)
            return
        content, error = panel.attempt(make, self.selection, name)
        self._show(panel.still_html(content, name, self.setting), panel.plain_text(content))
        if error is not None:
            # Nobody looks at an unattended run: it must not pass for a complete one.
            raise error

    def _nothing_yet(self) -> Notice:
        return Notice("not loaded", str(self._problem or ""))

    def _show_refused(self, refused: list[str]) -> None:
        text = _("Not in this data, so left out of the address: {names}.").format(
            names=", ".join(filters.filter_title(name) for name in refused)
        )
        self._show(panel.notice_html(Notice("address", text)), text)

    def _show_filters(self, wanted: Mapping[str, str]) -> None:
        self._lists = dict(filters.dropdowns(self.snapshot, wanted, _in_language(self._changed)))
        self._stamp_box = ipywidgets.HTML(self._stamp_html())
        self._start_runtime()
        box = ipywidgets.VBox([filters.bar(self._lists), self._stamp_box])
        box.add_class("wb-controls")
        self._display(box)

    def _changed(self) -> None:
        wanted = {name: box.value for name, box in self._lists.items()}
        self.selection = replace(choose(self.snapshot, wanted), inputs=self._chosen().inputs)
        for each in self._panels:
            each.update(self.selection)
        self._stamp_box.value = self._stamp_html()
        self._runtime.query = {
            name: None if value == ALL and name != "period" else value
            for name, value in wanted.items()
        }
        for listener in self._listeners:
            listener(self.selection)

    def _start_runtime(self) -> None:
        if self._runtime is None:
            self._runtime = live.Runtime(in_address=in_voila())

    def _stamp_html(self) -> str:
        return stamp.html(self._chosen(), self._count, name_filters=not self.live)

    def _show(self, html: str, plain: str) -> None:
        self.html.append(html)
        if in_kernel():
            from IPython.display import publish_display_data

            publish_display_data({"text/html": html, "text/plain": plain})

    def _display(self, widget: Any) -> None:
        from IPython.display import display

        display(widget)


def _in_language(call: Callable[..., None]) -> Callable[..., None]:
    """Keep the language of the page in what a widget calls later (another context)."""
    code = language()

    @functools.wraps(call)
    def speaking(*args: Any) -> None:
        with use_language(code):
            call(*args)

    return speaking


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"not a name for a page, panel or file: {name!r}")
    return name
