"""What the universal methods say of filters and orders that name no field or hold no value."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.bitrix24.sandbox.memory.fields import Field
from workbench.bitrix24.sandbox.memory.filters import BadFilter
from workbench.bitrix24.sandbox.rest.methods import Call, Refusal

CODE = "INVALID_ARG_VALUE"


def refuse_filter(error: BadFilter) -> Refusal:
    """The answer to a filter that cannot be understood."""
    what = "is not allowed in filter" if error.unknown else "has invalid value"
    return Refusal(CODE, f"Invalid filter: field '{error.field}' {what}")


def strict_order(call: Call, names: Mapping[str, Field]) -> dict[str, str]:
    """The call's ``order`` as column → direction. Refuses unknown fields and directions."""
    result = {}
    for name, way in call.structure("order").items():
        field = names.get(str(name))
        if field is None or not field.orders:
            raise Refusal(CODE, f"Invalid order: field '{name}' is not allowed in order")
        if str(way).upper() not in ("ASC", "DESC"):
            raise Refusal(
                CODE,
                f"Invalid order: allowed sort directions are ASC, DESC. But got '{way}' "
                f"for field '{name}'",
            )
        result[field.name] = str(way).upper()
    return result
