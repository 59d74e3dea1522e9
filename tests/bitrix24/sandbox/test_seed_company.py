"""The seeded company is consistent: every row against the rows it depends on."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.seed import generation, seed_company, write_marketing_spend
from workbench.bitrix24.sandbox.seed.generation import company
from workbench.errors import UsageError

TODAY = date(2026, 11, 24)
PARIS = ZoneInfo("Europe/Paris")
END = datetime(2026, 11, 24, tzinfo=PARIS).timestamp()


def tables(size="demo", **options):
    result = defaultdict(list)
    for name, rows in company(size, today=TODAY, **options):
        result[name].extend(rows)
    return dict(result)


@pytest.fixture(scope="module")
def demo():
    return tables()


@pytest.fixture(scope="module")
def deals(demo):
    return [d for d in demo["deals"] if d["IS_RECURRING"] == "N"]


def fingerprint(data):
    return hashlib.sha256(repr(data).encode()).hexdigest()


def history_of(demo, entity_type):
    result = defaultdict(list)
    for row in demo["stage_history"]:
        if row["ENTITY_TYPE_ID"] == entity_type:
            result[row["OWNER_ID"]].append(row)
    return result


def test_the_demo_has_the_announced_size(demo, deals):
    assert len(deals) == 20_000
    assert len(demo["leads"]) == 8_000
    assert sum(c["IS_MY_COMPANY"] == "N" for c in demo["companies"]) == 5_000
    assert len(demo["users"]) == 40
    assert len(demo["departments"]) == 6
    assert sum(c["ENTITY_TYPE_ID"] == 2 for c in demo["categories"]) == 3
    assert {c["CURRENCY"]: c["BASE"] for c in demo["currencies"]} == {"EUR": "Y", "CHF": "N"}


def test_the_same_seed_and_day_give_the_same_rows_and_another_seed_others():
    assert fingerprint(tables("small")) == fingerprint(tables("small"))
    assert fingerprint(tables("small", seed=1)) != fingerprint(tables("small", seed=2))


def test_marketing_spend_is_the_same_to_the_byte(tmp_path):
    for name in ("a.csv", "b.csv"):
        write_marketing_spend(tmp_path / "new folder" / name, 24, TODAY)
    a, b = ((tmp_path / "new folder" / name).read_bytes() for name in ("a.csv", "b.csv"))
    assert a == b
    assert a.startswith(b"month,channel,spend,currency,clicks,impressions\n2023-11-01,Google Ads,")


def test_identifiers_are_unique_and_without_gaps(demo):
    for name, rows in demo.items():
        if name in ("categories", "currencies", "statuses", "user_fields"):
            continue
        assert sorted(row["ID"] for row in rows) == list(range(1, len(rows) + 1)), name


def test_identifiers_stay_unique_when_deals_come_in_several_chunks(monkeypatch):
    monkeypatch.setattr(generation, "CHUNK", 70)
    data = tables("small")
    for name in ("deals", "stage_history", "activities", "invoices", "product_rows"):
        assert sorted(r["ID"] for r in data[name]) == list(range(1, len(data[name]) + 1)), name
    assert Counter(d["IS_RECURRING"] for d in data["deals"]) == {"N": 600, "Y": 12}


@pytest.mark.parametrize(
    ("entity_type", "table", "stage", "semantics", "created", "moved"),
    [
        (1, "leads", "STATUS_ID", "STATUS_SEMANTIC_ID", "DATE_CREATE", "MOVED_TIME"),
        (2, "deals", "STAGE_ID", "STAGE_SEMANTIC_ID", "DATE_CREATE", "MOVED_TIME"),
        (31, "invoices", "STAGE_ID", None, "CREATED_TIME", "MOVED_TIME"),
        (174, "items_174", "STAGE_ID", None, "CREATED_TIME", "MOVED_TIME"),
    ],
)
def test_history_begins_at_creation_and_ends_in_the_present_stage(
    demo, entity_type, table, stage, semantics, created, moved
):
    history = history_of(demo, entity_type)
    records = [r for r in demo[table] if r.get("IS_RECURRING") != "Y"]
    assert history.keys() == {r["ID"] for r in records}
    for record in records:
        steps = history[record["ID"]]
        times = [s["CREATED_TIME"] for s in steps]
        assert times == sorted(times)
        assert times[0] == record[created]
        assert times[-1] == record[moved]
        assert steps[-1]["STAGE_ID"] == record[stage]
        if semantics:
            assert steps[-1]["STAGE_SEMANTIC_ID"] == record[semantics]
        final = steps[-1]["STAGE_SEMANTIC_ID"] in "SF"
        kinds = [s["TYPE_ID"] for s in steps]
        expected = [1] + [2] * (len(steps) - 2) + [3] * (len(steps) > 1) if final else None
        assert kinds == (expected or [1] + [2] * (len(steps) - 1))


def test_stages_and_semantics_are_those_of_the_directories(demo, deals):
    known = {(s["ENTITY_ID"], s["STATUS_ID"]): s["SEMANTICS"] or "P" for s in demo["statuses"]}
    for deal in deals:
        category = deal["CATEGORY_ID"]
        owner = f"DEAL_STAGE_{category}" if category else "DEAL_STAGE"
        assert known[owner, deal["STAGE_ID"]] == deal["STAGE_SEMANTIC_ID"]
        assert deal["CLOSED"] == ("N" if deal["STAGE_SEMANTIC_ID"] == "P" else "Y")
    for lead in demo["leads"]:
        assert known["STATUS", lead["STATUS_ID"]] == lead["STATUS_SEMANTIC_ID"]
    for row in demo["stage_history"]:
        if row["ENTITY_TYPE_ID"] == 2:
            owner = f"DEAL_STAGE_{row['CATEGORY_ID']}" if row["CATEGORY_ID"] else "DEAL_STAGE"
            assert known[owner, row["STAGE_ID"]] == row["STAGE_SEMANTIC_ID"]


def test_nothing_happens_before_its_cause_or_after_the_period(demo, deals):
    companies = {c["ID"]: c["DATE_CREATE"] for c in demo["companies"]}
    for deal in deals:
        assert deal["DATE_CREATE"] <= deal["MOVED_TIME"] <= deal["DATE_MODIFY"] < END
        assert deal["DATE_CREATE"] <= deal["LAST_ACTIVITY_TIME"] <= deal["DATE_MODIFY"]
        if deal["COMPANY_ID"]:
            assert companies[deal["COMPANY_ID"]] <= deal["DATE_CREATE"]
    for lead in demo["leads"]:
        assert lead["DATE_CREATE"] <= lead["MOVED_TIME"] <= lead["DATE_MODIFY"] < END
        closed = lead["STATUS_SEMANTIC_ID"] != "P"
        assert lead["DATE_CLOSED"] == (lead["MOVED_TIME"] if closed else None)
    for row in demo["stage_history"]:
        assert row["CREATED_TIME"] < END
    for row in demo["activities"]:
        assert row["CREATED"] < END
        assert row["CREATED"] <= row["END_TIME"]


def test_references_lead_to_records(demo, deals):
    ids = {name: {row.get("ID") for row in rows} for name, rows in demo.items()}
    contact_of = {c["ID"]: c["COMPANY_ID"] for c in demo["contacts"]}
    sources = {s["STATUS_ID"] for s in demo["statuses"] if s["ENTITY_ID"] == "SOURCE"} | {""}
    for deal in deals:
        assert deal["COMPANY_ID"] is None or deal["COMPANY_ID"] in ids["companies"]
        assert deal["CONTACT_ID"] in ids["contacts"]
        if deal["COMPANY_ID"]:
            assert contact_of[deal["CONTACT_ID"]] == deal["COMPANY_ID"]
        assert deal["ASSIGNED_BY_ID"] in ids["users"]
        assert deal["SOURCE_ID"] in sources
    assert {c["COMPANY_ID"] for c in demo["contacts"]} == ids["companies"] - {1}
    assert {r["OWNER_ID"] for r in demo["product_rows"]} <= {d["ID"] for d in deals}
    assert {r["PRODUCT_ID"] for r in demo["product_rows"]} == ids["products"]
    owners = {1: ids["leads"], 2: ids["deals"]}
    assert all(a["OWNER_ID"] in owners[a["OWNER_TYPE_ID"]] for a in demo["activities"])
    assert {(b["DEAL_ID"], b["CONTACT_ID"]) for b in demo["deal_contacts"]} == {
        (d["ID"], d["CONTACT_ID"]) for d in deals
    }


def test_every_department_has_a_head_who_works_there(demo):
    team = {u["ID"]: u["UF_DEPARTMENT"] for u in demo["users"]}
    for department in demo["departments"]:
        assert team[department["UF_HEAD"]] == [department["ID"]]
    assert [d["PARENT"] for d in demo["departments"]] == [None, 1, 1, 1, 1, 1]
    assert [u["ID"] for u in demo["users"] if u["IS_ADMIN"] == "Y"] == [1]


def test_those_who_left_get_no_new_deal(demo, deals):
    gone = {u["ID"]: u["LAST_LOGIN"] for u in demo["users"] if u["ACTIVE"] == "N"}
    assert len(gone) == 2
    for deal in deals:
        if deal["ASSIGNED_BY_ID"] in gone:
            assert deal["DATE_CREATE"] < gone[deal["ASSIGNED_BY_ID"]]


def test_amounts_are_the_sum_of_their_product_rows(demo, deals):
    sums = defaultdict(Decimal)
    for row in demo["product_rows"]:
        sums[row["OWNER_ID"]] += Decimal(str(row["PRICE"])) * Decimal(str(row["QUANTITY"]))
    for deal in deals:
        assert (deal["ID"] in sums) == (deal["IS_MANUAL_OPPORTUNITY"] == "N")
        if deal["ID"] in sums:
            assert round(sums[deal["ID"]], 2) == Decimal(f"{deal['OPPORTUNITY']:.2f}")


def test_invoices_bill_won_deals_and_never_more_than_their_amount(demo, deals):
    won = {d["ID"]: d for d in deals if d["STAGE_SEMANTIC_ID"] == "S"}
    billed = defaultdict(Decimal)
    for invoice in demo["invoices"]:
        deal = won[invoice["PARENT_ID_2"]]
        assert invoice["CREATED_TIME"] >= deal["MOVED_TIME"]
        assert invoice["CURRENCY_ID"] == deal["CURRENCY_ID"]
        billed[deal["ID"]] += Decimal(f"{invoice['OPPORTUNITY']:.2f}")
    amounts = {i: Decimal(f"{d['OPPORTUNITY']:.2f}") for i, d in won.items()}
    assert all(amount <= amounts[i] for i, amount in billed.items())
    whole = sum(amount == amounts[i] for i, amount in billed.items())
    assert 0.95 < whole / len(billed) < 1  # the rest waits for its second invoice
    stages = Counter(i["STAGE_ID"] for i in demo["invoices"])
    assert set(stages) == {"DT31_11:N", "DT31_11:S", "DT31_11:P", "DT31_11:D"}
    overdue = [
        i for i in demo["invoices"]
        if i["STAGE_ID"] == "DT31_11:S" and i["CLOSEDATE"] < TODAY.isoformat()
    ]  # fmt: skip
    assert overdue


def test_calls_are_those_of_the_last_month_and_of_activities(demo):
    calls, held = demo["calls"], {a["ID"]: a for a in demo["activities"]}
    people = {"LEAD": len(demo["leads"]), "CONTACT": len(demo["contacts"])}
    answered = [c for c in calls if c["CRM_ACTIVITY_ID"]]
    assert 500 < len(answered) < len(calls) < 5_000
    for call in calls:
        assert END - 31 * 86_400 <= call["CALL_START_DATE"] < END
        assert 1 <= call["CRM_ENTITY_ID"] <= people[call["CRM_ENTITY_TYPE"]]
        assert (call["CALL_FAILED_CODE"] == "200") == (call["CRM_ACTIVITY_ID"] is not None)
        assert (call["CALL_DURATION"] > 0) == (call["CALL_FAILED_CODE"] == "200")
    for call in answered:
        activity = held[call["CRM_ACTIVITY_ID"]]
        assert activity["PROVIDER_ID"] == "VOXIMPLANT_CALL"
        assert activity["START_TIME"] == call["CALL_START_DATE"]
        assert activity["RESPONSIBLE_ID"] == call["PORTAL_USER_ID"]
        assert activity["END_TIME"] - activity["START_TIME"] == call["CALL_DURATION"]
        assert call["CALL_TYPE"] == {1: 2, 2: 1}[activity["DIRECTION"]]  # in, out


def test_tasks_belong_to_deals_and_their_moments_to_their_status(demo, deals):
    made = {d["ID"]: d["DATE_CREATE"] for d in deals}
    assert 200 < len(demo["tasks"]) < 1_000
    assert {t["STATUS"] for t in demo["tasks"]} == {2, 3, 4, 5, 6}
    for task in demo["tasks"]:
        (bound,) = task["UF_CRM_TASK"]
        assert made[int(bound.removeprefix("D_"))] < task["CREATED_DATE"] < task["DEADLINE"]
        assert (task["CLOSED_DATE"] is not None) == (task["STATUS"] == 5)
        assert (task["DATE_START"] is not None) == (task["STATUS"] in (3, 4, 5))
        times = [task["CREATED_DATE"], task["DATE_START"], task["CLOSED_DATE"]]
        known = [each for each in times if each is not None]
        assert known == sorted(known)
        assert task["CHANGED_DATE"] == known[-1] < END


def test_sites_are_fitted_for_won_deals_that_bought_days_of_it(demo, deals):
    (kind,) = demo["types"]
    assert (kind["TITLE"], kind["ENTITY_TYPE_ID"]) == ("Chantiers", 174)
    won = {d["ID"]: d for d in deals if d["STAGE_SEMANTIC_ID"] == "S"}
    fitting = {r["OWNER_ID"] for r in demo["product_rows"] if r["PRODUCT_NAME"].startswith("Pose")}
    known = {s["STATUS_ID"] for s in demo["statuses"]}
    sites = demo["items_174"]
    assert 100 < len(sites) < 400
    assert len({site["PARENT_ID_2"] for site in sites}) == len(sites)
    for site in sites:
        assert site["PARENT_ID_2"] in won.keys() & fitting
        assert won[site["PARENT_ID_2"]]["MOVED_TIME"] <= site["CREATED_TIME"]
        assert site["CREATED_TIME"] <= site["MOVED_TIME"] < END
        assert site["BEGINDATE"] <= site["CLOSEDATE"]
        assert site["STAGE_ID"] in known
        before = site["PREVIOUS_STAGE_ID"]
        assert (before is None) == (site["STAGE_ID"] == "DT174_12:NEW")
        assert before is None or before in known
    assert {site["STAGE_ID"][9:] for site in sites} == {
        "NEW", "PREPARATION", "CLIENT", "SUCCESS", "FAIL"
    }  # fmt: skip


def test_francs_are_for_swiss_customers(demo, deals):
    swiss = {c["ID"] for c in demo["companies"] if c.get("ADDRESS_COUNTRY") == "Suisse"}
    assert 0.05 < len(swiss) / 5_000 < 0.12
    for deal in deals:
        if deal["COMPANY_ID"]:
            assert (deal["CURRENCY_ID"] == "CHF") == (deal["COMPANY_ID"] in swiss)


def test_each_converted_lead_has_one_deal_made_at_its_conversion(demo, deals):
    born = {d["LEAD_ID"]: d for d in deals if d["LEAD_ID"]}
    assert len(born) == sum(d["LEAD_ID"] is not None for d in deals)
    converted = {x["ID"]: x for x in demo["leads"] if x["STATUS_ID"] == "CONVERTED"}
    assert born.keys() == converted.keys()
    for number, lead in converted.items():
        assert born[number]["DATE_CREATE"] == lead["DATE_CLOSED"]
        assert born[number]["SOURCE_ID"] == lead["SOURCE_ID"]
        if born[number]["COMPANY_ID"]:
            assert born[number]["COMPANY_ID"] == lead["COMPANY_ID"]


def test_some_leads_are_never_answered(demo):
    answered = {
        a["OWNER_ID"] for a in demo["activities"] if a["OWNER_TYPE_ID"] == 1 and a["DIRECTION"] == 2
    }
    share = 1 - len(answered) / len(demo["leads"])
    assert 0.10 < share < 0.16


def test_some_open_deals_are_left_for_months(deals):
    idle = [END - d["MOVED_TIME"] for d in deals if d["STAGE_SEMANTIC_ID"] == "P"]
    assert 0.1 < sum(seconds > 150 * 86400 for seconds in idle) / len(idle) < 0.45


def test_deals_are_made_and_moved_in_office_hours(deals):
    for deal in deals[::17]:
        for at in (deal["DATE_CREATE"], deal["MOVED_TIME"]):
            local = datetime.fromtimestamp(at, PARIS)
            assert local.weekday() < 5
            assert (8, 30) <= (local.hour, local.minute) < (19, 0)


def test_some_deals_skip_a_stage_and_some_go_back(demo, deals):
    sort = {s["STATUS_ID"]: s["SORT"] for s in demo["statuses"] if s["ENTITY_ID"] == "DEAL_STAGE"}
    history = history_of(demo, 2)
    back = skipped = 0
    for deal in deals:
        if deal["CATEGORY_ID"] != 0:
            continue
        path = [s["STAGE_ID"] for s in history[deal["ID"]]]
        places = [sort[stage] for stage in path if stage not in ("WON", "LOSE", "APOLOGY")]
        back += places != sorted(places)
        skipped += path[-1] == "WON" and len(set(places)) < 5
    assert back > 50
    assert skipped > 500


def test_templates_have_no_history_and_odd_records_are_among_the_deals(demo, deals):
    templates = [d for d in demo["deals"] if d["IS_RECURRING"] == "Y"]
    assert len(templates) == 12
    assert not {t["ID"] for t in templates} & history_of(demo, 2).keys()
    titles = {d["TITLE"] for d in deals}
    assert "<script>alert('lumen')</script>" in titles
    assert any(t.startswith("<!--") for t in titles)
    assert any(not t.strip() for t in titles)
    assert max(map(len, titles)) == 255
    assert any(d["SOURCE_ID"] == "" for d in deals)
    assert any(d["COMPANY_ID"] is None for d in deals)
    assert any(d["OPPORTUNITY"] == 0 for d in deals)


def test_user_fields_hold_what_their_definitions_allow(demo, deals):
    fields = {f["FIELD_NAME"]: f for f in demo["user_fields"]}
    kinds = {name: f["USER_TYPE_ID"] for name, f in fields.items()}
    assert sorted(kinds.values()) == ["date", "enumeration", "string"]
    options = {o["ID"] for o in fields["UF_CRM_TYPE_PROJET"]["LIST"]}
    assert {d["UF_CRM_TYPE_PROJET"] for d in deals} == options | {None}
    for deal in deals:
        if deal["UF_CRM_LIVRAISON"]:
            date.fromisoformat(deal["UF_CRM_LIVRAISON"])


@pytest.mark.parametrize("today", [date(2024, 2, 29), date(2026, 1, 1), date(2026, 8, 16)])
@pytest.mark.parametrize("count", [1, 2, 30])
def test_any_day_and_number_of_deals_gives_a_portal(today, count):
    state = State()
    rows = seed_company(state, "small", today=today, deals=count)
    recurring = state.count("deals", {"IS_RECURRING": "Y"})
    assert rows["deals"] == state.count("deals") == count + recurring
    assert state.count("deals", {"IS_RECURRING": "N"}) == count
    state.close()


def test_the_state_gives_back_what_was_generated():
    state = State()
    counts = seed_company(state, "small", today=TODAY)
    data = tables("small")
    assert counts == {name: len(rows) for name, rows in data.items()}
    for name, rows in data.items():
        assert state.count(name) == len(rows)
    first = data["deals"][0]
    stored = state.get("deals", first["ID"])
    moment = datetime.fromtimestamp(first["DATE_CREATE"], PARIS).isoformat()
    assert stored["DATE_CREATE"] == moment
    assert stored["OPPORTUNITY"] == first["OPPORTUNITY"]
    assert stored.get("UF_CRM_ARCHITECTE") == first["UF_CRM_ARCHITECTE"]
    phones = state.get("companies", 2)["PHONE"]
    assert phones[0]["VALUE"].startswith("+3319900")
    state.close()


def test_a_portal_with_data_is_not_seeded_again():
    state = State()
    seed_company(state, "small", today=TODAY)
    with pytest.raises(UsageError):
        seed_company(state, "small", today=TODAY)
    assert state.count("deals") == 612


@pytest.mark.parametrize("options", [{"deals": 0}, {"deals": -5}, {"today": date(1999, 1, 1)}])
def test_impossible_sizes_and_days_are_refused_and_leave_nothing(options):
    state = State()
    with pytest.raises(UsageError):
        seed_company(state, "small", **options)
    assert state.count("users") == 0
    state.close()


def test_the_small_company_is_ready_in_a_second():
    begin = time.process_time()
    seed_company(State(), "small", today=TODAY)
    assert time.process_time() - begin < 1


@pytest.mark.bench
def test_the_demo_is_ready_in_six_seconds(tmp_path):
    begin = time.process_time()
    seed_company(State(tmp_path / "portal.sqlite"), today=TODAY)
    assert time.process_time() - begin < 6
