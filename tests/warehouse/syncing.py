"""Calls and syncs of a sandbox portal, as the tests of the warehouse make them."""

from typing import Any

from workbench.bitrix24.client import Portal
from workbench.warehouse import newest_snapshot
from workbench.warehouse.sync import SyncResult, sync


def synced(url: str, *, patience: float = 10, **options: Any) -> SyncResult:
    """Sync the portal into the home of the test."""
    with Portal(url, "unlimited", patience=patience) as portal:
        return sync(portal=portal, **options)


def call(url: str, method: str, params: dict[str, Any]) -> Any:
    with Portal(url, "unlimited") as portal:
        return portal.call(method, params)


def add_deal(url: str, **fields: Any) -> int:
    """Add a deal and return its id."""
    return int(call(url, "crm.deal.add", {"fields": {"TITLE": "Affaire", **fields}}))


def rows(query: str) -> list[tuple]:
    """Return what the newest snapshot answers."""
    with newest_snapshot() as snapshot:
        return snapshot.execute(query).fetchall()
