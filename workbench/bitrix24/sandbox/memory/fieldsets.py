"""Fields that several CRM entities have in common."""

from __future__ import annotations

from workbench.bitrix24.sandbox.memory.fields import Field

CREATED = Field("DATE_CREATE", "datetime", readonly=True, index=True)
MODIFIED = Field("DATE_MODIFY", "datetime", readonly=True, index=True)

AUTHORS = (
    Field("ASSIGNED_BY_ID", "user", index=True),
    Field("CREATED_BY_ID", "user", readonly=True),
    Field("MODIFY_BY_ID", "user", readonly=True),
    CREATED,
    MODIFIED,
    Field("OPENED", "char", default="Y"),
)

MOVED = (
    Field("MOVED_BY_ID", "user", readonly=True),
    Field("MOVED_TIME", "datetime", readonly=True, index=True),
)

LAST_ACTIVITY = (
    Field("LAST_ACTIVITY_BY", "user", readonly=True),
    Field("LAST_ACTIVITY_TIME", "datetime", readonly=True),
)

ORIGIN = (Field("ORIGINATOR_ID"), Field("ORIGIN_ID"))

SOURCE = (
    Field("SOURCE_ID", "crm_status", status="SOURCE"),
    Field("SOURCE_DESCRIPTION"),
)

UTM = tuple(Field(f"UTM_{part}") for part in ("SOURCE", "MEDIUM", "CAMPAIGN", "CONTENT", "TERM"))

MONEY = (
    Field("CURRENCY_ID", "crm_currency"),
    Field("OPPORTUNITY", "money", default=0.0),
    Field("IS_MANUAL_OPPORTUNITY", "char", default="N"),
    Field("TAX_VALUE", "money", default=0.0),
)

PERSON = (
    Field("HONORIFIC", "crm_status", status="HONORIFIC"),
    Field("NAME"),
    Field("SECOND_NAME"),
    Field("LAST_NAME"),
    Field("BIRTHDATE", "date", empty=""),
    Field("POST"),
)

REACHABLE = (
    Field("HAS_PHONE", "char", readonly=True, default="N"),
    Field("HAS_EMAIL", "char", readonly=True, default="N"),
    Field("HAS_IMOL", "char", readonly=True, default="N"),
)

MULTIFIELDS = tuple(
    Field(name, "crm_multifield", multiple=True, hidden=True)
    for name in ("PHONE", "EMAIL", "WEB", "IM", "LINK")
)


def address(prefix: str = "") -> tuple[Field, ...]:
    """The fields of a postal address: ``ADDRESS``, ``ADDRESS_CITY``, …"""
    parts = ("", "_2", "_CITY", "_POSTAL_CODE", "_REGION", "_PROVINCE", "_COUNTRY", "_COUNTRY_CODE")
    return (
        *(Field(f"{prefix}ADDRESS{part}") for part in parts),
        Field(f"{prefix}ADDRESS_LOC_ADDR_ID", "integer"),
    )
