"""Leads (entityTypeId 1)."""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm.records import old_methods
from workbench.bitrix24.sandbox.memory.fields import Entity, Field
from workbench.bitrix24.sandbox.memory.fieldsets import (
    AUTHORS,
    LAST_ACTIVITY,
    MOVED,
    MULTIFIELDS,
    ORIGIN,
    PERSON,
    REACHABLE,
    SOURCE,
    UTM,
    address,
)

LEADS = Entity(
    "leads",
    (
        Field("ID", "integer", readonly=True),
        Field("TITLE"),
        *PERSON,
        Field("COMPANY_TITLE"),
        Field("COMPANY_ID", "crm_company", index=True),
        Field("CONTACT_ID", "crm_contact", index=True),
        Field("IS_RETURN_CUSTOMER", "char", readonly=True, default="N"),
        *SOURCE,
        Field("STATUS_ID", "crm_status", status="STATUS", index=True),
        Field("STATUS_DESCRIPTION"),
        Field("COMMENTS"),
        Field("CURRENCY_ID", "crm_currency"),
        Field("OPPORTUNITY", "money", default=0.0),
        Field("IS_MANUAL_OPPORTUNITY", "char", default="N"),
        *REACHABLE,
        *AUTHORS,
        Field("DATE_CLOSED", "datetime", readonly=True, empty="", index=True),
        Field("STATUS_SEMANTIC_ID", readonly=True),
        *ORIGIN,
        *MOVED,
        *LAST_ACTIVITY,
        *address(),
        *UTM,
        *MULTIFIELDS,
    ),
    type_id=1,
    short="L",
    uf_entity="CRM_LEAD",
    event="LEAD",
    stage="STATUS_ID",
    semantics="STATUS_SEMANTIC_ID",
    stages_of="STATUS",
)

old_methods(LEADS, "crm.lead")
