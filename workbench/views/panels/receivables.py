"""Panels of the page of receivables: what is owed, how late, by whom, and how fast it comes in."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from workbench import metrics
from workbench.analysis import findings, money
from workbench.i18n import _, format_date, format_number, format_percent
from workbench.metrics import format_value
from workbench.views import charts, values
from workbench.views.contents import ChartContent, Content, TableContent, TextContent
from workbench.views.panels import parts
from workbench.views.selection import Selection
from workbench.views.tables import Column, columns_of

FIGURES = (
    "receivables",
    "receivables_overdue",
    "overdue_share",
    "dso",
    "days_to_pay_mean",
    "late_payment_rate",
    "invoiced_amount",
    "paid_amount",
)
# From not due to latest.
AGES = (
    "receivables_not_due",
    "receivables_1_30",
    "receivables_31_60",
    "receivables_61_90",
    "receivables_over_90",
)
CARD = "/crm/type/31/details/{}/"  # of an invoice on the portal
MOST_INVOICES = 50


def figures(selection: Selection) -> Content:
    """Return the key figures of receivables, beside the period before."""
    return parts.figures(selection, FIGURES)


def ageing(selection: Selection) -> Content:
    """Return what is owed at the end of the period, by how late it is."""
    title = _("What is owed, by how late it is")
    frame = selection.query(["receivables", *AGES], each_n=True)
    if (notice := parts.absent(frame, title, "receivables")) is not None:
        return notice
    row, whole = frame.iloc[0], _number(frame["receivables"].iloc[0])
    names = dict(
        zip(
            AGES,
            [
                _("Not due"),
                _("1 to 30 days late"),
                _("31 to 60 days late"),
                _("61 to 90 days late"),
                _("More than 90 days late"),
            ],
            strict=True,
        )
    )
    table = pd.DataFrame(
        [
            {
                "age": names[each],
                "amount": _number(row[each]),
                "share": _number(row[each]) / whole if whole else float("nan"),
                "n": int(row[f"n_{each}"]),
                "late": each != AGES[0],
            }
            for each in AGES
        ]
    )
    return ChartContent(
        title,
        charts.ageing(table, currency=selection.currency),
        _ageing_finding(table, whole, selection.currency),
        table[["age", "amount", "share", "n"]],
        [
            Column("age", _("Due day")),
            Column("amount", _("Owed"), values.MONEY),
            Column("share", _("Share"), values.SHARE),
            Column("n", _("Invoices"), values.COUNT),
        ],
        parts.joined(
            _("State at {day}; what has no due day is not due.").format(
                day=format_date(_day(selection))
            ),
            parts.rate_note(frame, "receivables"),
        ),
    )


def _ageing_finding(table: pd.DataFrame, whole: float, currency: str) -> str:
    """Say which part of what is owed is late, and which part is so by more than 90 days."""
    late = money.total(table.loc[table["late"], "amount"])
    if not whole > 0:
        return _("Nothing is owed.")
    if not late:
        return _("Nothing of the {whole} owed is late.").format(
            whole=format_value(whole, values.MONEY, currency)
        )
    oldest = float(table["amount"].iloc[-1])
    return _(
        "{late} of the {whole} owed is late ({share}), {oldest} of it by more than 90 days."
    ).format(
        late=format_value(late, values.MONEY, currency),
        whole=format_value(whole, values.MONEY, currency),
        share=format_percent(late / whole, 0),
        oldest=format_value(oldest, values.MONEY, currency),
    )


def by_month(selection: Selection) -> Content:
    """Return what was owed at the end of each month, and what of it was overdue."""
    title = _("Owed at the end of each month")
    shown = ["receivables", "receivables_not_due", "receivables_overdue", "overdue_share"]
    asked = selection.query(shown, grain="month")
    frame = parts.known_months(asked, "receivables")
    if (notice := parts.absent(frame, title, "receivables")) is not None:
        return notice
    return ChartContent(
        title,
        charts.receivables_by_month(frame, currency=selection.currency),
        parts.joined(findings.main(asked), findings.main(asked, "overdue_share")),
        frame,
        columns_of(frame),
        parts.joined(
            parts.partial_note(frame, "receivables"), parts.rate_note(asked, "receivables")
        ),
    )


def dso_by_month(selection: Selection) -> Content:
    """Return the days sales outstanding of each month."""
    return _by_month(selection, "dso", _("Days until money comes in (DSO)"), _("Open invoices"))


def late_by_month(selection: Selection) -> Content:
    """Return which share of the invoices paid in each month was paid late."""
    return _by_month(selection, "late_payment_rate", _("Paid late"), _("Invoices paid"))


def _by_month(selection: Selection, metric: str, title: str, counted: str) -> Content:
    asked = selection.query(metric, grain="month")
    frame = parts.known_months(asked, metric)
    if (notice := parts.absent(frame, title, metric)) is not None:
        return notice
    drawn = parts.marked_open(frame, metric)
    unit = frame.attrs["metrics"][metric]["unit"]
    scale = _("Days") if unit == values.DAYS else _("Of the invoices paid")
    return ChartContent(
        title,
        charts.measure_by_month(drawn, metric, scale, unit, counted),
        findings.main(asked),
        frame,
        [*columns_of(frame[["period", metric]]), Column("n", counted, values.COUNT)],
        parts.joined(charts.open_note(drawn), parts.rate_note(asked)),
    )


def customers(selection: Selection) -> Content:
    """Return who owes most that is overdue, as a table."""
    title = _("Who is late")
    asked = ["receivables_overdue", "receivables", "overdue_share"]
    frame = selection.query(asked, by="customer")
    if frame.attrs["statuses"]["receivables_overdue"] == "not loaded":
        return parts.absent(frame, title, "receivables_overdue") or parts.empty(title)
    facts = frame.attrs
    late = frame[frame["n"] > 0]
    if late.empty:
        return _nobody(selection)
    late = late.sort_values("receivables_overdue", ascending=False, kind="stable")
    late = late.reset_index(drop=True)
    note = _first(len(late), _("The {n} customers who owe most, of {total}."))
    late = late.head(MOST_INVOICES)
    late.attrs = facts
    return TableContent(
        title,
        late[["customer", *asked, "n"]],
        [
            Column("customer", str(metrics.dimension_titles()["customer"])),
            *columns_of(late[asked]),
            Column("n", _("Invoices overdue"), values.COUNT),
        ],
        parts.joined(note, parts.rate_note(frame, "receivables_overdue")),
    )


def invoices(selection: Selection) -> Content:
    """Return the invoices overdue at the end of the period, the latest first, with their cards."""
    title = _("Invoices to call in")
    day = _day(selection)
    overdue = (
        f"created_on <= '{day}' and (ended_on is null or ended_on > '{day}') and due_on < '{day}'"
    )
    found = metrics.rows(
        "invoices",
        selection.where(["receivables_overdue"], overdue),
        snapshot=selection.snapshot,
    )
    if found.empty:
        return _nobody(selection)
    found = found.sort_values(["due_on", "invoice_id"], kind="stable").reset_index(drop=True)
    portal = selection.snapshot.portal_url.rstrip("/")
    data = pd.DataFrame(
        {
            "invoice": [_("Invoice {id}").format(id=number) for number in found["invoice_id"]],
            "customer": found["customer"],
            "manager": found["manager"],
            "amount_base": found["amount_base"],
            "due_on": found["due_on"],
            "days_late": (pd.Timestamp(day) - pd.to_datetime(found["due_on"])).dt.days,
            "link": [portal + CARD.format(number) for number in found["invoice_id"]],
        }
    )
    titles = metrics.dimension_titles()
    return TableContent(
        title,
        data.head(MOST_INVOICES),
        [
            Column("invoice", _("Invoice"), link="link"),
            Column("customer", str(titles["customer"])),
            Column("manager", str(titles["manager"])),
            Column("amount_base", _("Amount"), values.MONEY),
            Column("due_on", _("Due day"), values.DATE),
            Column("days_late", _("Days late"), values.COUNT),
        ],
        parts.joined(
            _first(len(data), _("The {n} that are latest, of {total}.")),
            parts.rates_told(money.rate_counts(found.head(MOST_INVOICES))),
        ),
    )


def answer(selection: Selection) -> dict[str, Any]:
    """Return the typed answer: what is owed and overdue at the end of the period."""
    return parts.answer(selection, "receivables_overdue")


def _day(selection: Selection) -> date:
    """Return the day whose end the figures tell of: the period's last, or that of the data."""
    if selection.period.is_all:
        return selection.today
    return min(selection.period.last_day, selection.today)


def _nobody(selection: Selection) -> TextContent:
    return TextContent(_("No invoice is overdue at {day}."), {"day": format_date(_day(selection))})


def _first(total: int, text: str) -> str:
    if total <= MOST_INVOICES:
        return ""
    return text.format(n=format_number(MOST_INVOICES), total=format_number(total))


def _number(value: Any) -> float:
    return 0.0 if values.is_missing(value) else float(value)
