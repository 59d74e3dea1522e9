"""What can be read from a portal: one entry per kind of record.

An entry says how its list method is called, how its pages go on and which fields the warehouse
expects (others, such as user fields, are kept as well). Source: the REST documentation of each
method named here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.i18n import _

Paging = Literal["changed", "appended", "whole", "children"]


@dataclass(frozen=True)
class Call:
    """One list call: ``constants`` are added to each row that it gives."""

    method: str
    params: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entity:
    """One kind of record and its way out of the portal.

    ``paging``: ``changed`` = windows of ids, later by the change date ``changed``; ``appended`` =
    rows never change, later by id; ``whole`` = small lists, read anew each time; ``children`` =
    read by arrays of owner ids. ``rows`` names the list inside ``result`` (empty: it is the list).
    """

    name: str
    paging: Paging
    scope: str
    calls: tuple[Call, ...]
    fields: tuple[str, ...]
    key: str = "ID"
    changed: str = ""
    created: str = ""
    rows: str = ""
    essential: bool = False  # without it no snapshot is published for the first time

    @property
    def method(self) -> str:
        """The (first) REST method."""
        return self.calls[0].method

    def select(self) -> list[str] | None:
        """Fields to name in ``select``; ``None`` where the method takes none."""
        select: list[str] | None = self.calls[0].params.get("select")
        return select

    def unwrap(self, result: Any) -> list[dict[str, Any]]:
        """Take the rows out of a call's ``result``, whatever form an empty one has."""
        if self.rows and isinstance(result, dict):
            result = result.get(self.rows)
        if isinstance(result, dict):
            result = list(result.values())
        return [row for row in result if isinstance(row, dict)] if isinstance(result, list) else []


EVERYTHING = ["*", "UF_*"]
UTM = ("UTM_SOURCE", "UTM_MEDIUM", "UTM_CAMPAIGN", "UTM_CONTENT", "UTM_TERM")
AUTHORS = ("ASSIGNED_BY_ID", "CREATED_BY_ID", "MODIFY_BY_ID", "DATE_CREATE", "DATE_MODIFY")


def listed(method: str) -> tuple[Call, ...]:
    """Return the call of an old CRM list with all its fields."""
    return (Call(method, {"select": EVERYTHING}),)


STATUSES = Entity(
    "statuses",
    "whole",
    "crm",
    (Call("crm.status.list"),),
    ("ID", "ENTITY_ID", "STATUS_ID", "NAME", "SORT", "SYSTEM", "CATEGORY_ID", "SEMANTICS"),
    essential=True,
)
CATEGORIES = Entity(
    "categories",
    "whole",
    "crm",
    (
        Call("crm.category.list", {"entityTypeId": 2}, {"entityTypeId": "2"}),
        Call("crm.category.list", {"entityTypeId": 31}, {"entityTypeId": "31"}),
    ),
    ("id", "name", "sort", "entityTypeId", "isDefault"),
    key="id",
    rows="categories",
    essential=True,
)
CURRENCIES = Entity(
    "currencies",
    "whole",
    "crm",
    (Call("crm.currency.list"),),
    ("CURRENCY", "AMOUNT", "AMOUNT_CNT", "BASE", "FULL_NAME"),
    key="CURRENCY",
    essential=True,
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
        Call(
            f"crm.{owner}.userfield.list",
            {"order": {"ID": "ASC"}, "filter": {"LANG": "fr"}},
            {"OWNER": owner},
        )
        for owner in ("deal", "lead", "contact", "company")
    ),
    ("ID", "OWNER", "FIELD_NAME", "USER_TYPE_ID", "MULTIPLE", "EDIT_FORM_LABEL", "LIST"),
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
    essential=True,
)
LEADS = Entity(
    "leads",
    "changed",
    "crm",
    listed("crm.lead.list"),
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
    listed("crm.company.list"),
    ("ID", "TITLE", "COMPANY_TYPE", "INDUSTRY", "EMPLOYEES", "REVENUE", "IS_MY_COMPANY", *AUTHORS),
    changed="DATE_MODIFY",
    created="DATE_CREATE",
)
CONTACTS = Entity(
    "contacts",
    "changed",
    "crm",
    listed("crm.contact.list"),
    ("ID", "NAME", "LAST_NAME", "SECOND_NAME", "TYPE_ID", "COMPANY_ID", "SOURCE_ID", *AUTHORS),
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
INVOICES = Entity(
    "invoices",
    "changed",
    "crm",
    (Call("crm.item.list", {"entityTypeId": 31, "select": ["*"]}),),
    (
        "id",
        "title",
        "accountNumber",
        "categoryId",
        "stageId",
        "opportunity",
        "currencyId",
        "companyId",
        "contactId",
        "parentId2",
        "assignedById",
        "begindate",
        "closedate",
        "createdTime",
        "updatedTime",
        "movedTime",
    ),
    key="id",
    changed="updatedTime",
    created="createdTime",
    rows="items",
)
PRODUCTS = Entity(
    "products",
    "changed",
    "crm",
    (Call("crm.product.list", {"select": ["*"]}),),
    ("ID", "NAME", "PRICE", "CURRENCY_ID", "SECTION_ID", "ACTIVE", "DATE_CREATE", "TIMESTAMP_X"),
    changed="TIMESTAMP_X",
    created="DATE_CREATE",
)
DEAL_PRODUCTS = Entity(
    "deal_products",
    "children",
    "crm",
    (Call("crm.item.productrow.list", {"filter": {"=ownerType": "D"}}),),
    ("id", "ownerId", "ownerType", "productId", "productName", "price", "quantity", "sort"),
    key="id",
    rows="productRows",
)
DEAL_HISTORY = Entity(
    "deal_history",
    "appended",
    "crm",
    (Call("crm.stagehistory.list", {"entityTypeId": 2}),),
    (
        "ID",
        "TYPE_ID",
        "OWNER_ID",
        "CREATED_TIME",
        "CATEGORY_ID",
        "STAGE_SEMANTIC_ID",
        "STAGE_ID",
    ),
    created="CREATED_TIME",
    rows="items",
)
LEAD_HISTORY = Entity(
    "lead_history",
    "appended",
    "crm",
    (Call("crm.stagehistory.list", {"entityTypeId": 1}),),
    ("ID", "TYPE_ID", "OWNER_ID", "CREATED_TIME", "STATUS_SEMANTIC_ID", "STATUS_ID"),
    created="CREATED_TIME",
    rows="items",
)
ACTIVITY_FIELDS = (
    "ID",
    "OWNER_ID",
    "OWNER_TYPE_ID",
    "TYPE_ID",
    "PROVIDER_ID",
    "SUBJECT",
    "CREATED",
    "LAST_UPDATED",
    "START_TIME",
    "END_TIME",
    "DEADLINE",
    "COMPLETED",
    "RESPONSIBLE_ID",
    "DIRECTION",
)
ACTIVITIES = Entity(
    "activities",
    "changed",
    "crm",
    (Call("crm.activity.list", {"select": list(ACTIVITY_FIELDS)}),),
    ACTIVITY_FIELDS,
    changed="LAST_UPDATED",
    created="CREATED",
)

ENTITIES: tuple[Entity, ...] = (
    STATUSES,
    CATEGORIES,
    CURRENCIES,
    USERS,
    DEPARTMENTS,
    USERFIELDS,
    COMPANIES,
    CONTACTS,
    LEADS,
    DEALS,
    QUOTES,
    INVOICES,
    PRODUCTS,
    DEAL_HISTORY,
    LEAD_HISTORY,
    ACTIVITIES,
    DEAL_PRODUCTS,
)


def entity(name: str) -> Entity:
    """Return the entry called ``name``; `KeyError` if there is none."""
    return {entry.name: entry for entry in ENTITIES}[name]


def title(name: str) -> str:
    """Return an entity's (or file source's) name in the reader's language."""
    titles = {
        "statuses": _("Stages and directories"),
        "categories": _("Pipelines"),
        "currencies": _("Currencies"),
        "users": _("Users"),
        "departments": _("Departments"),
        "userfields": _("User fields"),
        "companies": _("Companies"),
        "contacts": _("Contacts"),
        "leads": _("Leads"),
        "deals": _("Deals"),
        "quotes": _("Quotes"),
        "invoices": _("Invoices"),
        "products": _("Products"),
        "deal_products": _("Deal products"),
        "deal_history": _("Deal stage history"),
        "lead_history": _("Lead status history"),
        "activities": _("Activities"),
        "marketing_spend": _("Marketing spend"),
    }
    return titles.get(name, name)
