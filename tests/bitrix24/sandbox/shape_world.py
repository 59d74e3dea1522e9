"""The portal that the calls of `shape_calls` are made to, and what they have in common."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cached_property
from typing import Any

OLD = ("crm.lead", "crm.deal", "crm.contact", "crm.company", "crm.quote")
PHONE = [{"VALUE": "+33 1 40 00 00 00", "VALUE_TYPE": "WORK"}]
EMAIL = [{"VALUE": "a@atelier.example", "VALUE_TYPE": "WORK"}]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
READ_ONLY = {
    "ID", "DATE_CREATE", "DATE_MODIFY", "MOVED_TIME", "MOVED_BY_ID", "CREATED_BY_ID",
    "MODIFY_BY_ID", "LAST_ACTIVITY_TIME", "LAST_ACTIVITY_BY", "ASSIGNED_BY_ID", "COMPANY_ID",
    "CONTACT_ID", "STAGE_ID", "STATUS_ID", "CATEGORY_ID", "PHOTO", "LOGO", "TYPE_ID",
}  # fmt: skip


# What only an application may do.
AS_APPLICATION = ("telephony.externalcall.", "telephony.externalline.")


class World:
    """A portal filled over HTTP as the calls need it; every record is made at first use."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.number = 0

    def call(self, method: str, params: Any = None) -> Any:
        """Call as the method wants it: through the webhook, or as an application."""
        if not method.startswith(AS_APPLICATION):
            return self.client.call(method, params)
        given = {**(params or {}), "auth": self.token}
        return self.client.http.post(f"{self.client.base}/rest/{method}", json=given)

    def result(self, method: str, params: Any = None) -> Any:
        answer = self.call(method, params)
        body = answer.json()
        assert "result" in body, f"{method} {params}: {answer.status_code} {body}"
        return body["result"]

    def next(self) -> int:
        self.number += 1
        return self.number

    def add(self, family: str, example: Any = None) -> int:
        """A new record through ``FAMILY.add``; its id."""
        result = self.result(f"{family}.add", CALLS[f"{family}.add"](self, example))
        return identifier(result)

    @cached_property
    def token(self) -> str:
        return str(self.client.application("crm,telephony")["access_token"])

    @cached_property
    def contact(self) -> int:
        return self.add("crm.contact")

    @cached_property
    def company(self) -> int:
        return self.add("crm.company")

    @cached_property
    def deal(self) -> int:
        deal = self.add("crm.deal")
        self.result("crm.deal.productrows.set", {"id": deal, "rows": [row()]})
        return deal

    @cached_property
    def user(self) -> int:
        return self.add("user")

    @cached_property
    def type(self) -> int:
        """A smart process's entityTypeId."""
        found = self.result("crm.type.add", CALLS["crm.type.add"](self, None))
        return int(found["type"]["entityTypeId"])


def identifier(result: Any) -> int:
    """The id in the answer of an ``add``."""
    if isinstance(result, dict):
        inner = next((v for v in result.values() if isinstance(v, dict)), result)
        return int(inner.get("id") or inner["ID"])
    return int(result)


def row() -> dict[str, Any]:
    return {
        "PRODUCT_NAME": "Lampe", "PRICE": 120.5, "QUANTITY": 2, "MEASURE_CODE": 796,
        "MEASURE_NAME": "pcs", "TAX_RATE": 20, "TAX_INCLUDED": "Y", "DISCOUNT_RATE": 5,
    }  # fmt: skip


def values_of(example: Any) -> dict[str, Any]:
    """The example's own record as fields of a new one, so that the kinds can be compared."""
    found = (example or {}).get("result")
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, dict):
        return {}
    return {
        name: value
        for name, value in found.items()
        if name not in READ_ONLY
        and not name.startswith(("UF_", "PARENT_ID_"))
        and isinstance(value, str)
        and value
    }


def names_of(example: Any) -> list[str]:
    """The fields that the example's rows have: it was asked for these."""
    rows = (example or {}).get("result")
    if isinstance(rows, dict):
        rows = next((v for v in rows.values() if isinstance(v, list)), None)
    if isinstance(rows, list) and rows and isinstance(rows[0], dict):
        return list(dict.fromkeys(name for each in rows for name in each))
    return []


Params = Callable[[World, Any], Any]
CALLS: dict[str, Params] = {}


def nothing(_w: World, _e: Any) -> Any:
    return {}
