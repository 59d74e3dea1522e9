"""The one look of every chart: light, printable, readable by colour-blind eyes.

Importing this module registers and enables the Altair theme ``workbench``. Every colour that
carries a mark has a contrast of at least 3:1 on white, every text colour at least 4.5:1
(WCAG 2 AA); the test recomputes both.
"""

from __future__ import annotations

from typing import Any

import altair as alt

PAPER = "#ffffff"
INK = "#1b2733"  # titles and values
MUTED = "#52606d"  # axes and notes
RULE = "#dfe5ea"  # grid lines, decoration only

BLUE = "#1f5f99"
ORANGE = "#c4571b"
TEAL = "#1b8577"
PURPLE = "#7d4e9e"
OCHRE = "#937000"
ROSE = "#b83a68"
SLATE = "#8592a0"  # what is compared with: previous year, everybody else
CATEGORIES = (BLUE, ORANGE, TEAL, PURPLE, OCHRE, ROSE, SLATE)

GOOD = TEAL
BAD = "#b3382c"

WIDTH = 840  # of the whole picture, axes included, in CSS pixels
HEIGHT = 260
# Below this width of a picture, these settings replace those of `config`.
NARROW = 520
NARROW_WIDTH = 340  # of a still picture for phones
NARROW_CONFIG = {"legend": {"columns": 1}, "axisYDiscrete": {"labelLimit": 140}}
# Metric-compatible families, so that a label measured here fits in the reader's browser.
FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"


NAME = "workbench"


@alt.theme.register(NAME, enable=True)
def workbench_theme() -> alt.theme.ThemeConfig:
    """Return the theme as Altair wants it: a dict with ``config``."""
    return alt.theme.ThemeConfig(config=config())  # type: ignore[typeddict-item]


def config() -> dict[str, Any]:
    """Return the Vega-Lite ``config`` of every chart."""
    text = {"labelFont": FONT, "titleFont": FONT, "labelColor": MUTED, "titleColor": MUTED}
    return {
        "font": FONT,
        # A chart has one text alternative and a table; no label on each of its marks.
        "aria": False,
        "background": PAPER,
        "padding": {"left": 4, "right": 12, "top": 8, "bottom": 4},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "view": {"stroke": None, "continuousWidth": WIDTH, "continuousHeight": HEIGHT},
        "range": {
            "category": list(CATEGORIES),
            "ordinal": ["#c9dceb", "#97bbd8", "#5f95c1", BLUE, "#123d66"],
            "ramp": ["#e3edf5", "#97bbd8", "#5f95c1", BLUE, "#123d66"],
        },
        "axis": {
            **text,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 10,
            "labelPadding": 6,
            "labelLimit": 240,
            "gridColor": RULE,
            "domainColor": "#aab4bd",
            "tickColor": "#aab4bd",
        },
        "axisX": {"grid": False},
        # The unit stands above its axis, level, where it is read first.
        "axisYQuantitative": {
            "domain": False,
            "ticks": False,
            "tickCount": 5,
            "titleAngle": 0,
            "titleAlign": "left",
            "titleAnchor": "end",
            "titleBaseline": "bottom",
            "titleX": 0,
            "titleY": -10,
        },
        "axisYDiscrete": {"domain": False, "ticks": False, "grid": False, "labelColor": INK},
        "axisXQuantitative": {
            "grid": True,
            "domain": False,
            "ticks": False,
            "tickCount": 5,
            "labelOverlap": "greedy",
            "labelSeparation": 8,
        },
        "legend": {
            **text,
            "orient": "top",
            "direction": "horizontal",
            "title": None,
            "labelFontSize": 12,
            "labelColor": INK,
            "labelLimit": 220,
            "symbolType": "square",
            "symbolSize": 110,
            "padding": 0,
            "offset": 30,
        },
        "title": {
            "font": FONT,
            "color": INK,
            "fontSize": 16,
            "anchor": "start",
            "offset": 18,
            "subtitleFont": FONT,
            "subtitleColor": MUTED,
            "subtitleFontSize": 13,
            "subtitleLineHeight": 18,
            "subtitlePadding": 6,
        },
        "bar": {"color": BLUE, "opacity": 1},
        "line": {"color": BLUE, "strokeWidth": 2.5},
        "point": {"color": BLUE, "filled": True, "opacity": 1, "size": 50},
        "rule": {"color": MUTED},
        "area": {"color": BLUE},
        "text": {"font": FONT, "fontSize": 12, "color": INK},
    }
