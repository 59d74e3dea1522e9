"""Every kind of record that is read from a portal.

Source: the REST documentation of each method named here.
"""

from __future__ import annotations

import re

from workbench.bitrix24.entity import (
    Call,
    Entity,
    items,
    links,
    product_rows,
    stage_history,
)
from workbench.i18n import _

SMART_NAME = re.compile(r"smart_(\d+)(|_history|_products)")
EVERYTHING = ["*", "UF_*"]
ENGLISH_LABEL = "ENGLISH_LABEL"  # of a user field, beside the French one
REACHED_BY = ("PHONE", "EMAIL")  # `*` leaves fields with several values out

UTM = ("UTM_SOURCE", "UTM_MEDIUM", "UTM_CAMPAIGN", "UTM_CONTENT", "UTM_TERM")
AUTHORS = ("ASSIGNED_BY_ID", "CREATED_BY_ID", "MODIFY_BY_ID", "DATE_CREATE", "DATE_MODIFY")


def listed(method: str, more: tuple[str, ...] = ()) -> tuple[Call, ...]:
    """Return the call of an old CRM list with all its fields, and ``more`` besides."""
    return (Call(method, {"select": [*EVERYTHING, *more]}),)


def categories(type_id: int) -> Call:
    """Return the call for the pipelines of one kind of record."""
    params = {"entityTypeId": type_id}
    return Call("crm.category.list", params, {"entityTypeId": str(type_id)})


def userfields(owner: str) -> tuple[Call, Call]:
    """Return the calls for the user fields of an old kind: a call gives the labels of a language.

    Without a language there is no label at all.
    """
    method, order = f"crm.{owner}.userfield.list", {"ID": "ASC"}
    french, english = ({"order": order, "filter": {"LANG": language}} for language in ("fr", "en"))
    more = Call(method, english, adds={"EDIT_FORM_LABEL": ENGLISH_LABEL})
    return Call(method, french, {"OWNER": owner}), more


def item_userfields(entity_id: str, owner: str) -> tuple[Call, Call]:
    """Return the calls for the user fields of a universal kind (``entity_id``: ``CRM_…``)."""
    params = {"moduleId": "crm", "filter": {"entityId": entity_id}, "order": {"id": "ASC"}}
    french, english = (
        params | {"select": {"0": "*", "language": language}} for language in ("fr", "en")
    )
    more = Call("userfieldconfig.list", english, adds={"editFormLabel": ENGLISH_LABEL})
    return Call("userfieldconfig.list", french, {"OWNER": owner}), more


STATUSES = Entity(
    "statuses",
    "whole",
    "crm",
    (Call("crm.status.list"),),
    ("ID", "ENTITY_ID", "STATUS_ID", "NAME", "SORT", "SYSTEM", "CATEGORY_ID", "SEMANTICS"),
)
CATEGORIES = Entity(
    "categories",
    "whole",
    "crm",
    (categories(2), categories(31)),
    ("id", "name", "sort", "entityTypeId", "isDefault"),
    key="",  # each kind of record may count its own
    rows="categories",
)
CURRENCIES = Entity(
    "currencies",
    "whole",
    "crm",
    (Call("crm.currency.list"),),
    ("CURRENCY", "AMOUNT", "AMOUNT_CNT", "BASE", "FULL_NAME"),
    key="CURRENCY",
)
USERS = Entity(
    "users",
    "whole",
    "user",
    (Call("user.get", {"sort": "ID", "order": "ASC"}),),
    (
        "ID",
        "ACTIVE",
        "NAME",
        "LAST_NAME",
        "SECOND_NAME",
        "EMAIL",
        "UF_DEPARTMENT",
        "USER_TYPE",
        "WORK_POSITION",
    ),
)
DEPARTMENTS = Entity(
    "departments",
    "whole",
    "department",
    # no ``sort``: it is the name of a filter here, too
    (Call("department.get"),),
    ("ID", "NAME", "SORT", "PARENT", "UF_HEAD"),
)
USERFIELDS = Entity(
    "userfields",
    "whole",
    "crm",
    tuple(
        call
        for owner in ("deal", "lead", "contact", "company", "quote")
        for call in userfields(owner)
    ),
    ("ID", "OWNER", "FIELD_NAME", "USER_TYPE_ID", "MULTIPLE", "SORT", "EDIT_FORM_LABEL", "LIST")
    + (ENGLISH_LABEL,),
)
ITEM_USERFIELDS = Entity(
    "item_userfields",
    "whole",
    "userfieldconfig",
    item_userfields("CRM_SMART_INVOICE", "invoice"),
    ("id", "OWNER", "fieldName", "userTypeId", "multiple", "sort", "editFormLabel", "enum")
    + (ENGLISH_LABEL,),
    key="id",
    rows="fields",
    optional=True,
)
TYPES = Entity(
    "types",
    "whole",
    "crm",
    (Call("crm.type.list", {"order": {"id": "ASC"}}),),
    ("id", "title", "entityTypeId", "isCategoriesEnabled", "isStagesEnabled")
    + ("isClientEnabled", "isLinkWithProductsEnabled"),
    key="id",
    rows="types",
)
DEALS = Entity(
    "deals",
    "changed",
    "crm",
    listed("crm.deal.list"),
    (
        "ID",
        "TITLE",
        "TYPE_ID",
        "CATEGORY_ID",
        "STAGE_ID",
        "STAGE_SEMANTIC_ID",
        "IS_RECURRING",
        "PROBABILITY",
        "CURRENCY_ID",
        "OPPORTUNITY",
        "COMPANY_ID",
        "CONTACT_ID",
        "QUOTE_ID",
        "LEAD_ID",
        "BEGINDATE",
        "CLOSEDATE",
        "CLOSED",
        "MOVED_TIME",
        "LAST_ACTIVITY_TIME",
        "SOURCE_ID",
        *AUTHORS,
        *UTM,
    ),
    changed="DATE_MODIFY",
    created="DATE_CREATE",
)
LEADS = Entity(
    "leads",
    "changed",
    "crm",
    listed("crm.lead.list", REACHED_BY),
    (
        "ID",
        "TITLE",
        "STATUS_ID",
        "STATUS_SEMANTIC_ID",
        "CURRENCY_ID",
        "OPPORTUNITY",
        "COMPANY_ID",
        "COMPANY_TITLE",
        "CONTACT_ID",
        "DATE_CLOSED",
        "MOVED_TIME",
        "SOURCE_ID",
        "NAME",
        "LAST_NAME",
        *REACHED_BY,
        *AUTHORS,
        *UTM,
    ),
    changed="DATE_MODIFY",
    created="DATE_CREATE",
)
COMPANIES = Entity(
    "companies",
    "changed",
    "crm",
    listed("crm.company.list", REACHED_BY),
    ("ID", "TITLE", "COMPANY_TYPE", "INDUSTRY", "EMPLOYEES", "REVENUE", "IS_MY_COMPANY")
    + (*REACHED_BY, *AUTHORS),
    changed="DATE_MODIFY",
    created="DATE_CREATE",
)
CONTACTS = Entity(
    "contacts",
    "changed",
    "crm",
    listed("crm.contact.list", REACHED_BY),
    ("ID", "NAME", "LAST_NAME", "SECOND_NAME", "TYPE_ID", "COMPANY_ID", "SOURCE_ID")
    + (*REACHED_BY, *AUTHORS),
    changed="DATE_MODIFY",
    created="DATE_CREATE",
)
QUOTES = Entity(
    "quotes",
    "changed",
    "crm",
    listed("crm.quote.list"),
    (
        "ID",
        "TITLE",
        "STATUS_ID",
        "DEAL_ID",
        "LEAD_ID",
        "COMPANY_ID",
        "CONTACT_ID",
        "CURRENCY_ID",
        "OPPORTUNITY",
        "CLOSEDATE",
        *AUTHORS,
    ),
    changed="DATE_MODIFY",
    created="DATE_CREATE",
)
INVOICES = items("invoices", 31)
PRODUCTS = Entity(
    "products",
    "changed",
    "crm",
    (Call("crm.product.list", {"select": ["*"]}),),
    ("ID", "NAME", "PRICE", "CURRENCY_ID", "SECTION_ID", "ACTIVE", "DATE_CREATE", "TIMESTAMP_X"),
    changed="TIMESTAMP_X",
    created="DATE_CREATE",
)
DEAL_PRODUCTS = product_rows("deal_products", "deals", "D")
LEAD_PRODUCTS = product_rows("lead_products", "leads", "L")
QUOTE_PRODUCTS = product_rows("quote_products", "quotes", "Q")
INVOICE_PRODUCTS = product_rows("invoice_products", "invoices", "SI")
DEAL_HISTORY = stage_history("deal_history", "deals", 2)
LEAD_HISTORY = stage_history("lead_history", "leads", 1, "STATUS")
INVOICE_HISTORY = stage_history("invoice_history", "invoices", 31)
DEAL_CONTACTS = links("deal_contacts", "deals", 2, "contactIds")
CONTACT_COMPANIES = links("contact_companies", "contacts", 3, "companyIds")
ACTIVITY_FIELDS = (
    "ID", "OWNER_ID", "OWNER_TYPE_ID", "TYPE_ID", "PROVIDER_ID", "SUBJECT", "CREATED",
    "LAST_UPDATED", "START_TIME", "END_TIME", "DEADLINE", "COMPLETED", "RESPONSIBLE_ID",
    "DIRECTION",
)  # fmt: skip
ACTIVITIES = Entity(
    "activities",
    "changed",
    "crm",
    (Call("crm.activity.list", {"select": list(ACTIVITY_FIELDS)}),),
    ACTIVITY_FIELDS,
    changed="LAST_UPDATED",
    created="CREATED",
)
TASK_FIELDS = (
    "ID", "TITLE", "STATUS", "PRIORITY", "MARK", "CREATED_BY", "RESPONSIBLE_ID", "ACCOMPLICES",
    "AUDITORS", "GROUP_ID", "PARENT_ID", "CREATED_DATE", "CHANGED_DATE", "DATE_START", "DEADLINE",
    "CLOSED_DATE", "TIME_ESTIMATE", "TIME_SPENT_IN_LOGS", "UF_CRM_TASK",
)  # fmt: skip
TASKS = Entity(
    "tasks",
    "changed",
    "task",
    (Call("tasks.task.list", {"select": list(TASK_FIELDS)}),),
    ("id", "title", "status", "priority", "createdBy", "responsibleId", "groupId", "parentId")
    + ("createdDate", "changedDate", "dateStart", "deadline", "closedDate", "ufCrmTask")
    + ("timeEstimate", "timeSpentInLogs"),
    key="id",
    asked_key="ID",
    changed="changedDate",
    asked_changed="CHANGED_DATE",
    created="createdDate",
    rows="tasks",
    among="",
    optional=True,
)
CALLS = Entity(
    "calls",
    "appended",
    "telephony",
    (Call("voximplant.statistic.get"),),
    ("ID", "CALL_ID", "PORTAL_USER_ID", "CALL_TYPE", "CALL_DURATION", "CALL_START_DATE")
    + ("CALL_FAILED_CODE", "CRM_ENTITY_TYPE", "CRM_ENTITY_ID", "CRM_ACTIVITY_ID")
    + ("COST", "COST_CURRENCY", "PHONE_NUMBER"),
    created="CALL_START_DATE",
    sorted_by="sort and order",
    right="Call statistics",
    optional=True,
)

ENTITIES: tuple[Entity, ...] = (
    STATUSES,
    TYPES,
    CATEGORIES,
    CURRENCIES,
    USERS,
    DEPARTMENTS,
    USERFIELDS,
    ITEM_USERFIELDS,
    COMPANIES,
    CONTACTS,
    LEADS,
    DEALS,
    QUOTES,
    INVOICES,
    PRODUCTS,
    DEAL_HISTORY,
    LEAD_HISTORY,
    INVOICE_HISTORY,
    ACTIVITIES,
    TASKS,
    CALLS,
    DEAL_PRODUCTS,
    LEAD_PRODUCTS,
    QUOTE_PRODUCTS,
    INVOICE_PRODUCTS,
    DEAL_CONTACTS,
    CONTACT_COMPANIES,
)


def entity(name: str) -> Entity:
    """Return the entry called ``name``; `KeyError` if there is none."""
    return {entry.name: entry for entry in ENTITIES}[name]


def title(name: str, label: str | None = None) -> str:
    """Return an entity's (or file source's) name in the reader's language.

    ``label`` is the portal's own name of a smart process.
    """
    titles = {
        "statuses": _("Stages and directories"),
        "types": _("Smart processes"),
        "categories": _("Pipelines"),
        "currencies": _("Currencies"),
        "users": _("Users"),
        "departments": _("Departments"),
        "userfields": _("User fields"),
        "item_userfields": _("User fields of invoices and smart processes"),
        "companies": _("Companies"),
        "contacts": _("Contacts"),
        "leads": _("Leads"),
        "deals": _("Deals"),
        "quotes": _("Quotes"),
        "invoices": _("Invoices"),
        "products": _("Products"),
        "deal_products": _("Deal products"),
        "lead_products": _("Lead products"),
        "quote_products": _("Quote products"),
        "invoice_products": _("Invoice products"),
        "deal_contacts": _("Contacts of deals"),
        "contact_companies": _("Companies of contacts"),
        "invoice_history": _("Invoice stage history"),
        "tasks": _("Tasks"),
        "calls": _("Calls"),
        "deal_history": _("Deal stage history"),
        "lead_history": _("Lead status history"),
        "activities": _("Activities"),
        "marketing_spend": _("Marketing spend"),
        "rates": _("Earlier exchange rates"),
        "targets": _("Plan"),
        "accounting_documents": _("Accounting documents"),
    }
    process = SMART_NAME.fullmatch(name)
    if process and label:
        parts = {
            "": "{name}",
            "_history": _("{name}, stage history"),
            "_products": _("{name}, products"),
        }
        return parts[process[2]].format(name=label)
    if process:
        parts = {
            "": _("Smart process {n}"),
            "_history": _("Smart process {n}, stage history"),
            "_products": _("Smart process {n}, products"),
        }
        return parts[process[2]].format(n=process[1])
    return titles.get(name, name)
