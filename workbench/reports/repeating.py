"""A run once more: the same report, parameters, language and, if they are kept, data."""

from __future__ import annotations

from workbench.errors import NoSnapshot
from workbench.i18n import _, use_language
from workbench.reports.record import RunRecord
from workbench.reports.run import run_report
from workbench.warehouse.snapshots import newest_snapshot, open_snapshot


def repeat(record: RunRecord, *, newest: bool = False, despite_checks: bool = False) -> RunRecord:
    """Run a run's report again and return the new record, whose ``repeats`` names the old one.

    ``newest``: on the newest snapshot in place of the run's own. A run that ran despite failed
    checks does so again. Raises `NoSnapshot` if the run's snapshot is not kept any more, and what
    `run_report` raises.
    """
    pinned = None if newest else record.snapshot
    if pinned is not None:
        _require(record, pinned)
    with use_language("en" if record.language == "en" else "fr"):
        return run_report(
            record.report,
            record.parameters,
            despite_checks=despite_checks or record.notice is not None,
            pdf=record.pdf,
            snapshot=pinned,
            repeats=record.id,
        )


def _require(record: RunRecord, pinned: str) -> None:
    """Raise `NoSnapshot`, with what there is instead, if a run's data are not kept any more."""
    try:
        open_snapshot(pinned).close()
    except NoSnapshot:
        try:
            with newest_snapshot() as other:
                hint = _(
                    "On the newest data, {snapshot}: workbench runs rerun {id} --newest"
                ).format(snapshot=other.id, id=record.id)
        except NoSnapshot as nothing:
            hint = nothing.hint
        raise NoSnapshot(
            _("The data of run {id}, snapshot {snapshot}, are not kept any more.").format(
                id=record.id, snapshot=pinned
            ),
            hint=hint,
        ) from None


def program_changed(before: RunRecord, after: RunRecord) -> bool:
    """Whether two runs were made by different versions of the program or of its libraries."""
    return any(
        getattr(before, name) != getattr(after, name) for name in ("version", "commit", "lock")
    )
