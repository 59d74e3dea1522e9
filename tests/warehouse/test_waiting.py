"""A sync that waits for its portal says so, and why."""

import re
import time

import pytest

from workbench.bitrix24.client import Portal
from workbench.cli import data
from workbench.i18n import use_language
from workbench.warehouse.sync import sync

pytestmark = pytest.mark.usefixtures("no_external_sources")


def test_each_wait_for_the_portal_is_told_with_its_reason_and_length(fresh_portal, home):
    fresh_portal.fault(fault="503", method="batch", times=2)
    told = []
    with use_language("en"), Portal(fresh_portal.url, "unlimited") as portal:
        result = sync(portal=portal, waiting=lambda *each: told.append(each))
    assert told[:2] == [
        ("The portal gets too many requests.", 0.5),
        ("The portal gets too many requests.", 1.0),
    ]
    assert not result.problems


def test_a_method_without_operating_time_is_told(fresh_portal, home):
    told = []
    with use_language("en"), Portal(fresh_portal.url, "unlimited", patience=2) as portal:
        portal.waiting = lambda *each: told.append(each)
        timing = {"operating": 470, "operating_reset_at": time.time() + 600}
        portal.budget.settle("crm.deal.list", 50, timing)
        portal.call("crm.deal.list")
        portal.call("crm.lead.list")
    assert told == [("The portal’s operating time is used up for now.", 2)]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_log_hears_of_long_waits_and_not_of_each(
    fresh_portal, home, monkeypatch, capsys, language
):
    monkeypatch.setenv("WORKBENCH_WEBHOOK", fresh_portal.url)
    monkeypatch.setenv("WORKBENCH_PLAN", "unlimited")
    monkeypatch.setenv("WORKBENCH_LANGUAGE", language)
    monkeypatch.setattr(data, "LONG_WAIT", 0.4)
    fresh_portal.fault(fault="503", method="batch", times=2)
    data.run_sync(["bitrix24"])
    lines = capsys.readouterr().err.splitlines()
    said = {
        "en": r"The portal gets too many requests\. Waiting 0\.5 s…",
        "fr": r"Le portail reçoit trop de requêtes\. Attente de 0,5 s…",
    }
    assert len(lines) == 1 and re.fullmatch(said[language], lines[0])
