"""Calls of a telephone exchange outside: telephony.externalCall.*.

A call is registered, which finds (or makes) whom it is about, and finished, which writes the
statistics and an activity of type call. Only applications may do that; records can be attached
by webhooks too. Source: api-reference/telephony.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from workbench.bitrix24.sandbox.applications.events import application_of
from workbench.bitrix24.sandbox.crm import crm
from workbench.bitrix24.sandbox.memory import communications
from workbench.bitrix24.sandbox.memory.fields import Row, moment
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal, method
from workbench.i18n import _

#: CRM_ENTITY_TYPE → entity, in the order in which a number is looked up.
CLIENTS = {"CONTACT": "contacts", "COMPANY": "companies", "LEAD": "leads"}
OUTGOING, INCOMING = 1, 2
TYPES = (1, 2, 3, 4)
DONE = "200"
TELEPHONE_CALL = 2  # TYPE_ID of an activity


def core(text: str) -> Refusal:
    """The error of these methods."""
    return Refusal("ERROR_CORE", text)


def _digits(number: Any) -> str:
    return "".join(c for c in str(number or "") if c.isdecimal())


def _user(call: Call) -> int:
    """The user whom ``USER_ID`` or the inner number names."""
    number, inner = call.number("USER_ID"), str(call.get("USER_PHONE_INNER") or "")
    if not number and not inner:
        raise core("USER_ID or USER_PHONE_INNER should be set")
    if not number:
        found = call.state.find("users", {"UF_PHONE_INNER": inner}, limit=1)
        number = found[0]["ID"] if found else 0
    if not rights.is_active(call.state, number):
        raise core("User is not found or is not active")
    return number


# -- whom a number belongs to -------------------------------------------------------------


def clients(call: Call, kind: str, value: str) -> Iterator[tuple[str, Row]]:
    """Contacts, companies and leads with this value of ``kind``, PHONE or EMAIL.

    (CRM_ENTITY_TYPE, row) each.
    """
    names = {table: name for name, table in CLIENTS.items()}
    for table, record in communications.owners(call.state.connection, kind, value):
        row = call.state.get(table, record)
        if row is not None:
            yield names[table], row


def _client(call: Call, number: str) -> tuple[str | None, int | None, list[Row]]:
    """Type and id of the call's client, and what was made to have one."""
    kind = str(call.get("CRM_ENTITY_TYPE") or "").upper()
    given = call.number("CRM_ENTITY_ID")
    if kind in CLIENTS and given and call.state.get(CLIENTS[kind], given) is not None:
        return kind, given, []
    found = next(clients(call, "PHONE", number), None)
    if found:
        return found[0], found[1]["ID"], []
    if str(call.get("CRM_CREATE") or "0").upper() not in ("1", "Y", "TRUE"):
        return None, None, []
    title = _("Outgoing call") if call.number("TYPE") == OUTGOING else _("Incoming call")
    lead = crm.add(
        call.state,
        "leads",
        {
            "TITLE": f"{number} - {title}",
            "SOURCE_ID": str(call.get("CRM_SOURCE") or "CALL"),
            "PHONE": [{"VALUE": number, "VALUE_TYPE": "WORK"}],
            "ASSIGNED_BY_ID": _user(call),
        },
        actor=call.caller.user_id,
        connector=call.connector,
    )
    return "LEAD", lead, [{"ENTITY_TYPE": "LEAD", "ENTITY_ID": lead}]


@method("telephony.externalCall.searchCrmEntities", scope="telephony")
def search_clients(call: Call) -> list[Row]:
    """The contacts, companies and leads behind a number, with who is responsible for them."""
    number = str(call.get("PHONE_NUMBER") or "")
    if not number:
        raise core("PHONE_NUMBER is empty")
    result = []
    for kind, row in clients(call, "PHONE", number):
        if not rights.may(call.state, call.caller.user_id, call.state.entities[CLIENTS[kind]], row):
            continue
        person = call.state.get("users", row["ASSIGNED_BY_ID"] or 0) or {}
        name = " ".join(part for part in (row.get("NAME"), row.get("LAST_NAME")) if part)
        phones = ("WORK_PHONE", "PERSONAL_PHONE", "PERSONAL_MOBILE")
        result.append(
            {
                "CRM_ENTITY_TYPE": kind,
                "CRM_ENTITY_ID": row["ID"],
                "ASSIGNED_BY_ID": row["ASSIGNED_BY_ID"],
                "NAME": name or row.get("TITLE") or "",
                "ASSIGNED_BY": {
                    "ID": str(row["ASSIGNED_BY_ID"]),
                    "TIMEMAN_STATUS": "CLOSED",
                    "USER_PHONE_INNER": person.get("UF_PHONE_INNER"),
                    **{phone: person.get(phone) for phone in phones},
                },
            }
        )
    return result


# -- a call -------------------------------------------------------------------------------


@method("telephony.externalCall.register", scope="telephony")
def register(call: Call) -> Row:
    """Announce a call; finds its client or, with ``CRM_CREATE``, makes a lead of the number."""
    application_of(call)
    user = _user(call)
    kind = call.number("TYPE")
    if kind not in TYPES:
        raise core("Unknown TYPE")
    number = str(call.get("PHONE_NUMBER") or "").strip()
    if len(_digits(number)) < 2:
        raise core("Unsupported phone number format")
    started = call.get("CALL_START_DATE")
    try:
        when = moment(started, call.state.zone) if started else call.state.timestamp()
        if started and not str(started)[:4].isdecimal():
            raise ValueError("not ISO 8601")
    except ValueError:
        raise core("CALL_START_DATE should be in the ISO-8601 format") from None
    client_type, client, created = _client(call, number)
    name = f"externalCall.{secrets.token_hex(16)}.{call.state.timestamp()}"
    call.state.add(
        "registered_calls",
        {
            "CALL_ID": name,
            "USER_ID": user,
            "PHONE_NUMBER": number,
            "CALL_TYPE": kind,
            "CALL_START_DATE": when,
            "LINE_NUMBER": str(call.get("LINE_NUMBER") or ""),
            "EXTERNAL_CALL_ID": call.get("EXTERNAL_CALL_ID"),
            "CRM_ENTITY_TYPE": client_type,
            "CRM_ENTITY_ID": client,
        },
    )
    return {
        "CALL_ID": name,
        "CRM_CREATED_LEAD": created[0]["ENTITY_ID"] if created else None,
        "CRM_CREATED_ENTITIES": created,
        "CRM_ENTITY_TYPE": client_type,
        "CRM_ENTITY_ID": client,
    }


def _name(call: Call) -> str:
    name = call.get("CALL_ID")
    if not isinstance(name, str) or not name:
        raise Refusal("INVALID_ARGUMENT", "CALL_ID must be a string")
    return name


@method("telephony.externalCall.finish", scope="telephony")
def finish(call: Call) -> Row:
    """End a call: one row of statistics, and an activity with its client."""
    application = application_of(call)
    name = _name(call)
    found = call.state.find("registered_calls", {"CALL_ID": name}, limit=1)
    if not found:
        raise core("Call is not found (call should be registered prior to finishing)")
    registered = found[0]
    user = _user(call)
    code = str(call.get("STATUS_CODE") or DONE)
    duration = max(0, call.number("DURATION") or 0)
    activity = _activity(call, registered, user, code, duration)
    values: Row = {
        "CALL_ID": name,
        "EXTERNAL_CALL_ID": registered["EXTERNAL_CALL_ID"],
        "PORTAL_USER_ID": user,
        "PHONE_NUMBER": registered["PHONE_NUMBER"],
        "PORTAL_NUMBER": registered["LINE_NUMBER"],
        "CALL_TYPE": registered["CALL_TYPE"],
        "CALL_DURATION": duration,
        "CALL_START_DATE": registered["CALL_START_DATE"],
        "CALL_CATEGORY": "external",
        "CALL_VOTE": call.number("VOTE"),
        "COST": call.get("COST") or 0,
        "COST_CURRENCY": str(call.get("COST_CURRENCY") or ""),
        "CALL_FAILED_CODE": code,
        "CALL_FAILED_REASON": str(call.get("FAILED_REASON") or ""),
        "REST_APP_ID": getattr(application, "id", None),
        "REST_APP_NAME": getattr(application, "title", None),
        "CRM_ACTIVITY_ID": activity,
        "CRM_ENTITY_TYPE": registered["CRM_ENTITY_TYPE"],
        "CRM_ENTITY_ID": registered["CRM_ENTITY_ID"],
    }
    try:
        number = call.state.add("calls", values)
    except ValueError:
        raise core("Unexpected database error") from None
    call.state.delete("registered_calls", registered["ID"])
    names = (
        "CALL_ID", "EXTERNAL_CALL_ID", "PORTAL_USER_ID", "PHONE_NUMBER", "PORTAL_NUMBER",
    )  # fmt: skip
    return {
        **{key: values[key] for key in names},
        "INCOMING": str(values["CALL_TYPE"]),
        "CALL_DURATION": duration,
        "CALL_START_DATE": {},  # so the documentation's sample shows this answer
        "CALL_STATUS": int(code == DONE),
        **{
            key: values[key]
            for key in (
                "CALL_VOTE", "COST", "COST_CURRENCY", "CALL_FAILED_CODE", "CALL_FAILED_REASON",
            )
        },
        "REST_APP_ID": str(values["REST_APP_ID"]),
        "REST_APP_NAME": values["REST_APP_NAME"],
        "CRM_ACTIVITY_ID": activity,
        "COMMENT": None,
        "CRM_ENTITY_TYPE": values["CRM_ENTITY_TYPE"],
        "CRM_ENTITY_ID": values["CRM_ENTITY_ID"],
        "ID": number,
    }  # fmt: skip


def _activity(call: Call, registered: Row, user: int, code: str, duration: int) -> int | None:
    """The activity of a call with a known client; one that failed is left to be done."""
    kind = registered["CRM_ENTITY_TYPE"]
    if kind not in CLIENTS:
        return None
    entity = call.state.entities[CLIENTS[kind]]
    outgoing = registered["CALL_TYPE"] == OUTGOING
    begun = moment(registered["CALL_START_DATE"], call.state.zone) or call.state.timestamp()
    title = _("Outgoing call") if outgoing else _("Incoming call")
    return crm.add(
        call.state,
        "activities",
        {
            "OWNER_TYPE_ID": entity.type_id,
            "OWNER_ID": registered["CRM_ENTITY_ID"],
            "TYPE_ID": TELEPHONE_CALL,
            "PROVIDER_ID": "VOXIMPLANT_CALL",
            "PROVIDER_TYPE_ID": "CALL",
            "SUBJECT": f"{title} {registered['PHONE_NUMBER']}",
            "DIRECTION": 2 if outgoing else 1,
            "START_TIME": begun,
            "END_TIME": begun + duration,
            "DEADLINE": begun + duration,
            "COMPLETED": "Y" if code == DONE else "N",
            "STATUS": 2 if code == DONE else 1,
            "RESPONSIBLE_ID": user,
            "ORIGIN_ID": f"VI_{registered['CALL_ID']}",
            "COMMUNICATIONS": [
                {
                    "TYPE": "PHONE",
                    "VALUE": registered["PHONE_NUMBER"],
                    "ENTITY_ID": str(registered["CRM_ENTITY_ID"]),
                    "ENTITY_TYPE_ID": str(entity.type_id),
                }
            ],
        },
        actor=call.caller.user_id,
        connector=call.connector,
    )


@method("telephony.externalCall.show", scope="telephony")
def show(call: Call) -> bool:
    """Show the card of a call; nobody looks here, so nothing happens."""
    return bool(_name(call))


@method("telephony.externalCall.hide", scope="telephony")
def hide(call: Call) -> bool:
    """Hide the card of a call; nobody looks here, so nothing happens."""
    return bool(_name(call))
