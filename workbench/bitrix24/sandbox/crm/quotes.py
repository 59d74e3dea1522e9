"""Quotes, called estimates in newer texts (entityTypeId 7)."""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm.records import old_methods
from workbench.bitrix24.sandbox.memory.fields import Entity, Field
from workbench.bitrix24.sandbox.memory.fieldsets import AUTHORS, LAST_ACTIVITY, MONEY, UTM

QUOTES = Entity(
    "quotes",
    (
        Field("ID", "integer", readonly=True),
        Field("TITLE"),
        Field("STATUS_ID", "crm_status", status="QUOTE_STATUS", index=True),
        *MONEY,
        Field("LEAD_ID", "crm_lead"),
        Field("DEAL_ID", "crm_deal", index=True),
        Field("COMPANY_ID", "crm_company", index=True),
        Field("CONTACT_ID", "crm_contact"),
        Field("MYCOMPANY_ID", "crm_company"),
        Field("BEGINDATE", "date"),
        Field("CLOSEDATE", "date"),
        Field("ACTUAL_DATE", "date"),
        *AUTHORS,
        Field("CLOSED", "char", default="N"),
        Field("COMMENTS"),
        Field("QUOTE_NUMBER"),
        Field("CONTENT"),
        Field("TERMS"),
        Field("PERSON_TYPE_ID", "integer"),
        Field("LOCATION_ID"),
        *(Field(f"CLIENT_{part}") for part in ("TITLE", "ADDR", "CONTACT", "EMAIL", "PHONE")),
        Field("CLIENT_TP_ID"),
        Field("CLIENT_TPA_ID"),
        Field("LAST_COMMUNICATION_TIME", readonly=True),
        *UTM,
        *LAST_ACTIVITY,
    ),
    type_id=7,
    short="Q",
    uf_entity="CRM_QUOTE",
    event="QUOTE",
    stage="STATUS_ID",
    stages_of="QUOTE_STATUS",
)

old_methods(
    QUOTES,
    "crm.quote",
    update=("", "Quote is not found"),
    delete=("ERROR_CORE", "Element not found"),
)
