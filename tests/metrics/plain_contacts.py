"""Attribution, yearly retention and chances foretold once more in plain pandas.

From the frames of `test_second_computation`; nothing of the package is used.
"""

from datetime import date

import numpy as np
import pandas as pd

NAN = float("nan")
WINDOW = 90  # days
LEAST = 20  # closed deals before a chance is foretold
WAYS = ("first", "last", "linear", "decay")


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else NAN


def buyers(frame: pd.DataFrame) -> pd.Series:
    company = pd.to_numeric(frame["COMPANY_ID"]).fillna(0).astype(int)
    contact = pd.to_numeric(frame["CONTACT_ID"]).fillna(0).astype(int)
    named = [
        f"company {a}" if a else f"contact {b}" if b else None
        for a, b in zip(company, contact, strict=True)
    ]
    return pd.Series(named, frame.index, dtype=object)


def shares(truth) -> pd.DataFrame:
    """One row per won deal and contact: closed_on, money, SOURCE_ID of the contact, its shares."""
    leads = truth.leads.assign(touch="lead " + truth.leads["ID"].astype(str))
    leads["lead"] = leads["ID"].astype(int)
    deals = truth.deals.assign(touch="deal " + truth.deals["ID"].astype(str))
    deals["lead"] = pd.to_numeric(deals["LEAD_ID"]).fillna(0).astype(int)
    known = set(leads["lead"])
    own = deals[~deals["lead"].isin(known)]
    columns = ["touch", "SOURCE_ID", "created", "created_on", "buyer"]
    leads["buyer"], own = buyers(leads), own.assign(buyer=buyers(own))
    contacts = pd.concat([leads[[*columns, "lead"]], own[columns].assign(lead=-1)])
    rows = []
    for won in deals[deals["won"]].assign(buyer=buyers(deals)).itertuples():
        same = (contacts["lead"] == won.lead) if won.lead else pd.Series(False, contacts.index)
        if won.buyer is not None:
            same |= contacts["buyer"] == won.buyer
        age = (won.closed_on - contacts["created_on"]).dt.days
        met = contacts[same & (age >= 0) & (age <= WINDOW)].sort_values(["created", "touch"])
        if met.empty:
            met = pd.DataFrame([{"SOURCE_ID": won.SOURCE_ID, "created_on": won.created_on}])
        fresh = 0.5 ** ((won.closed_on - met["created_on"]).dt.days / (WINDOW / 3)).to_numpy()
        place = np.arange(len(met))
        rows.append(
            pd.DataFrame(
                {
                    "closed_on": won.closed_on,
                    "money": won.money,
                    "SOURCE_ID": met["SOURCE_ID"].to_numpy(),
                    "first": (place == 0) * 1.0,
                    "last": (place == len(met) - 1) * 1.0,
                    "linear": 1 / len(met),
                    "decay": fresh / fresh.sum(),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def foretold(truth) -> pd.DataFrame:
    """One row per closed deal and open stage that it entered: chance known then, won or not."""
    closed_on = truth.deals.set_index("id")["closed_on"]
    rows = truth.steps[truth.steps["closed"] & truth.steps["open"] & (truth.steps["entries"] > 0)]
    rows = rows.assign(closed_on=rows["deal"].map(closed_on), chance=NAN)
    for _stage, group in rows.groupby(["pipeline", "stage"]):
        for row in group.itertuples():
            before = group.loc[group["closed_on"] < row.reached_on, "won"]
            if len(before) >= LEAST:
                rows.loc[row.Index, "chance"] = before.mean()
    return rows.dropna(subset=["chance"])


def figures(truth, start: date, end: date, source: str | None, cost: float) -> dict[str, float]:
    """The figures of one period; ``cost``: what was spent in it."""
    if not hasattr(truth, "shares"):
        truth.shares, truth.foretold = shares(truth), foretold(truth)

    def mine(frame: pd.DataFrame) -> pd.DataFrame:
        inside = (frame["closed_on"] >= pd.Timestamp(start)) & (
            frame["closed_on"] < pd.Timestamp(end)
        )
        return frame[inside & ((frame["SOURCE_ID"] == source) if source else True)]

    met, told = mine(truth.shares), mine(truth.foretold)
    paid = met[met["SOURCE_ID"].isin(truth.spend["source"].dropna())]
    found: dict[str, float] = {}
    for way in WAYS:
        money = float((paid["money"] * paid[way]).sum())
        found[f"marketing_revenue_{way}"] = money
        found[f"roas_{way}"] = ratio(money, cost)
        found[f"romi_{way}"] = ratio(money - cost, cost)
    chance, won = told["chance"].mean(), told["won"].astype(float).mean()
    return found | {
        "brier_score": ((told["chance"] - told["won"]) ** 2).mean(),
        "chance_foretold": chance,
        "chance_come_true": won,
        "chance_bias": chance - won,
    }


def years(truth, end: date, today: pd.Timestamp) -> dict[str, float]:
    """Revenue of companies in the last twelve whole months beside the twelve before."""
    month = min(pd.Timestamp(end), today + pd.Timedelta(days=1)).to_period("M") - 1
    bought = truth.purchases.assign(month=truth.purchases["closed_on"].dt.to_period("M"))
    names = ("revenue_year_before", "revenue_year_after", "revenue_year_kept", "nrr", "grr")
    if month - 23 < truth.deals.loc[truth.deals["won"], "closed_on"].min().to_period("M"):
        return dict.fromkeys(names, NAN)
    before = after = kept = 0.0
    for _company, rows in bought.groupby("COMPANY_ID"):
        now = rows.loc[(rows["month"] > month - 12) & (rows["month"] <= month), "money"].sum()
        then = rows.loc[(rows["month"] > month - 24) & (rows["month"] <= month - 12), "money"].sum()
        if then:
            before, after, kept = before + then, after + now, kept + min(now, then)
    return dict(zip(names, (before, after, kept, after / before, kept / before), strict=True))
