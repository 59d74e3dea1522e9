"""Trying a webhook: who it is, what it may read, and what is missing, in plain words."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.bitrix24.answers import BatchAnswer
from workbench.bitrix24.budget import Left
from workbench.bitrix24.client import Portal
from workbench.bitrix24.webhook import Webhook, parse_webhook
from workbench.errors import AccessDenied, BadCredentials, ConfigurationError
from workbench.i18n import _

PATIENCE = 15.0
# scope: what is not loaded or done without it; any one of a tuple is enough
NEEDED = (("crm",), ("user", "user_basic", "user_brief"), ("department",))
USEFUL = (("task",), ("telephony",), ("userfieldconfig",), ("im",))


@dataclass
class Connection:
    """What a portal says about a webhook; nothing in it is secret.

    ``missing`` are scopes without which data is not loaded, ``absent`` scopes without which a
    feature is not there; ``warnings`` sentences in the language of the moment. ``moved_to`` is
    the host under which a renamed portal answered. ``left`` is what the portal takes from us now.
    """

    host: str
    user_id: int
    user: str
    admin: bool
    scopes: list[str]
    licence: str = ""
    missing: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    moved_to: str = ""
    left: Left | None = None

    @property
    def complete(self) -> bool:
        """Whether everything that the workbench loads can be read."""
        return not self.missing


def purposes() -> dict[str, str]:
    """Return what each scope is for, in the language of the moment."""
    return {
        "crm": _("deals, leads, customers, activities, invoices"),
        "user": _("the names of managers"),
        "department": _("departments"),
        "task": _("tasks"),
        "telephony": _("telephone calls"),
        "userfieldconfig": _("user fields of invoices and smart processes"),
        "im": _("notifications to managers"),
    }


def scopes_of(answer: BatchAnswer) -> list[str]:
    """Return the scopes of a ``scope`` call's answer, sorted."""
    result = answer.result
    if isinstance(result, dict):
        result = list(result)
    return sorted(str(scope) for scope in result) if isinstance(result, list) else []


def lacking(scopes: list[str], wanted: tuple[tuple[str, ...], ...]) -> list[str]:
    """Return the first name of each group of ``wanted`` of which no scope is there."""
    return [names[0] for names in wanted if not set(names) & set(scopes)]


def try_portal(portal: Portal) -> Connection:
    """Ask a portal who we are and what we may do.

    Raises the `PortalError` family in plain words: wrong code, plan without REST, no portal at
    that address. What merely narrows the data is in the result's ``missing`` and ``warnings``.
    """
    before = portal.host
    try:
        profile: Any = portal.call("profile")
    except BadCredentials as error:
        raise BadCredentials(
            _("{host} does not know this webhook: its code is wrong, or it was deleted.").format(
                host=portal.host
            ),
            hint=_("Copy its address again from Developer resources > Inbound webhook."),
            code=error.code,
            method="profile",
            status=error.status,
        ) from None
    except AccessDenied as error:
        raise AccessDenied(
            _("{host} refuses REST to this webhook: its plan has no REST, or has ended.").format(
                host=portal.host
            )
            if error.code in ("ACCESS_DENIED", "PAYMENT_REQUIRED")
            else error.message,
            hint=_("REST needs a commercial plan (with the Market subscription) or a trial."),
            code=error.code,
            method="profile",
            status=error.status,
        ) from None
    if not isinstance(profile, dict):
        profile = {}
    scope, info = portal.batch([("scope", {}), ("app.info", {})])
    scopes = scopes_of(scope)
    about = info.result if isinstance(info.result, dict) else {}
    found = Connection(
        host=portal.host,
        user_id=int(str(profile.get("ID") or 0)),
        user=" ".join(str(profile[name]) for name in ("NAME", "LAST_NAME") if profile.get(name)),
        admin=profile.get("ADMIN") in (True, "Y", "1", 1, "true"),
        scopes=scopes,
        licence=str(about.get("LICENSE_TYPE") or about.get("LICENSE") or ""),
        missing=lacking(scopes, NEEDED),
        absent=lacking(scopes, USEFUL),
        moved_to=portal.host if portal.host != before else "",
    )
    found.warnings = warnings_of(found, before)
    return found


def warnings_of(found: Connection, before: str) -> list[str]:
    """Return what the user should know about a connection, most important first."""
    purpose = purposes()
    sentences = [
        _("The scope “{scope}” is missing: {purpose} will not be loaded.").format(
            scope=scope, purpose=purpose[scope]
        )
        for scope in found.missing
    ]
    if found.moved_to:
        sentences.append(
            _("The portal has been renamed: {old} is now {new}.").format(
                old=before, new=found.moved_to
            )
        )
    if not found.admin:
        sentences.append(
            _(
                "The webhook’s user is no administrator: records that this user may not see "
                "are missing without notice."
            )
        )
    sentences += [
        _("Without the scope “{scope}” there are no {purpose}.").format(
            scope=scope, purpose=purpose[scope]
        )
        for scope in found.absent
    ]
    return sentences


def try_webhook(text: str, plan: str = "standard") -> tuple[Connection, Webhook]:
    """Try the webhook that somebody pasted; returns what it can do and its address to keep.

    The address is the new one if the portal has been renamed. Raises `ConfigurationError` for
    what is no webhook address, else as `try_portal`.
    """
    webhook = parse_webhook(text)
    with Portal(webhook.url, plan, patience=PATIENCE) as portal:
        found = try_portal(portal)
        found.left = portal.budget.left()
        return found, parse_webhook(portal.moved_to) if portal.moved_to else webhook


def store_webhook(webhook: Webhook, file: Path) -> None:
    """Keep a webhook's address in ``file`` (mode 600, its folder 700), replacing it at once."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.parent.chmod(0o700)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".portal-")
        partial = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as target:
                os.fchmod(target.fileno(), 0o600)
                json.dump({"webhook": webhook.url}, target)
                target.flush()
                os.fsync(target.fileno())
            partial.replace(file)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError(
            _("The webhook cannot be stored in {folder}: {reason}").format(
                folder=file.parent, reason=error.strerror or error
            ),
            hint=_("Set WORKBENCH_CONFIG to a folder of your own."),
        ) from None
