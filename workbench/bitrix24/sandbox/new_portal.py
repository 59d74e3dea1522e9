"""What every portal has before its first record: an administrator, directories, funnels, money."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.bitrix24.sandbox.crm import stages
from workbench.bitrix24.sandbox.crm.invoices import INVOICES

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

ADMINISTRATOR = {
    "ID": 1,
    "ACTIVE": "Y",
    "NAME": "Admin",
    "LAST_NAME": "Portal",
    "EMAIL": "admin@portal.example",
    "UF_DEPARTMENT": [1],
    "USER_TYPE": "employee",
    "IS_ADMIN": "Y",
    "CRM_RIGHTS": "all",
}
FUNNEL = {"ID": 0, "NAME": "General", "SORT": 300, "ENTITY_TYPE_ID": 2, "IS_DEFAULT": "Y"}

Entries = list[tuple[str, str | None]]


def _codes(codes: str, won: str = "", lost: str = "") -> Entries:
    """Codes with their meaning: in work, won (S), lost (F)."""
    groups = ((codes, None), (won, "S"), (lost, "F"))
    return [(code, meaning) for text, meaning in groups for code in text.split()]


DIRECTORIES: dict[str, Entries] = {
    "DEAL_STAGE": _codes(
        "NEW PREPARATION PREPAYMENT_INVOICE EXECUTING FINAL_INVOICE", "WON", "LOSE APOLOGY"
    ),
    "STATUS": _codes("NEW IN_PROCESS", "CONVERTED", "JUNK"),
    "QUOTE_STATUS": _codes("DRAFT SENT UNANSWERED", "APPROVED", "DECLAINED APOLOGY"),
    "SOURCE": _codes("CALL EMAIL WEB ADVERTISING PARTNER RECOMMENDATION OTHER"),
    "DEAL_TYPE": _codes("SALE COMPLEX GOODS SERVICES SERVICE"),
    "CONTACT_TYPE": _codes("CLIENT SUPPLIER PARTNER OTHER"),
    "COMPANY_TYPE": _codes("CUSTOMER SUPPLIER COMPETITOR PARTNER OTHER"),
    "INDUSTRY": _codes("IT TELECOM MANUFACTURING BANKING CONSULTING FINANCE OTHER"),
    "EMPLOYEES": _codes("EMPLOYEES_1 EMPLOYEES_2 EMPLOYEES_3 EMPLOYEES_4"),
    "HONORIFIC": _codes("HNR_EN_1 HNR_EN_2 HNR_EN_3 HNR_EN_4"),
    "CALL_LIST": _codes("IN_WORK WRONG_NUMBER", "SUCCESS", "STOP_CALLING"),
}
INVOICE_STAGES = _codes("N S", "P", "D")


def furnish(state: State) -> None:
    """Give a portal without users its administrator, department, general funnel and currency."""
    with state.bulk():  # all or nothing, should the process be killed meanwhile
        state.insert_many("departments", [{"ID": 1, "NAME": "Portal", "SORT": 500}])
        state.insert_many("users", [{**ADMINISTRATOR, "DATE_REGISTER": state.timestamp()}])
        state.insert_many("categories", [FUNNEL])
        euro = {"CURRENCY": "EUR", "AMOUNT": 1.0, "AMOUNT_CNT": 1, "BASE": "Y"}
        state.insert_many("currencies", [euro])
        complete(state)


def complete(state: State) -> None:
    """Add the directories and the funnel of invoices that a portal does not have."""
    for directory, entries in DIRECTORIES.items():
        _fill(state, directory, entries)
    if not state.count("categories", {"ENTITY_TYPE_ID": INVOICES.type_id}):
        number = stages.new_category(state)
        of_invoices = {**FUNNEL, "ID": number, "ENTITY_TYPE_ID": INVOICES.type_id}
        state.insert_many("categories", [of_invoices])
        head = f"DT{INVOICES.type_id}_{number}:"
        codes = [(f"{head}{code}", meaning) for code, meaning in INVOICE_STAGES]
        _fill(state, stages.directory_of(INVOICES, number), codes, number)


def _fill(state: State, directory: str, entries: Entries, category: int | None = None) -> None:
    """Write a directory that has no entries yet."""
    if state.count("statuses", {"ENTITY_ID": directory}):
        return
    rows = []
    for place, (code, meaning) in enumerate(entries):
        name = code.rpartition(":")[2].replace("_", " ").capitalize()
        rows.append(
            {
                "ENTITY_ID": directory,
                "STATUS_ID": code,
                "NAME": name,
                "NAME_INIT": name,
                "SORT": 10 * (place + 1),
                "SYSTEM": "Y",
                "CATEGORY_ID": category,
                "SEMANTICS": meaning,
            }
        )
    state.insert_many("statuses", rows)
