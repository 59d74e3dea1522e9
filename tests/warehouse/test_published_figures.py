"""Published data sets as a portal would give them: our figures are those that others found.

Figures and traps: the SOURCE.txt of each folder of ../shared/data.
"""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from handmade import Rows, directories, make_snapshot
from test_coverage_models import user_field

from workbench.bitrix24.entities import ENTITIES
from workbench.metrics import query
from workbench.metrics.quality import Check, run_quality
from workbench.warehouse.snapshots import Snapshot

TITLE = {"fr": "Contrôle", "en": "Check"}


def snapshot_of(folder: Path, as_of: datetime, **rows: list[dict]) -> Snapshot:
    empty: Rows = directories() | {e.name: [] for e in ENTITIES if e.name not in directories()}
    return make_snapshot(folder, empty | rows, spend=False, as_of=as_of)


def day(moment: pd.Timestamp) -> str:
    """Noon, so that no time zone moves the day."""
    return f"{moment:%Y-%m-%d}T12:00:00+01:00"


FORMS = {
    "Specialization": "UF_CRM_SPECIALIZATION",
    "How did you hear about X Education": "UF_CRM_HEARD",
    "Lead Profile": "UF_CRM_PROFILE",
    "City": "UF_CRM_CITY",
}


@pytest.fixture(scope="module")
def education(shared_data, tmp_path_factory) -> tuple[Snapshot, pd.DataFrame]:
    file = pd.read_csv(shared_data / "xeducation_leads" / "Leads.csv", keep_default_na=False)
    leads = [
        {
            "ID": str(row["Lead Number"]),
            "TITLE": row["Prospect ID"],
            "STATUS_ID": "CONVERTED" if row["Converted"] else "IN_PROCESS",
            "STATUS_SEMANTIC_ID": "S" if row["Converted"] else "P",
            "SOURCE_ID": row["Lead Source"],
            "DATE_CREATE": "2026-01-05T12:00:00+01:00",
            "MOVED_TIME": "2026-02-05T12:00:00+01:00",
            **{field: row[name] for name, field in FORMS.items()},
        }
        for row in file.to_dict("records")
    ]
    fields = [
        user_field(name, "string", ID=str(n), OWNER="lead", EDIT_FORM_LABEL=label)
        for n, (label, name) in enumerate(FORMS.items(), 1)
    ]
    as_of = datetime(2026, 3, 1, tzinfo=UTC)
    folder = tmp_path_factory.mktemp("education")
    return snapshot_of(folder, as_of, leads=leads, userfields=fields), file


def test_x_education_converts_what_was_published(education):
    snapshot, file = education
    row = query(["leads", "leads_converted", "lead_conversion"], snapshot=snapshot).iloc[0]
    assert (row["leads"], row["leads_converted"]) == (9240, 3561)
    assert round(row["lead_conversion"] * 100, 2) == 38.54
    by_source = query("leads", by="source", snapshot=snapshot).set_index("source")["leads"]
    assert (
        by_source["Google"] == 2868 and by_source["google"] == 5
    )  # two spellings, as the file has
    assert query("leads", where="source is null", snapshot=snapshot)["leads"].iloc[0] == 36
    assert by_source.sum() == 9240 == len(file)


def test_the_placeholder_of_a_form_counts_as_missing(education):
    snapshot, file = education
    columns = [name.lower() for name in FORMS.values()]

    def missing(*placeholders: str) -> list[int]:
        checks = [
            Check(
                id=name, table="lead_fields", title=TITLE, filled=[name], placeholders=placeholders
            )
            for name in columns
        ]
        outcomes = run_quality(snapshot, checks).outcomes[-len(columns) :]
        assert all(each.rows == 9240 for each in outcomes)
        return [each.broken for each in outcomes]

    empty, with_select = missing(), missing("Select")
    assert sum(with_select) - sum(empty) == 13_380
    truth = [int(file[label].isin(["", "Select"]).sum()) for label in FORMS]
    assert with_select == truth


def test_ibm_receivables_are_paid_late_as_published(shared_data, tmp_path):
    (name,) = (shared_data / "ibm_accounts_receivable").glob("*.csv")
    file = pd.read_csv(name, dtype={"invoiceNumber": str})
    dates = {c: pd.to_datetime(file[c]) for c in ("InvoiceDate", "DueDate", "SettledDate")}
    invoices = [
        {
            "id": n + 1,
            "companyId": 1 + place,
            "categoryId": 7,
            "opportunity": float(row.InvoiceAmount),
            "currencyId": "EUR",
            "stageId": "DT31_7:P",
            "createdTime": day(dates["InvoiceDate"][n]),
            "movedTime": day(dates["SettledDate"][n]),
            "updatedTime": day(dates["SettledDate"][n]),
            "closedate": day(dates["DueDate"][n]),
        }
        for n, (row, place) in enumerate(
            zip(file.itertuples(), pd.factorize(file["customerID"])[0].tolist(), strict=True)
        )
    ]
    with snapshot_of(tmp_path, datetime(2014, 6, 1, tzinfo=UTC), invoices=invoices) as snapshot:
        asked = ["invoices_paid", "invoices_paid_late", "late_payment_rate", "days_to_pay_mean"]
        row = query(asked, snapshot=snapshot).iloc[0]
        assert (row["invoices_paid"], row["invoices_paid_late"]) == (2466, 877)
        assert round(row["late_payment_rate"] * 100, 2) == 35.56
        assert row["days_to_pay_mean"] == pytest.approx(file["DaysToSettle"].mean())
        # Receivables at the end of each month, with their ages, from the dates alone.
        buckets = ["not_due", "1_30", "31_60", "61_90", "over_90"]
        metrics = ["receivables", *(f"receivables_{each}" for each in buckets)]
        months = query(metrics, grain="month", period="2012-02..2013-11", snapshot=snapshot)
        for month in months.to_dict("records"):
            end = month["period"] + pd.offsets.MonthEnd(0)
            there = file[(dates["InvoiceDate"] <= end) & (dates["SettledDate"] > end)]
            late = (end - dates["DueDate"][there.index]).dt.days
            ages = pd.cut(late, [-9999, 0, 30, 60, 90, 9999], labels=buckets)
            amounts = there["InvoiceAmount"].groupby(ages, observed=False).sum()
            for each in buckets:
                assert month[f"receivables_{each}"] == pytest.approx(amounts[each], abs=0.005)
            assert month["receivables"] == pytest.approx(there["InvoiceAmount"].sum(), abs=0.005)


def cdnow(folder: Path) -> pd.DataFrame:
    file = pd.read_csv(
        folder / "cdnow" / "CDNOW_sample.txt",
        sep=r"\s+",
        names=["master", "customer", "date", "units", "amount"],
    )
    assert len(file) == 6919 and file["customer"].nunique() == 2357
    return file.assign(date=pd.to_datetime(file["date"], format="%Y%m%d"))


def online_retail(folder: Path) -> pd.DataFrame:
    """One row per invoice of a known customer; cancellations are no purchases."""
    file = pd.read_parquet(folder / "online_retail" / "online_retail_II_2009_2010.parquet")
    assert len(file) == 525_461
    bought = file[file["Customer ID"].notna() & ~file["Invoice"].str.startswith("C")]
    rows = bought.assign(amount=bought["Quantity"] * bought["Price"]).groupby("Invoice")
    table = rows.agg(
        customer=("Customer ID", "first"), date=("InvoiceDate", "min"), amount=("amount", "sum")
    )
    return table.assign(date=pd.to_datetime(table["date"]).dt.normalize()).reset_index()


@pytest.mark.parametrize(
    ("read", "as_of"),
    [
        (cdnow, datetime(1998, 7, 1, 12, tzinfo=UTC)),
        (online_retail, datetime(2010, 12, 10, 12, tzinfo=UTC)),
    ],
)
def test_cohorts_agree_with_plain_pandas(shared_data, tmp_path, read, as_of):
    bought = read(shared_data)
    bought["amount"] = bought["amount"].round(2)
    deals = [
        {
            "ID": str(n + 1),
            "CATEGORY_ID": "0",
            "STAGE_ID": "WON",
            "STAGE_SEMANTIC_ID": "S",
            "CURRENCY_ID": "EUR",
            "OPPORTUNITY": f"{row.amount:.2f}",
            "COMPANY_ID": str(int(row.customer)),
            "DATE_CREATE": day(row.date),
            "MOVED_TIME": day(row.date),
            "DATE_MODIFY": day(row.date),
        }
        for n, row in enumerate(bought.itertuples())
    ]
    asked = ["cohort_customers", "customers_active", "retention_rate", "cohort_revenue"]
    asked += ["revenue_retention", "repeat_rate"]
    with snapshot_of(tmp_path, as_of, deals=deals) as snapshot:
        frame = query(asked[:5], by=["cohort", "age"], snapshot=snapshot)
        repeat = query(["new_customers", "repeat_rate"], snapshot=snapshot).iloc[0]

    month = bought["date"].dt.to_period("M")
    first = month.groupby(bought["customer"]).transform("min")
    age = (month - first).map(lambda offset: offset.n)
    cells = bought.assign(cohort=first.astype(str), age=age).groupby(["cohort", "age"])
    active, amount = cells["customer"].nunique(), cells["amount"].sum()
    size = active.xs(0, level="age")
    opening = amount.xs(0, level="age")
    last_whole = pd.Period(as_of, "M") - 1
    assert len(frame) > 50
    for row in frame.to_dict("records"):
        key = (row["cohort"], int(row["age"]))
        assert pd.Period(row["cohort"]) + key[1] <= last_whole or key[1] == 0
        assert row["cohort_customers"] == size[row["cohort"]]
        assert row["customers_active"] == active.get(key, 0)
        assert row["retention_rate"] == pytest.approx(active.get(key, 0) / size[row["cohort"]])
        assert row["cohort_revenue"] == pytest.approx(amount.get(key, 0), abs=0.005)
        share = amount.get(key, 0) / opening[row["cohort"]]
        assert row["revenue_retention"] == pytest.approx(share, abs=1e-6)
    orders = bought.groupby("customer").size()
    assert repeat["new_customers"] == len(orders)
    assert repeat["repeat_rate"] == pytest.approx((orders > 1).mean())
