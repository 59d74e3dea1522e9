"""A page, still (with and without a run folder) and live (widgets, without a browser)."""

import csv
import io
import json
import logging
import re

import altair as alt
import numpy as np
import pandas as pd
import pytest
from hostile_company import MARKUP, PIPELINE, SCRIPT, make_hostile_home

import workbench as wb
from workbench.errors import NoSnapshot, ParameterError
from workbench.i18n import use_language
from workbench.views import figures, visit
from workbench.views.contents import Notice
from workbench.views.live import LiveChart


@pytest.fixture(autouse=True)
def english():
    with use_language("en"):
        yield


@pytest.fixture(autouse=True)
def own_log(monkeypatch):
    """A live page sends its log to a file; the next test starts without it."""
    logger = logging.getLogger("workbench.views")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", True)


@pytest.fixture
def run(hostile, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    monkeypatch.setenv("WORKBENCH_RUN", str(folder))
    return folder


def failing(_selection):
    raise RuntimeError("secret detail of /srv/private")


def all_html(page):
    return "".join(page.html)


def test_a_page_outside_of_a_kernel_is_still_and_writes_nothing(hostile):
    page = wb.Page("sales", title="Sales", text="Some *prose*.")
    assert not page.live
    assert page.folder is None
    assert "<h1>Sales</h1>" in all_html(page)
    assert "<em>prose</em>" in all_html(page)


def test_the_stamp_names_portal_moment_zone_snapshot_period_and_n(hostile):
    page = wb.Page("sales")
    page.filters(period="last_quarter", pipeline=PIPELINE, count="deals")
    stamp = all_html(page)
    n = page.snapshot.query(
        "SELECT count(*) AS n FROM deals WHERE pipeline_id = 1"
        " AND created_on >= '2026-07-01' AND created_on < '2026-10-01'"
    )["n"].iloc[0]
    for fact in (
        "atelier-lumen.example",
        "23 Nov 2026 18:00",
        "Europe/Paris",
        page.snapshot.id,
        "Q3 2026",
        f"n = {n}",
        "O&#x27;Brien &amp; &lt;b&gt;",
    ):
        assert fact in stamp


def test_a_run_leaves_charts_tables_and_the_typed_answer(run):
    page = wb.Page("sales", title="Sales")
    page.filters(period="last_12_months")
    page.chart("managers", wb.panels.sales.managers)
    frame = pd.DataFrame({"name": ["=1+1", MARKUP], "value": [1.5, np.nan]})
    page.table("mine", frame, title="Mine")
    page.result(status="ok", value=np.float64(1.5), previous=np.nan, rate=pd.NA, summary=SCRIPT)
    files = {str(f.relative_to(run)) for f in run.rglob("*") if f.is_file()}
    assert files == {
        "charts/managers.svg",
        "charts/managers.png",
        "charts/managers.json",
        "tables/managers.csv",
        "tables/managers.csv-metadata.json",
        "tables/managers.parquet",
        "tables/mine.csv",
        "tables/mine.csv-metadata.json",
        "tables/mine.parquet",
        "contents.json",
        "result.json",
    }
    answer = json.loads((run / "result.json").read_text("utf-8"))
    assert answer["rows"] > 0
    assert {k: v for k, v in answer.items() if k != "rows"} == {
        "status": "ok", "value": 1.5, "previous": None, "rate": None, "summary": SCRIPT
    }  # fmt: skip
    rows = list(csv.reader(io.StringIO((run / "tables/mine.csv").read_text("utf-8-sig"))))
    assert rows == [["name", "value"], ["'=1+1", "1.5"], [MARKUP, ""]]


def test_a_still_chart_has_name_finding_and_a_table(hostile):
    page = wb.Page("sales")
    page.filters(period="last_12_months")
    page.chart("managers", wb.panels.sales.managers)
    html = page.html[-1]
    finding = re.search(r'class="wb-finding"[^>]*>(.*?)</p>', html).group(1)
    described = re.search(r"<desc[^>]*>(.*?)</desc>", html).group(1)
    assert finding.replace("&#x27;", "'") == described.replace("&#x27;", "'")
    assert html.count('role="img"') == 2
    wide, narrow = html.split('class="wb-chart wb-chart-narrow" style="display: none"')
    assert wide.count("<svg") == narrow.count("<svg") == 1
    identities = re.findall(r'\bid="([^"]+)"', html)
    assert len(identities) == len(set(identities))
    assert "<summary>Show as table</summary>" in html
    assert "<script" not in all_html(page)
    assert "<img" not in all_html(page)


def test_the_chart_of_two_years_says_how_many_months_are_above_the_year_before(hostile):
    page = wb.Page("sales")
    page.filters(period="last_12_months")
    page.chart("revenue", wb.panels.sales.revenue_by_month)
    won = page.snapshot.query(
        "SELECT date_trunc('month', closed_on) AS month, sum(amount_base) AS won FROM deals"
        " WHERE is_won GROUP BY 1"
    )
    won = won.set_index(pd.DatetimeIndex(won["month"]))["won"].astype(float)
    months = pd.date_range("2025-11-01", "2026-10-01", freq="MS")
    pairs = [(won.get(month), won.get(month - pd.DateOffset(years=1))) for month in months]
    known = [(now, then) for now, then in pairs if now is not None and then is not None]
    above = sum(now > then for now, then in known)
    assert f"{above} of {len(known)} months are above the year before." in page.html[-1]


def test_the_finding_follows_the_data(hostile):
    page = wb.Page("sales")
    found = set()
    for period in ("2026-Q1", "2025-Q4"):
        page.filters(period=period)
        page.chart("revenue", wb.panels.sales.revenue_by_month)
        found.add(re.search(r'class="wb-finding"[^>]*>(.*?)</p>', page.html[-1]).group(1))
    assert len(found) == 2


def test_a_wrong_parameter_is_an_error_with_what_is_allowed(hostile):
    page = wb.Page("sales")
    with pytest.raises(ParameterError, match="nope"):
        page.filters(period="last_12_months", pipeline="nope")
    with pytest.raises(ParameterError):
        page.filters(period="someday")


def test_an_empty_selection_says_so(hostile):
    page = wb.Page("sales")
    page.filters(period="1999")
    for panel in (wb.panels.sales.revenue_by_month, wb.panels.sales.funnel):
        page.chart("p", panel)
        assert "wb-notice" in page.html[-1]
        assert "<svg" not in page.html[-1]


def test_what_was_not_loaded_is_shown_as_that_and_never_as_zero(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(make_hostile_home(tmp_path, spend=False)))
    page = wb.Page("marketing")
    page.filters(period="last_12_months")
    page.figures(wb.panels.marketing.figures)
    cards = page.html[-1]
    for name in ("marketing_spend", "cost_per_lead", "romi"):
        card = re.search(rf'data-figure="{name}">(.*?)</div>', cards).group(1)
        assert "not loaded" in card
        assert "€" not in card.split("wb-figure-value")[1]
    for panel in (
        wb.panels.marketing.spend_and_revenue,
        wb.panels.marketing.cost_per_lead_by_month,
        wb.panels.marketing.romi_by_month,
        wb.panels.marketing.channels,
    ):
        page.chart("p", panel)
        assert "wb-notice-not-loaded" in page.html[-1]


def test_a_still_panel_that_fails_says_so_and_fails_the_run(hostile, caplog):
    page = wb.Page("sales")
    with pytest.raises(RuntimeError):
        page.chart("broken", failing)
    html = page.html[-1]
    assert "secret" not in html
    number = re.search(r"Error id: (\w+)", html).group(1)
    assert any(number in record.getMessage() for record in caplog.records)


def test_without_any_snapshot_a_still_page_raises(home):
    with pytest.raises(NoSnapshot):
        wb.Page("sales")


@pytest.mark.parametrize("name", ["../x", "a/b", "", "A", "x" * 99, "a.b"])
def test_a_name_that_could_leave_the_folder_is_refused(hostile, name):
    with pytest.raises(ValueError, match="not a name"):
        wb.Page(name)
    with pytest.raises(ValueError, match="not a name"):
        wb.Page("sales").table(name, pd.DataFrame({"a": [1]}))


def test_an_analysts_own_chart_and_frame_are_shown(hostile):
    page = wb.Page("mine")
    frame = pd.DataFrame({"a": ["x", "y"], "b": [1, 2]})
    chart = alt.Chart(frame).mark_bar().encode(x="b:Q", y="a:N")
    page.chart("own", chart, title="Own", finding="y leads.", data=frame)
    assert "y leads." in page.html[-1]
    assert "<svg" in page.html[-1]
    page.chart("none", chart, title="None", data=frame.iloc[:0])
    assert "wb-notice-empty" in page.html[-1]


def live_page(kernel, **wanted):
    page = wb.Page("sales", title="Sales")
    assert page.live
    page.filters(**({"period": "last_12_months", "pipeline": "all"} | wanted), count="deals_won")
    return page


def shown_in(panel):
    return panel._head.value


def test_a_filter_redraws_every_panel_in_place(hostile, kernel):
    page = live_page(kernel)
    page.figures(wb.panels.sales.figures)
    page.chart("revenue", wb.panels.sales.revenue_by_month)
    heads = [shown_in(panel) for panel in page._panels]
    chart = page._panels[1]._chart
    assert isinstance(chart, LiveChart)
    spec = chart.spec
    stamp = page._stamp_box.value
    page._lists["pipeline"].value = PIPELINE
    assert page.selection.chosen == {"pipeline": PIPELINE}
    assert all(a != b for a, b in zip(heads, map(shown_in, page._panels), strict=True))
    assert page._panels[1]._chart is chart
    assert chart.spec != spec
    assert page._stamp_box.value != stamp
    truth = page.snapshot.query(
        "SELECT count(*) AS n FROM deals WHERE is_won AND pipeline_id = 1"
        " AND closed_on >= '2025-11-01' AND closed_on < '2026-11-01'"
    )["n"].iloc[0]
    assert f"n = {truth}" in page._stamp_box.value
    page._lists["pipeline"].value = "all"
    assert [shown_in(panel) for panel in page._panels] == heads


def test_a_change_is_written_into_the_address_and_told_to_listeners(hostile, kernel):
    page = live_page(kernel)
    page.chart("revenue", wb.panels.sales.revenue_by_month)
    told = []
    page.on_change(told.append)
    page._lists["period"].value = "last_quarter"
    assert told == [page.selection]
    assert page._runtime.query == {"period": "last_quarter", "pipeline": None}


def test_a_live_page_keeps_its_language_in_later_calls(hostile, kernel):
    with use_language("fr"):
        page = live_page(kernel)
        page.chart("revenue", wb.panels.sales.revenue_by_month)
    page._lists["period"].value = "last_quarter"
    assert "Chiffre d’affaires gagné" in shown_in(page._panels[0])
    assert "T3 2026" in page._stamp_box.value


def test_a_live_panel_that_fails_leaves_the_others_and_its_id_is_in_the_log(hostile, kernel):
    page = live_page(kernel)
    page.chart("broken", failing)
    page.chart("revenue", wb.panels.sales.revenue_by_month)
    assert "secret" not in shown_in(page._panels[0])
    number = re.search(r"Error id: (\w+)", shown_in(page._panels[0])).group(1)
    log = (hostile / "logs" / "pages.log").read_text("utf-8")
    assert number in log
    assert "secret detail" in log
    assert len(page._panels[1].box.children) == 3


def test_a_panel_recovers_after_an_empty_selection(hostile, kernel):
    page = live_page(kernel, period="1999")
    page.chart("revenue", wb.panels.sales.revenue_by_month)
    panel = page._panels[0]
    assert "wb-notice" in shown_in(panel)
    assert len(panel.box.children) == 1
    page._lists["period"].value = "last_12_months"
    assert "wb-finding" in shown_in(panel)
    assert len(panel.box.children) == 3


def test_the_address_chooses_and_what_it_may_not_is_said(hostile, kernel, monkeypatch):
    monkeypatch.setenv("QUERY_STRING", f"pipeline=Revendeurs&period={SCRIPT}&lang=en")
    page = live_page(kernel)
    assert page.selection.chosen == {"pipeline": "Revendeurs"}
    assert page.selection.period.label() == "Nov 2025 – Oct 2026"
    assert "wb-notice-address" in all_html(page)
    assert SCRIPT not in all_html(page)


def test_a_slider_redraws_only_what_follows_it(hostile, kernel):
    page = live_page(kernel)
    page.share_slider("win_rate", "Win rate", 0.4)
    page.chart("revenue", wb.panels.sales.revenue_by_month)
    page.chart("scenario", wb.panels.forecast.scenario, inputs=["win_rate"])
    revenue, scenario = page._panels
    before, other = shown_in(scenario), revenue._chart.spec
    slider = kernel[-3]["widget"].children[0]
    slider.value = 0.9
    assert page.selection.inputs["win_rate"] == 0.9
    assert shown_in(scenario) != before
    assert revenue._chart.spec is other


def test_a_slider_may_start_where_the_data_say(hostile, kernel):
    page = live_page(kernel)
    page.share_slider("win_rate", "Win rate", wb.panels.forecast.present_win_rate)
    won, lost = page.snapshot.query(
        "SELECT count(*) FILTER (is_won) AS won, count(*) FILTER (is_lost) AS lost FROM deals"
        " WHERE closed_on >= '2025-11-01' AND closed_on < '2026-11-01'"
    ).iloc[0]
    assert page.selection.inputs["win_rate"] == pytest.approx(won / (won + lost))


def test_without_any_snapshot_a_slider_asks_for_none(home, kernel):
    wb.Page("forecast").share_slider("r", "Rate", wb.panels.forecast.present_win_rate)


def test_the_answer_follows_the_filters(hostile, kernel):
    page = live_page(kernel)
    page.result(wb.panels.sales.answer)
    before = shown_in(page._panels[0])
    page._lists["pipeline"].value = "Revendeurs"
    assert shown_in(page._panels[0]) != before


def test_without_any_snapshot_a_live_page_says_so(home, kernel):
    page = wb.Page("sales", title="Sales")
    page.filters(period="last_12_months")
    page.chart("revenue", wb.panels.sales.revenue_by_month)
    page.share_slider("win_rate", "Win rate", 0.4)
    assert page.result(wb.panels.sales.answer) == {}
    assert all_html(page).count("Nothing has been synced yet.") == 2


def test_jupyterlab_gets_the_stylesheet_and_voila_does_not(hostile, kernel, monkeypatch):
    assert "<style>" in all_html(wb.Page("sales"))
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    assert "<style>" not in all_html(wb.Page("sales"))
    assert visit.in_voila()


def test_trouble_with_a_source_is_in_the_stamp(snapshot, kernel, monkeypatch):
    rows = snapshot.sources()
    rows.loc[rows["entity"] == "leads", "status"] = "stale"
    page = live_page(kernel)
    monkeypatch.setattr(page.snapshot, "sources", lambda: rows)
    assert "Leads: not up to date" in page._stamp_html()
    with use_language("fr"):
        assert "Prospects\u202f: pas à jour" in page._stamp_html()


def test_a_notice_about_names_is_escaped():
    from workbench.views.panel import notice_html

    html = notice_html(Notice("not loaded", MARKUP, MARKUP))
    assert "<img" not in html
    assert "wb-notice-not-loaded" in html


def test_figures_take_a_frame_of_metrics(hostile):
    page = wb.Page("sales")
    frame = wb.query("won_revenue", period="last_quarter", snapshot=page.snapshot)
    page.figures(frame)
    expected = figures.figures_from(frame)[0]
    assert expected.title in page.html[-1]
