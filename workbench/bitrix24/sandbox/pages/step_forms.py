"""The steps that a person can add in the designer: what each asks for, and the step it makes.

Every step is a form of properties, an application's action those it has registered. The portal's
own steps are declared here in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.bitrix24.sandbox.applications.registered_activities import Registered
from workbench.bitrix24.sandbox.crm import stages
from workbench.bitrix24.sandbox.pages.property_fields import Value, title_of
from workbench.bitrix24.sandbox.processes.documents import TYPES
from workbench.bitrix24.sandbox.processes.process_templates import (
    Activity,
    Case,
    Choose,
    Condition,
    Log,
    Notify,
    SetStage,
    Step,
    Titles,
    Wait,
    activities_of,
    result_names,
)
from workbench.bitrix24.sandbox.processes.processes import processes_of
from workbench.i18n import LANGUAGES, _, language, use_language

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal

KINDS = ("condition", "set_stage", "notify", "wait", "log")
UNITS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}
LONGEST_WAIT = 31_536_000  # seconds
_NUMERIC = ("at_least", "at_most", "more_than", "less_than")

Declared = dict[str, dict[str, Any]]
Values = dict[str, Value]


@dataclass(frozen=True)
class StepForm:
    """A step to be filled in: ``step`` are the portal's own settings, ``properties`` the action's.

    ``values`` holds what is set now, by ``step[key]`` and ``properties[key]``.
    """

    title: str
    description: str
    step: Declared
    properties: Declared
    returns: Declared
    values: Values


def kind_titles() -> dict[str, tuple[str, str]]:
    """Return what the portal's own steps are called, and what they do."""
    return {
        "condition": (_("Condition"), _("Goes one way or the other by what an action returned.")),
        "set_stage": (_("Move to a stage"), _("Moves the record to another stage.")),
        "notify": (_("Notify"), _("Sends somebody a notification.")),
        "wait": (_("Wait"), _("Lets some time pass.")),
        "log": (_("Write into the log"), _("Adds a line to the log of the process.")),
    }


def stage_choices(portal: Portal, document: str) -> dict[str, str]:
    """Return the stages that a document of this type can have: code → funnel and name."""
    entity = portal.state.entities[TYPES[document][0]]
    if not entity.stage:
        return {}
    if document != "DEAL":
        return {
            str(row["STATUS_ID"]): str(row["NAME"]) for row in stages.stages(portal.state, entity)
        }
    funnels = portal.state.find(
        "categories", {"ENTITY_TYPE_ID": entity.type_id}, order={"ID": "ASC"}
    )
    return {
        str(row["STATUS_ID"]): f"{funnel['NAME']} · {row['NAME']}"
        for funnel in funnels
        for row in stages.stages(portal.state, entity, funnel["ID"])
    }


def result_choices(portal: Portal, steps: list[Step]) -> dict[str, str]:
    """Return what the actions of these steps return: ``name:result`` → action and result."""
    found: dict[str, str] = {}
    late = _("no answer in time (1)")
    for one in activities_of(steps):
        registered = processes_of(portal).activities.installed(one.activity)
        action = action_title(registered, one.activity)
        results = registered.return_properties if registered else {}
        found |= {
            f"{one.name}:{key}": f"{action} · {title_of(key, declared)}"
            for key, declared in results.items()
        }
        found[f"{one.name}:IsTimeout"] = f"{action} · {late}"
    return found


def action_title(registered: Registered | None, code: str) -> str:
    """Return the name that an application gave its action."""
    return (registered.text("NAME", language()) if registered else "") or code


def comparisons() -> dict[str, str]:
    """Return how a condition can compare."""
    return {
        "is": _("is"),
        "is_not": _("is not"),
        "at_least": _("is at least"),
        "at_most": _("is at most"),
        "more_than": _("is more than"),
        "less_than": _("is less than"),
        "empty": _("is empty"),
        "filled": _("has a value"),
    }


def _asked(title: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"Name": title, "Type": kind, **more}


def _choice(
    title: str, options: Mapping[str, str], default: str = "", **more: Any
) -> dict[str, Any]:
    return _asked(title, "select", Options=dict(options), Default=default, **more)


def _duration(title: str, default: str, **more: Any) -> Declared:
    units = {
        "seconds": _("seconds"),
        "minutes": _("minutes"),
        "hours": _("hours"),
        "days": _("days"),
    }
    return {
        "number": _asked(title, "double", Default=default, Required="Y", **more),
        "unit": _choice(_("Unit"), units, "minutes", Required="Y"),
    }


def own_settings(portal: Portal, document: str, before: list[Step], kind: str) -> Declared:
    """Return what one of the portal's own steps asks for; ``before`` are the steps before it."""
    reached = stage_choices(portal, document)
    match kind:
        case "condition":
            return {
                "result": _choice(_("Result"), result_choices(portal, before), Required="Y"),
                "comparison": _choice(_("Comparison"), comparisons(), "is", Required="Y"),
                "value": _asked(_("Value to compare with")),
                "then": _choice(_("If so, move to"), reached, Required="Y"),
                "otherwise": _choice(
                    _("If not, move to"), reached, Description=_("Empty: go on without moving.")
                ),
            }
        case "set_stage":
            return {"stage": _choice(_("Stage"), reached, Required="Y")}
        case "notify":
            return {
                "user": _asked(
                    _("Whom"), "user", Required="Y", Default="{=Document:ASSIGNED_BY_ID}"
                ),
                "message": _asked(
                    _("Message"),
                    "text",
                    Required="Y",
                    Description=_("{=Document:TITLE} is the title of the record."),
                ),
            }
        case "wait":
            return _duration(_("How long"), "1")
        case "log":
            return {"message": _asked(_("Message"), "text", Required="Y")}
    return {}


def action_settings(registered: Registered) -> Declared:
    """Return what the portal itself asks for when an application's action is added."""
    waits = {"Y": _("Always waits for the answer."), "N": _("Never waits for an answer.")}
    fixed = waits.get(registered.use_subscription)
    if fixed == waits["N"]:
        return {}
    limit = _duration(_("Time-out"), "5", Description=_("0 waits for as long as it takes."))
    if fixed:
        return limit
    return {"wait": _asked(_("Wait for the answer"), "bool", Required="Y", Default="Y"), **limit}


def shown_duration(seconds: float) -> tuple[str, str]:
    """Return a duration as number and unit, in the largest unit that takes it whole."""
    for unit in ("days", "hours", "minutes"):
        if seconds and seconds % UNITS[unit] == 0:
            return f"{seconds / UNITS[unit]:g}", unit
    return f"{seconds:g}", "seconds"


def values_of(step: Step) -> Values:
    """Return a step's settings by the names of its form; a condition is not changed, but made."""
    if isinstance(step, Activity):
        number, unit = shown_duration(step.timeout)
        own = {"wait": "Y" if step.wait else "N", "number": number, "unit": unit}
        held: Values = {f"step[{key}]": value for key, value in own.items()}
        return held | {
            f"properties[{key}]": [str(one) for one in value]
            if isinstance(value, list)
            else str(value)
            for key, value in step.properties.items()
        }
    if isinstance(step, SetStage):
        return {"step[stage]": step.set_stage}
    if isinstance(step, Notify):
        user = str(step.notify)
        return {
            "step[user]": f"user_{user}" if user.isdecimal() else user,
            "step[message]": step.message,
        }
    if isinstance(step, Wait):
        number, unit = shown_duration(step.wait)
        return {"step[number]": number, "step[unit]": unit}
    return {"step[message]": step.log} if isinstance(step, Log) else {}


def kind_of(step: Step) -> str:
    """Return the kind of one of the portal's own steps, "" for an application's action."""
    kinds = {Choose: "condition", SetStage: "set_stage", Notify: "notify", Wait: "wait", Log: "log"}
    return kinds.get(type(step), "")


def problems_of(kind: str, values: Values) -> dict[str, str]:
    """Return what is wrong with settings that are good each for itself, by their names."""
    found: dict[str, str] = {}
    number = _number(values.get("step[number]", "0"))
    unit = UNITS.get(str(values.get("step[unit]")), 1)
    if number is None or not 0 <= number * unit <= LONGEST_WAIT:
        found["step[number]"] = _("Between 0 and 365 days.")
    numeric = kind == "condition" and values.get("step[comparison]") in _NUMERIC
    if numeric and _number(values.get("step[value]", "")) is None:
        found["step[value]"] = _("A number is compared with a number.")
    return found


def _number(text: object) -> float | None:
    try:
        number = float(str(text).replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds(values: Values) -> float:
    return (_number(values["step[number]"]) or 0) * UNITS[str(values["step[unit]"])]


def made(portal: Portal, kind: str, values: Values, before: list[Step]) -> Step:
    """Return one of the portal's own steps from good settings."""
    own = {name[5:-1]: str(value) for name, value in values.items() if name.startswith("step[")}
    match kind:
        case "set_stage":
            return SetStage(set_stage=own["stage"])
        case "notify":
            return Notify(notify=own["user"].removeprefix("user_"), message=own["message"])
        case "wait":
            return Wait(wait=_seconds(values))
        case "log":
            return Log(log=own["message"])
    return _condition(portal, own, before)


def _condition(portal: Portal, own: Mapping[str, str], before: list[Step]) -> Choose:
    value, comparison = own.get("value", ""), own["comparison"]
    compared: dict[str, Any] = {comparison: value}
    if comparison in _NUMERIC:
        compared = {comparison: _number(value)}
    elif comparison in ("empty", "filled"):
        compared, value = {"empty": comparison == "empty"}, ""
    condition = Condition.model_validate({"value": f"{{={own['result']}}}", **compared})

    def words() -> str:
        result = result_choices(portal, before).get(own["result"], own["result"])
        return f"{result} {comparisons()[comparison]} {value}".strip()

    def titled(make: Any) -> Titles:
        texts = {}
        for code in LANGUAGES:
            with use_language(code):
                texts[code] = str(make())
        return Titles(**texts)

    otherwise: list[Step] = [SetStage(set_stage=own["otherwise"])] if own.get("otherwise") else []
    return Choose(
        choose=[
            Case(
                case="yes", title=titled(words), when=[condition],
                steps=[SetStage(set_stage=own["then"])],
            ),
            Case(case="no", title=titled(lambda: _("otherwise")), steps=otherwise),
        ]
    )  # fmt: skip


def made_action(code: str, name: str, values: Values) -> Activity:
    """Return the step that calls an application's action."""
    properties = {
        key[11:-1]: value for key, value in values.items() if key.startswith("properties[")
    }
    return Activity(
        activity=code,
        name=name,
        properties=properties,
        wait=values.get("step[wait]", "Y") == "Y",
        timeout=_seconds(values) if "step[number]" in values else 0,
    )


def free_name(steps: list[Step]) -> str:
    """Return a name for a new action's results that no step has yet."""
    taken = set(result_names(steps))
    return next(f"action{n}" for n in range(1, len(taken) + 2) if f"action{n}" not in taken)
