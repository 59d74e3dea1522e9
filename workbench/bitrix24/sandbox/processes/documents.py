"""CRM records as documents of processes: what an engine reads from them and does to them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.bitrix24.sandbox.crm import crm
from workbench.bitrix24.sandbox.memory.fields import Row
from workbench.bitrix24.sandbox.memory.state import Change, State

# Document type → entity and class, as in ["crm", "CCrmDocumentDeal", "DEAL_25"].
TYPES = {
    "DEAL": ("deals", "CCrmDocumentDeal"),
    "LEAD": ("leads", "CCrmDocumentLead"),
    "CONTACT": ("contacts", "CCrmDocumentContact"),
    "COMPANY": ("companies", "CCrmDocumentCompany"),
}
_CLASSES = {document_class: kind for kind, (_entity, document_class) in TYPES.items()}
_ID = re.compile(r"([A-Z]+)_([1-9]\d{0,17})")


@dataclass(frozen=True)
class Document:
    """One record: ``type`` is DEAL, LEAD, CONTACT or COMPANY."""

    type: str
    id: int

    @property
    def triple(self) -> list[str]:
        """Bitrix24's name of the document."""
        return ["crm", TYPES[self.type][1], f"{self.type}_{self.id}"]

    @property
    def type_triple(self) -> list[str]:
        """Bitrix24's name of the document's type."""
        return ["crm", TYPES[self.type][1], self.type]


def document(triple: object) -> Document | None:
    """Return the document that a triple names, or None if it names none of ours."""
    if not isinstance(triple, list) or len(triple) != 3 or triple[0] != "crm":
        return None
    match = _ID.fullmatch(str(triple[2]))
    if match is None or match[1] not in TYPES or _CLASSES.get(str(triple[1])) != match[1]:
        return None
    return Document(match[1], int(match[2]))


def fields(state: State, found: Document) -> Row | None:
    """Return the record's fields, or None if it is gone."""
    return state.get(TYPES[found.type][0], found.id)


def set_stage(state: State, found: Document, stage: str) -> tuple[str, str]:
    """Move the record, as a robot does; return its stage before and after.

    A code without funnel (``PREPARATION``) means that of the deal's own funnel. Raises LookupError
    for a record that is gone or has no stages, ValueError for a stage that its funnel lacks.
    """
    name = TYPES[found.type][0]
    entity = state.entities[name]
    row = state.get(name, found.id)
    if row is None or not entity.stage:
        raise LookupError("no document with stages")
    before = str(row[entity.stage])
    if found.type == "DEAL" and row.get("CATEGORY_ID") and ":" not in stage:
        stage = f"C{row['CATEGORY_ID']}:{stage}"
    crm.update(state, name, found.id, {entity.stage: stage}, actor=robot_user(state), robot=True)
    return before, stage


def notify(state: State, user_id: int, message: str) -> None:
    """Send a system notification; raises LookupError for an unknown user."""
    if state.get("users", user_id) is None:
        raise LookupError(f"no user {user_id}")
    state.add(
        "messages",
        {
            "KIND": "notify-system",
            "DIALOG_ID": str(user_id),
            "USER_ID": user_id,
            "AUTHOR_ID": 0,
            "CREATED": state.timestamp(),
            "MESSAGE": message,
            "SYSTEM": "Y",
        },
    )


def reached(state: State, change: Change) -> tuple[Document, str] | None:
    """Return the document and the stage it has come to by this change, or None."""
    kinds = {entity: kind for kind, (entity, _class) in TYPES.items()}
    if change.entity not in kinds or change.after is None:
        return None
    stage = state.entities[change.entity].stage
    if not stage:
        return None
    before = change.before.get(stage) if change.before else None
    after = change.after.get(stage)
    if after is None or before == after:
        return None
    return Document(kinds[change.entity], change.id), str(after)


def robot_user(state: State) -> int:
    """Whose name stands on what robots do: the portal's first administrator."""
    found = state.find("users", {"IS_ADMIN": "Y"}, limit=1)
    return int(found[0]["ID"]) if found else 1
