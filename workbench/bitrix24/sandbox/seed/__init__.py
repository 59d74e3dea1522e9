"""The demonstration company: *Atelier Lumen*, French maker of office lighting and furniture.

`seed_company` fills an empty portal with about three years up to the evening before ``today``:
users in six departments (the company itself is the root), companies with contacts, leads, deals in
three pipelines with their stage history, activities, products and product rows, smart invoices,
EUR and CHF; the telephone calls of the last month, tasks for the deals of the last four, and a
smart process for the installations of what was sold (*Chantiers*, `sites`). The same size, seed and
day give the same rows.

The story, with the parameters of `story`:

======================  ==================================================================
Seasonality             `SEASON`: strong in March, June and from September to November,
                        closed for two weeks in August and after Christmas
Growth                  `GROWTH`: 22 % more leads and deals each year
A failing channel       LinkedIn Ads, over the last nine months: spend up to 2.1 times
                        (`FAILING_COST`), lead conversion down to 30 % of what it was
                        (`FAILING_CONVERSION`), its deals won less often (`FAILING_LOGIT`)
A slowing pipeline      Grands comptes: the cycle of deals created in the last year grows
                        to 1.9 times (`SLOWING_CYCLE`)
A strong team           Ventes Lyon: wins more (`STRONG_LOGIT`), faster (`STRONG_CYCLE`),
                        answers leads in half the time
======================  ==================================================================

Besides: 12 % of the leads are never answered (`leads.NEVER_ANSWERED`), 6 % of the deals of the
last fifteen months are left where they are (`deals.DORMANT`), a few deals skip a stage or go back
one, some invoices are overdue or never paid, two sellers have left, twelve recurring templates
(``IS_RECURRING=Y``) must not be counted as deals, and some records are odd: empty values, other
scripts, mark-up and scripts in titles (`deal_rows.ODD_TITLES`).

`write_marketing_spend` writes what the paid channels cost, to the same story.

Deals are made in chunks (`generation.CHUNK`), so memory does not grow with their history;
identifiers of history, activities and product rows follow time within a chunk. Of a big company, a
second process makes what hangs on the deals (`beside`); the rows are the same.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from workbench.bitrix24.sandbox.seed.beside import TABLES, made_beside
from workbench.bitrix24.sandbox.seed.generation import SEED, SizeName, company
from workbench.bitrix24.sandbox.seed.marketing import (
    CHANNEL_SOURCES,
    Spend,
    marketing_spend_rows,
    write_marketing_spend,
)
from workbench.bitrix24.sandbox.seed.story import SIZES
from workbench.errors import UsageError
from workbench.i18n import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from workbench.bitrix24.sandbox.memory.columns import Row
    from workbench.bitrix24.sandbox.memory.state import State

BIG = 50_000  # deals

__all__ = [
    "CHANNEL_SOURCES",
    "SEED",
    "SIZES",
    "Spend",
    "marketing_spend_rows",
    "seed_company",
    "write_marketing_spend",
]


def seed_company(
    state: State,
    size: SizeName = "demo",
    *,
    seed: int = SEED,
    today: date | None = None,
    deals: int | None = None,
    processes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, int]:
    """Fill an empty portal with Atelier Lumen; returns the rows per table.

    ``today`` defaults to the present date in the portal's time zone. ``deals`` overrides the
    number of deals; leads and companies follow it. ``processes`` defaults to two for `BIG`
    companies where there are two processors, and to one. ``progress`` is told how many rows this
    process has made. Raises UsageError if the portal is not empty, ``deals`` is not positive, or
    ``today`` is outside 2010 to 2090.
    """
    for table in ("deals", "leads", "companies", "users"):
        if state.count(table):
            raise UsageError(
                _("The portal already holds data ({table}).").format(table=table),
                hint=_("Seed an empty portal: choose another state file."),
            )
    timezone = state.settings["timezone"]
    today = today or datetime.now(UTC).astimezone(ZoneInfo(timezone)).date()
    of: dict[str, Any] = {"size": size, "seed": seed, "deals": deals, "timezone": timezone}
    counts: dict[str, int] = {}
    if processes is None:
        many = SIZES[size].deals if deals is None else deals
        processes = 2 if many >= BIG and (os.cpu_count() or 1) > 1 else 1
    if processes == 1:
        with state.bulk():
            _insert(state, company(today=today, **of), counts, progress)
        return counts
    with (
        made_beside(state.path, {**of, "today": today.isoformat()}) as second,
        state.bulk(second.file),
    ):
        _insert(state, company(today=today, without=TABLES, **of), counts, progress)
        state.build_indexes()
        counts.update(second.finished())
        state.copy_attached(TABLES)
    return counts


def _insert(
    state: State,
    pieces: Iterable[tuple[str, Sequence[Row]]],
    counts: dict[str, int],
    progress: Callable[[int], None] | None,
) -> None:
    for table, rows in pieces:
        counts[table] = counts.get(table, 0) + state.insert_many(table, rows)
        if progress:
            progress(sum(counts.values()))
