"""Currencies and their rates against the base currency."""

from __future__ import annotations

from typing import Any

from workbench.bitrix24.sandbox.crm import crm
from workbench.bitrix24.sandbox.crm.field_descriptions import describe, describe_all
from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row, old_form
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method

CURRENCIES = Entity(
    "currencies",
    (
        Field("RECORD", "integer", readonly=True, hidden=True),
        Field("CURRENCY", required=True),
        Field("AMOUNT_CNT", "integer", default=1),
        Field("AMOUNT", "double", decimals=4, default=1.0),
        Field("SORT", "integer", default=100),
        Field("BASE", "char", default="N"),
        Field("FULL_NAME"),
        Field("LID", default="fr"),
        Field("FORMAT_STRING", default="# €"),
        Field("DEC_POINT", default=","),
        Field("THOUSANDS_SEP", default="&nbsp;"),
        Field("DECIMALS", "integer", default=2),
        Field("DATE_UPDATE", "datetime", readonly=True),
        Field("LANG", "json", hidden=True),
    ),
    key="RECORD",
    event="CURRENCY",
    modified="DATE_UPDATE",
    created="",
    created_by="",
    modified_by="",
)


REQUIRED = ("CURRENCY", "AMOUNT_CNT", "AMOUNT")
# What a language says about a currency, with what holds if it does not.
LOCALIZED: dict[str, str | None] = {
    "FORMAT_STRING": "#", "FULL_NAME": "", "DEC_POINT": ".", "THOUSANDS_SEP": None,
    "DECIMALS": "2", "THOUSANDS_VARIANT": "C", "HIDE_ZERO": "Y",
}  # fmt: skip


def _currency(call: Call, row: Row) -> Row:
    keep = call.state.keepers("currencies")
    result: Row = {}
    for field in CURRENCIES.fields:
        if not field.hidden:
            value = row[field.name]
            form = old_form(field, call.state.clock)
            stored = None if value is None else keep[field.name](value)
            result[field.name] = stored if form is None else form(stored)
    return result


def _one(call: Call, code: Any = None) -> Row:
    code = str((call.get("id") if code is None else code) or "").upper()
    if not code:
        raise Refusal("", "The parameter id is invalid or not defined.")
    found = call.state.find("currencies", {"CURRENCY": code}, limit=1)
    if not found:
        raise Refusal("", "Not found")
    return found[0]


def _administrator(call: Call) -> None:
    if not rights.is_admin(call.state, call.caller.user_id):
        raise Refusal("", "Access denied.")


@method("crm.currency.list", scope="crm")
def list_currencies(call: Call) -> Page:
    """All currencies; ``total`` is always 0, as on the portal."""
    rows = [_currency(call, row) for row in call.state.find("currencies", order=[("SORT", "ASC")])]
    return Page(rows, 0, None, rows=len(rows))


@method("crm.currency.get", scope="crm")
def get_currency(call: Call) -> Row:
    """One currency by its code, with its names and formats by language."""
    row = _one(call)
    return {**_currency(call, row), "LANG": row.get("LANG") or {}}


@method("crm.currency.base.get", scope="crm")
def get_base(call: Call) -> str:
    """The base currency's code."""
    return crm.base_currency(call.state)


@method("crm.currency.base.set", scope="crm")
def set_base(call: Call) -> bool:
    """Make another currency the base one."""
    _administrator(call)
    chosen = _one(call)
    for row in call.state.find("currencies"):
        is_base = "Y" if row["RECORD"] == chosen["RECORD"] else "N"
        call.state.update("currencies", row["RECORD"], {"BASE": is_base})
    return True


@method("crm.currency.fields", scope="crm")
def currency_fields(call: Call) -> dict[str, Row]:
    """The fields of a currency."""
    lang = describe(Field("LANG", "currency_localization", multiple=True))
    return {**describe_all(CURRENCIES.fields), "LANG": lang}


def _values(call: Call) -> Row:
    given = {k.upper(): v for k, v in call.array("fields").items()}
    names = {
        f.name for f in CURRENCIES.fields if not f.hidden and not f.readonly and f.name != "BASE"
    }
    values = {k: v for k, v in given.items() if k in names}
    if isinstance(given.get("LANG"), dict):
        values["LANG"] = _languages(given["LANG"])
    return values


def _languages(given: Row) -> Row:
    return {
        str(language): {name: _localized(name, formats) for name in LOCALIZED}
        for language, formats in given.items()
        if isinstance(formats, dict)
    }


def _localized(name: str, given: Row) -> str | None:
    value = given.get(name, LOCALIZED[name])
    return None if value is None else str(value)


@method("crm.currency.add", scope="crm")
def add_currency(call: Call) -> str:
    """A new currency; the answer is its code."""
    _administrator(call)
    values = _values(call)
    for name in REQUIRED:
        if values.get(name) in (None, ""):
            # Words of the portal's own language, in which it finds no such value.
            raise Refusal("ERROR_CORE", f'Undefined array key "{name}"')
    code = str(values.get("CURRENCY") or "").upper()
    if len(code) != 3 or not code.isalpha() or not code.isascii():
        raise Refusal("", "The field CURRENCY is required.")
    if call.state.count("currencies", {"CURRENCY": code}):
        raise Refusal("", "This currency exists already.")
    crm.add(call.state, "currencies", {**values, "CURRENCY": code}, actor=call.caller.user_id)
    return code


@method("crm.currency.update", scope="crm")
def update_currency(call: Call) -> bool:
    """Change a currency's rate or names."""
    _administrator(call)
    row = _one(call)
    values = {k: v for k, v in _values(call).items() if k != "CURRENCY"}
    try:
        crm.update(call.state, "currencies", row["RECORD"], values, actor=call.caller.user_id)
    except ValueError as error:
        raise Refusal("", f"Invalid value: {error}") from None
    return True


# -- names and formats by language ----------------------------------------------------------


@method("crm.currency.localizations.fields", scope="crm")
def localization_fields(_call: Call) -> dict[str, Row]:
    """What a language may say about a currency."""
    kinds = {"DECIMALS": "int", "HIDE_ZERO": "char"}
    return {name: describe(Field(name, kinds.get(name, "string"))) for name in LOCALIZED}


@method("crm.currency.localizations.get", scope="crm")
def get_localizations(call: Call) -> Row:
    """What each language says about a currency."""
    return _one(call).get("LANG") or {}


@method("crm.currency.localizations.set", scope="crm")
def set_localizations(call: Call) -> bool:
    """Let languages say something about a currency; the others stay."""
    _administrator(call)
    row = _one(call)
    said = _languages(call.structure("localizations", required=True))
    lang = {**(row.get("LANG") or {}), **said}
    return call.state.update("currencies", row["RECORD"], {"LANG": lang})


@method("crm.currency.localizations.delete", scope="crm")
def delete_localizations(call: Call) -> bool:
    """Forget what some languages (``lids``) say about a currency."""
    _administrator(call)
    row = _one(call)
    gone = call.get("lids")
    gone = list(gone.values()) if isinstance(gone, dict) else gone
    gone = {str(each) for each in (gone if isinstance(gone, list) else [gone])}
    kept = {k: v for k, v in (row.get("LANG") or {}).items() if k not in gone}
    return call.state.update("currencies", row["RECORD"], {"LANG": kept})


@method("crm.currency.delete", scope="crm")
def delete_currency(call: Call) -> bool:
    """Delete a currency that is not the base one."""
    _administrator(call)
    row = _one(call)
    if row["BASE"] == "Y":
        raise Refusal("", "Cannot delete base currency.")
    return crm.delete(call.state, "currencies", row["RECORD"], actor=call.caller.user_id)
