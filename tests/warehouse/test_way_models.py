"""Ways through the stages, first answers, the plan and accounting: rows in, rows out."""

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from handmade import NOW, directories, fill
from test_models import company, deal, entry

from workbench.bitrix24.entities import ENTITIES
from workbench.errors import SourceError
from workbench.sources.declared import AccountingSource, TargetsSource
from workbench.warehouse.checks import run_checks
from workbench.warehouse.files import load_file
from workbench.warehouse.publish import publish
from workbench.warehouse.snapshots import Snapshot
from workbench.warehouse.store import Store

WON = {"STAGE_ID": "WON", "STAGE_SEMANTIC_ID": "S"}


def test_skips_and_returns_are_counted_and_time_adds_up(tmp_path):
    history = [
        entry(1, 1, "2026-01-01T10:00:00+01:00", "NEW"),
        entry(2, 1, "2026-01-04T10:00:00+01:00", "PREPAYMENT_INVOICE"),  # PREPARATION skipped
        entry(3, 1, "2026-01-06T10:00:00+01:00", "NEW"),  # back again
        entry(4, 1, "2026-01-07T10:00:00+01:00", "NEW"),  # told twice: no return
        entry(5, 1, "2026-01-08T10:00:00+01:00", "EXECUTING"),
        entry(6, 1, "2026-01-20T10:00:00+01:00", "WON", "S"),
        entry(7, 2, "2026-01-01T10:00:00+01:00", "NEW"),
    ]
    with company(tmp_path, deals=[deal(1, **WON), deal(2)], deal_history=history) as snapshot:
        found = snapshot.query(
            "SELECT deal_id, stage_id, entries, is_skipped, days, left_on, reached_on, next_on,"
            " has_next FROM deal_stages ORDER BY deal_id, sort"
        ).set_index(["deal_id", "stage_id"])
        new = found.loc[(1, "NEW")]
        assert (new.entries, new.days, new.left_on.date()) == (2, 5, date(2026, 1, 8))
        skipped = found.loc[(1, "PREPARATION")]
        assert (skipped.entries, skipped.is_skipped) == (0, True)
        assert skipped.reached_on.date() == date(2026, 1, 4)  # the later stage counts
        assert found.loc[(1, "EXECUTING")].days == 12
        last = found.loc[(1, "WON")]
        assert not last.has_next and last.entries == 1
        assert len(found.loc[2]) == 1 and found.loc[(2, "NEW")].isna()[["days", "left_on"]].all()
        assert [o.check for o in run_checks(snapshot) if not o.passed] == []


def lead(number: int, created: str) -> dict[str, str]:
    return {"ID": str(number), "STATUS_ID": "NEW", "DATE_CREATE": created, "TITLE": "x"}


def sent(number: int, owner: int, at: str, **fields: str) -> dict[str, str]:
    return {
        "ID": str(number),
        "OWNER_TYPE_ID": "1",
        "OWNER_ID": str(owner),
        "TYPE_ID": "4",
        "DIRECTION": "2",
        "CREATED": at,
        "COMPLETED": "Y",
        "RESPONSIBLE_ID": "2",
    } | fields


def test_waiting_counts_in_working_hours_and_only_what_a_person_sent(tmp_path):
    leads = [
        lead(1, "2026-01-05T10:00:00+01:00"),  # a Monday
        lead(2, "2026-01-09T17:00:00+01:00"),  # a Friday, one hour before closing
        lead(3, "2026-04-30T12:00:00+02:00"),  # 1 May is a holiday, then a weekend
        lead(4, "2026-01-10T22:00:00+01:00"),  # a Saturday night
        lead(5, "2026-01-05T10:00:00+01:00"),
        lead(6, "2026-01-05T10:00:00+01:00"),
        lead(7, "2026-01-05T10:00:00+01:00"),
        lead(8, "2026-01-05T10:00:00+01:00"),
    ]
    called = sent(11, 7, "2026-01-05T10:00:00+01:00", START_TIME="2026-01-07T12:00:00+01:00")
    sooner = sent(12, 8, "2026-01-05T10:00:00+01:00", START_TIME="2026-01-09T12:00:00+01:00")
    activities = [
        sent(1, 1, "2026-01-05T09:00:00+01:00"),  # before there was a lead
        sent(2, 1, "2026-01-05T13:30:00+01:00"),
        sent(3, 1, "2026-01-05T16:00:00+01:00"),
        sent(4, 2, "2026-01-12T10:00:00+01:00"),
        sent(5, 3, "2026-05-04T09:30:00+02:00"),
        sent(6, 4, "2026-01-11T08:00:00+01:00"),  # answered on Sunday
        sent(7, 5, "2026-01-05T11:00:00+01:00", DIRECTION="1"),
        sent(8, 5, "2026-01-05T11:00:00+01:00", COMPLETED="N"),
        sent(9, 5, "2026-01-05T11:00:00+01:00", OWNER_TYPE_ID="2"),
        sent(10, 5, "2026-01-05T11:00:00+01:00", RESPONSIBLE_ID="0"),
        # Planned with the lead: one was done when it was planned for, one sooner.
        called | {"LAST_UPDATED": "2026-01-07T12:10:00+01:00"},
        sooner | {"LAST_UPDATED": "2026-01-05T15:00:00+01:00"},
    ]
    call = {"ID": "1", "CALL_TYPE": "1", "CALL_START_DATE": "2026-01-05T18:00:00+01:00"}
    call |= {"CRM_ENTITY_TYPE": "LEAD", "CRM_ENTITY_ID": "6", "CALL_FAILED_CODE": "304"}
    with company(tmp_path, leads=leads, activities=activities, calls=[call]) as snapshot:
        found = snapshot.query("SELECT * FROM lead_responses ORDER BY lead_id").set_index("lead_id")
        assert found.working_hours[:4].tolist() == [3.5, 2, 6.5, 0]
        assert found.clock_hours[:4].tolist() == [3.5, 65, 93.5, 10]
        assert found.loc[5].isna()[["answered_at", "working_hours"]].all()
        # The office closes at 18:00.
        assert found.working_hours.loc[6:].tolist() == [8, 20, 5] and found.clock_hours[7] == 50
        assert found.is_in_time.tolist() == [True, True, False, True, *[False] * 4]


@pytest.fixture
def store(tmp_path: Path):
    rows = directories() | {e.name: [] for e in ENTITIES if e.name not in directories()}
    with Store.open(tmp_path / "warehouse") as opened:
        fill(opened, rows | {"companies": [{"ID": "1", "TITLE": "Acme"}]}, spend=False)
        yield opened


def published(store: Store, as_of: datetime = NOW) -> Snapshot:
    name = publish(store, as_of)
    return Snapshot(store.folder / "snapshots" / f"{name}.duckdb")


def write(home: Path, name: str, *rows: list[str]) -> None:
    with (home / name).open("w", newline="") as file:
        csv.writer(file).writerows(rows)


PLAN = TargetsSource(kind="targets", path="plan.csv")
BOOKS = AccountingSource(kind="accounting", path="books.csv", kinds={"avoir": "credit"})


def test_a_plan_knows_its_pipeline_manager_rate_and_working_days(tmp_path, store):
    write(
        tmp_path,
        "plan.csv",
        ["month", "pipeline", "manager", "amount", "currency"],
        ["2026-10", "grands comptes", "", "10000", ""],
        ["2026-11", "0", "user2@example.org", "2100", "CHF"],
        ["2026-12", "Nothing", "Camille Roux", "500.50", "EUR"],
    )
    load_file(store, "targets", PLAN, tmp_path)
    with published(store, datetime(2026, 11, 16, 12, tzinfo=UTC)) as snapshot:
        rows = snapshot.query("SELECT * FROM targets ORDER BY month")
        assert rows.pipeline.tolist()[:2] == ["Grands comptes", "Ventes directes"]
        assert rows.pipeline.isna()[2] and rows.given_pipeline[2] == "Nothing"
        assert rows.manager_id.tolist()[1:] == [2, 1]
        # November 2026: 21 weekdays, without the 11th 20; ten of them to the 16th included.
        assert (rows.working_days[1], rows.working_days_gone[1]) == (20, 10)
        assert rows.amount_base.tolist() == [10000, 2236.5, 500.5]  # 1.065 EUR for 1 CHF
        assert rows.due_base.tolist() == [10000, 1118.25, 0]
        assert [o.check for o in run_checks(snapshot) if not o.passed] == []
        status = snapshot.sources().set_index("entity").status
        assert status["targets"] == "complete" and "accounting_documents" not in status


def test_a_plan_that_is_wrong_leaves_the_last_good_one_and_says_so(tmp_path, store):
    good = [["month", "amount"], ["2026-10", "1"]]
    write(tmp_path, "plan.csv", *good)
    load_file(store, "targets", PLAN, tmp_path)
    wrong = [["2026-13", "x"], ["2026-10", "-1"], ["2026-11", "1"], ["2026-11", "2"]]
    write(tmp_path, "plan.csv", good[0], *wrong)
    with pytest.raises(SourceError) as error:
        load_file(store, "targets", PLAN, tmp_path)
    assert error.value.message.count("\n") == 3  # three cells and one month that comes twice
    assert store.progress("targets", "targets").status == "stale"
    assert store.connection.execute("SELECT count(*) FROM external.targets").fetchone() == (1,)
    (tmp_path / "plan.csv").unlink()
    load_file(store, "targets", PLAN, tmp_path)
    assert store.progress("targets", "targets").status == "not loaded"


def test_credit_notes_count_below_zero_and_customers_are_found_by_name(tmp_path, store):
    write(
        tmp_path,
        "books.csv",
        ["number", "date", "kind", "customer", "amount", "due"],
        ["F1", "2026-10-01", "invoice", " acme", "100.10", "2026-11-01"],
        ["A1", "2026-10-02", "avoir", "Nobody", "20", ""],
        ["P1", "2026-10-03", "payment", "Acme", "80", ""],
    )
    load_file(store, "accounting_documents", BOOKS, tmp_path)
    with published(store) as snapshot:
        rows = snapshot.query("SELECT * FROM accounting_documents ORDER BY booked_on")
        assert rows.signed_base.tolist() == [100.10, -20, 80]
        assert rows.company_id.fillna(0).tolist() == [1, 0, 1]
        assert rows.kind.tolist() == ["invoice", "credit", "payment"]


@pytest.mark.parametrize("kind", ["", "facture", "Robert'); DROP TABLE deals;--"])
def test_a_kind_of_document_that_is_none_is_refused(tmp_path, store, kind):
    write(
        tmp_path, "books.csv", ["number", "date", "kind", "amount"], ["1", "2026-01-01", kind, "1"]
    )
    with pytest.raises(SourceError):
        load_file(store, "accounting_documents", BOOKS, tmp_path)
