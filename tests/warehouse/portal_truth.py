"""What a portal holds, read the slow and plain way: page after page by ``start``, with httpx."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import httpx

from workbench.bitrix24.entities import ENTITIES
from workbench.bitrix24.entity import Entity
from workbench.bitrix24.smart_processes import smart_processes, with_smart_processes
from workbench.sources.pages import as_text

PAGE = 50


def pages(client: httpx.Client, method: str, params: dict[str, Any]) -> Iterator[Any]:
    start: int | None = 0
    while start is not None:
        answer = client.post(method, json={**params, "start": start})
        answer.raise_for_status()
        body = answer.json()
        yield body["result"]
        start = body.get("next")


def portal_rows(client: httpx.Client, entity: Entity) -> dict[int, dict[str, str | None]]:
    """Return every row of an entity as text, by id (by position where there is no number)."""
    rows: list[dict[str, Any]] = []
    for call in entity.calls:
        order = {"order": {entity.key: "ASC"}} if entity.paging != "whole" else {}
        for page in pages(client, call.method, {**call.params, **order}):
            for row in entity.unwrap(page):
                if not call.adds:
                    rows.append(row | call.constants)
                    continue
                [same] = [each for each in rows if each[entity.key] == row[entity.key]]
                same |= {name: row[field] for field, name in call.adds.items()}
    texts = [{name: as_text(value) for name, value in row.items()} for row in rows]
    return {
        int(text[entity.key] or 0) if (text.get(entity.key) or "").isdigit() else -n - 1: text
        for n, text in enumerate(texts)
    }


def children_of(
    client: httpx.Client, entity: Entity, owners: list[int]
) -> dict[int, dict[str, str | None]]:
    """Return the product rows or the links of records, asked for one by one."""
    found: dict[int, dict[str, str | None]] = {}
    for owner in owners:
        if entity.rows == "productRows":
            kind = entity.calls[0].params["filter"]["=ownerType"]
            params = {"filter": {"=ownerType": kind, "=ownerId": owner}}
            for page in pages(client, "crm.item.productrow.list", params):
                for row in page["productRows"]:
                    found[int(row["id"])] = {name: as_text(value) for name, value in row.items()}
            continue
        method, field, name = LINKS[entity.name]
        answer = client.post(method, json={"id": owner}).json()["result"]
        ids = [int(row[field]) for row in sorted(answer, key=lambda row: int(row["SORT"]))]
        found[owner] = {"id": str(owner), name: as_text(ids)}
    return found


LINKS = {
    "deal_contacts": ("crm.deal.contact.items.get", "CONTACT_ID", "contactIds"),
    "contact_companies": ("crm.contact.company.items.get", "COMPANY_ID", "companyIds"),
}


def stored_rows(home: Path, entity: str) -> dict[int, dict[str, str | None]]:
    """Return the raw rows of the writer's file, by id; no id may be there twice."""
    with duckdb.connect(str(home / "warehouse" / "sync.duckdb"), read_only=True) as connection:
        cursor = connection.execute(f"SELECT * FROM raw.{entity}")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    ids = [row.pop("_id") for row in rows]
    assert len(ids) == len(set(ids)), f"{entity}: ids doubled"
    return dict(zip(ids, rows, strict=True))


def entities_of(url: str) -> tuple[Entity, ...]:
    """Return every kind of record of the portal, its smart processes included."""
    with httpx.Client(base_url=url, timeout=30) as client:
        types = client.post("crm.type.list").json()["result"]["types"]
    processes = smart_processes(types)
    more = [with_smart_processes(entity, processes) for entity in ENTITIES]
    return (*more, *(entity for process in processes for entity in process.entities()))


def differences(home: Path, url: str, *, children: int = 40) -> list[str]:
    """Compare every entity with the portal, row by row and field by field.

    Product rows and links are compared for the first ``children`` owners.
    """
    entities = entities_of(url)
    # One client for all: each would read the authorities of the whole world.
    with (
        httpx.Client(base_url=url, timeout=60) as client,
        ThreadPoolExecutor(len(entities)) as pool,
    ):
        parts = pool.map(lambda each: entity_differences(home, client, each, children), entities)
        return [line for part in parts for line in part]


def entity_differences(
    home: Path, client: httpx.Client, entity: Entity, children: int
) -> list[str]:
    stored = stored_rows(home, entity.name)
    if entity.paging != "children":
        return compare(entity.name, portal_rows(client, entity), stored)
    owners = sorted(stored_rows(home, entity.owner))[:children]
    mine = {key: row for key, row in stored.items() if int(row[entity.owner_field] or 0) in owners}
    return compare(entity.name, children_of(client, entity, owners), mine)


def compare(
    entity: str, truth: dict[int, dict[str, str | None]], stored: dict[int, dict[str, str | None]]
) -> list[str]:
    found = [f"{entity} {key}: lost" for key in truth.keys() - stored.keys()]
    found += [f"{entity} {key}: not at the portal" for key in stored.keys() - truth.keys()]
    for key in truth.keys() & stored.keys():
        have = {name.lower(): value for name, value in stored[key].items()}
        for name, value in truth[key].items():
            if have.get(name.lower()) != value:
                found.append(f"{entity} {key}, {name}: {have.get(name.lower())!r} is {value!r}")
    return found
