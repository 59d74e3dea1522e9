"""Contacts (entityTypeId 3)."""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm.records import old_methods
from workbench.bitrix24.sandbox.memory.fields import Entity, Field
from workbench.bitrix24.sandbox.memory.fieldsets import (
    AUTHORS,
    LAST_ACTIVITY,
    MULTIFIELDS,
    ORIGIN,
    PERSON,
    REACHABLE,
    SOURCE,
    UTM,
    address,
)

CONTACTS = Entity(
    "contacts",
    (
        Field("ID", "integer", readonly=True),
        *PERSON,
        Field("COMMENTS"),
        Field("PHOTO", "file"),
        Field("LEAD_ID", "crm_lead", readonly=True),
        Field("TYPE_ID", "crm_status", status="CONTACT_TYPE"),
        *SOURCE,
        Field("COMPANY_ID", "crm_company", index=True),
        Field("EXPORT", "char", default="Y"),
        *REACHABLE,
        *AUTHORS,
        *ORIGIN,
        Field("ORIGIN_VERSION"),
        Field("FACE_ID", "integer"),
        *LAST_ACTIVITY,
        *address(),
        *UTM,
        *MULTIFIELDS,
    ),
    type_id=3,
    short="C",
    uf_entity="CRM_CONTACT",
    event="CONTACT",
)

old_methods(
    CONTACTS,
    "crm.contact",
    update=("", "Contact is not found"),
    delete=("ERROR_CORE", "Element not found"),
)
