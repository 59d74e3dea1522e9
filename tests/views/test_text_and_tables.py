"""Whatever the CRM holds stays text: in prose, in HTML tables, in spreadsheets."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser

import altair as alt
import numpy as np
import pandas as pd
import pytest
from hostile_company import FORMULA, MARKUP, PICTURE, SCRIPT, TITLES
from hypothesis import given
from hypothesis import strategies as st

from workbench.automation.decisions import plain as plain_message
from workbench.i18n import use_language
from workbench.i18n.directions import straight_all
from workbench.views import panel, render, tables, values
from workbench.views.contents import TableContent
from workbench.views.live import LiveChart
from workbench.views.tables import Column
from workbench.views.text import attribute, markdown


class Reader(HTMLParser):
    """The elements, attributes and text that a browser would see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=80))
def test_a_value_in_prose_is_shown_as_it_is(value):
    seen = Reader(markdown("Deal **{title}** won", title=value))
    assert set(seen.elements) <= {"p", "strong"}
    shown = "".join(value.split()) or "–"
    assert "".join(seen.text.split()) == f"Deal{shown}won"


@pytest.mark.parametrize("value", TITLES)
def test_hostile_titles_make_no_elements(value):
    seen = Reader(markdown("{title}", title=value))
    assert seen.elements == ["p"]
    assert seen.text.strip() == value


@pytest.mark.parametrize("text", [SCRIPT, PICTURE, "[x](javascript:alert(1))", "<img src=x>"])
def test_markdown_itself_brings_no_html_no_picture_no_script(text):
    seen = Reader(markdown(text))
    assert not {"script", "img"} & set(seen.elements)
    assert not [v for name, v in seen.attributes if name == "href" and "javascript" in (v or "")]


def test_no_break_spaces_survive_in_prose():
    assert "12\u202f345\u00a0€" in markdown("{amount}", amount="12\u202f345\u00a0€")


def table(frame, columns, **options):
    return tables.html(frame, columns, caption="Deals", currency="EUR", **options)


def test_a_table_is_headed_captioned_and_escaped():
    frame = pd.DataFrame({"title": list(TITLES), "amount": range(len(TITLES))})
    html = table(frame, [Column("title", MARKUP), Column("amount", "Amount", "money")])
    seen = Reader(html)
    assert set(seen.elements) == {"div", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    for title in TITLES:
        assert title in seen.text
    assert ("scope", "col") in seen.attributes
    assert seen.attributes.count(("scope", "row")) == len(frame)
    assert ("aria-label", "Deals") in seen.attributes
    assert ("tabindex", "0") in seen.attributes


def test_links_lead_to_web_addresses_only():
    frame = pd.DataFrame(
        {"title": ["a", "b", "c"], "link": ["https://p.example/1", "javascript:alert(1)", None]}
    )
    seen = Reader(table(frame, [Column("title", "Deal", link="link")]))
    assert [v for name, v in seen.attributes if name == "href"] == ["https://p.example/1"]


def test_no_value_is_a_dash_and_never_zero():
    frame = pd.DataFrame({"a": ["x", "y"], "b": [np.nan, 0.0]})
    with use_language("en"):
        seen = Reader(table(frame, [Column("a", "A"), Column("b", "B", "money")]))
    assert "–" in seen.text
    assert "€0" in seen.text
    assert "nan" not in seen.text


def test_a_long_table_says_what_it_leaves_out():
    with use_language("en"):
        html = table(pd.DataFrame({"a": range(12_000)}), [Column("a", "A", "count")], most=5)
    assert html.count("<tr>") == 6
    assert "Shown: the first 5 of 12,000 rows." in html


@pytest.mark.parametrize(
    ("value", "unit", "french", "english"),
    [
        (1234.5, "money", "1\u202f234\u00a0€", "€1,234"),
        (12.3, "money", "12,30\u00a0€", "€12.30"),
        (Decimal("10005534.00"), "money", "10\u202f005\u202f534\u00a0€", "€10,005,534"),
        (0.6317, "share", "63,2\u202f%", "63.2%"),
        (1234, "count", "1\u202f234", "1,234"),
        (51.78, "days", "51,8 jours", "51.8 days"),
        (0.7, "days", "0,7 jour", "0.7 days"),
        (1.0, "days", "1 jour", "1 day"),
        (120.4, "days", "120 jours", "120 days"),
        (412.5, "money_per_day", "412\u00a0€ par jour", "€412 per day"),
        (1.256, "ratio", "1,26", "1.26"),
        (date(2026, 2, 3), "date", "3 févr. 2026", "3 Feb 2026"),
        (pd.Timestamp("2026-02-03"), "date", "3 févr. 2026", "3 Feb 2026"),
        (
            datetime(2026, 7, 1, 22, 30, tzinfo=UTC),
            "moment",
            "2 juil. 2026 00:30",
            "2 Jul 2026 00:30",
        ),
        (True, "text", "oui", "yes"),
        (pd.NA, "count", "–", "–"),
        (pd.NaT, "date", "–", "–"),
        (float("inf"), "money", "–", "–"),
        (None, "text", "–", "–"),
    ],
)
def test_values_are_written_by_unit_and_language(value, unit, french, english):
    for code, expected in (("fr", french), ("en", english)):
        with use_language(code):
            assert values.text_of(value, unit, "EUR", "Europe/Paris") == expected


@given(
    st.lists(
        st.text(
            alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20
        ),
        min_size=1,
    )
)
def test_no_text_cell_of_a_csv_is_a_formula(cells):
    read = list(csv.reader(io.StringIO(tables.csv_text(pd.DataFrame({"a": cells})), newline="")))
    found = [row[0] if row else "" for row in read[1:]]
    assert not [cell for cell in found if cell.startswith(tables.FORMULA_STARTS)]
    for cell, written in zip(cells, found, strict=True):
        assert written in (cell, f"'{cell}")


def test_a_csv_keeps_numbers_days_and_signs():
    frame = pd.DataFrame(
        {
            "=a": [FORMULA, "plain"],
            "b": [-1.5, np.nan],
            "c": [pd.Timestamp("2026-02-03"), pd.NaT],
            "d": [Decimal("-12.00"), Decimal("3.10")],
        }
    )
    rows = list(csv.reader(io.StringIO(tables.csv_text(frame))))
    assert rows[0] == ["'=a", "b", "c", "d"]
    assert rows[1] == ["'" + FORMULA, "-1.5", "2026-02-03", "-12"]
    assert rows[2] == ["plain", "", "", "3.1"]


@pytest.mark.parametrize(
    ("now", "before", "unit", "expected"),
    [
        (110, 100, "money", ("+10.0%", 0.1)),
        (90, 100, "count", ("−10.0%", -0.1)),
        (-50, -100, "money", ("+50.0%", 0.5)),
        (0.45, 0.40, "share", ("+5 points", 0.05)),
        (5, 0, "count", None),
        (None, 5, "count", None),
        (5, float("nan"), "count", None),
        (5, 5, "count", ("0.0%", 0.0)),
    ],
)
def test_changes_are_relative_and_those_of_shares_in_points(now, before, unit, expected):
    with use_language("en"):
        change = values.change_of(now, before, unit)
    if expected is None:
        assert change is None
    else:
        assert change[0] == expected[0]
        assert change[1] == pytest.approx(expected[1])


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.decimals()
        | st.dates(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_an_answer_is_always_valid_json(value):
    json.dumps(values.plain(value), allow_nan=False)


def test_numpy_values_become_plain_numbers():
    assert values.plain(np.int64(3)) == 3
    assert values.plain(np.float64("nan")) is None
    assert values.plain({"a": np.bool_(True), "b": pd.NA}) == {"a": True, "b": None}


MARKS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize("mark", MARKS)
def test_no_name_turns_the_direction_of_what_follows_it(mark):
    name = f"Dupont {mark}12 345"
    frame = pd.DataFrame({"manager": [name], "amount": [5.0]})
    chart = alt.Chart(frame, title=name).mark_bar().encode(x="amount", y="manager")
    shown = [
        attribute(name),
        markdown("{name}", name=name),
        tables.html(
            frame,
            [Column("manager", name), Column("amount", "Amount")],
            caption=name,
            currency="EUR",
        ),
        json.dumps(render.specification(chart, description=name), ensure_ascii=False),
        json.dumps(LiveChart(chart).spec, ensure_ascii=False),
        plain_message(name),
    ]
    for text in shown:
        assert not set(MARKS) & set(text)
        assert "Dupont" in text and "12 345" in text.replace("\\", "")


def test_names_written_from_right_to_left_stay_as_they_are():
    name = "شركة \u200fאבג\u200e"
    assert Reader(attribute(name)).text == name
    assert straight_all({"a": [name, 1, None, 2.5]}) == {"a": [name, 1, None, 2.5]}


def test_a_table_by_week_names_its_weeks_and_marks_those_that_are_cut():
    frame = pd.DataFrame({"period": pd.to_datetime(["2025-12-29", "2026-01-05"]), "deals": [1, 2]})
    frame.attrs = {
        "grain": "week",
        "metrics": {"deals": {"title": {"fr": "A", "en": "Deals"}, "unit": "count",
                              "help": {"fr": "B", "en": "Deals created."}}},
        "marks": {"deals": {"2025-12-29": "partial"}},
    }  # fmt: skip
    with use_language("en"):
        columns = tables.columns_of(frame)
        seen = Reader(table(frame, columns))
        content = TableContent("Deals", frame, columns)
        shown = Reader(panel.head_html(content, "k", panel.Setting(origin="snapshot S")))
    assert "29 Dec 2025 – 4 Jan 2026 *" in seen.text and "11 Jan 2026 *" not in seen.text
    assert "* in part: not all of its days lie in the period and are loaded." in seen.text
    assert "Deals created." in shown.text and "snapshot S" in shown.text
