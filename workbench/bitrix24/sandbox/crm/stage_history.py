"""When records entered their stages: crm.stagehistory.list. Source: api-reference/crm."""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.crm.records import Selection, read_page
from workbench.bitrix24.sandbox.crm.stages import STAGE_HISTORY
from workbench.bitrix24.sandbox.crm.strictness import refuse_filter, strict_order
from workbench.bitrix24.sandbox.memory.fields import Entity, Field, each
from workbench.bitrix24.sandbox.memory.filters import BadFilter, where
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method


def _native(field: Field, call: Call) -> Any:
    return call.state.clock.iso if field.type == "datetime" else None


@method("crm.stagehistory.list", scope="crm")
def list_stage_history(call: Call) -> Page:
    """Stage history of one entity type: numbers as numbers, as the documentation's sample shows.

    Older portals sent text; leads have ``STATUS_ID`` and ``STATUS_SEMANTIC_ID`` instead.
    """
    type_id = call.number("entityTypeId")
    if call.get("entityTypeId") is None:
        raise Refusal("100", "Could not find value for parameter {entityTypeId}")
    entity = call.state.by_type.get(type_id or 0)
    if entity is None or not entity.stage:
        # The page's table of codes says ENTITY_TYPE_NOT_SUPPORTED, its example of an answer 0.
        raise Refusal(0, "Entity type is not supported")
    fields = [f for f in STAGE_HISTORY.fields if not f.hidden]
    renamed = {"STAGE_ID": "STATUS_ID", "STAGE_SEMANTIC_ID": "STATUS_SEMANTIC_ID"}
    names = {f.name: f for f in fields}
    if entity.name in ("leads", "quotes"):
        names = {renamed.get(n, n): f for n, f in names.items() if n != "CATEGORY_ID"}
    sql, values = _history_conditions(call, entity, names)
    wanted = {str(n) for n in call.structure("select").values()}
    chosen = {n: f for n, f in names.items() if not wanted or "*" in wanted or n in wanted}
    chosen = chosen or names
    answer = read_page(
        call,
        STAGE_HISTORY,
        Selection(
            list(chosen.values()),
            list(chosen),
            [each(_native(f, call)) for f in chosen.values()],
            [],
        ),
        sql,
        values,
        strict_order(call, names) or {"ID": "ASC"},
    )
    answer.result = {"items": answer.result}
    return answer


def _history_conditions(
    call: Call, entity: Entity, names: dict[str, Field]
) -> tuple[str, list[Any]]:
    try:
        sql, values = where(call.structure("filter"), names, call.state.zone, strict=True)
    except BadFilter as error:
        raise refuse_filter(error) from None
    parts = ['"ENTITY_TYPE_ID" = ?', sql]
    values = [entity.type_id, *values]
    limit, more = rights.readable(call.state, call.caller.user_id, entity)
    if limit:
        table = f'"{entity.name}"'
        if rights.sees_few(call.state, call.caller.user_id, entity):
            parts.append(f'"OWNER_ID" IN (SELECT "ID" FROM {table} WHERE {limit})')  # noqa: S608
        else:
            owner = f'{table}."ID" = "stage_history"."OWNER_ID"'
            parts.append(f"EXISTS (SELECT 1 FROM {table} WHERE {owner} AND {limit})")  # noqa: S608
        values += more
    return " AND ".join(part for part in parts if part), values
