"""What the application registers on its portal: the action as activity and as robot, its events.

Events of deleted records are kept by the portal until a sync takes them, where its plan can.

Registering twice changes nothing; a changed version updates what is there. The portal lists codes
only, so the digest of what was registered is kept with the tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from workbench.automation.action import action_metrics, action_reports, action_rules
from workbench.bitrix24 import activity, oauth, offline_events
from workbench.bitrix24.client import Portal
from workbench.errors import ConfigurationError
from workbench.i18n import _, use_language
from workbench.settings import settings

State = Literal["registered", "changed", "missing"]

KINDS = {activity.CODE: "bizproc.activity", activity.ROBOT_CODE: "bizproc.robot"}
EVENTS = ("ONAPPUNINSTALL",)


@dataclass(frozen=True)
class Registered:
    """One thing on the portal: ``kind`` activity, robot or event; ``did`` says what was changed."""

    portal: str
    kind: str
    code: str
    state: State
    did: str = ""


def address() -> str:
    """Return the public address of the handler, without a slash at its end.

    Raises `ConfigurationError` if it is not set or no http(s) address.
    """
    text = (settings().app_address or "").rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            _("The public address of the handler is not set."),
            hint=_("Set WORKBENCH_APP_ADDRESS to the address at which the portal reaches it."),
        )
    return text


def payloads(installation: oauth.Installation) -> dict[str, dict[str, Any]]:
    """Return ``{code: payload}`` of what should be registered."""
    with use_language(settings().language):
        form = activity.properties(action_reports(), action_metrics(), action_rules())
    handler = f"{address()}/bitrix24/action"
    payload = activity.registration(handler, form, installation.user_id)
    return {code: {**payload, "CODE": code} for code in KINDS}


def register(installation: oauth.Installation) -> list[Registered]:
    """Bring the portal in step; return what is registered now and what was done for it."""
    rows = []
    digests = {}
    with oauth.portal(installation) as portal:
        for code, payload in payloads(installation).items():
            state = _state(portal, installation, code, payload)
            kind = KINDS[code]
            if state == "missing":
                portal.call(f"{kind}.add", payload)
            elif state == "changed":
                fields = {key: value for key, value in payload.items() if key != "CODE"}
                portal.call(f"{kind}.update", {"CODE": code, "FIELDS": fields})
            digests[code] = activity.fingerprint(payload)
            did = {"missing": "added", "changed": "updated"}.get(state, "")
            rows.append(_row(installation, kind, code, "registered", did))
        handler = f"{address()}/bitrix24/install"
        bound = _bound(portal, handler)
        for event in EVENTS:
            if event not in bound:
                portal.call("event.bind", {"event": event, "handler": handler})
            did = "" if event in bound else "added"
            rows.append(_row(installation, "event", event, "registered", did))
        for event, kept in _kept(portal).items():
            if not kept:
                offline_events.bind(portal, event)
            rows.append(_row(installation, "event", event, "registered", "" if kept else "added"))
    _remember(installation, digests)
    return rows


def status(installation: oauth.Installation) -> list[Registered]:
    """Compare what is registered with what should be."""
    with oauth.portal(installation) as portal:
        rows = [
            _row(installation, KINDS[code], code, _state(portal, installation, code, payload))
            for code, payload in payloads(installation).items()
        ]
        bound = _bound(portal, f"{address()}/bitrix24/install")
        for event in EVENTS:
            state: State = "registered" if event in bound else "missing"
            rows.append(_row(installation, "event", event, state))
        for event, kept in _kept(portal).items():
            state = "registered" if kept else "missing"
            rows.append(_row(installation, "event", event, state))
    return rows


def unregister(installation: oauth.Installation) -> list[Registered]:
    """Remove everything of ours from the portal; the tokens stay."""
    rows = []
    with oauth.portal(installation) as portal:
        for code, kind in KINDS.items():
            there = code in (portal.call(f"{kind}.list") or [])
            if there:
                portal.call(f"{kind}.delete", {"CODE": code})
            rows.append(_row(installation, kind, code, "missing", "removed" if there else ""))
        handler = f"{address()}/bitrix24/install"
        bound = _bound(portal, handler)
        for event in EVENTS:
            if event in bound:
                portal.call("event.unbind", {"event": event, "handler": handler})
            did = "removed" if event in bound else ""
            rows.append(_row(installation, "event", event, "missing", did))
        for event, kept in _kept(portal).items():
            if kept:
                offline_events.unbind(portal, event)
            rows.append(_row(installation, "event", event, "missing", "removed" if kept else ""))
    _remember(installation, {})
    return rows


def _state(
    portal: Portal, installation: oauth.Installation, code: str, payload: dict[str, Any]
) -> State:
    if code not in (portal.call(f"{KINDS[code]}.list") or []):
        return "missing"
    same = installation.registered.get(code) == activity.fingerprint(payload)
    return "registered" if same else "changed"


def _bound(portal: Portal, handler: str) -> set[str]:
    rows = portal.call("event.get") or []
    return {str(row["event"]).upper() for row in rows if row.get("handler") == handler}


def _kept(portal: Portal) -> dict[str, bool]:
    """Return the events that the portal can keep for us, and whether it does."""
    if not offline_events.bindable(portal):
        return {}
    bound = offline_events.bound(portal)
    return {event: event in bound for event in offline_events.EVENTS}


def _remember(installation: oauth.Installation, digests: dict[str, str]) -> None:
    with oauth.locked(installation.member_id):  # its tokens may have been renewed meanwhile
        newest = oauth.load(installation.member_id)
        if newest:
            oauth.save(newest.model_copy(update={"registered": digests}))


def _row(
    installation: oauth.Installation, kind: str, code: str, state: State, did: str = ""
) -> Registered:
    return Registered(installation.domain, kind.removeprefix("bizproc."), code, state, did)
