"""Why something is not loaded, or not wholly: kept as a code, said in the reader's language.

Codes: ``scope X`` (the webhook lacks it), ``right X`` and ``right read ENTITY`` (its user lacks
it), ``records hidden from user N``; else what `workbench.i18n.texts.kept` makes of a sentence.
"""

from __future__ import annotations

from workbench.bitrix24.entities import title
from workbench.bitrix24.entity import Entity
from workbench.errors import AccessDenied, PortalError
from workbench.i18n import _, said
from workbench.i18n.texts import kept


def missing_right(entity: Entity, error: PortalError) -> str:
    """Return the code of what an entity was refused for."""
    if not isinstance(error, AccessDenied):
        return kept(error.message)
    if error.code == "INSUFFICIENT_SCOPE":
        return f"scope {entity.scope}"
    return f"right {entity.right or f'read {entity.name}'}"


def hidden_from(user: int) -> str:
    """Return the code for records that a user, who is no administrator, may not see."""
    return f"records hidden from user {user}"


def reason(code: str | None) -> str:
    """Say in the reader's language what is missing; the portal's own words stay as they are."""
    if not code:
        return ""
    kind, _space, what = code.partition(" ")
    if kind == "scope":
        return _("the webhook lacks the scope “{scope}”").format(scope=what)
    if kind == "right" and what.startswith("read "):
        name = title(what.removeprefix("read "))
        return _("the webhook’s user may not read this: {name}").format(name=name)
    if kind == "right":
        names = {"Call statistics": _("Call statistics")}
        right = names.get(what, what)
        return _("the webhook’s user lacks the right “{right}”").format(right=right)
    if code.startswith(hidden_from(0)[:-1]):
        return _("without what user {user} may not see").format(user=code.rpartition(" ")[2])
    return said(code)
