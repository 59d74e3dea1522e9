"""Ways, answers, plan, customers and invoices once more in plain pandas, from the sandbox's JSON.

`prepare` takes the frames of `test_second_computation` and adds what is needed; `figures` works
out one period. Nothing of the package is used: no model, no calendar, no metric.
"""

from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import plain_contacts

EASTER_MONDAY = {2023: "04-10", 2024: "04-01", 2025: "04-21", 2026: "04-06", 2027: "03-29"}
FIXED = ("01-01", "05-01", "05-08", "07-14", "08-15", "11-01", "11-11", "12-25")
HOLIDAYS = [np.datetime64(f"{year}-{day}") for year in EASTER_MONDAY for day in FIXED] + [
    np.datetime64(f"{year}-{day}") + after
    for year, day in EASTER_MONDAY.items()
    for after in (0, 38, 49)  # Ascension is 39 days after Easter Sunday, Whit Monday 50
]
AGES = [0, 7, 14, 30, 60, 90, 180]
NAN = float("nan")


def working_hours(begin: pd.Timestamp, end: pd.Timestamp) -> float:
    """Hours between two local moments that lie between 9:00 and 18:00 on working days."""
    total, day = 0.0, begin.normalize()
    while day <= end:
        if np.is_busday(np.datetime64(day.date()), holidays=HOLIDAYS):
            first = max(begin, day + pd.Timedelta(hours=9))
            last = min(end, day + pd.Timedelta(hours=18))
            total += max((last - first).total_seconds(), 0) / 3600
        day += pd.Timedelta(days=1)
    return total


def steps(truth: SimpleNamespace, stages: pd.DataFrame) -> pd.DataFrame:
    """One row per deal, pipeline and stage reached."""
    order = {pipeline: rows.sort_values("sort") for pipeline, rows in stages.groupby("pipeline")}
    known = truth.deals.set_index("id")
    rows = []
    for deal, entries in truth.history.groupby("OWNER_ID"):
        if deal not in known.index:
            continue
        entries = entries.assign(before=entries["STAGE_ID"].shift())
        for pipeline, part in entries.groupby("pipeline"):
            place = order[pipeline]
            sort_of = dict(zip(place["stage"], place["sort"], strict=True))
            part = part[part["STAGE_ID"].isin(sort_of)]
            if part.empty:
                continue
            sorts = part["STAGE_ID"].map(sort_of)
            on = {stage: part.loc[sorts >= sort, "day"].min() for stage, sort in sort_of.items()}
            names = list(sort_of)
            for number, stage in enumerate(names):
                if pd.isna(on[stage]):
                    continue
                stays = part[part["STAGE_ID"] == stage]
                following = names[number + 1] if number + 1 < len(names) else None
                there = stays["left"].isna().any()
                rows.append(
                    {
                        "deal": deal,
                        "pipeline": pipeline,
                        "stage": stage,
                        "open": place["open"].iloc[number],
                        "reached_on": on[stage],
                        "has_next": following is not None,
                        "next_on": on[following] if following else pd.NaT,
                        "entries": int((stays["before"] != stage).sum()),
                        "days": stays["stay"].sum(min_count=1),
                        "left_on": pd.NaT
                        if there or stays.empty
                        else stays["left"].max().tz_localize(None).normalize(),
                    }
                )
    found = pd.DataFrame(rows)
    facts = known[["created_on", "SOURCE_ID", "won"]].assign(closed=known["closed_on"].notna())
    return found.merge(facts, left_on="deal", right_index=True)


def prepare(truth: SimpleNamespace, statuses: pd.DataFrame, targets: pd.DataFrame) -> None:
    """Add ``steps``, ``chance``, ``purchases``, ``answers`` and ``targets`` to the truth."""
    directory = statuses["ENTITY_ID"].str.extract(r"^DEAL_STAGE(?:_(\d+))?$", expand=False)
    inside = statuses["ENTITY_ID"].str.match(r"^DEAL_STAGE(_\d+)?$")
    stages = pd.DataFrame(
        {
            "pipeline": directory[inside].fillna("0").astype(int),
            "stage": statuses.loc[inside, "STATUS_ID"],
            "sort": statuses.loc[inside, "SORT"].astype(int),
            "meaning": statuses.loc[inside, "SEMANTICS"].replace("", None),
        }
    )
    stages = stages[stages["meaning"] != "F"].assign(open=lambda f: f["meaning"] != "S")
    truth.history["pipeline"] = truth.history["CATEGORY_ID"].astype(int)
    truth.history["day"] = truth.history["at"].dt.tz_localize(None).dt.normalize()
    truth.steps = steps(truth, stages)

    closed = truth.steps[truth.steps["closed"] & truth.steps["open"] & (truth.steps["entries"] > 0)]
    truth.chance = {}
    for key, rows in closed.groupby(["pipeline", "stage"]):
        chance, kept = [], NAN
        for age in AGES:
            old = rows[rows["days"].fillna(0) >= age]
            if len(old) >= 20 or (age == 0 and len(old)):
                kept = old["won"].mean()
            chance.append(kept if len(old) else NAN)
        truth.chance[key] = pd.Series(chance, AGES).ffill()

    won = truth.deals[truth.deals["won"] & (truth.deals["COMPANY_ID"].fillna("0").astype(int) > 0)]
    truth.purchases = won.sort_values(["COMPANY_ID", "closed_on", "id"])
    targets["month"] = pd.to_datetime(targets["month"])
    today = truth.as_of.tz_localize(None).normalize()
    for row, month in targets["month"].items():
        first, last = month.date(), (month + pd.DateOffset(months=1)).date()
        gone = min(last, (today + pd.Timedelta(days=1)).date())
        whole = np.busday_count(first, last, holidays=HOLIDAYS)
        part = max(np.busday_count(first, gone, holidays=HOLIDAYS), 0)
        targets.loc[row, "due"] = round(targets.loc[row, "amount"] * part / whole, 2)
    truth.targets = targets

    leads = truth.leads
    of_leads = truth.activities[
        (truth.activities["OWNER_TYPE_ID"].astype(int) == 1)
        & (truth.activities["DIRECTION"].astype(int) == 2)
        & (truth.activities["COMPLETED"] == "Y")
    ]
    called = truth.calls[
        (truth.calls["CRM_ENTITY_TYPE"] == "LEAD")
        & truth.calls["CALL_TYPE"].astype(int).isin([1, 4])
    ]
    sent = pd.concat(
        [
            pd.DataFrame({"lead": of_leads["OWNER_ID"].astype(int), "at": of_leads["at"]}),
            pd.DataFrame({"lead": called["CRM_ENTITY_ID"].astype(int), "at": called["at"]}),
        ]
    )
    first = {}
    for number, created in zip(leads["ID"].astype(int), leads["created"], strict=True):
        later = sent.loc[(sent["lead"] == number) & (sent["at"] >= created), "at"]
        first[number] = later.min() if len(later) else pd.NaT
    answered = pd.Series(leads["ID"].astype(int).map(first), index=leads.index)
    local = [
        (a.tz_localize(None), b.tz_convert("Europe/Paris").tz_localize(None))
        if not pd.isna(b)
        else None
        for a, b in zip(leads["created"], answered, strict=True)
    ]
    leads["clock"] = [NAN if p is None else (p[1] - p[0]).total_seconds() / 3600 for p in local]
    leads["hours"] = [NAN if p is None else working_hours(*p) for p in local]


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else NAN


def figures(truth, start: date, end: date, source: str | None, base: dict) -> dict[str, float]:
    """The figures of one period; ``base`` holds those of the other metrics."""

    def of(frame: pd.DataFrame) -> pd.DataFrame:
        return frame if source is None else frame[frame["SOURCE_ID"] == source]

    def within(column: pd.Series) -> pd.Series:
        return (column >= pd.Timestamp(start)) & (column < pd.Timestamp(end))

    today = truth.as_of.tz_localize(None).normalize()
    until = min(pd.Timestamp(end), today + pd.Timedelta(days=1))
    last_day = until - pd.Timedelta(days=1)
    all_steps = of(truth.steps)
    cohort = all_steps[within(all_steps["created_on"])]
    deals = of(truth.deals)
    open_ = deals[(deals["created_on"] < until) & ~(deals["closed_on"] < until)]
    due_on = pd.to_datetime(deals["CLOSEDATE"].str[:10])
    due = deals[within(due_on)]
    over = pd.Timestamp(end) <= today
    left = (due["closed_on"].fillna(today) >= pd.Timestamp(end)).sum() if over else NAN
    stays = all_steps[within(all_steps["left_on"]) & all_steps["open"] & (all_steps["entries"] > 0)]
    reach = cohort["deal"].nunique()
    skipped = cohort.loc[cohort["entries"] == 0, "deal"].nunique()
    again = cohort[cohort["entries"] > 1]
    weighted = 0.0
    for row in open_.itertuples():
        chances = truth.chance.get((int(row.CATEGORY_ID), row.STAGE_ID))
        if chances is not None:
            age = (today - row.entered.tz_localize(None).normalize()).days
            known = chances[chances.index <= age].dropna()
            weighted += row.money * known.iloc[-1] if len(known) else 0

    found = {
        "stage_reach": reach,
        "stage_entries": all_steps.loc[within(all_steps["reached_on"]), "deal"].nunique(),
        "stage_to_pass": int(cohort["has_next"].sum()),
        "stage_passed": int(cohort["next_on"].notna().sum()),
        "step_conversion": ratio(cohort["next_on"].notna().sum(), cohort["has_next"].sum()),
        "funnel_deals": reach,
        "cumulative_conversion": ratio(reach, reach),
        "stage_skips": skipped,
        "skip_rate": ratio(skipped, reach),
        "stage_reentries": int((again["entries"] - 1).sum()),
        "reworked_deals": again["deal"].nunique(),
        "rework_rate": ratio(again["deal"].nunique(), reach),
        "time_in_stage_mean": stays["days"].mean(),
        "time_in_stage_median": stays["days"].median(),
        "time_in_stage_p80": stays["days"].quantile(0.8),
        "overdue_deals": int((due_on[open_.index] < last_day).sum()),
        "deals_due": len(due),
        "due_amount": due.loc[due["closed_on"].isna(), "money"].sum(),
        "deals_slipped": left,
        "slippage": ratio(left, len(due)),
        "weighted_pipeline": weighted if until > today else NAN,
    }
    return (
        found
        | customers(truth, start, end, source, until, last_day, base)
        | answers(truth, of, within)
        | receivables(truth, of, within, start, until, last_day, base)
        | plain_contacts.figures(truth, start, end, source, base["marketing_spend"])
        | (company_wide(truth, within, start, end, today, base, found) if source is None else {})
    )


def customers(truth, start, end, source, until, last_day, base) -> dict[str, float]:
    def mine(row) -> bool:
        return source is None or row["SOURCE_ID"] == source

    new = back = regular = lapsed = 0
    for _company, rows in truth.purchases.groupby("COMPANY_ID"):
        first = rows.iloc[0]
        if pd.Timestamp(start) <= first["closed_on"] < pd.Timestamp(end) and mine(first):
            new, back = new + 1, back + (len(rows) > 1)
        known = rows[rows["closed_on"] < until]
        if len(known) >= 3 and mine(known.iloc[-1]):
            regular += 1
            gap = known["closed_on"].diff().dt.days.median()
            lapsed += (last_day - known["closed_on"].iloc[-1]).days > 3 * gap
    assert new == base["new_customers"]
    return {
        "repeat_customers": back,
        "repeat_rate": ratio(back, new),
        "regular_customers": regular,
        "lapsed_customers": lapsed,
        "churn_rate": ratio(lapsed, regular),
    }


def answers(truth, of, within) -> dict[str, float]:
    leads = of(truth.leads)
    leads = leads[within(leads["created_on"])]
    hours = leads["hours"].dropna()
    in_time = int((hours <= 4).sum())
    return {
        "leads_answered": len(hours),
        "leads_answered_in_time": in_time,
        "leads_unanswered": len(leads) - len(hours),
        "answered_in_time_rate": ratio(in_time, len(leads)),
        "never_answered_rate": ratio(len(leads) - len(hours), len(leads)),
        "response_hours_median": hours.median(),
        "response_hours_p90": hours.quantile(0.9),
        "response_clock_hours_p90": leads["clock"].quantile(0.9),
    }


def receivables(truth, of, within, start, until, last_day, base) -> dict[str, float]:
    invoices = of(truth.invoices)
    ended = invoices["moved_on"].where(invoices["meaning"].isin(["S", "F"]))
    there = invoices[(invoices["created_on"] < until) & ~(ended < until)]
    late = (last_day - there["due_on"]).dt.days
    paid = invoices[within(invoices["paid_on"])]
    total = there["money"].sum()
    overdue = there.loc[late > 0, "money"].sum()
    days = (until - pd.Timestamp(start)).days
    return {
        "receivables": total,
        "receivables_not_due": total - overdue,
        "receivables_overdue": overdue,
        "receivables_1_30": there.loc[late.between(1, 30), "money"].sum(),
        "receivables_31_60": there.loc[late.between(31, 60), "money"].sum(),
        "receivables_61_90": there.loc[late.between(61, 90), "money"].sum(),
        "receivables_over_90": there.loc[late > 90, "money"].sum(),
        "overdue_share": ratio(overdue, total),
        "dso": ratio(total, base["invoiced_amount"]) * days,
        "invoices_paid": len(paid),
        "invoices_paid_late": int((paid["paid_on"] > paid["due_on"]).sum()),
        "late_payment_rate": ratio((paid["paid_on"] > paid["due_on"]).sum(), len(paid)),
        "days_to_pay_mean": (paid["paid_on"] - paid["created_on"]).dt.days.mean(),
    }


def company_wide(truth, within, start, end, today, base, found) -> dict[str, float]:
    plan = truth.targets[within(truth.targets["month"])]
    amount, due, won = plan["amount"].sum(), plan["due"].sum(), base["won_revenue"]
    bought = truth.purchases.assign(month=truth.purchases["closed_on"].dt.to_period("M"))
    customers_, rows, revenue, opening = 0, 0, 0.0, 0.0
    for _company, mine in bought.groupby("COMPANY_ID"):
        by_month = mine.groupby("month")["money"].sum()
        first = by_month.index.min()
        if not start <= first.start_time.date() < end:
            continue
        ages = [
            first + age
            for age in range(61)
            if age == 0 or (first + age).end_time.date() < today.date() + timedelta(days=1)
        ]
        customers_, rows = customers_ + 1, rows + len(ages)
        revenue += by_month.reindex(ages).sum()
        opening += by_month[first] * len(ages)
    calls = truth.calls[within(truth.calls["day"])]
    answered = int((calls["CALL_FAILED_CODE"].astype(str) == "200").sum())
    done = truth.activities[within(truth.activities["day"])]
    # The portal keeps the calls of its last month; before that, nothing is known, which is not 0.
    known = 1 if pd.Timestamp(end) > truth.calls["day"].min() else NAN
    return {
        "plan_amount": amount,
        "plan_due": due,
        "plan_attainment": ratio(won, amount),
        "plan_pace": ratio(won, due),
        "plan_gap": amount - won,
        "run_rate": ratio(won, due) * amount,
        "pipeline_coverage": ratio(found["due_amount"], amount - won) if won < amount else NAN,
        "cohort_customers": customers_,
        "customers_active": customers_,
        "retention_rate": ratio(customers_, customers_),
        "cohort_revenue": revenue,
        "cohort_first_revenue": opening,
        "revenue_retention": ratio(revenue, opening),
        "customer_value": ratio(revenue, customers_),
        "booked_revenue": NAN,
        **plain_contacts.years(truth, end, today),
        "activities": len(done),
        "activities_done": int((done["COMPLETED"] == "Y").sum()),
        "calls": len(calls) * known,
        "calls_answered": answered * known,
        "call_answer_rate": ratio(answered, len(calls)),
        "call_hours": calls["CALL_DURATION"].astype(float).sum() / 3600 * known,
    }
