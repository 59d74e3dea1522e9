"""A form on a live page: try a filter, and save it as a segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets

from workbench.errors import WorkbenchError
from workbench.i18n import _, format_number
from workbench.metrics import definition
from workbench.metrics.catalogue import filterable
from workbench.metrics.filters import MAX_LENGTH
from workbench.metrics.segments import check_expression, save_segment
from workbench.metrics.user_fields import models_of
from workbench.views import values
from workbench.views.selection import Selection
from workbench.views.text import attribute

COUNTED = ("deals", "won_revenue", "leads")


class SegmentEditor:
    """The widgets of the form.

    ``chosen`` gives the page's selection of the moment, ``saved`` is called once a segment was
    written. What is typed is parsed, never run, and shown escaped.
    """

    def __init__(
        self,
        title: str,
        chosen: Callable[[], Selection],
        saved: Callable[[], None],
        speaking: Callable[[Callable[..., None]], Callable[..., None]],
    ) -> None:
        self._chosen, self._saved = chosen, saved
        wide = {"width": "100%"}
        self.where = ipywidgets.Textarea(
            description=_("Filter"),
            placeholder="is_won and amount_base >= 10000 and closed_on = last_quarter",
            rows=3,
            layout=wide,
            style={"description_width": "9rem"},
        )
        self.name, self.title, self.description = (
            ipywidgets.Text(
                description=label,
                placeholder=example,
                layout=wide,
                style={"description_width": "9rem"},
            )
            for label, example in (
                (_("Name"), "large_won"),
                (_("Title"), ""),
                (_("Who is in it"), ""),
            )
        )
        self.replace = ipywidgets.Checkbox(
            value=False, description=_("Replace the segment of this name"), indent=False
        )
        self.answer = ipywidgets.HTML()
        self.answer.add_class("wb-segment-answer")
        attempt = ipywidgets.Button(description=_("Try"))
        save = ipywidgets.Button(description=_("Save"), button_style="primary")
        attempt.on_click(speaking(lambda _button: self._try()))
        save.on_click(speaking(lambda _button: self._save()))
        heading = ipywidgets.HTML(f'<h2 class="wb-title">{attribute(title)}</h2>')
        buttons = ipywidgets.HBox([attempt, save, self.replace])
        parts = [heading, self.where, self.name, self.title, self.description, buttons, self.answer]
        self.box = ipywidgets.VBox(parts, layout=wide)
        self.box.add_class("wb-panel")
        self.box.add_class("wb-segment-editor")

    def _try(self) -> None:
        self._told(self._counts)

    def _save(self) -> None:
        self._told(self._written)

    def _told(self, act: Callable[[], str]) -> None:
        """Show what came of it; a mistake in what was typed says what is allowed."""
        try:
            text, kind, role = act(), "saved", "status"
        except WorkbenchError as error:
            text, kind, role = f"{error.message} {error.hint}".strip(), "error", "alert"
        self.answer.value = (
            f'<p class="wb-notice wb-notice-{kind}" role="{role}">{attribute(text)}</p>'
        )

    def _counts(self) -> str:
        selection = self._chosen()
        known = models_of(selection.snapshot)
        kept = check_expression(self.where.value[: MAX_LENGTH + 1], known)
        told = []
        for one in COUNTED:
            if not kept.names <= filterable(definition(one), known):
                continue
            frame = selection.query(one, where=kept.text)
            metric = definition(one)
            value = values.text_of(frame.attrs["total"][one], metric.unit, selection.currency)
            told.append(
                _("{title}: {value}").format(title=metric.title, value=value)
                + f" (n = {format_number(frame.attrs['n'][one])})"
            )
        period = selection.period.label()
        return _("{period}: {figures}.").format(period=period, figures=_("; ").join(told) or "–")

    def _written(self) -> str:
        known = models_of(self._chosen().snapshot)
        segment = save_segment(
            self.name.value.strip(),
            self.where.value[: MAX_LENGTH + 1],
            self.title.value,
            self.description.value,
            replace=bool(self.replace.value),
            known=known,
        )
        self.replace.value = False
        self._saved()
        return _("Segment “{title}” saved.").format(title=segment.title)


def refresh(lists: dict[str, Any], offers: Callable[[str], list[tuple[str, str]]]) -> None:
    """Offer a new segment in the lists of segments; what is chosen in them stays."""
    for name, box in lists.items():
        chosen, offered = box.value, offers(name)
        if list(box.options) != offered:
            with box.hold_trait_notifications():
                box.options = offered
                box.value = chosen
