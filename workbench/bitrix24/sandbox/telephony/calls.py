"""Telephone calls and their statistics."""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm.records import conditions, read_page, selection
from workbench.bitrix24.sandbox.memory.fields import Entity, Field
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method

CALLS = Entity(
    "calls",
    (
        Field("ID", "integer", readonly=True),
        Field("PORTAL_USER_ID", "user", index=True),
        Field("PORTAL_NUMBER"),
        Field("PHONE_NUMBER"),
        Field("CALL_ID", index=True),
        Field("EXTERNAL_CALL_ID"),
        Field("CALL_CATEGORY", default="external"),
        Field("CALL_LOG"),
        Field("CALL_DURATION", "integer", default=0),
        Field("CALL_START_DATE", "datetime", index=True),
        Field("CALL_RECORD_URL"),
        Field("CALL_VOTE", "integer"),
        Field("COST", "double", decimals=4, default=0.0),
        Field("COST_CURRENCY"),
        Field("CALL_FAILED_CODE"),
        Field("CALL_FAILED_REASON"),
        Field("CRM_ENTITY_TYPE"),
        Field("CRM_ENTITY_ID", "integer"),
        Field("CRM_ACTIVITY_ID", "integer"),
        Field("REST_APP_ID", "integer"),
        Field("REST_APP_NAME"),
        Field("TRANSCRIPT_ID", "integer"),
        Field("TRANSCRIPT_PENDING", empty="N"),
        Field("SESSION_ID"),
        Field("REDIAL_ATTEMPT", "integer"),
        Field("COMMENT"),
        Field("RECORD_DURATION", "integer"),
        Field("RECORD_FILE_ID", "integer"),
        Field("CALL_TYPE", "integer"),
    ),
)

#: Calls that are registered and not finished yet.
REGISTERED_CALLS = Entity(
    "registered_calls",
    (
        Field("ID", "integer", readonly=True),
        Field("CALL_ID", index=True),
        Field("USER_ID", "user"),
        Field("PHONE_NUMBER"),
        Field("CALL_TYPE", "integer"),
        Field("CALL_START_DATE", "datetime"),
        Field("LINE_NUMBER"),
        Field("EXTERNAL_CALL_ID"),
        Field("CRM_ENTITY_TYPE"),
        Field("CRM_ENTITY_ID", "integer"),
    ),
)

LINES = Entity(
    "telephone_lines",
    (
        Field("ID", "integer", readonly=True),
        Field("NUMBER"),
        Field("NAME"),
        Field("CRM_AUTO_CREATE", "char", default="Y"),
        Field("CLIENT_ID"),
    ),
)


@method("voximplant.statistic.get", scope="telephony")
def call_statistics(call: Call) -> Page:
    """Calls; ``FILTER`` with the prefixes of telephony, ``SORT`` and ``ORDER`` as text."""
    fields = list(CALLS.fields)
    sql, values = conditions(call, CALLS, fields, call.mapping("filter"))
    sort, way = call.get("sort"), call.get("order")
    if isinstance(way, dict) and way:
        sort, way = next(iter(way.items()))
    name = str(sort or "ID").upper()
    if name == "CALL_TYPE" or name not in CALLS.by_name:
        raise Refusal("", f"Sorting by {name[:40]} is not possible.")
    order = {name: "DESC" if str(way).upper() == "DESC" else "ASC"}
    return read_page(call, CALLS, selection(call.state, CALLS, fields), sql, values, order)
