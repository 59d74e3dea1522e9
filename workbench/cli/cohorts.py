"""`workbench cohorts`: who comes back after a first purchase, from the shell."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from workbench.cli.layout import add_numbers, plain_table, say, say_definition, say_source
from workbench.cli.metrics import AsJson, Where, plain_row, print_json

LABEL = 28  # characters of the first two columns
NUMBER = 7  # of a month's column
MOST = 12  # months of a row


def cohorts(
    period: Annotated[
        str, typer.Option(help="Of first purchases: last_12_months, 2026-Q1, all …")
    ] = "last_12_months",
    where: Where = "",
    revenue: Annotated[
        bool, typer.Option("--revenue", help="What they bring again, instead of how many.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show which customers buy again, by month of first purchase and months since."""
    from pandas import isna

    from workbench.analysis import cohorts as found
    from workbench.cli.screen import table_console
    from workbench.i18n import _, format_month, format_number, format_percent
    from workbench.metrics import definition, query
    from workbench.metrics.formats import rate_words

    metric = "revenue_retention" if revenue else "retention_rate"
    ids = ["cohort_customers", "customers_active", "cohort_revenue", metric]
    frame = query(ids, by=["cohort", "age"], period=period, where=where or None)
    facts = frame.attrs
    currency, label = facts["currency"], facts["period"]["label"]
    today = facts["as_of"].astimezone(ZoneInfo(facts["timezone"])).date()
    told = ""
    if len(frame):
        told = found.revenue_finding(frame, currency) if revenue else found.retention_finding(frame)
    if as_json:
        values = found.lifetime_value(found.lived_through(frame, today))
        print_json(
            {
                "metric": metric,
                "period": {key: str(facts["period"][key]) for key in ("start", "end")},
                "rows": [plain_row(row) for row in frame.to_dict("records")],
                "value": [plain_row(row) for row in values.to_dict("records")],
                "finding": told,
                "status": facts["status"],
                "currency": currency,
                "n": facts["n"],
                "definition": facts["metrics"][metric],
                "as_of": facts["as_of"].isoformat(),
                "timezone": facts["timezone"],
                "snapshot": facts["snapshot"],
            }
        )
        return
    if facts["status"] == "not loaded":
        say(_("Deals are not loaded for {period}.").format(period=label))
        return
    if frame.empty:
        say(_("Nobody bought for the first time in {period}.").format(period=label))
        return
    console = table_console()
    wide = found.triangle(frame, metric)
    sizes = frame[frame["age"] == "00"].set_index("cohort")["cohort_customers"]
    fitting = max(1, min(MOST, (console.width - LABEL) // NUMBER))
    ages = [age for age in wide.columns if age > 0][:fitting]
    table = plain_table(f"{definition(metric).title}, {label}")
    table.add_column(_("First purchase"))
    add_numbers(table, "n")
    for age in ages:
        add_numbers(table, f"+{age}")
    for cohort, row in wide.iterrows():
        shares = ("–" if isna(row[age]) else format_percent(row[age], 0) for age in ages)
        month = format_month(found.month_of(str(cohort)))
        table.add_row(month, format_number(sizes[cohort]), *shares)
    console.print(table)
    say(told)
    say(_("–: not known yet, that month is not over."))
    say(
        _("n: customers of the cohort, {total} in all.").format(
            total=format_number(facts["total"]["cohort_customers"])
        )
    )
    if noted := rate_words(facts["rates"].get(metric, {"later": 0, "none": 0})):
        say(f"{noted}.", style="yellow")
    say_definition(facts["metrics"][metric])
    say_source(facts["as_of"], facts["timezone"], facts["snapshot"])
