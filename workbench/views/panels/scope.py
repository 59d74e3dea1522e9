"""What an analysis of a deal looks at: the deals that share something with it.

``document`` is its pipeline, then its customer, its manager, its department, or everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench import metrics
from workbench.bitrix24.activity import SCOPES
from workbench.errors import ParameterError, QueryError
from workbench.i18n import _
from workbench.metrics.catalogue import filterable
from workbench.metrics.segments import check_expression, load_segments
from workbench.metrics.user_fields import models_of
from workbench.views.selection import Selection


@dataclass(frozen=True)
class Scope:
    """``where`` keeps its rows (a filter, empty for everything); ``title`` is plain text."""

    where: str
    title: str


def scope_of(selection: Selection, deal_id: int, name: str, metric: str, within: str = "") -> Scope:
    """Return the scope of a deal for a metric, narrowed to ``within``.

    ``within``: the name of a segment, or a filter, empty for none. A metric that knows no
    pipelines is looked at as a whole for ``document``. Raises `ParameterError` for an unknown name,
    `QueryError` where the deal has no such thing or the metric cannot be narrowed to it.
    """
    if name not in SCOPES:
        raise ParameterError(
            _("scope: there is no “{value}”.").format(value=str(name)[:60]),
            hint=_("Allowed: {names}.").format(names=", ".join(SCOPES)),
        )
    allowed = filterable(metrics.definition(metric), models_of(selection.snapshot))
    where, title = "", _("the whole company")
    if name != "everything":
        where, title = _RULES[name](_deal(selection, deal_id))
        field = where.split(" ", 1)[0]
        if field not in allowed:
            if name != "document":
                raise QueryError(
                    _("“{metric}” cannot be narrowed to {scope}.").format(
                        metric=metrics.definition(metric).title, scope=title
                    ),
                    hint=_other(),
                )
            where, title = "", _("the whole company")
    if not within:
        return Scope(where, title)
    known = load_segments()
    inside = known[within].where if within in known else within
    shown = str(known[within].title) if within in known else within
    check_expression(inside, models_of(selection.snapshot))
    both = f"({where}) and ({inside})" if where else inside
    return Scope(both, _("{scope}, within {segment}").format(scope=title, segment=shown))


def segments_of(selection: Selection, deal_id: int) -> list[str]:
    """Return the names of the segments that the deal is in, in the order of their files."""
    known = set(models_of(selection.snapshot)["deals"].filterable())
    return [
        name
        for name, each in load_segments().items()
        if each.filter.names <= known
        and not metrics.rows(
            "deals",
            f"({each.where}) and deal_id = {deal_id}",
            snapshot=selection.snapshot,
        ).empty
    ]


def _deal(selection: Selection, deal_id: int) -> pd.Series:
    return selection.snapshot.read("deal", deal_id=deal_id).iloc[0]


def _pipeline(deal: pd.Series) -> tuple[str, str]:
    return f"pipeline_id = {int(deal['pipeline_id'])}", str(deal["pipeline"])


def _customer(deal: pd.Series) -> tuple[str, str]:
    name = str(deal["customer"])
    if not pd.isna(deal["company_id"]):
        return f"company_id = {int(deal['company_id'])}", name
    if not pd.isna(deal["contact_id"]):
        return f"contact_id = {int(deal['contact_id'])} and company_id is null", name
    raise QueryError(_("The deal has no customer."), hint=_other())


def _manager(deal: pd.Series) -> tuple[str, str]:
    return _own(deal, "manager_id", "manager", _("The deal has no manager."))


def _department(deal: pd.Series) -> tuple[str, str]:
    return _own(
        deal, "department_id", "department", _("The deal’s manager belongs to no department.")
    )


def _own(deal: pd.Series, key: str, title: str, absent: str) -> tuple[str, str]:
    if pd.isna(deal[key]):
        raise QueryError(absent, hint=_other())
    shown: Any = deal[title]
    return f"{key} = {int(deal[key])}", "–" if pd.isna(shown) else str(shown)


def _other() -> str:
    return _("Choose another scope: {names}.").format(names=", ".join(SCOPES))


_RULES: dict[str, Callable[[pd.Series], tuple[str, str]]] = {
    "document": _pipeline,
    "customer": _customer,
    "manager": _manager,
    "department": _department,
}
