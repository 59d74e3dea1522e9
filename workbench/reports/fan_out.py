"""One report for each manager, department, pipeline …: which ones there are, and who gets theirs.

Each is a run of its own with the notebook's parameter of that name set, so that its page, files
and messages hold only that part of the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import ConfigurationError, DeliveryError, NoSnapshot
from workbench.i18n import _
from workbench.metrics.segments import load_segments
from workbench.reports.for_each import ForEach
from workbench.warehouse.snapshots import newest_snapshot, open_snapshot

VALUES = {
    # Who has left gets no report, and no one else gets theirs.
    "manager": "SELECT DISTINCT manager FROM users"
    " WHERE active AND user_id IN (SELECT manager_id FROM deals)",
    "department": "SELECT DISTINCT department FROM deals WHERE department IS NOT NULL",
    "pipeline": "SELECT DISTINCT pipeline FROM deals WHERE pipeline IS NOT NULL",
    "source": "SELECT DISTINCT source FROM deals WHERE source IS NOT NULL",
}


@dataclass(frozen=True)
class Owner:
    """Who a part is for: addresses, and the portal's user if it is one."""

    addresses: tuple[str, ...]
    user: int | None = None


def parts(for_each: ForEach, declared: Mapping[str, Any], file: str) -> list[str]:
    """Return what there is a run for each of now, in alphabetical order.

    ``declared``: the notebook's parameters. Raises `ConfigurationError` where the notebook has no
    such parameter or the data no such value, `NoSnapshot` without data.
    """
    if for_each.by not in declared:
        raise ConfigurationError(
            _("{file}: for_each.by: the notebook has no parameter “{name}”.").format(
                file=file, name=for_each.by
            )
        )
    known = _known(for_each.by)
    if unknown := [value for value in for_each.only if value not in known]:
        raise ConfigurationError(
            _("{file}: for_each.only: there is no “{value}”; there are: {known}").format(
                file=file, value=unknown[0], known=", ".join(known) or "–"
            )
        )
    return [value for value in known if value in for_each.only or not for_each.only]


def owner(for_each: ForEach, value: str, snapshot_id: str | None) -> Owner:
    """Return who gets a part, as of the run's snapshot; raises `DeliveryError` if that is unclear.

    Two users of one name share their part's data, which then is neither's to see.
    """
    given = for_each.recipients.get(value)
    if for_each.by != "manager":
        if not given:
            raise DeliveryError(
                _("Nobody is named for {value}.").format(value=value),
                hint=_("Name them under for_each.recipients."),
            )
        return Owner(tuple(given))
    if snapshot_id is None:
        raise NoSnapshot(_("Nothing has been synced yet."))
    with open_snapshot(snapshot_id) as snapshot:
        rows = snapshot.execute(
            "SELECT user_id, email FROM users WHERE manager = ? AND active", [value]
        ).fetchall()
    if len(rows) != 1:
        raise DeliveryError(
            _("{n} active users of the portal are called {value}.").format(
                n=len(rows), value=value
            ),
            hint=_(
                "Give each a name of their own on the portal, or leave them out: for_each.only."
            ),
        )
    user, email = rows[0]
    return Owner(tuple(given or ([email] if email else [])), int(user))


def _known(by: str) -> list[str]:
    if by == "segment":
        return sorted(load_segments(), key=str.casefold)
    with newest_snapshot() as snapshot:
        rows = snapshot.execute(VALUES[by]).fetchall()
    return sorted((str(row[0]) for row in rows), key=str.casefold)
