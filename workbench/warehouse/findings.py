"""What comparing the store with the portal found last, as ``reconciled.json`` beside it tells.

`reconcile` compares and writes; readers need no more than this.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.i18n import said

FILE = "reconciled.json"


@dataclass(frozen=True)
class Finding:
    """What one comparison found: ``differing`` of ``compared`` rows (of ``sums``: groups).

    ``done_at`` is an ISO moment in UTC; ``seed`` gives the same pages again; ``detail`` names
    what differs, as `workbench.i18n.said` reads it.
    """

    kind: Literal["count", "pages", "sums"]
    entity: str
    done_at: str
    outcome: Literal["agrees", "differs", "not done"]
    compared: int = 0
    differing: int = 0
    seed: int | None = None
    detail: str = ""


def read_findings(folder: Path) -> list[Finding]:
    """Return the findings beside a store (its folder); a damaged file holds none."""
    try:
        return [Finding(**each) for each in json.loads((folder / FILE).read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def by_entity(findings: Iterable[Finding]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return findings as JSON has them, in the reader's language: entity → kind → what it is."""
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for each in findings:
        facts = asdict(each) | {"detail": said(each.detail)}
        content = {name: value for name, value in facts.items() if value is not None}
        result.setdefault(content.pop("entity"), {})[content.pop("kind")] = content
    return result
