"""The theme is our own and readable."""

import altair as alt
import pytest

from workbench.views import theme


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", [*theme.CATEGORIES, theme.GOOD, theme.BAD])
def test_marks_stand_out_from_paper(colour):
    assert contrast(colour, theme.PAPER) >= 3


@pytest.mark.parametrize("colour", [theme.INK, theme.MUTED])
def test_text_has_the_contrast_of_aa(colour):
    assert contrast(colour, theme.PAPER) >= 4.5


def test_every_chart_gets_the_theme():
    assert alt.theme.active == theme.NAME
    spec = alt.Chart(alt.Data(values=[{"a": 1}])).mark_bar().encode(x="a:Q").to_dict()
    assert spec["config"]["range"]["category"] == list(theme.CATEGORIES)


def test_categories_differ_from_each_other_and_from_altairs():
    assert len(set(theme.CATEGORIES)) == len(theme.CATEGORIES)
    assert "#4c78a8" not in theme.CATEGORIES  # Vega's default blue


def test_the_stylesheet_asks_no_other_host_and_balances():
    from workbench.views.document import STYLESHEET

    css = STYLESHEET.read_text("utf-8")
    assert "url(" not in css
    assert "@import" not in css
    assert "http" not in css
    assert css.count("{") == css.count("}")
