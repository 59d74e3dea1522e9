"""Triggers on conditions of the data: a figure, a check, a file; a real portal is changed."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from sandbox_portal import SandboxPortal
from small_project import SmallProject
from triggering import call, declare, open_deals, read, started

from workbench import metrics
from workbench.automation import queue
from workbench.automation.triggers.declared import SCHEMA, load_trigger, schema
from workbench.automation.triggers.status import status
from workbench.bitrix24.client import Portal
from workbench.errors import ConfigurationError

RUN = {"run": {"report": "tell"}}
SPEND = "month,channel,spend,currency,clicks,impressions\n2026-05,Google Ads,100,EUR,1,2\n"


def because() -> list[list[str]]:
    """Return the reasons of the queued runs, oldest first."""
    return [job.payload["triggered"]["because"] for job in reversed(queue.jobs())]


def open_amount() -> float:
    """Return the sum of the open deals in the base currency, as the metric says."""
    frame = metrics.query("open_amount")
    return frame.attrs["total"]["open_amount"]


def raise_by(portal: SandboxPortal, deal: int, amount: int) -> None:
    portal.advance(2)
    fields = {"OPPORTUNITY": amount, "IS_MANUAL_OPPORTUNITY": "Y"}
    call(portal, "crm.deal.update", id=deal, fields=fields)


def test_a_figure_starts_one_run_each_time_it_crosses_its_limit(
    loaded_portal: SandboxPortal, project: SmallProject
):
    limit = round(open_amount()) + 1_000_000
    declare(project, "high", {"metric": "open_amount", "above": limit}, **RUN)
    declare(project, "low", {"metric": "open_amount", "below": limit}, **RUN)
    (deal,) = open_deals(1)
    assert not read(loaded_portal).started  # “low” holds already: it watches from here on
    raise_by(loaded_portal, deal, 5_000_000)
    (line,) = read(loaded_portal).started
    assert line.startswith("Trigger high: a run of tell is queued. open_amount")
    raise_by(loaded_portal, deal, 6_000_000)
    assert not read(loaded_portal).started  # still above
    assert "Held on" in status("high").state and "Did not hold" in status("low").state
    raise_by(loaded_portal, deal, 10)
    assert [line.split(":")[0] for line in read(loaded_portal).started] == ["Trigger low"]
    raise_by(loaded_portal, deal, 7_000_000)
    assert [line.split(":")[0] for line in read(loaded_portal).started] == ["Trigger high"]
    assert started() == {"high": [{}, {}], "low": [{}]}
    first, second, third = because()
    assert "above" in first[0] and "below" in second[0] and "above" in third[0]
    assert f"{limit:,}" in first[0]


def test_a_figure_is_counted_within_its_filter(loaded_portal: SandboxPortal, project: SmallProject):
    (deal,) = open_deals(1)
    inside = {"metric": "open_amount", "where": "amount_base >= 900000"}
    declare(project, "large", {**inside, "above": 0}, **RUN)
    assert not read(loaded_portal).started
    raise_by(loaded_portal, deal, 800_000)
    assert not read(loaded_portal).started
    raise_by(loaded_portal, deal, 900_000)
    assert len(read(loaded_portal).started) == 1


def test_a_file_with_other_rows_starts_a_run_and_the_same_rows_do_not(
    loaded_portal: SandboxPortal, project: SmallProject, home: Path
):
    shutil.copy(Path("parameters/sources.yml"), project.folder / "parameters")
    declare(project, "spend", {"source": "marketing_spend"}, **RUN)
    assert not read(loaded_portal).started
    file = home / "imports" / "marketing_spend.csv"
    file.parent.mkdir()
    file.write_text(SPEND)
    assert len(read(loaded_portal).started) == 1
    file.write_text(SPEND)  # another file, the same rows
    raise_by(loaded_portal, open_deals(1)[0], 800_000)
    assert not read(loaded_portal).started
    file.write_text("month,chan\n")  # refused: the rows of the last good one stay
    assert not read(loaded_portal).started
    file.write_text(SPEND + "2026-06,Google Ads,90,EUR,1,2\n")
    assert len(read(loaded_portal).started) == 1
    assert [reason.endswith(f", {n} rows.") for (reason,), n in zip(because(), (1, 2), strict=True)]


def test_a_check_that_begins_to_fail_starts_a_run(
    loaded_portal: SandboxPortal, project: SmallProject
):
    large = {"title": {"fr": "Trop grand", "en": "Too large"}, "table": "deals",
             "severity": "warning", "broken": "amount_base >= 900000"}  # fmt: skip
    (project.folder / "parameters" / "checks.yml").write_text(
        yaml.safe_dump({"checks": {"too_large": large}})
    )
    declare(project, "named", {"check": "too_large"}, **RUN)
    declare(project, "errors", {"check": "any"}, **RUN)
    assert not read(loaded_portal).started
    first, second = open_deals(2)
    raise_by(loaded_portal, first, 950_000)
    (line,) = read(loaded_portal).started  # it is no error
    assert "Trigger named" in line and "Too large (1)" in line
    raise_by(loaded_portal, second, 950_000)
    assert not read(loaded_portal).started  # it fails already


def test_a_month_outside_its_forecast_band_starts_one_run(
    loaded_portal: SandboxPortal, project: SmallProject
):
    declare(project, "band", {"metric": "deals", "outside_forecast": True}, **RUN)
    assert not read(loaded_portal).started
    with Portal(loaded_portal.url, "unlimited") as opened:
        opened.batch([("crm.deal.add", {"fields": {"TITLE": f"x{n}"}}) for n in range(400)])
    loaded_portal.advance(31 * 86_400)  # their month is over then
    raise_by(loaded_portal, open_deals(1)[0], 800_000)
    (line,) = read(loaded_portal).started
    assert "forecast between" in line
    raise_by(loaded_portal, open_deals(1)[0], 810_000)
    assert not read(loaded_portal).started  # the same month


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"when": {"metric": "turnover", "above": 1}}, "when: There is no metric"),
        ({"when": {"metric": "deals"}}, "when: needs exactly one of above, below"),
        ({"when": {"metric": "deals", "above": 1, "below": 2}}, "when: needs exactly one of"),
        ({"when": {"metric": "deals", "above": 1, "period": "soon"}}, "when: "),
        ({"when": {"metric": "deals", "above": 1, "where": "colour = 1"}}, "colour"),
        ({"when": {"metric": "deals", "above": 1, "segment": "big"}}, "no segment"),
        ({"when": {"metric": "deals", "outside_forecast": True, "period": "2026"}}, "no period"),
        ({"when": {"metric": "deals", "above": "x"}}, "when.above: "),
        ({"when": {"metric": "deals", "over": 1}}, "“when.over” is unknown; allowed: metric"),
        ({"when": {"check": "nothing"}}, "There is no check “nothing”"),
        ({"when": {"source": "bitrix24"}}, "when.source: allowed: marketing_spend"),
        ({"when": {"call": "soap"}}, "when.call: allowed: rest"),
        ({"when": {"every": 5}}, "expected one of these keys: records, metric, check"),
        ({"when": []}, "expected one of these keys: records"),
        ({"when": {"check": "any"}, "per": "record"}, "per: this trigger is about no records"),
    ],
)
def test_a_wrong_condition_is_one_line_that_says_what_is_allowed(
    project: SmallProject, content: dict[str, Any], told: str
):
    declare(project, "wrong", **{**RUN, **content})
    with pytest.raises(ConfigurationError) as caught:
        load_trigger("wrong")
    assert caught.value.message.startswith("parameters/triggers/wrong.yml")
    assert told in caught.value.message and "\n" not in caught.value.message


def test_records_are_not_asked_for_by_a_condition(project: SmallProject):
    declare(project, "wrong", {"check": "any"})
    with pytest.raises(ConfigurationError, match=r"run\.records: this trigger is about no records"):
        load_trigger("wrong")


def test_the_schema_is_what_the_shapes_say():
    assert SCHEMA.read_text("utf-8") == schema()
    assert {"above", "outside_forecast"} < set(
        json.loads(schema())["$defs"]["Figure"]["properties"]
    )
