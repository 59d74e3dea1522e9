"""Axes speak as the text beside them does: compared with Babel, on charts as drawn."""

import re
from datetime import date
from html import unescape

import altair as alt
import pandas as pd
import pytest

from workbench.i18n import format_money, format_month, format_number, format_percent, use_language
from workbench.views import charts, locales, render


def texts(chart, currency="EUR") -> list[str]:
    """Return the texts of a chart as vl-convert draws it."""
    picture = render.svg(
        render.specification(chart), currency=currency, title="t", description="d", key="k"
    )
    picture = re.sub(r"</tspan>\s*<tspan[^>]*>", " ", picture)
    found = re.findall(r"<text[^>]*>(.*?)</text>", picture, re.S)
    return [unescape(re.sub(r"<[^>]+>", "", text)) for text in found]


def formatted(pattern: str, value: float) -> str:
    """Format one number as an axis would."""
    chart = (
        alt.Chart(alt.Data(values=[{"v": value}]))
        .mark_text()
        .encode(text=alt.Text("v:Q", format=pattern))
    )
    return texts(chart)[0]


@pytest.mark.parametrize("code", ["fr", "en"])
def test_numbers_money_and_shares_are_those_of_babel(code):
    with use_language(code):
        assert formatted(",.1f", 1234567.8) == format_number(1234567.8, 1)
        assert formatted("$,.0f", 1234567) == format_money(1234567, "EUR")
        assert formatted(".1%", 0.6317) == format_percent(0.6317)


@pytest.mark.parametrize(
    ("code", "currency", "largest", "expected"),
    [
        ("fr", "EUR", 400_000, {"0\u00a0€", "200\u00a0k€", "400\u00a0k€"}),
        ("en", "EUR", 400_000, {"€0", "€200k", "€400k"}),
        ("fr", "CHF", 400_000, {"0\u00a0CHF", "200\u00a0k\u00a0CHF"}),
        ("en", "CHF", 400_000, {"CHF\u00a00", "CHF\u00a0200k"}),
        ("fr", "EUR", 4_000, {"0\u00a0€", "2\u202f000\u00a0€"}),
        ("en", "EUR", 40_000_000, {"€0", "€20M"}),
        ("fr", "EUR", 15_000_000, {"0\u00a0€", "5\u00a0M€", "10\u00a0M€"}),
    ],
)
def test_money_axes_are_short_and_written_as_in_prose(code, currency, largest, expected):
    frame = pd.DataFrame({"period": [pd.Timestamp("2026-01-01")], "won_revenue": [largest], "n": 1})
    with use_language(code):
        assert expected <= set(texts(charts.revenue_by_month(frame, currency=currency), currency))


@pytest.mark.parametrize("code", ["fr", "en"])
def test_months_are_named_and_the_year_stands_under_january(code):
    frame = pd.DataFrame(
        {"period": pd.date_range("2025-12-01", periods=3, freq="MS"), "won_revenue": 5.0, "n": 1}
    )
    with use_language(code):
        shown = texts(charts.revenue_by_month(frame, currency="EUR"))
        assert format_month(date(2026, 1, 1)) in shown
        february = format_month(date(2026, 2, 1)).removesuffix(" 2026")
        assert february in [text.strip() for text in shown]


def test_long_ranges_label_every_second_or_third_month():
    frame = pd.DataFrame(
        {"period": pd.date_range("2023-02-01", periods=40, freq="MS"), "won_revenue": 5.0, "n": 1}
    )
    with use_language("en"):
        shown = texts(charts.revenue_by_month(frame, currency="EUR"))
    named = [text.split()[0] for text in shown if re.match(r"[A-Z][a-z]{2}", text)]
    assert {"Jan", "Apr", "Jul", "Oct"} <= set(named)
    assert "Feb" not in named


@pytest.mark.parametrize("currency", ["'; alert(1)//", '"+x+"', "</script>", "XYZ", ""])
def test_a_currency_that_is_none_stays_text(currency):
    frame = pd.DataFrame({"period": [pd.Timestamp("2026-01-01")], "won_revenue": [4e5], "n": 1})
    shown = texts(charts.revenue_by_month(frame, currency=currency), currency)
    assert any(currency in text for text in shown)


@pytest.mark.parametrize("code", ["fr", "en"])
def test_a_live_chart_gets_the_same_locale(code):
    with use_language(code):
        options = locales.embed_options("EUR")
        assert options["formatLocale"] == locales.format_locale("EUR")
        assert options["timeFormatLocale"]["months"][0] == {"fr": "janvier", "en": "January"}[code]
        assert options["actions"] is False


@pytest.mark.parametrize("largest", [0, 9_999, 10_000, 9_999_999, 10_000_000, -50_000])
def test_money_scale_keeps_labels_below_five_digits(largest):
    divisor, prefix = locales.money_scale(largest)
    assert abs(largest) / divisor < 10_000
    assert prefix in ("", "k", "M")
