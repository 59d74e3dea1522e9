"""Smart invoices (entityTypeId 31). ``PARENT_ID_2`` is the deal."""

from __future__ import annotations

from dataclasses import replace

from workbench.bitrix24.sandbox.crm.smart_processes import SMART_FIELDS, smart_entity
from workbench.bitrix24.sandbox.memory.fields import Field

INVOICES = replace(
    smart_entity(
        "invoices",
        31,
        (*SMART_FIELDS, Field("ACCOUNT_NUMBER"), Field("COMMENTS"), Field("LOCATION_ID")),
        stages_of="SMART_INVOICE_STAGE_{category}",
    ),
    short="SI",
    uf_entity="CRM_SMART_INVOICE",
)
