"""Unmodified fast-bitrix24 on the sandbox: what it asks is answered as it expects."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fast_bitrix24 import Bitrix
from fast_scenarios import SCENARIOS


@pytest.fixture
def bitrix(hundred):
    return Bitrix(hundred.url, ssl=False)


def test_get_all_brings_every_deal_once(bitrix):
    rows = bitrix.get_all("crm.deal.list", {"select": ["ID", "TITLE"]})
    assert sorted(int(row["ID"]) for row in rows) == list(range(1, 121))


def test_get_all_with_a_filter_over_several_pages(bitrix, hundred):
    rows = bitrix.get_all("crm.deal.list", {"filter": {"!STAGE_ID": "WON"}})
    assert len(rows) == 90
    assert all(row["STAGE_ID"] != "WON" for row in rows)


def test_get_all_of_universal_items_users_and_departments(bitrix):
    items = bitrix.get_all("crm.item.list", {"entityTypeId": 2})
    assert sorted(item["id"] for item in items) == list(range(1, 121))
    assert [user["ID"] for user in bitrix.get_all("user.get")] == ["1"]
    assert "1" in [row["ID"] for row in bitrix.get_all("department.get")]
    assert bitrix.get_all("crm.status.list", {"filter": {"ENTITY_ID": "SOURCE"}})


def test_get_by_id_and_call(bitrix, hundred):
    rows = bitrix.get_by_ID("crm.deal.get", [1, 2, 77])
    assert {key: row["TITLE"] for key, row in rows.items()} == {
        "1": "Deal 000",
        "2": "Deal 001",
        "77": "Deal 076",
    }
    number = bitrix.call("crm.lead.add", {"fields": {"TITLE": "by fast-bitrix24"}})
    assert hundred.result("crm.lead.get", {"id": number})["TITLE"] == "by fast-bitrix24"
    several = bitrix.call(
        "crm.lead.update", [{"ID": number, "fields": {"TITLE": f"n{n}"}} for n in range(3)]
    )
    assert list(several) == [True, True, True]
    raw = bitrix.call("profile", raw=True)
    assert raw["result"]["ID"] == "1"
    bitrix.call("crm.lead.delete", {"id": number})


def test_call_batch(bitrix):
    answer = bitrix.call_batch({"halt": 0, "cmd": {"a": "crm.deal.get?id=5", "b": "profile"}})
    assert answer["a"]["ID"] == "5"


def test_list_and_get(bitrix):
    rows = bitrix.list_and_get("crm.deal")
    assert len(rows) == 120
    assert {row["TITLE"] for row in rows.values()} >= {"Deal 000", "Deal 119"}


# -- over HTTPS, in a process of its own: aiohttp reads the authorities when it is imported --------

SCRIPT = Path(__file__).with_name("fast_scenarios.py")


@pytest.fixture(scope="module")
def told(secure):
    """What became of each scenario: its error, or an empty text."""
    given = secure.application("crm")
    asked = {"webhook": secure.url, "endpoint": given["client_endpoint"],
             "token": given["access_token"]}  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "SSL_CERT_FILE": str(secure.ca)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_what_people_write_with_fast_bitrix24_works_over_https(told, scenario):
    assert told[scenario.__name__] == ""
