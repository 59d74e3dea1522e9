"""The point of it all: a process of the portal asks, papermill analyses, the deal moves on."""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import command_line
import httpx
import pytest
from listener import wait_until
from portal_application import webhook_call
from sandbox_portal import SMALL_COMPANY, SandboxPortal, running_portal

pytestmark = pytest.mark.timeout(180)

FALLING_OR_GROWING = """
name: sign
title: {fr: Signe, en: Sign}
steps:
  - activity: analyse_commerciale
    name: analysis
    properties: {metric: won_revenue, period: %s}
    timeout: 120
  - choose:
      - case: growing
        when:
          - {value: "{=analysis:status}", is: ok}
          - {value: "{=analysis:change_percent}", at_least: 0}
        steps: [{set_stage: PREPAYMENT_INVOICE}]
      - case: falling
        when:
          - {value: "{=analysis:status}", is: ok}
        steps: [{set_stage: PREPARATION}]
      - case: not analysed
        steps: [{log: "{=analysis:status} {=analysis:error}"}]
"""


@dataclass
class Company:
    """A portal with our application installed, a synced home, a handler and a worker."""

    portal: SandboxPortal
    folder: Path
    environ: dict[str, str]
    running: dict[str, subprocess.Popen] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "workbench", *arguments],
                env=self.environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def command(self, *arguments: str) -> str:
        done = command_line.workbench(*arguments, env=self.environ)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def call(self, method: str, params: dict[str, Any] | None = None) -> Any:
        status, body = webhook_call(self.portal.url, method, params)
        assert status == 200, body
        return body["result"]

    def pages(self, method: str, params: dict[str, Any], rows: str = "") -> list[dict]:
        """Return every row of a list method, page by page."""
        found: list[dict] = []
        while True:
            _status, body = webhook_call(self.portal.url, method, {**params, "start": len(found)})
            found += body["result"][rows] if rows else body["result"]
            if "next" not in body:
                return found

    def start_process(self, template: str, deal: int) -> str:
        return self.call(
            "bizproc.workflow.start",
            {"TEMPLATE_ID": template, "DOCUMENT_ID": ["crm", "CCrmDocumentDeal", f"DEAL_{deal}"]},
        )

    def ended(self, number: str) -> dict:
        def done():
            found = self.call("sandbox.process.get", {"ID": number})
            return found if found["STATE"] not in ("ready", "waiting") else None

        return wait_until(done, 120)


EVERY_SETTING = """
name: every_setting
title: {fr: a, en: b}
steps:
  - activity: analyse_commerciale
    name: analysis
    properties:
      report: deal
      metric: won_revenue
      period: last_12_months
      compare: year_ago
      scope: manager
      segment: "amount > 2000 and currency = 'EUR'"
      horizon: 3
      rule: stalled_deals
    wait: true
"""


@pytest.fixture(scope="module")
def company(tmp_path_factory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("end")
    with running_portal(folder, *SMALL_COMPANY) as portal, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")},
            "WORKBENCH_HOME": str(folder / "home"),
            "WORKBENCH_OUTPUTS": str(folder / "outputs"),
            "WORKBENCH_CONFIG": str(folder / "config"),
            "WORKBENCH_WEBHOOK": portal.url,
            "WORKBENCH_PLAN": "unlimited",
            "WORKBENCH_LANGUAGE": "en",
            "WORKBENCH_APP_CLIENT_ID": "local.end.1",
            "WORKBENCH_APP_CLIENT_SECRET": secrets.token_hex(20),
            "WORKBENCH_APP_ADDRESS": f"http://127.0.0.1:{port}",
            "WORKBENCH_OAUTH_SERVER": portal.base,
        }
        company = Company(portal, folder, environ)
        try:
            company.command("sync")
            url_file = folder / "handler.url"
            company.start(
                "handler", "app", "serve", "--port", str(port), "--url-file", str(url_file)
            )
            company.start("worker", "worker")
            wait_until(lambda: url_file.exists(), 60)
            company.call(
                "sandbox.application.add",
                {
                    "SCOPE": "crm,bizproc,user,im",
                    "INSTALL": f"http://127.0.0.1:{port}/bitrix24/install",
                    "CLIENT_ID": environ["WORKBENCH_APP_CLIENT_ID"],
                    "CLIENT_SECRET": environ["WORKBENCH_APP_CLIENT_SECRET"],
                },
            )
            page = "/sandbox/processes?lang=fr"
            wait_until(lambda: "Analyse Commerciale" in httpx.get(portal.base + page).text, 60)
            yield company
        finally:
            for process in company.running.values():
                process.terminate()
            for process in company.running.values():
                process.wait(30)


def open_deal(company: Company) -> int:
    rows = company.call(
        "crm.deal.list", {"filter": {"STAGE_ID": "NEW", "CATEGORY_ID": 0}, "select": ["ID"]}
    )
    return int(rows[0]["ID"])


def record_of(company: Company, deal: int) -> dict:
    """Return the record of the deal's run."""
    records = [json.loads(f.read_text()) for f in (company.folder / "outputs").glob("*/run.json")]
    return next(r for r in records if r["parameters"]["deal_id"] == deal)


def won_revenue(company: Company, start: str, end: str, **kept: object) -> Decimal:
    """Add up, over REST alone, what the deals ``kept`` won within local days [start, end)."""
    finals = company.pages(
        "crm.stagehistory.list",
        {"entityTypeId": 2, "filter": {"STAGE_SEMANTIC_ID": "S"}, "order": {"ID": "ASC"}},
        "items",
    )
    won_on = {str(row["OWNER_ID"]): row["CREATED_TIME"][:10] for row in finals}
    rates = {
        row["CURRENCY"]: Decimal(row["AMOUNT"]) / Decimal(row["AMOUNT_CNT"])
        for row in company.call("crm.currency.list")
    }
    deals = company.pages(
        "crm.deal.list",
        {
            "filter": {**kept, "STAGE_SEMANTIC_ID": "S", "IS_RECURRING": "N"},
            "select": ["ID", "OPPORTUNITY", "CURRENCY_ID"],
            "order": {"ID": "ASC"},
        },
    )
    return sum(
        (
            Decimal(deal["OPPORTUNITY"]) * rates[deal["CURRENCY_ID"]]
            for deal in deals
            if start <= won_on[deal["ID"]] < end
        ),
        Decimal(0),
    )


def test_a_process_branches_on_the_analysis_and_the_deal_moves(company):
    template = company.call(
        "sandbox.process.add", {"TEMPLATE": FALLING_OR_GROWING % "last_12_months"}
    )
    deal = open_deal(company)
    found = company.ended(company.start_process(template, deal))
    assert found["STATE"] == "completed", found
    results = found["RESULTS"]["analysis"]
    assert results["status"] == "ok"
    assert results["IsTimeout"] == "0"
    assert results["summary"]
    assert results["as_of"]
    record = record_of(company, deal)
    assert record["outcome"] == "succeeded"
    assert record["trigger"] == "action"
    period = record["periods"]["period"]
    truth = won_revenue(company, period["start"], period["end"], CATEGORY_ID=0)
    assert truth > 0
    assert Decimal(results["value"]) == pytest.approx(truth, abs=Decimal("0.5"))
    change, previous = Decimal(results["change_percent"]), Decimal(results["previous"])
    assert change == pytest.approx((truth - previous) / previous * 100, abs=Decimal("0.01"))
    expected = "PREPAYMENT_INVOICE" if change >= 0 else "PREPARATION"
    assert company.call("crm.deal.get", {"id": deal})["STAGE_ID"] == expected
    history = company.call(
        "crm.stagehistory.list",
        {"entityTypeId": 2, "filter": {"OWNER_ID": deal}, "order": {"ID": "DESC"}},
    )["items"]
    assert history[0]["STAGE_ID"] == expected


def test_every_setting_has_its_effect_and_every_result_its_value(company):
    template = company.call("sandbox.process.add", {"TEMPLATE": EVERY_SETTING})
    row = company.call(
        "crm.deal.list",
        {"filter": {"CATEGORY_ID": 0, "STAGE_SEMANTIC_ID": "P"}, "order": {"DATE_CREATE": "ASC"}},
    )[0]
    found = company.ended(company.start_process(template, int(row["ID"])))
    results = found["RESULTS"]["analysis"]
    assert results["status"] == "ok", results
    period = record_of(company, int(row["ID"]))["periods"]["period"]
    kept = {"ASSIGNED_BY_ID": row["ASSIGNED_BY_ID"], ">OPPORTUNITY": 2000, "CURRENCY_ID": "EUR"}
    truth = won_revenue(company, period["start"], period["end"], **kept)
    before = won_revenue(company, year_before(period["start"]), year_before(period["end"]), **kept)
    assert truth > 0
    assert Decimal(results["value"]) == pytest.approx(truth, abs=Decimal("0.5"))
    assert Decimal(results["previous"]) == pytest.approx(before, abs=Decimal("0.5"))
    low, middle, high = (
        float(results[name]) for name in ("forecast_low", "forecast", "forecast_high")
    )
    assert low < middle < high
    assert 0 <= float(results["risk"]) <= 1
    # The oldest open deal stands longer than four won deals in five did.
    assert results["decision"] == "notify_manager"
    (proposal,) = json.loads(company.command("decisions", "list", "--json"))
    assert proposal["subject"] == f"deal:{row['ID']}"
    assert proposal["status"] == "proposed"


def year_before(day: str) -> str:
    return f"{int(day[:4]) - 1}{day[4:]}"


def test_a_wrong_setting_and_an_unknown_deal_come_back_with_the_reason(company):
    wrong = company.call("sandbox.process.add", {"TEMPLATE": FALLING_OR_GROWING % "sometimes"})
    found = company.ended(company.start_process(wrong, open_deal(company)))
    assert found["RESULTS"]["analysis"]["status"] == "invalid"
    assert "sometimes" in found["RESULTS"]["analysis"]["error"]
    right = company.call("sandbox.process.add", {"TEMPLATE": FALLING_OR_GROWING % "last_12_months"})
    newer = company.call("crm.deal.add", {"fields": {"TITLE": "After the sync"}})
    found = company.ended(company.start_process(right, newer))
    assert found["STATE"] == "completed"
    assert found["RESULTS"]["analysis"]["status"] == "error"
    assert found["RESULTS"]["analysis"]["error"]


def test_a_worker_killed_in_the_middle_still_answers_once(company):
    template = company.call(
        "sandbox.process.add", {"TEMPLATE": FALLING_OR_GROWING % "last_12_months"}
    )
    deal = open_deal(company)
    outputs = company.folder / "outputs"
    before = set(outputs.iterdir())
    number = company.start_process(template, deal)
    # Its record is written just before the run's process starts.
    wait_until(lambda: [f for f in outputs.glob("*/run.json") if f.parent not in before], 30)
    company.running["worker"].kill()
    company.running["worker"].wait()
    assert company.call("sandbox.process.get", {"ID": number})["STATE"] == "waiting"
    company.start("worker", "worker")
    found = company.ended(number)
    assert found["RESULTS"]["analysis"]["status"] == "ok"
    assert [entry["kind"] for entry in found["LOG"]].count("returned") == 1
    assert len(set(outputs.iterdir()) - before) == 1
    assert record_of(company, deal)["attempts"] == 2
