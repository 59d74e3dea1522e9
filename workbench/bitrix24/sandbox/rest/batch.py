"""``batch``: up to fifty calls in one request, later ones using the results of earlier ones."""

from __future__ import annotations

import re
from typing import Any

from workbench.bitrix24.sandbox.rest import forms
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal

LIMIT = 50
LONGEST = 1_000_000  # letters of the results that are put into the texts of one command
_WHOLE = re.compile(r"^\$result((?:\[[^\]]*\])+)$")
_PART = re.compile(r"\$result((?:\[[^\]]{0,250}\])+)")
_STEP = re.compile(r"\[([^\]]*)\]")
_PLACE = re.compile(r"^[0-9]{1,9}$")
_MISSING = object()


def section(values: dict[str, Any]) -> Any:
    """A section as PHP writes it: ``[]`` when empty, an array for the keys 0…n-1."""
    if all(key == str(place) for place, key in enumerate(values)):
        return list(values.values())
    return values


def _find(results: dict[str, Any], path: str) -> Any:
    at: Any = results
    for step in _STEP.findall(path):
        if isinstance(at, dict):
            at = at.get(step, _MISSING)
        elif isinstance(at, list) and _PLACE.match(step) and int(step) < len(at):
            at = at[int(step)]
        else:
            return _MISSING
        if at is _MISSING:
            return _MISSING
    return at


class _Room:
    """The letters that the results put into one command may have."""

    def __init__(self) -> None:
        self.left = LONGEST

    def take(self, text: str) -> str:
        """Refuse what is too much."""
        self.left -= len(text)
        if self.left < 0:
            raise Refusal("INVALID_REQUEST", "Request entity is too large", 413)
        return text


def resolve(value: Any, results: dict[str, Any], room: _Room | None = None) -> Any:
    """Put earlier results in the place of ``$result[key][path]``; what is not there stays text."""
    room = room or _Room()
    if isinstance(value, dict):
        return {
            resolve(key, results, room): resolve(item, results, room) for key, item in value.items()
        }
    if isinstance(value, list):
        return [resolve(item, results, room) for item in value]
    if not isinstance(value, str) or "$result[" not in value:
        return value
    whole = _WHOLE.match(value)
    if whole:
        found = _find(results, whole[1])
        return value if found is _MISSING else found

    def insert(match: re.Match[str]) -> str:
        found = _find(results, match[1])
        if found is _MISSING or isinstance(found, dict | list):
            return match[0]
        return "" if found is None else room.take(str(found))

    return _PART.sub(insert, value)


def run(call: Call) -> dict[str, Any]:
    """Run the commands of a batch in their order; the five sections of its result."""
    commands = call.get("cmd")
    if isinstance(commands, list):
        commands = {str(place): command for place, command in enumerate(commands)}
    if not isinstance(commands, dict):
        raise Refusal("", "Parameter 'cmd' must be array.")
    halt = str(call.get("halt") or "0").lower() in ("1", "true", "y")
    results: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    totals: dict[str, Any] = {}
    following: dict[str, Any] = {}
    times: dict[str, Any] = {}
    for place, (key, command) in enumerate(commands.items()):
        try:
            if place >= LIMIT:
                raise Refusal("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
            method, _question, query = str(command).partition("?")
            # Brackets of a reference are part of the value, so the query is read first.
            params = resolve(forms.parse(query), results)
            answer, spent = call.portal.perform(method.strip().lstrip("/"), params, call)
        except Refusal as refusal:
            errors[key] = {
                "error": refusal.code,
                "error_description": refusal.text,
                **refusal.extra,
            }
            if halt:
                break
            continue
        results[key] = answer.result
        if answer.total is not None:
            totals[key] = answer.total
        if answer.next is not None:
            following[key] = answer.next
        times[key] = spent
    return {
        "result": section(results),
        "result_error": section(errors),
        "result_total": section(totals),
        "result_next": section(following),
        "result_time": section(times),
    }
