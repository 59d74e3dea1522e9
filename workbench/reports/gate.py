"""Whether a report may run: not on tables whose data break a check of severity error."""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256

from workbench.errors import WarehouseError
from workbench.i18n import _, language
from workbench.metrics.quality import failed_errors
from workbench.metrics.quality.declared import checks_file
from workbench.reports.record import write_atomically
from workbench.reports.report import Report
from workbench.settings import private_folder, settings
from workbench.warehouse.snapshots import open_snapshot

KEPT = 20  # answers
SHOWN = 3  # checks named


def notice(report: Report, snapshot_id: str, *, despite: bool = False) -> str | None:
    """Return what a run on failing data has to say, None where nothing fails.

    Raises `WarehouseError` if a check fails and neither the call (``despite``) nor the report's
    ``despite_checks`` overrides it.
    """
    if not report.tables:
        return None
    failed = failing(report, snapshot_id)
    if not failed:
        return None
    named = "; ".join(failed[:SHOWN]) + ("…" if len(failed) > SHOWN else "")
    text = _("The data break what must hold: {checks}.").format(checks=named)
    if not (despite or report.despite_checks):
        raise WarehouseError(
            _("{report} was not run. {problem}").format(report=report.title, problem=text),
            hint=_("`workbench check` shows the records; `--despite-checks` runs it all the same."),
        )
    return text


def failing(report: Report, snapshot_id: str) -> list[str]:
    """Return the failed errors among the report's tables: ``table: what must hold (n)``.

    Asked once per snapshot, tables and checks; the answer is kept at home.
    """
    file = settings().home_dir / "quality-errors.json"
    declared = checks_file().read_bytes() if checks_file().is_file() else b""
    mark = sha256(declared).hexdigest()[:12]
    key = " ".join([snapshot_id, mark, language(), *sorted(report.tables)])
    try:
        known = dict(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        known = {}
    if isinstance(known.get(key), list):
        return [str(each) for each in known[key]]
    with open_snapshot(snapshot_id) as snapshot:
        found = [
            f"{each.table}: {each.title} ({each.broken})"
            for each in failed_errors(snapshot, report.tables)
        ]
    private_folder(file.parent)
    kept = dict(list({**known, key: found}.items())[-KEPT:])
    with suppress(OSError):  # another run writes it at this moment; it is asked again
        write_atomically(file, json.dumps(kept))
    return found
