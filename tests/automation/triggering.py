"""Trigger files of a test's own, the portal that is changed, and what the queue then holds."""

from datetime import datetime
from typing import Any

import yaml
from sandbox_portal import SandboxPortal
from small_project import SmallProject

from workbench.automation import queue
from workbench.automation.triggers.looking import Looked, look
from workbench.bitrix24.client import Portal
from workbench.warehouse import newest_snapshot
from workbench.warehouse.sync import sync

DECLARES = "ids: list[int] = []  # what has changed\nn: int = 0  # one record\nname: str = ''"
LARGE = {"records": "deals", "where": "amount_base >= 900000"}  # more than the company sells


def declare(project: SmallProject, name: str, /, when: dict[str, Any] = LARGE, **content: Any):
    """Write a trigger file; by default one run is given all ids."""
    basis = {
        "title": {"fr": "Essai", "en": "Trial"},
        "when": when,
        "run": {"report": "tell", "records": "ids"},
    }
    file = project.folder / "parameters" / "triggers" / f"{name}.yml"
    file.write_text(yaml.safe_dump({**basis, **content}), "utf-8")
    return file


def read(portal: SandboxPortal, now: datetime | None = None) -> Looked:
    """Sync and look, as `workbench sync` does."""
    with Portal(portal.url, "unlimited", patience=10) as opened:
        sync(portal=opened)
    return look(now)


def call(portal: SandboxPortal, method: str, **params: Any) -> Any:
    with Portal(portal.url, "unlimited") as opened:
        return opened.call(method, params)


def update(portal: SandboxPortal, deal: int, **fields: Any) -> None:
    if "OPPORTUNITY" in fields:  # not the sum of its product rows
        fields["IS_MANUAL_OPPORTUNITY"] = "Y"
    portal.advance(2)
    call(portal, "crm.deal.update", id=deal, fields=fields)


def add(portal: SandboxPortal, **fields: Any) -> int:
    portal.advance(2)
    return int(call(portal, "crm.deal.add", fields={"TITLE": "Affaire", **fields}))


def open_deals(count: int) -> list[int]:
    """Return ids of open deals in the base currency."""
    with newest_snapshot() as snapshot:
        return [
            row[0]
            for row in snapshot.execute(
                "SELECT deal_id FROM deals WHERE is_open AND rate_basis = 'base'"
                f" ORDER BY deal_id LIMIT {count}"
            ).fetchall()
        ]


def started() -> dict[str, list[Any]]:
    """Return what the queue holds by trigger: the parameters of each job, without the report's."""
    found: dict[str, list[Any]] = {}
    for job in reversed(queue.jobs()):
        assert job.payload["report"] == "tell" and job.payload["trigger"] == "trigger"
        found.setdefault(job.payload["triggered"]["by"], []).append(job.payload["parameters"])
    return found
