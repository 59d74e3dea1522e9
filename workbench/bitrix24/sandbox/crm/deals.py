"""Deals (entityTypeId 2)."""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm.records import old_methods
from workbench.bitrix24.sandbox.memory.fields import Entity, Field
from workbench.bitrix24.sandbox.memory.fieldsets import (
    AUTHORS,
    LAST_ACTIVITY,
    MONEY,
    MOVED,
    ORIGIN,
    SOURCE,
    UTM,
)

DEALS = Entity(
    "deals",
    (
        Field("ID", "integer", readonly=True),
        Field("TITLE"),
        Field("TYPE_ID", "crm_status", status="DEAL_TYPE"),
        Field("STAGE_ID", "crm_status", status="DEAL_STAGE", index=True),
        Field("PROBABILITY", "integer"),
        *MONEY,
        Field("LEAD_ID", "crm_lead", readonly=True, index=True),
        Field("COMPANY_ID", "crm_company", index=True),
        Field("CONTACT_ID", "crm_contact", index=True),
        Field("QUOTE_ID", "crm_quote", readonly=True),
        Field("BEGINDATE", "date"),
        Field("CLOSEDATE", "date", index=True),
        *AUTHORS,
        Field("CLOSED", "char", default="N"),
        Field("COMMENTS"),
        Field("ADDITIONAL_INFO"),
        Field("LOCATION_ID"),
        Field("CATEGORY_ID", "crm_category", immutable=True, default=0),
        Field("STAGE_SEMANTIC_ID", readonly=True),
        Field("IS_NEW", "char", readonly=True, default="Y"),
        Field("IS_RECURRING", "char", default="N"),
        Field("IS_RETURN_CUSTOMER", "char", default="N"),
        Field("IS_REPEATED_APPROACH", "char", default="N"),
        *SOURCE,
        *ORIGIN,
        *MOVED,
        *LAST_ACTIVITY,
        *UTM,
    ),
    type_id=2,
    short="D",
    uf_entity="CRM_DEAL",
    event="DEAL",
    stage="STAGE_ID",
    semantics="STAGE_SEMANTIC_ID",
    stages_of="DEAL_STAGE",
)

old_methods(DEALS, "crm.deal")
