"""Companies (entityTypeId 4)."""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm.records import old_methods
from workbench.bitrix24.sandbox.memory.fields import Entity, Field
from workbench.bitrix24.sandbox.memory.fieldsets import (
    AUTHORS,
    LAST_ACTIVITY,
    MULTIFIELDS,
    ORIGIN,
    REACHABLE,
    UTM,
    address,
)

COMPANIES = Entity(
    "companies",
    (
        Field("ID", "integer", readonly=True),
        Field("COMPANY_TYPE", "crm_status", status="COMPANY_TYPE", camel="typeId"),
        Field("TITLE", required=True),
        Field("LOGO", "file"),
        Field("LEAD_ID", "crm_lead", readonly=True),
        *REACHABLE,
        *AUTHORS,
        Field("BANKING_DETAILS"),
        Field("INDUSTRY", "crm_status", status="INDUSTRY"),
        Field("REVENUE", "double"),
        Field("CURRENCY_ID", "crm_currency"),
        Field("EMPLOYEES", "crm_status", status="EMPLOYEES"),
        Field("COMMENTS", empty=""),
        Field("IS_MY_COMPANY", "char", default="N"),
        *ORIGIN,
        Field("ORIGIN_VERSION"),
        *address(),
        Field("ADDRESS_LEGAL"),
        *address("REG_"),
        *UTM,
        Field("LAST_COMMUNICATION_TIME", readonly=True),
        *LAST_ACTIVITY,
        *MULTIFIELDS,
    ),
    type_id=4,
    short="CO",
    uf_entity="CRM_COMPANY",
    event="COMPANY",
)

GONE = ("", "Company is not found")
old_methods(COMPANIES, "crm.company", update=GONE, delete=GONE)
