"""Real input, the whole way: CSV → portal → HTTP → warehouse → `workbench metric`.

Published figures: ../shared/data/maven_crm/SOURCE.txt.
"""

import json
import os

import command_line
import pandas as pd
import pytest
from sandbox_portal import running_portal


def workbench(*arguments: str, **environ: str) -> str:
    run = command_line.workbench(*arguments, env={**os.environ, **environ})
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def loaded(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("maven")
    state = folder / "portal.sqlite"
    told = workbench(
        *("sandbox", "load", str(shared_data / "maven_crm"), "--mapping", "maven_crm"),
        *("--state", str(state), "--json"),
        WORKBENCH_LANGUAGE="en",
    )
    with running_portal(folder, "--state", str(state), "--plan", "unlimited") as portal:
        environ = {
            "WORKBENCH_HOME": str(folder / "home"),
            "WORKBENCH_WEBHOOK": portal.url,
            "WORKBENCH_PLAN": "unlimited",
        }
        workbench("sync", "bitrix24", **environ)
    yield json.loads(told), environ


def test_the_traps_of_the_files_are_told_with_their_counts(loaded):
    report, _environ = loaded
    counts = {remark["what"]: remark["count"] for remark in report["remarks"]}
    assert report["rows"]["deals"] == 8800
    assert counts["product “GTXPro” read as “GTX Pro”"] == 1480
    assert counts["no company"] == 1425
    assert counts["users without a deal"] == 5
    assert counts["industry “technolgy” read as “technology”"] == 12
    assert counts["country “Philipines” read as “Philippines”"] == 1
    no_date = [n for what, n in counts.items() if what.startswith("no engage_date")]
    assert no_date == [500]


def test_the_published_figures_come_out_of_the_command(loaded):
    _report, environ = loaded
    ids = ["deals", "deals_won", "deals_lost", "closed_win_rate", "won_revenue"]
    ids += ["won_cycle_mean", "won_cycle_median"]
    answer = json.loads(workbench("metric", *ids, "--period", "all", "--json", **environ))
    (row,) = answer["rows"]
    assert row["deals"] == 8800
    assert row["deals_won"] == 4238
    assert row["deals_lost"] == 2473
    assert round(row["closed_win_rate"] * 100, 2) == 63.15
    assert row["won_revenue"] == 10_005_534
    assert round(row["won_cycle_mean"], 2) == 51.78
    assert row["won_cycle_median"] == 57


def test_each_seller_s_revenue_is_that_of_the_file(loaded, shared_data):
    _report, environ = loaded
    answer = json.loads(
        workbench(
            "metric", "won_revenue", "--by", "manager", "--period", "all", "--json", **environ
        )
    )
    ours = {row["manager"]: row["won_revenue"] for row in answer["rows"] if row["won_revenue"]}
    file = pd.read_csv(shared_data / "maven_crm" / "sales_pipeline.csv")
    truth = file[file["deal_stage"] == "Won"].groupby("sales_agent")["close_value"].sum()
    assert ours == truth.to_dict()
    assert ours["Darcel Schlecht"] == 1_153_214


def test_products_join_in_spite_of_their_spelling(loaded, shared_data):
    _report, environ = loaded
    query = (
        "SELECT p.product, count(*) AS n FROM deal_products r JOIN products p"
        " USING (product_id) GROUP BY ALL"
    )
    answer = json.loads(workbench("sql", query, "--json", **environ))
    file = pd.read_csv(shared_data / "maven_crm" / "sales_pipeline.csv")
    truth = file["product"].replace({"GTXPro": "GTX Pro"}).value_counts().to_dict()
    assert {row["product"]: row["n"] for row in answer} == truth
