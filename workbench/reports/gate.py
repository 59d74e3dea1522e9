"""Whether a report may run: on fresh sources, and not on data that break a check of their own."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from workbench.errors import ConfigurationError, WarehouseError
from workbench.i18n import _, format_datetime, language
from workbench.metrics.quality import failed_errors
from workbench.metrics.quality.declared import checks_file
from workbench.reports.inspection import shown
from workbench.reports.record import write_atomically
from workbench.reports.report import Report
from workbench.settings import private_folder, settings
from workbench.warehouse.snapshots import open_snapshot

KEPT = 20  # answers
SHOWN = 3  # checks named
PORTAL = "bitrix24"  # the source that is the portal


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


def require_fresh(report: Report, snapshot_id: str, now: datetime | None = None) -> None:
    """Raise `WarehouseError` if a source that the report requires was loaded too long ago.

    It may pass: the next sync brings it.
    """
    if not report.requires:
        return
    with open_snapshot(snapshot_id) as snapshot:
        rows = snapshot.execute("SELECT source, max(last_sync) FROM sources GROUP BY 1").fetchall()
        loaded: dict[str, datetime | None] = dict(rows)
        checked, zone = snapshot.checked_at, snapshot.timezone
    for each in report.requires:
        if each.source not in loaded:
            raise ConfigurationError(
                _("{file}: requires: there is no source “{name}”; there are: {known}").format(
                    file=shown(report.file), name=each.source, known=", ".join(sorted(loaded))
                )
            )
        moment = loaded[each.source]
        if each.source == PORTAL:  # a sync that found nothing new publishes no snapshot
            moment = max(moment or checked, checked)
        limit = timedelta(hours=each.within_hours)
        if moment is not None and (now or datetime.now(UTC)) - moment <= limit:
            continue
        problem = WarehouseError(
            _("{report} was not run: {source} was last loaded {moment}.").format(
                report=report.title,
                source=each.source,
                moment=format_datetime(moment, zone) if moment else _("never"),
            ),
            hint=_("Load it with `workbench sync {source}`.").format(source=each.source),
        )
        problem.may_pass = True
        raise problem


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
