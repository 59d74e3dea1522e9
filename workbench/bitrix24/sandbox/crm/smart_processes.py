"""Smart processes (entityTypeId from 128 on) and, on the same ground, smart invoices (31)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row
from workbench.bitrix24.sandbox.memory.fieldsets import LAST_ACTIVITY, MONEY, SOURCE, UTM

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

FIRST = 128  # the lowest entityTypeId of a smart process

SMART_FIELDS = (
    Field("ID", "integer", readonly=True),
    Field("XML_ID"),
    Field("TITLE"),
    Field("CREATED_BY", "user", readonly=True),
    Field("UPDATED_BY", "user", readonly=True),
    Field("MOVED_BY", "user", readonly=True),
    Field("CREATED_TIME", "datetime", readonly=True, index=True),
    Field("UPDATED_TIME", "datetime", readonly=True, index=True),
    Field("MOVED_TIME", "datetime", readonly=True),
    Field("CATEGORY_ID", "crm_category"),
    Field("OPENED", "boolean", default="Y"),
    Field("STAGE_ID", "crm_status", index=True),
    Field("PREVIOUS_STAGE_ID", "crm_status", readonly=True),
    Field("BEGINDATE", "date"),
    Field("CLOSEDATE", "date", index=True),
    Field("COMPANY_ID", "crm_company", index=True),
    Field("CONTACT_ID", "crm_contact"),
    *MONEY,
    Field("MYCOMPANY_ID", "crm_company"),
    *SOURCE,
    Field("ASSIGNED_BY_ID", "user", index=True),
    Field("WEBFORM_ID", "integer"),
    Field("PARENT_ID_1", "crm_lead"),
    Field("PARENT_ID_2", "crm_deal", index=True),
    Field("PARENT_ID_7", "crm_quote"),
    *LAST_ACTIVITY,
    *UTM,
)


#: Fields that items have only if their type says so.
FLAGGED = {
    "isStagesEnabled": ("STAGE_ID", "PREVIOUS_STAGE_ID"),
    "isBeginCloseDatesEnabled": ("BEGINDATE", "CLOSEDATE"),
    "isClientEnabled": ("COMPANY_ID", "CONTACT_ID", "CONTACT_IDS"),
    "isLinkWithProductsEnabled": (
        "OPPORTUNITY", "CURRENCY_ID", "IS_MANUAL_OPPORTUNITY", "TAX_VALUE",
    ),
    "isMycompanyEnabled": ("MYCOMPANY_ID",),
    "isSourceEnabled": ("SOURCE_ID", "SOURCE_DESCRIPTION"),
    "isObserversEnabled": ("OBSERVERS",),
}  # fmt: skip


def absent(state: State, entity: Entity) -> frozenset[str]:
    """The fields that the items of this smart process do not have; none for other entities."""
    if entity.event != "DYNAMICITEM" or entity.type_id < FIRST:
        return frozenset()
    found = state.find("types", {"ENTITY_TYPE_ID": entity.type_id}, limit=1)
    flags: Row = (found[0].get("FLAGS") or {}) if found else {}
    return frozenset(
        name for flag, names in FLAGGED.items() if flags.get(flag, "Y") == "N" for name in names
    )


def smart_entity(
    name: str,
    type_id: int,
    fields: tuple[Field, ...] = SMART_FIELDS,
    stages_of: str = "",
    number: int = 0,
) -> Entity:
    """The entity of one smart process; ``name`` is its table, ``number`` the id of its type.

    User fields belong to ``CRM_<number>``.
    """
    return Entity(
        name,
        fields,
        type_id=type_id,
        short=f"T{type_id:X}".lower().replace("t", "T", 1),
        uf_entity=f"CRM_{number or type_id}",
        event="DYNAMICITEM",
        stage="STAGE_ID",
        stages_of=stages_of or f"DYNAMIC_{type_id}_STAGE_{{category}}",
        created="CREATED_TIME",
        modified="UPDATED_TIME",
        created_by="CREATED_BY",
        modified_by="UPDATED_BY",
        moved_by="MOVED_BY",
    )


TYPES = Entity(
    "types",
    (
        Field("ID", "integer", readonly=True),
        Field("TITLE"),
        Field("CODE"),
        Field("ENTITY_TYPE_ID", "integer", index=True),
        Field("CREATED_BY", "user", readonly=True),
        Field("UPDATED_BY", "user", readonly=True),
        Field("CREATED_TIME", "datetime", readonly=True),
        Field("UPDATED_TIME", "datetime", readonly=True),
        Field("FLAGS", "json"),
    ),
)
