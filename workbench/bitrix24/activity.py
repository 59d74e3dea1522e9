"""The action "Analyse Commerciale" of Bitrix24's processes: what is registered, what is posted.

`registration` is the payload of ``bizproc.activity.add`` and ``bizproc.robot.add``; `Call` is the
POST that the portal's queue server sends when a process reaches the action; `Answer` is what goes
back by ``bizproc.event.send`` and what a process can branch on.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from workbench.i18n import LANGUAGES, Language, _, use_language

CODE = "analyse_commerciale"
ROBOT_CODE = "analyse_commerciale_robot"  # a code is unique in the application

# The portal's interface languages; those without a translation of ours get the English text.
PORTAL_LANGUAGES = (
    *("ar", "br", "de", "en", "fr", "id", "in", "it", "ja", "kz"),
    *("la", "ms", "pl", "ru", "sc", "tc", "th", "tr", "ua", "vn"),
)

STATUSES = ("ok", "empty", "invalid", "error", "timeout")
Status = Literal["ok", "empty", "invalid", "error", "timeout"]

PERIODS = (
    *("this_month", "last_month", "this_quarter", "last_quarter", "this_year", "last_year"),
    *("last_30_days", "last_90_days", "last_12_months", "all"),
)

COMPARISONS = ("previous", "year_ago")
SCOPES = ("document", "customer", "manager", "department", "everything")
LONGEST_HORIZON = 24  # months

# see `properties`
SETTINGS = ("report", "metric", "period", "compare", "scope", "segment", "horizon", "rule")

MAX_TEXT = 2_000  # characters of one property or result


def _text(value: object) -> str:
    if isinstance(value, list | dict):
        raise ValueError("a text is needed")
    text = "" if value is None else str(value)
    if len(text) > MAX_TEXT:
        raise ValueError("the text is too long")
    return text


Text = Annotated[str, BeforeValidator(_text)]


def _absent(default: Any) -> BeforeValidator:
    """Take an empty text as absent: a form cannot say it otherwise."""
    return BeforeValidator(lambda value: default if value == "" else value)


class Auth(BaseModel):
    """Who calls: checked against the stored installation before anything else is looked at."""

    model_config = ConfigDict(extra="ignore")

    domain: Text = ""
    member_id: Text = ""
    application_token: SecretStr = SecretStr("")
    access_token: SecretStr = SecretStr("")
    refresh_token: SecretStr = SecretStr("")
    expires_in: Annotated[float, Field(ge=0, le=86_400), _absent(3600.0)] = 3600.0


class Call(BaseModel):
    """One call of the action, as posted by the portal (all scalars are texts)."""

    model_config = ConfigDict(extra="ignore")

    workflow_id: Annotated[Text, Field(min_length=1)]
    code: Text
    document_id: Annotated[list[Text], Field(min_length=3, max_length=3)]
    document_type: Annotated[list[Text], Field(min_length=3, max_length=3)]
    # An empty one would be the same run for every call that has none.
    event_token: Annotated[SecretStr, Field(min_length=1, max_length=MAX_TEXT)]
    properties: Annotated[dict[str, Any], _absent({})] = {}
    use_subscription: Annotated[Text, _absent("Y")] = "Y"
    timeout_duration: Annotated[int, Field(ge=0, le=31_536_000), _absent(0)] = 0
    ts: Annotated[int, Field(ge=0), _absent(0)] = 0
    auth: Auth

    @property
    def settings(self) -> dict[str, Any]:
        """The given ones of the action's settings; one that is no text is an empty list.

        Each is cut to `MAX_TEXT`, which makes no wrong one right, so that whatever a form holds
        fits the queue.
        """
        return {
            name: value.strip()[:MAX_TEXT] if isinstance(value, str) else []
            for name, value in self.properties.items()
            if name in SETTINGS
        }

    @property
    def waits(self) -> bool:
        """False if the process goes on without the answer."""
        return self.use_subscription.upper() != "N"

    @property
    def key(self) -> str:
        """Id of the durable run: the same for a repeated call, and it gives no token away."""
        digest = hashlib.sha256(self.event_token.get_secret_value().encode()).hexdigest()
        return f"action-{digest[:32]}"


class Answer(BaseModel):
    """Typed results for the process; what an analysis cannot say stays None."""

    status: Status
    value: float | None = None
    previous: float | None = None
    change_percent: float | None = None
    plan_percent: float | None = None
    forecast: float | None = None
    forecast_low: float | None = None
    forecast_high: float | None = None
    segment: str = ""
    risk: float | None = None
    decision: str = ""
    summary: str = ""
    report_url: str = ""
    as_of: datetime | None = None
    error: str = ""

    def return_values(self) -> dict[str, str]:
        """Return the values as the portal takes them: texts, empty where there is none."""
        return {name: _written(value) for name, value in self}


def _written(value: object) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, float):
        return format(value, ".15g") if abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return str(value)[:MAX_TEXT]


def _localised(make: Any) -> dict[str, str]:
    """``{language: text}`` for every language of a portal; ``make`` is called in each of ours."""
    texts = {}
    for code in LANGUAGES:
        with use_language(code):
            texts[code] = make()
    return {code: texts.get(cast(Language, code), texts["en"]) for code in PORTAL_LANGUAGES}


def _period_title(name: str) -> str:
    return {
        "this_month": _("this month"),
        "last_month": _("last month"),
        "this_quarter": _("this quarter"),
        "last_quarter": _("last quarter"),
        "this_year": _("this year"),
        "last_year": _("last year"),
        "last_30_days": _("last 30 days"),
        "last_90_days": _("last 90 days"),
        "last_12_months": _("last 12 months"),
        "all": _("all time"),
    }[name]


def _scope_title(name: str) -> str:
    return {
        "document": _("this deal"),
        "customer": _("its customer"),
        "manager": _("its manager"),
        "department": _("its department"),
        "everything": _("everything"),
    }[name]


def _comparison_title(name: str) -> str:
    return {
        "previous": _("the period before"),
        "year_ago": _("the same period a year ago"),
    }[name]


def _property(make_name: Any, kind: str, **more: Any) -> dict[str, Any]:
    return {"Name": _localised(make_name), "Type": kind, **more}


def _choice(make_name: Any, options: Mapping[str, str], default: str = "") -> dict[str, Any]:
    """Return a list to choose from; without a default nothing need be chosen."""
    required = "Y" if default else "N"
    return _property(make_name, "select", Required=required, Default=default, Options=dict(options))


def properties(
    reports: Mapping[str, str],
    metrics: Mapping[str, str],
    rules: Mapping[str, str],
) -> dict[str, Any]:
    """Return the action's settings, as the designer shows them.

    ``reports``, ``metrics`` and ``rules`` (of decisions) map an id to its title.
    Options have one title for all languages (the portal takes no other), in the language of the
    moment.
    """
    return {
        "report": _choice(lambda: _("Report"), reports, "deal"),
        "metric": _choice(lambda: _("Metric"), metrics),
        "period": _choice(
            lambda: _("Period"), {name: _period_title(name) for name in PERIODS}, "last_12_months"
        ),
        "compare": _choice(
            lambda: _("Compared with"),
            {name: _comparison_title(name) for name in COMPARISONS},
            "previous",
        ),
        "scope": _choice(
            lambda: _("Scope"), {name: _scope_title(name) for name in SCOPES}, "document"
        ),
        "segment": _property(
            lambda: _("Segment (a name or a filter)"), "string", Required="N", Default=""
        ),
        "horizon": _property(lambda: _("Months to forecast"), "int", Required="N", Default="0"),
        "rule": _choice(lambda: _("Decision rule"), rules),
    }


def return_properties() -> dict[str, Any]:
    """Return the action's results: one entry for each field of `Answer`."""
    titles: dict[str, tuple[Any, str]] = {
        "status": (lambda: _("Status"), "string"),
        "value": (lambda: _("Value"), "double"),
        "previous": (lambda: _("Value of the period before"), "double"),
        "change_percent": (lambda: _("Change in percent"), "double"),
        "plan_percent": (lambda: _("Share of the plan in percent"), "double"),
        "forecast": (lambda: _("Forecast"), "double"),
        "forecast_low": (lambda: _("Forecast, lower bound"), "double"),
        "forecast_high": (lambda: _("Forecast, upper bound"), "double"),
        "segment": (lambda: _("Segment"), "string"),
        "risk": (lambda: _("Risk"), "double"),
        "decision": (lambda: _("Decision"), "string"),
        "summary": (lambda: _("Summary"), "text"),
        "report_url": (lambda: _("Address of the report"), "string"),
        "as_of": (lambda: _("Data as of"), "datetime"),
        "error": (lambda: _("Error"), "text"),
    }
    return {
        key: _property(make_name, kind, Required="N", Multiple="N")
        for key, (make_name, kind) in titles.items()
    }


def registration(handler: str, settings_form: Mapping[str, Any], user_id: str) -> dict[str, Any]:
    """Return the payload of ``bizproc.activity.add`` (and ``bizproc.robot.add``).

    ``handler`` is the public address of the handler, ``settings_form`` comes from `properties`,
    ``user_id`` is the administrator whose tokens the calls carry.
    """
    return {
        "CODE": CODE,
        "HANDLER": handler,
        "AUTH_USER_ID": user_id,
        "USE_SUBSCRIPTION": "",  # the process decides whether it waits
        "NAME": _localised(lambda: _("Business Analytics")),
        "DESCRIPTION": _localised(
            lambda: _("Analyses the deal and returns values that the process can branch on.")
        ),
        "PROPERTIES": dict(settings_form),
        "RETURN_PROPERTIES": return_properties(),
        "DOCUMENT_TYPE": ["crm", "CCrmDocumentDeal", "DEAL"],
        "FILTER": {"INCLUDE": [["crm", "CCrmDocumentDeal"]]},
    }


def fingerprint(payload: Mapping[str, Any]) -> str:
    """Return a digest of a registration; a changed version has another one."""
    text = json.dumps(payload, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
