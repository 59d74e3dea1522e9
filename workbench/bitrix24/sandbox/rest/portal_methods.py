"""Methods about the portal and the caller: profile, scope, methods, app.info, time, batch, …"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest import batch
from workbench.bitrix24.sandbox.rest.methods import BASIC, METHODS, Call, Refusal, method

SCOPES = (
    "crm", "task", "tasks", "user", "user_basic", "user_brief", "user.userfield", "department",
    "im",
    "imbot", "bizproc", "placement", "disk", "telephony", "catalog", "userfieldconfig", "lists",
    "biconnector",
)  # fmt: skip


@method("batch", batch=False)
def run_batch(call: Call) -> dict[str, Any]:
    """Several calls in one request."""
    return batch.run(call)


@method("profile")
def profile(call: Call) -> dict[str, Any]:
    """Who the caller is; needs no scope."""
    user = call.state.get("users", call.caller.user_id) or {}
    return {
        "ID": str(call.caller.user_id),
        "ADMIN": rights.is_admin(call.state, call.caller.user_id),
        "NAME": user.get("NAME") or "",
        "LAST_NAME": user.get("LAST_NAME") or "",
        "PERSONAL_GENDER": user.get("PERSONAL_GENDER") or "",
        "PERSONAL_PHOTO": "",
        "TIME_ZONE": user.get("TIME_ZONE") or "",
        "TIME_ZONE_OFFSET": int((call.state.now().utcoffset() or timedelta()).total_seconds()),
    }


@method("scope")
def scope(call: Call) -> list[str]:
    """The caller's scopes; with ``full`` all that there are."""
    full = str(call.get("full") or "").lower() in ("1", "true", "y")
    return list(SCOPES) if full else sorted(call.caller.scopes)


@method("methods")
def methods(call: Call) -> list[str]:
    """The methods that the caller may use; with ``full`` all, with ``scope`` those of one scope."""
    asked = call.get("scope")
    full = str(call.get("full") or "").lower() in ("1", "true", "y")
    names = []
    for entry in METHODS.values():
        if asked not in (None, ""):
            chosen = entry.scope == asked
        else:
            chosen = full or entry.scope == BASIC or entry.scope in call.caller.scopes
        if chosen:
            names.append(entry.name)
    return sorted(names)


@method("method.get")
def method_get(call: Call) -> dict[str, bool]:
    """Whether a method exists and may be called."""
    entry = METHODS.get(str(call.get("name") or "").lower())
    return {
        "isExisting": entry is not None,
        "isAvailable": entry is not None
        and (entry.scope == BASIC or entry.scope in call.caller.scopes),
    }


@method("app.info")
def app_info(call: Call) -> dict[str, Any]:
    """The application that calls."""
    if call.caller.is_webhook:
        raise Refusal("ACCESS_DENIED", "Access denied! Application context required")
    application = call.caller.application
    return {
        "ID": application.id,
        "CODE": call.caller.client_id or "",
        "VERSION": 1,
        "STATUS": "L",
        "INSTALLED": bool(application.installed),
        "PAYMENT_EXPIRED": "N",
        "DAYS": None,
        "LANGUAGE_ID": "fr",
        "LICENSE": f"fr_{call.state.settings['plan']}",
        "LICENSE_TYPE": call.state.settings["plan"],
        "LICENSE_FAMILY": call.state.settings["plan"],
    }


@method("server.time")
def server_time(call: Call) -> str | None:
    """The portal's clock."""
    return call.state.clock.iso(call.state.timestamp())


@method("user.admin")
def user_admin(call: Call) -> bool:
    """Whether the caller administers the portal."""
    return rights.is_admin(call.state, call.caller.user_id)


@method("feature.get")
def feature_get(call: Call) -> dict[str, str]:
    """Whether the plan has a feature."""
    code = call.get("code")
    if not code:
        raise Refusal("CODE_EMPTY", "CODE can't be empty")
    known = ("rest_auth_connector", "rest_offline_extended")
    return {"value": "Y" if code in known and call.state.settings["plan"] != "free" else "N"}


@method("crm.settings.mode.get", scope="crm")
def crm_mode(call: Call) -> int:
    """1: the classic CRM with leads; 2: without."""
    return int(call.state.settings.get("crm_mode", 1))
