"""The registry of REST methods: each says its name, its scope and what answers it.

    @method("crm.deal.list", scope="crm")
    def list_deals(call: Call) -> Page: ...

A handler gets a `Call` and returns what goes under ``result`` — or a `Page`, whose ``total`` and
``next`` stand beside it. It refuses by raising `Refusal`. Handlers are ordinary functions, quick
and called one at a time; an ``async`` one may wait for something outside (not within a batch).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.bitrix24.sandbox.rest.accounts import Spent

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State
    from workbench.bitrix24.sandbox.portal import Portal

PAGE = 50


class Refusal(Exception):
    """An error answer: Bitrix24's code and text, the HTTP status, further keys of the body."""

    def __init__(self, code: str | int, text: str = "", status: int = 400, **extra: Any) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.status = status
        self.extra = extra


@dataclass(frozen=True)
class Caller:
    """Who calls: a user through an incoming webhook (``client_id`` empty) or an application."""

    user_id: int
    scopes: frozenset[str]
    client_id: str = ""
    key: str = dataclass_field(default="", repr=False)  # tells callers apart in the accounts
    application: Any = None

    @property
    def is_webhook(self) -> bool:
        """Whether the call came through an incoming webhook."""
        return not self.client_id


@dataclass
class Call:
    """One call of a method. ``params`` has lower-case top-level names; `raw` keeps them as sent."""

    portal: Portal
    caller: Caller
    method: str
    params: dict[str, Any]
    raw: dict[str, Any]
    #: What the HTTP request has cost so far.
    spent: Spent = dataclass_field(default_factory=Spent)

    @property
    def state(self) -> State:
        """The portal's records."""
        return self.portal.state

    def get(self, name: str, default: Any = None) -> Any:
        """The parameter of this name in any case."""
        return self.params.get(name.lower(), default)

    def structure(self, name: str, *, required: bool = False) -> dict[str, Any]:
        """A map or list of a universal method, as a map. Refuses anything else as these do."""
        value = self.get(name)
        if required and value is None:
            raise Refusal("100", f"Could not find value for parameter {{{name}}}")
        if value not in (None, "") and not isinstance(value, dict | list):
            text = f"Invalid value {{{value}}}"[:100] + f" to match with parameter {{{name}}}. "
            raise Refusal("100", f"{text}Should be value of type array.")
        return self.mapping(name)

    def mapping(self, name: str) -> dict[str, Any]:
        """A parameter that is a map; ``[]`` and ``""`` count as empty. Refuses anything else."""
        value = self.get(name)
        if value is None or value == "" or value == []:
            return {}
        if isinstance(value, list):
            return {str(place): item for place, item in enumerate(value)}
        if not isinstance(value, dict):
            raise Refusal("", f"Parameter '{name}' must be array.")
        return value

    def array(self, name: str) -> dict[str, Any]:
        """A map that an old CRM method needs. Refuses its absence as it refuses anything else."""
        if self.get(name) is None:
            raise Refusal("", f"Parameter '{name}' must be array.")
        return self.mapping(name)

    def number(self, name: str, default: int | None = None) -> int | None:
        """A parameter that is a whole number of 64 bits; ``default`` if absent or none."""
        value = self.get(name)
        if isinstance(value, bool) or value is None or isinstance(value, list | dict):
            return default
        try:
            number = int(str(value).strip())
        except ValueError:
            return default
        return number if -(2**63) <= number < 2**63 else default

    @property
    def connector(self) -> str:
        """The ``auth_connector`` of a write, which keeps it out of that offline queue."""
        return str(self.get("auth_connector") or "")


@dataclass
class Page:
    """A list answer: rows, how many there are in all, and where the next page starts.

    ``total`` None leaves the count out. ``counted`` is the size of the table that was counted, 0 if
    no count was made; the accounts charge for it.
    """

    result: Any
    total: int | None = None
    next: int | None = None
    rows: int = 0
    counted: int = 0


Handler = Callable[[Call], Any]
Decorated = TypeVar("Decorated", bound=Handler)


@dataclass(frozen=True)
class Method:
    """One REST method."""

    name: str
    scope: str
    handler: Handler
    batch: bool = True


METHODS: dict[str, Method] = {}
BASIC = "basic"


def method(
    name: str, *, scope: str = BASIC, batch: bool = True
) -> Callable[[Decorated], Decorated]:
    """Register a handler; several may be stacked. ``batch=False`` forbids it inside a batch."""

    def register(handler: Decorated) -> Decorated:
        METHODS[name.lower()] = Method(name, scope, handler, batch)
        return handler

    return register


def start_of(call: Call) -> int:
    """The ``start`` parameter: 0 or more, or -1 for a page without count."""
    start = call.number("start", 0)
    return -1 if start is not None and start < 0 else start or 0


def page(call: Call, rows: list[Any], total: int | None = None) -> Page:
    """Cut a whole list into the asked page of 50."""
    start = max(0, start_of(call))
    total = len(rows) if total is None else total
    part = rows[start : start + PAGE]
    more = start + PAGE if start + PAGE < total else None
    return Page(part, total, more, rows=len(part))


def lowered(params: Mapping[str, Any]) -> dict[str, Any]:
    """Top-level parameter names in lower case; the last spelling wins.

    A ``select`` that is one number or truth value is a list of it, as PHP's cast makes it.
    """
    given = {str(key).lower(): value for key, value in params.items()}
    if isinstance(given.get("select"), int | float):
        given["select"] = [str(given["select"])]
    return given
