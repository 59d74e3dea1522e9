"""Methods over timeline comments: crm.timeline.comment.*."""

from __future__ import annotations

from workbench.bitrix24.sandbox.methods import Call, Refusal, method
from workbench.bitrix24.sandbox.records import identity, old_methods, update_record
from workbench.bitrix24.sandbox.timeline import COMMENTS

old_methods(COMMENTS, "crm.timeline.comment")


@method("crm.timeline.comment.update", scope="crm")
def update_comment(call: Call) -> int:
    """Change a comment; answers with its id."""
    update_record(call, COMMENTS)
    return identity(call)


@method("crm.timeline.comment.add", scope="crm")
def add_comment(call: Call) -> int:
    """A comment on a record; only lower-case ``fields`` is taken (crm 23.100.0)."""
    fields = call.raw.get("fields")
    if not isinstance(fields, dict):
        raise Refusal("100", "Could not find value for parameter {fields}")
    kind = str(fields.get("ENTITY_TYPE") or "").lower()
    owners = {e.event.lower(): e.name for e in call.state.by_type.values() if e.event}
    owner = str(fields.get("ENTITY_ID") or "")
    if kind not in owners or not owner.isdigit():
        raise Refusal("OWNER_NOT_FOUND", "Owner was not found")
    if call.state.get(owners[kind], int(owner)) is None:
        raise Refusal("OWNER_NOT_FOUND", "Owner was not found")
    text = str(fields.get("COMMENT") or "").strip()
    if not text:
        raise Refusal("INVALID_ARG_VALUE", "Comment text is empty")
    return call.state.add(
        "timeline_comments",
        {
            "ENTITY_ID": int(owner),
            "ENTITY_TYPE": kind,
            "CREATED": call.state.timestamp(),
            "COMMENT": text,
            "AUTHOR_ID": call.caller.user_id,
        },
    )
