"""The funnels of deals in the old form: crm.dealcategory.*. The general one is not among them."""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm import directories, stages
from workbench.bitrix24.sandbox.crm.field_descriptions import describe_all
from workbench.bitrix24.sandbox.crm.records import identity
from workbench.bitrix24.sandbox.memory.fields import Field, Row
from workbench.bitrix24.sandbox.rest.methods import Call, Page, Refusal, method, page

DEALS = 2  # entityTypeId
FIELDS = (
    Field("ID", "integer", readonly=True),
    Field("CREATED_DATE", "date", readonly=True),
    Field("NAME", required=True),
    Field("IS_LOCKED", "char", readonly=True),
    Field("SORT", "integer"),
)


def _sent(row: Row) -> Row:
    return {
        "ID": str(row["ID"]),
        "CREATED_DATE": "",
        "NAME": row["NAME"],
        "IS_LOCKED": "N",
        "SORT": str(row["SORT"]),
    }


def _one(call: Call, number: int) -> Row:
    for row in directories.categories(call, DEALS):
        if row["ID"] == number and number:
            return row
    raise Refusal("", "Not found")


@method("crm.dealcategory.list", scope="crm")
def list_categories(call: Call) -> Page:
    """The funnels."""
    return page(call, [_sent(row) for row in directories.categories(call, DEALS) if row["ID"]])


@method("crm.dealcategory.get", scope="crm")
def get_category(call: Call) -> Row:
    """One funnel."""
    return _sent(_one(call, identity(call)))


@method("crm.dealcategory.fields", scope="crm")
def category_fields(_call: Call) -> dict[str, Row]:
    """The fields of a funnel."""
    return describe_all(FIELDS)


def _as_universal(call: Call) -> None:
    """Let the universal method read this call."""
    given = {str(k).upper(): v for k, v in call.array("fields").items()}
    names = {"NAME": "name", "SORT": "sort"}
    call.params["fields"] = {names[k]: v for k, v in given.items() if k in names}
    call.params["entitytypeid"] = DEALS


@method("crm.dealcategory.add", scope="crm")
def add_category(call: Call) -> int:
    """A new funnel, with the usual stages."""
    _as_universal(call)
    return int(directories.add_category(call)["category"]["id"])


@method("crm.dealcategory.update", scope="crm")
def update_category(call: Call) -> bool:
    """Change a funnel's name or order."""
    _one(call, identity(call))
    _as_universal(call)
    directories.update_category(call)
    return True


@method("crm.dealcategory.delete", scope="crm")
def delete_category(call: Call) -> bool:
    """Delete a funnel without deals."""
    _one(call, identity(call))
    call.params["entitytypeid"] = DEALS
    directories.delete_category(call)
    return True


@method("crm.dealcategory.status", scope="crm")
def directory_of_category(call: Call) -> str:
    """The directory that holds the stages of a funnel: ``DEAL_STAGE_1``."""
    number = call.number("id", 0) or 0
    if number:
        _one(call, number)
    return stages.directory_of(call.state.entities["deals"], number)


@method("crm.dealcategory.stage.list", scope="crm")
def list_stages(call: Call) -> list[Row]:
    """The stages of one funnel."""
    entity = call.state.entities["deals"]
    return [
        {"NAME": row["NAME"], "SORT": row["SORT"], "STATUS_ID": row["STATUS_ID"]}
        for row in stages.stages(call.state, entity, call.number("id", 0))
    ]


@method("crm.dealcategory.default.get", scope="crm")
def get_general(call: Call) -> Row:
    """The general funnel, whose number is 0."""
    for row in directories.categories(call, DEALS):
        if row["ID"] == 0:
            return {"ID": 0, "NAME": row["NAME"]}
    raise Refusal("", "Not found")


@method("crm.dealcategory.default.set", scope="crm")
def rename_general(call: Call) -> bool:
    """Give the general funnel another name."""
    call.params |= {
        "id": 0,
        "entitytypeid": DEALS,
        "fields": {"name": str(call.get("name") or "")},
    }
    if not call.get("name"):
        raise Refusal("", "The parameter 'name' is not specified.")
    directories.update_category(call)
    return True
