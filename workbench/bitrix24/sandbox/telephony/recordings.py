"""Recordings of finished calls: telephony.externalCall.attachRecord, in one step or two.

A recording goes to the common storage of the disk and to the call's activity; a later one takes the
place of an earlier one. With ``FILENAME`` alone the answer is an address to upload the file to.
Source: api-reference/telephony/telephony-external-call-attach-record.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.disk import disk, disk_links, disk_transfer
from workbench.bitrix24.sandbox.memory.fields import Row
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, method
from workbench.bitrix24.sandbox.telephony.external_calls import core

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State
    from workbench.bitrix24.sandbox.portal import Portal

FIELD = "file"  # of the form that uploads


def _finished(state: State, user: int, filter: Row) -> Row:
    """The call that a user may see. Refuses any other as one that is not there."""
    found = state.find("calls", filter, limit=1)
    if not found or not rights.may(state, user, state.entities["calls"], found[0]):
        raise core(
            "Call is not found in the statistic table. It looks like it is not finished yet."
        )
    return found[0]


def _checked(name: Any) -> str:
    if not str(name).strip():
        raise core("File name is empty")
    if not str(name).lower().endswith((".wav", ".mp3")):
        raise core("Wrong file extension. Only wav and mp3 are allowed")
    return str(name).replace("\\", "/").rsplit("/", 1)[-1]


@method("telephony.externalCall.attachRecord", scope="telephony", batch=False)
def attach_record(call: Call) -> Row:
    """Attach a recording: its content, where it lies, or (``FILENAME`` alone) an upload to come."""
    row = _finished(call.state, call.caller.user_id, {"CALL_ID": str(call.get("CALL_ID") or "")})
    name, content, url = (call.get(part) for part in ("FILENAME", "FILE_CONTENT", "RECORD_URL"))
    if url:
        # Nothing is fetched from outside: only where the recording lies is kept.
        call.state.update("calls", row["ID"], {"CALL_RECORD_URL": str(url)})
        return {"FILE_ID": 0}
    if name is None:
        raise core(
            "Required parameters are not set. Request should contain either URL or FILENAME "
            "parameter"
        )
    name = _checked(name)
    user = call.caller.user_id
    if content is None:
        what = {"user": user, "call": row["ID"], "name": name}
        url = disk_links.signed(call.portal, "telephony", "upload", what)
        return {"uploadUrl": url, "fieldName": FIELD}
    try:
        data = base64.b64decode(str(content), validate=True)
    except (binascii.Error, ValueError):
        raise core("File content is not properly encoded. Base64 encoding is expected.") from None
    return _attach(call.portal, user, row, name, data)


def _attach(portal: Portal, user: int, row: Row, name: str, data: bytes) -> Row:
    """Put the recording in the place of the one that the call has."""
    state = portal.state
    if not data:
        raise core("File content is empty.")
    storage = disk.storages(state, user)[0]
    folder = state.get("disk_objects", storage["ROOT_OBJECT_ID"]) or {}
    file = disk.add_file(state, folder, name, data, actor=user, unique=True)
    earlier = state.get("disk_objects", row["RECORD_FILE_ID"] or 0)
    if earlier is not None:
        disk.delete(state, earlier)
    state.update("calls", row["ID"], {"RECORD_FILE_ID": file})
    if row["CRM_ACTIVITY_ID"]:
        link = disk_links.url(portal, "download", user, file)
        state.update("activities", row["CRM_ACTIVITY_ID"], {"FILES": [{"id": file, "url": link}]})
    return {"FILE_ID": file}


def receive(portal: Portal, what: dict[str, Any], _name: str, content: bytes) -> Row:
    """The second step: what was uploaded to the address that the first one gave.

    [?] Its answer is not documented: it is that of one step.
    """
    row = _finished(portal.state, what["user"], {"ID": what["call"]})
    return _attach(portal, what["user"], row, what["name"], content)


disk_transfer.RECEIVERS["telephony"] = receive
