"""A definition in words, fact by fact, in the reader's language."""

from __future__ import annotations

from workbench.i18n import _, language
from workbench.metrics.catalogue import Definition, describe, dimension_titles, leaves
from workbench.metrics.formats import basis_name, maturity_rule, unit_name
from workbench.metrics.lineage import origins


def facts(metric: Definition) -> dict[str, str]:
    """Return what a reader asks about a metric: name of the fact → text."""
    told, code = describe(metric), language()
    titles = dimension_titles()
    return {
        _("Meaning"): told["help"][code],
        _("Formula"): told["formula"] or told["expression"],
        _("Rows counted"): _("; ").join(rows_counted(metric)) or _("all"),
        _("One row is"): told["grain"][code],
        _("Date basis"): basis_name(told["date_basis"]),
        _("Unit"): unit_name(told["unit"]),
        _("Dimensions"): ", ".join(f"{titles[name]} ({name})" for name in told["dimensions"]),
        _("Owner"): told["owner"][code],
        _("Portal methods and files"): ", ".join(told["sources"]),
        _("Portal fields"): _("; ").join(portal_fields(metric)),
        _("Maturity rule"): maturity_rule(told["maturity"]),
    }


def rows_counted(metric: Definition) -> list[str]:
    """Return which rows each counted part keeps; a part that keeps all of them is left out."""
    parts = [leaf for leaf in leaves(metric) if leaf.rows]
    if metric.formula is None:
        return [leaf.rows or "" for leaf in parts]
    return [_("{name}: {value}").format(name=leaf.id, value=leaf.rows) for leaf in parts]


def portal_fields(metric: Definition) -> list[str]:
    """Return the fields behind a metric by method or file: ``crm.deal.list: OPPORTUNITY, …``."""
    found: dict[str, dict[str, None]] = {}
    for origin in origins(metric):
        for field in origin.fields:
            found.setdefault(field.source, {})[field.name] = None
    return [
        _("{name}: {value}").format(name=source, value=", ".join(sorted(names)))
        for source, names in sorted(found.items())
    ]
