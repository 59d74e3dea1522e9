"""Templates of requisites and the fields that each shows: crm.requisite.preset.*.

Everybody reads them; whoever sees all contacts and companies changes them.
"""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm.field_descriptions import describe_all
from workbench.bitrix24.sandbox.crm.records import full_row, identity, list_records
from workbench.bitrix24.sandbox.memory.fields import Field, Row, positive
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.requisites import requisites
from workbench.bitrix24.sandbox.requisites.requisite_methods import undefined
from workbench.bitrix24.sandbox.requisites.requisites import PRESETS
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method

USED = "You cannot delete the template because requisites have already been created for it"
WRITABLE = ("NAME", "XML_ID", "ACTIVE", "SORT")


def _editor(call: Call) -> None:
    if rights.colleagues(call.state, call.caller.user_id) is not None:
        raise Refusal("", "Access denied.")


def _preset(call: Call, number: int) -> Row:
    for row in requisites.presets(call.state):
        if row["ID"] == number:
            return row
    raise Refusal("", f"The Preset with ID '{number}' is not found")


@method("crm.requisite.preset.list", scope="crm")
def list_presets(call: Call) -> Page:
    """The templates."""
    requisites.presets(call.state)
    return list_records(call, PRESETS)


@method("crm.requisite.preset.get", scope="crm")
def get_preset(call: Call) -> Row:
    """One template."""
    number = identity(call)
    _preset(call, number)
    return full_row(call, PRESETS, number)


@method("crm.requisite.preset.fields", scope="crm")
def preset_fields(_call: Call) -> dict[str, Row]:
    """The fields of a template."""
    return describe_all(PRESETS.fields)


@method("crm.requisite.preset.countries", scope="crm")
def countries(_call: Call) -> list[Row]:
    """The countries that templates exist for."""
    return [
        {"ID": number, "CODE": code, "TITLE": title} for number, code, title in requisites.COUNTRIES
    ]


def _values(call: Call) -> Row:
    given = {str(k).upper(): v for k, v in call.array("fields").items()}
    keep = call.state.keepers("requisite_presets")
    try:
        return {k: keep[k](v) for k, v in given.items() if k in (*WRITABLE, "COUNTRY_ID")}
    except (ValueError, TypeError, OverflowError):
        raise Refusal("", "Invalid value") from None


@method("crm.requisite.preset.add", scope="crm")
def add_preset(call: Call) -> int:
    """A new template."""
    _editor(call)
    given = {str(k).upper(): v for k, v in call.array("fields").items()}
    if positive(given.get("ENTITY_TYPE_ID")) != requisites.TYPE_ID:
        raise undefined("ENTITY_TYPE_ID")
    if positive(given.get("COUNTRY_ID")) not in [number for number, *_ in requisites.COUNTRIES]:
        raise undefined("COUNTRY_ID")
    if not given.get("NAME"):
        raise undefined("NAME")
    requisites.presets(call.state)
    return call.state.add(
        "requisite_presets",
        {
            "SORT": 500, "ACTIVE": "Y", **_values(call), "ENTITY_TYPE_ID": requisites.TYPE_ID,
            "DATE_CREATE": call.state.timestamp(), "CREATED_BY_ID": call.caller.user_id,
            "FIELDS": [],
        },
    )  # fmt: skip


@method("crm.requisite.preset.update", scope="crm")
def update_preset(call: Call) -> bool:
    """Change a template."""
    _editor(call)
    row = _preset(call, identity(call))
    changes = {k: v for k, v in _values(call).items() if k in WRITABLE}
    stamp = {"DATE_MODIFY": call.state.timestamp(), "MODIFY_BY_ID": call.caller.user_id}
    return call.state.update("requisite_presets", row["ID"], {**changes, **stamp})


@method("crm.requisite.preset.delete", scope="crm")
def delete_preset(call: Call) -> bool:
    """Delete a template by which nothing was made."""
    _editor(call)
    number = _preset(call, identity(call))["ID"]
    if call.state.count("requisites", {"PRESET_ID": number}):
        raise Refusal("", USED)
    return call.state.delete("requisite_presets", number)


# -- the fields of a template -------------------------------------------------------------

SHOWN = (
    Field("ID", "integer", readonly=True),
    Field("FIELD_NAME", required=True),
    Field("FIELD_TITLE"),
    Field("SORT", "integer"),
    Field("IN_SHORT_LIST", "char"),
)


def _of(call: Call) -> Row:
    given = call.mapping("preset")
    number = positive(next((v for k, v in given.items() if str(k).upper() == "ID"), 0))
    if not number:
        raise undefined("ID")
    return _preset(call, number)


def _one(call: Call, preset: Row) -> Row:
    number = identity(call)
    for field in preset.get("FIELDS") or []:
        if field["ID"] == number:
            return dict(field)
    raise Refusal("", f"The PresetField with ID '{number}' is not found")


def _available(call: Call, preset: Row) -> list[str]:
    taken = {field["FIELD_NAME"] for field in preset.get("FIELDS") or []}
    own = [f.name for f in call.state.fields("requisites") if f.dynamic]
    names = [*(f.name for f in requisites.DETAILS), "RQ_ADDR", *own]
    return [name for name in names if name not in taken]


def _written(call: Call, preset: Row, fields: list[Row]) -> None:
    call.state.update("requisite_presets", preset["ID"], {"FIELDS": fields})


def _given(call: Call) -> Row:
    given = {str(k).upper(): v for k, v in call.array("fields").items()}
    result: Row = {k: str(given[k]) for k in ("FIELD_NAME", "FIELD_TITLE") if k in given}
    if "SORT" in given:
        result["SORT"] = positive(given["SORT"])
    if "IN_SHORT_LIST" in given:
        result["IN_SHORT_LIST"] = "Y" if str(given["IN_SHORT_LIST"]).upper() == "Y" else "N"
    return result


@method("crm.requisite.preset.field.list", scope="crm")
def list_fields(call: Call) -> Page:
    """The fields of a template, all on one page."""
    rows = sorted(_of(call).get("FIELDS") or [], key=lambda field: int(field["SORT"]))
    return Page(rows, len(rows), None, rows=len(rows))


@method("crm.requisite.preset.field.get", scope="crm")
def get_field(call: Call) -> Row:
    """One field of a template."""
    return _one(call, _of(call))


@method("crm.requisite.preset.field.fields", scope="crm")
def fields_of_field(_call: Call) -> dict[str, Row]:
    """The fields of a template's field."""
    return describe_all(SHOWN)


@method("crm.requisite.preset.field.availabletoadd", scope="crm")
def available_fields(call: Call) -> list[str]:
    """The names that a template does not show yet."""
    try:
        return _available(call, _of(call))
    except Refusal:
        raise Refusal("", "Template not found.") from None


@method("crm.requisite.preset.field.add", scope="crm")
def add_field(call: Call) -> int:
    """Show one more field."""
    _editor(call)
    preset, given = _of(call), _given(call)
    name = given.get("FIELD_NAME") or ""
    if name not in _available(call, preset):
        raise Refusal("", f"The field '{name}' can not be added.")
    present = preset.get("FIELDS") or []
    number = 1 + max((field["ID"] for field in present), default=0)
    base = {"ID": number, "FIELD_TITLE": "", "IN_SHORT_LIST": "N", "SORT": 500 + 10 * number}
    _written(call, preset, [*present, {**base, **given}])
    return number


@method("crm.requisite.preset.field.update", scope="crm")
def update_field(call: Call) -> bool:
    """Change how a field is shown."""
    _editor(call)
    preset = _of(call)
    field = {**_one(call, preset), **_given(call)}
    rest = [f for f in preset.get("FIELDS") or [] if f["ID"] != field["ID"]]
    _written(call, preset, [*rest, field])
    return True


@method("crm.requisite.preset.field.delete", scope="crm")
def delete_field(call: Call) -> bool:
    """Show a field no more."""
    _editor(call)
    preset = _of(call)
    field = _one(call, preset)
    _written(call, preset, [f for f in preset.get("FIELDS") or [] if f["ID"] != field["ID"]])
    return True
