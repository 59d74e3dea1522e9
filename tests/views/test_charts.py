"""Each chart: valid, aggregated, in both languages, in a sensible order, hostile names as text."""

import re
from html import unescape
from xml.etree import ElementTree

import altair as alt
import numpy as np
import pandas as pd
import pytest
from example_charts import CHARTS
from hostile_company import MARKUP, SCRIPT

from workbench.i18n import use_language
from workbench.views import charts, render, theme

SVG = "{http://www.w3.org/2000/svg}"


def drawn(chart) -> ElementTree.Element:
    spec = render.specification(chart)
    picture = render.svg(spec, currency="EUR", title="t", description="d", key="k")
    return ElementTree.fromstring(picture)  # noqa: S314 - our own picture


def texts(root: ElementTree.Element) -> list[str]:
    return ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]


def rows(spec: dict) -> int:
    return sum(len(values) for values in spec["datasets"].values())


@pytest.mark.parametrize("code", ["fr", "en"])
def test_it_draws_without_a_gap_in_its_texts(named_chart, code):
    with use_language(code):
        root = drawn(named_chart[1]())
    shown = texts(root)
    assert len(shown) > 3
    assert not [t for t in shown if re.search(r"undefined|null|NaN|Infinity", t)]


def test_it_carries_few_rows_and_no_address(named_chart):
    spec = named_chart[1]().to_dict()
    assert rows(spec) <= 400
    assert "url" not in str({k: v for k, v in spec.items() if k != "$schema"})


def test_axes_and_tooltips_have_titles_in_words(named_chart):
    spec = named_chart[1]().to_dict()

    def walk(node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key == "tooltip":
                    for tip in value:
                        assert tip["title"], tip
                        assert "_" not in tip["title"]
                walk(value)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk(spec)


@pytest.mark.parametrize("name", ["revenue_by_group", "funnel", "scenario", "stalled_by_stage"])
def test_hostile_names_are_text_and_never_elements(name):
    root = drawn(CHARTS[name]())
    allowed = {"svg", "g", "path", "text", "rect", "line", "title", "desc", "defs", "clipPath"}
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= allowed | {"tspan"}
    assert any(text in (SCRIPT, MARKUP) for text in texts(root))


def test_the_prior_year_is_left_out_when_unknown():
    frame = pd.DataFrame(
        {"period": pd.date_range("2026-01-01", periods=2, freq="MS"), "won_revenue": 1.0, "n": 1}
    )
    assert len(charts.revenue_by_month(frame, currency="EUR").layer) == 1
    unknown = frame.assign(year_ago=np.nan)
    assert len(charts.revenue_by_month(unknown, currency="EUR").layer) == 1
    assert len(charts.revenue_by_month(frame.assign(year_ago=2.0), currency="EUR").layer) == 2


def heights(root: ElementTree.Element, names: list[str]) -> list[float]:
    """Return where texts stand from above, in the order of ``names``."""
    found = {}

    def walk(node, y):
        move = re.search(r"translate\(([-\d.]+),([-\d.]+)\)", node.get("transform", ""))
        y += float(move.group(2)) if move else 0.0
        if node.tag == f"{SVG}text":
            found.setdefault("".join(node.itertext()), y)
        for child in node:
            walk(child, y)

    walk(root, 0.0)
    return [found[name] for name in names]


def test_groups_stand_from_the_largest_to_the_smallest():
    with use_language("en"):
        order = heights(drawn(CHARTS["revenue_by_group"]()), [MARKUP, "Zoé", "Ana", "Not given"])
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("funnel", ["Zoom", "Offer", SCRIPT, "Offer (2)"]),
        ("stalled_by_stage", ["Zoom", "Appel", SCRIPT]),
    ],
)
def test_stages_keep_the_order_of_the_pipeline(name, stages):
    order = heights(drawn(CHARTS[name]()), stages)
    assert order == sorted(order)


def test_a_long_list_is_cut_and_says_so():
    frame = pd.DataFrame(
        {"manager": [f"M{i}" for i in range(40)], "won_revenue": range(40, 0, -1), "n": 1}
    )
    with use_language("en"):
        shown = texts(drawn(charts.revenue_by_group(frame, "manager", "Manager", currency="EUR")))
    assert shown[0] == "Won revenue" + "25 smaller ones not shown"  # on two lines
    assert "M14" in shown
    assert "M15" not in shown


@pytest.mark.parametrize("narrow", [False, True])
def test_labels_behind_bars_stay_inside_the_picture(narrow):
    frame = pd.DataFrame({"p": ["A", "B"], "won_revenue": [987_654_321.0, 5.0], "n": 1})
    chart = charts.revenue_by_group(frame, "p", "P", currency="CHF")
    spec = render.specification(chart)
    root = ElementTree.fromstring(  # noqa: S314 - our own picture
        render.svg(
            render.narrowed(spec) if narrow else spec,
            currency="CHF", title="t", description="d", key="k",
        )
    )  # fmt: skip
    width = float(root.get("viewBox").split()[2])
    assert width == pytest.approx(theme.NARROW_WIDTH if narrow else theme.WIDTH, abs=1)
    ends = []

    def walk(node, x):
        move = re.search(r"translate\(([-\d.]+),([-\d.]+)\)", node.get("transform", ""))
        x += float(move.group(1)) if move else 0.0
        if node.tag == f"{SVG}text" and node.get("text-anchor") == "start":
            ends.append(x + 6.8 * len("".join(node.itertext())))
        for child in node:
            walk(child, x)

    walk(root, 0.0)
    assert ends
    assert max(ends) <= width


def test_charts_are_as_wide_as_the_theme_says(named_chart):
    root = drawn(named_chart[1]())
    assert float(root.get("viewBox").split()[2]) == pytest.approx(theme.WIDTH, abs=1)


def test_pictures_have_a_name_and_a_description_that_cannot_break_out():
    chart = alt.Chart(alt.Data(values=[{"a": 1}])).mark_bar().encode(x="a:Q")
    picture = render.svg(
        render.specification(chart), currency="EUR", title=SCRIPT, description=f'"{MARKUP}', key="x"
    )
    root = ElementTree.fromstring(picture)  # noqa: S314 - our own picture
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "x-title x-desc"
    assert root.find(f"{SVG}title").text == SCRIPT
    assert root.find(f"{SVG}desc").text == f'"{MARKUP}'
    assert unescape(picture).count(SCRIPT) == 1


@pytest.mark.parametrize("address", ["file:///etc/passwd", "http://127.0.0.1:9/x", "/etc/passwd"])
def test_a_chart_that_asks_for_an_address_is_refused(address):
    data = alt.Chart(alt.UrlData(address)).mark_text().encode(text="a:Q")
    inline = alt.Chart(alt.Data(values=[{"u": address}]))
    image = inline.mark_image().encode(url="u:N")
    for chart in (data, image, alt.layer(inline.mark_text(), image)):
        with pytest.raises(ValueError, match="carry its data"):
            render.specification(chart)


def test_an_address_among_the_data_is_just_text():
    chart = alt.Chart(alt.Data(values=[{"data": {"url": "http://x"}, "a": 1}])).mark_bar()
    assert render.specification(chart.encode(x="a:Q"))["data"]["values"]


def test_a_saved_picture_says_by_itself_what_it_shows(tmp_path):
    bare = render.specification(CHARTS["funnel"](), description="finding")
    spec = render.headed(bare, MARKUP, "word " * 40, "", "portal, today")
    paths = render.save(tmp_path, "funnel", spec, currency="EUR")
    root = ElementTree.fromstring(paths["svg"].read_text("utf-8"))  # noqa: S314 - our own picture
    assert root.find(f"{SVG}title").text == MARKUP
    assert root.find(f"{SVG}desc").text == "finding"
    shown = texts(root)
    assert MARKUP in shown
    lines = [node.text for node in root.iter(f"{SVG}tspan") if node.text]
    assert [line for line in lines if line.startswith("word")] == [
        ("word " * 25).strip(),
        ("word " * 15).strip(),
    ]
    assert "portal, today" in lines
    assert "title" not in bare
    assert paths["png"].read_bytes().startswith(b"\x89PNG")
    assert '"description": "finding"' in paths["json"].read_text("utf-8")
