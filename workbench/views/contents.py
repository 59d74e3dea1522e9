"""What a panel of a page can hold. Functions of `workbench.views.panels` return these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import altair as alt
import pandas as pd

from workbench.views.figures import Figure
from workbench.views.tables import Column

Chart: TypeAlias = alt.Chart | alt.LayerChart


@dataclass(frozen=True)
class ChartContent:
    """A chart, its main finding in one sentence, and its data as a table."""

    title: str
    chart: Chart
    finding: str
    data: pd.DataFrame
    columns: Sequence[Column]
    note: str = ""


@dataclass(frozen=True)
class TableContent:
    """A table of its own."""

    title: str
    data: pd.DataFrame
    columns: Sequence[Column]
    note: str = ""


@dataclass(frozen=True)
class FiguresContent:
    """Key figures; the ``note`` (plain text) says what does not apply to them."""

    figures: Sequence[Figure]
    note: str = ""


@dataclass(frozen=True)
class TextContent:
    """Prose that depends on the selection: a Markdown ``text`` and the ``values`` put into it."""

    text: str
    values: dict[str, object]


@dataclass(frozen=True)
class AnswerContent:
    """The page's answer in plain text."""

    text: str


@dataclass(frozen=True)
class Notice:
    """Why there is nothing: ``kind`` is ``empty``, ``not loaded``, ``denied`` or ``error``."""

    kind: str
    text: str
    title: str = ""


Content: TypeAlias = (
    ChartContent | TableContent | FiguresContent | TextContent | AnswerContent | Notice
)
