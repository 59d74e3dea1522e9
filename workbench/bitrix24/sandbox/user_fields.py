"""User fields (``UF_CRM_…``): their definitions; the values live in the records themselves."""

from __future__ import annotations

from workbench.bitrix24.sandbox.fields import Entity, Field

USER_FIELDS = Entity(
    "user_fields",
    (
        Field("ID", "integer", readonly=True),
        Field("ENTITY_ID", immutable=True),
        Field("FIELD_NAME", immutable=True),
        Field("USER_TYPE_ID", immutable=True),
        Field("XML_ID"),
        Field("SORT", "integer", default=100),
        Field("MULTIPLE", "char", default="N"),
        Field("MANDATORY", "char", default="N"),
        Field("SHOW_FILTER", default="N"),
        Field("SHOW_IN_LIST", default="Y"),
        Field("EDIT_IN_LIST", default="Y"),
        Field("IS_SEARCHABLE", default="N"),
        Field("SETTINGS", "json"),
        Field("LABELS", "json", hidden=True),
        Field("LIST", "json"),
    ),
    indexes=(("ENTITY_ID", "FIELD_NAME"),),
)
