"""Currencies and their rates against the base currency."""

from __future__ import annotations

from workbench.bitrix24.sandbox.fields import Entity, Field

CURRENCIES = Entity(
    "currencies",
    (
        Field("RECORD", "integer", readonly=True, hidden=True),
        Field("CURRENCY", required=True),
        Field("AMOUNT_CNT", "integer", default=1),
        Field("AMOUNT", "double", decimals=4, default=1.0),
        Field("SORT", "integer", default=100),
        Field("BASE", "char", default="N"),
        Field("FULL_NAME"),
        Field("LID", default="fr"),
        Field("FORMAT_STRING", default="# €"),
        Field("DEC_POINT", default=","),
        Field("THOUSANDS_SEP", default="&nbsp;"),
        Field("DECIMALS", "integer", default=2),
        Field("DATE_UPDATE", "datetime", readonly=True),
    ),
    key="RECORD",
    event="CURRENCY",
    modified="DATE_UPDATE",
    created="",
    created_by="",
    modified_by="",
)
