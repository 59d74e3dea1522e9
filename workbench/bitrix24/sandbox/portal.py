"""The running portal: its state with what lives only while it serves.

Extensions (applications, processes, pages) plug in here: a module named in `EXTENSIONS` is
imported, which registers its methods, and its ``attach(portal)`` is called before the
server starts. There it may set ``portal.state.authorize``, listen to changes, and append to
``portal.routes`` (Starlette routes) and ``portal.beside`` (work that runs while the portal serves).
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import logging
import re
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute

from workbench.bitrix24.sandbox import new_portal
from workbench.bitrix24.sandbox.crm import crm, stages
from workbench.bitrix24.sandbox.memory.fields import Unfit
from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.people import rights
from workbench.bitrix24.sandbox.rest import answers, faults
from workbench.bitrix24.sandbox.rest.accounts import (
    REQUEST_SECONDS,
    Accounts,
    OutOfTime,
    Spent,
    cost,
)
from workbench.bitrix24.sandbox.rest.faults import Faults, Rule
from workbench.bitrix24.sandbox.rest.methods import (
    BASIC,
    METHODS,
    Call,
    Caller,
    Method,
    Page,
    Refusal,
    lowered,
)
from workbench.i18n import _

log = logging.getLogger("workbench.sandbox")
# An id given twice; more conditions, or a longer text to look for, than it takes.
REFUSED_BY_SQLITE = re.compile("^UNIQUE|too (many|large|big|long|complex)|depth")

EXTENSIONS = (
    "applications.applications",
    "applications.events",
    "applications.placements",
    "processes.processes",
    "pages",
    "disk.disk_transfer",
    "crm.file_downloads",
)
# The catalogue of entities brings the others.
SUBJECTS = (
    "rest.portal_methods",
    "crm.items",
    "crm.item_imports",
    "crm.directories",
    "crm.stage_history",
    "crm.deal_categories",
    "crm.smart_types",
    "crm.user_field_configs",
    "crm.descriptions",
    "crm.enumerations",
    "crm.link_methods",
    "crm.duplicates",
    "timeline.comments",
    "timeline.activity_bindings",
    "timeline.todos",
    "products.product_rows",
    "products.old_product_rows",
    "products.catalog_products",
    "requisites.requisite_methods",
    "requisites.requisite_presets",
    "requisites.requisite_links",
    "requisites.addresses",
    "tasks.task_actions",
    "tasks.task_items",
    "messenger.notifications",
    "messenger.chats",
    "telephony.external_calls",
    "telephony.recordings",
    "telephony.telephone_lines",
    "disk.disk_methods",
    "disk.disk_storages",
)


class Portal:
    """A portal that serves: state, accounts of what was asked, faults on demand, its address."""

    def __init__(
        self,
        state: State,
        *,
        plan: str | None = None,
        operating_limit: float | None = None,
        control: bool = False,
        real_time: bool = False,
        request_limit: float = REQUEST_SECONDS,
    ) -> None:
        self.state = state
        if plan:
            state.settings["plan"] = plan
        self.accounts = Accounts(
            state.settings["plan"],
            operating_limit,
            real_time=real_time,
            request_limit=request_limit,
        )
        self.faults = Faults()
        self.control = control
        #: ``http://127.0.0.1:PORT``, set once the port is known.
        self.base_url = ""
        self.routes: list[BaseRoute] = []
        self.beside: list[Callable[[], Coroutine[Any, Any, None]]] = []
        extensions = load_methods()
        new_portal.complete(state)
        for module in extensions:
            attach = getattr(module, "attach", None)
            if attach is not None:
                attach(self)

    @property
    def host(self) -> str:
        """Host and port as clients see them."""
        return self.base_url.split("://", 1)[-1]

    # -- who calls ------------------------------------------------------------------------

    def webhook_caller(self, user: int, code: str) -> Caller:
        """The caller behind an incoming webhook. Refuses a wrong code or a dismissed user."""
        hook = self.state.webhook(user, code)
        if hook is None:
            # The documentation's table says so; an SDK expects INVALID_CREDENTIALS here.
            raise Refusal("NO_AUTH_FOUND", "Wrong authorization data", 401)
        if not rights.is_active(self.state, user):
            raise Refusal("authorization_error", "Unable to authorize user", 401)
        return Caller(user, hook.scopes, key=f"webhook:{user}:{code}")

    def token_caller(self, token: Any) -> Caller:
        """The caller behind an access token. Refuses an unknown or expired one."""
        if self.state.authorize is None or not isinstance(token, str) or not token:
            raise Refusal("NO_AUTH_FOUND", "Wrong authorization data", 401)
        caller: Caller = self.state.authorize(token)
        if not rights.is_active(self.state, caller.user_id):
            raise Refusal("authorization_error", "Unable to authorize user", 401)
        return caller

    @staticmethod
    def label(caller: Caller) -> str:
        """How the figures name a caller: never by its secret."""
        return (
            f"app {caller.client_id}" if caller.client_id else f"webhook of user {caller.user_id}"
        )

    # -- calls ----------------------------------------------------------------------------

    def method(self, name: str, caller: Caller, *, inner: bool) -> Method:
        """The method of this name. Refuses an unknown one, a missing scope, one that batch bars."""
        found = METHODS.get(name.lower())
        if found is None:
            raise Refusal("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
        if inner and not found.batch:
            raise Refusal(
                "ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage", 405
            )
        if found.scope != BASIC and not allowed(found.scope, caller.scopes):
            raise Refusal(
                "insufficient_scope",
                "The request requires higher privileges than provided by the webhook token"
                if caller.is_webhook
                else "The request requires higher privileges than provided by the access token",
                403,
            )
        return found

    def _begin(
        self, name: str, params: dict[str, Any], caller: Caller, spent: Spent, inner: bool
    ) -> tuple[Method, Call]:
        found = self.method(name, caller, inner=inner)
        line = self.accounts.line(self.label(caller), found.name)
        line.inner += inner
        if found.name != "batch" and self.accounts.exhausted(caller.key, found.name):
            raise Refusal(
                "OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", 429
            )
        line.calls += 1
        return found, Call(self, caller, found.name, lowered(params), params, spent)

    def _end(self, found: Method, call: Call, answer: Any) -> Page:
        page = answer if isinstance(answer, Page) else Page(answer)
        if found.name == "batch":
            return page
        seconds = cost(found.name, counted=page.counted, paged=isinstance(answer, Page))
        call.spent.seconds += seconds
        self.accounts.book(call.caller.key, found.name, seconds)
        line = self.accounts.line(self.label(call.caller), found.name)
        line.rows += page.rows
        line.operating += seconds
        if self.accounts.in_force and call.spent.seconds > self.accounts.request_limit:
            raise OutOfTime
        return page

    def perform(
        self, name: str, params: dict[str, Any], outer: Call
    ) -> tuple[Page, dict[str, Any]]:
        """One call inside the batch ``outer``: its answer and its ``time``.

        Raises `accounts.OutOfTime` when the whole batch has cost too much.
        """
        start, caller = time.time(), outer.caller
        try:
            found, call = self._begin(name, params, caller, outer.spent, True)
            if self.faults.rules:
                self.strike_inside(found.name, after=False)
            with unforeseen(found.name), self.state.whole():
                answer = found.handler(call)
            if inspect.isawaitable(answer):
                close = getattr(answer, "close", None)
                if close:
                    close()
                raise Refusal(
                    "ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage", 405
                )
            page = self._end(found, call, answer)
            if self.faults.rules:
                self.strike_inside(found.name, after=True)
        except Refusal as refusal:
            self.count_refusal(refusal, self.label(caller), name)
            raise
        return page, self.timing(start, caller, found.name)

    async def answer(
        self, name: str, params: dict[str, Any], caller: Caller, spent: Spent
    ) -> tuple[Page, dict[str, Any]]:
        """One call of its own: its answer and its ``time``; its cost is added to ``spent``.

        Raises `accounts.OutOfTime` when it has cost too much.
        """
        start = time.time()
        found, call = self._begin(name, params, caller, spent, False)
        with unforeseen(found.name):
            with self.state.whole(keeping=OutOfTime):
                answer = found.handler(call)
            if inspect.isawaitable(answer):
                answer = await answer
        page = self._end(found, call, answer)
        return page, self.timing(start, caller, found.name)

    def count_refusal(self, refusal: Refusal, caller: str, name: str) -> None:
        """Note in the figures that a limit (or a fault in its place) refused this."""
        if refusal.status in (429, 503):
            self.accounts.line(caller, known_name(name)).refused += 1

    def fault(self, given: Mapping[str, Any] | str) -> Rule:
        """A fault for this portal (see `faults`); raises ValueError for what is wrong in it."""
        rule = faults.rule(given, self.state.entities)
        if not any(fnmatchcase(name, rule.method) for name in METHODS):
            raise ValueError(_("there is no method {name}").format(name=rule.method[:40]))
        if rule.field:
            self._check_change(rule)
        return rule

    def _check_change(self, rule: Rule) -> None:
        """Raise ValueError for a field that cannot be changed, or a value that it cannot have."""
        entity, field = self.state.entities[rule.entity], rule.field
        known = entity.by_name.get(field)
        if known is None or known.readonly or known.in_body:
            raise ValueError(
                _("{entity} has no field {field} to change").format(
                    entity=rule.entity, field=field[:40]
                )
            )
        try:
            self.state.keepers(rule.entity)[field](rule.value)
        except (ValueError, TypeError):
            raise ValueError(
                _("{field} cannot be {value}").format(field=field, value=repr(rule.value[:40]))
            ) from None
        if entity.stage and field in (entity.stage, "CATEGORY_ID"):
            funnels = stages.funnels(self.state, entity)
            codes = [row["STATUS_ID"] for each in funnels.values() for row in each]
            names = codes if field == entity.stage else [str(number) for number in funnels]
            if rule.value not in names:
                raise ValueError(
                    _("{field} cannot be {value}, only one of {names}").format(
                        field=field, value=repr(rule.value[:40]), names=", ".join(names)
                    )
                )

    def disturb(self, rule: Rule) -> None:
        """Change or delete records behind the back of whoever is reading."""
        state = self.state
        key = state.entities[rule.entity].key
        chosen = {f"@{key}": list(rule.ids)} if rule.ids else {}
        order = {key: "DESC"} if rule.pick == "last" else {}
        skip = 0
        if rule.pick == "random":
            skip = rule.draw.randrange(max(1, state.count(rule.entity) - rule.n + 1))
        values = {rule.field: rule.value} if rule.field else {}
        for row in state.find(
            rule.entity, chosen, order=order, limit=len(rule.ids) or rule.n, offset=skip
        ):
            if rule.fault == "delete":
                crm.delete(state, rule.entity, row[key], actor=1)
                continue
            # A stage that this record's funnel does not have leaves it as it is.
            with contextlib.suppress(ValueError):
                crm.update(state, rule.entity, row[key], values, actor=1)

    def strike_inside(self, method: str, *, after: bool) -> None:
        """Let the faults that concern one call of a batch happen."""
        for rule in self.faults.strike_inside(method, after=after):
            if rule.fault in ("change", "delete"):
                self.disturb(rule)
            else:
                raise Refusal(
                    "OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", 429
                )

    def timing(self, start: float, caller: Caller, method: str) -> dict[str, Any]:
        """The ``time`` block of a call that began at ``start``."""
        used, reset_at = (
            (0, int(start) + 600) if method == "batch" else self.accounts.report(caller.key, method)
        )
        return answers.timing(start, self.state.clock, used, reset_at)


ALIASES = {"tasks": "task", "user_basic": "user", "user_brief": "user"}


@contextlib.contextmanager
def unforeseen(method: str) -> Iterator[None]:
    """Answer what no method foresaw as the portal does, and write down what it was.

    A value that no column can hold is the caller's, also where the method does not look at it.
    """
    try:
        yield
    except (Refusal, OutOfTime, ClientDisconnect):
        raise
    except Unfit as error:
        raise Refusal("", f"Invalid value: {error}") from None
    except Exception as error:
        if isinstance(error, sqlite3.Error) and REFUSED_BY_SQLITE.search(str(error)):
            raise Refusal("ERROR_ARGUMENT", f"Invalid request: {error}"[:200]) from None
        log.exception("%s", method)
        raise Refusal("INTERNAL_SERVER_ERROR", "Internal server error", 500) from None


def allowed(scope: str, granted: frozenset[str]) -> bool:
    """Whether granted scopes cover a method's (``user_brief`` and ``user_basic`` are lesser)."""
    if scope in granted:
        return True
    return any(ALIASES.get(name) == scope for name in granted)


def known_name(name: str) -> str:
    """The method's own spelling; ``""`` if there is none, so that figures cannot grow for ever."""
    found = METHODS.get(name.lower())
    return found.name if found else ""


def load_methods() -> list[ModuleType]:
    """Import the subjects that no entity of the catalogue brings with it; return the extensions."""
    here = "workbench.bitrix24.sandbox"
    for name in SUBJECTS:
        importlib.import_module(f"{here}.{name}")
    return [importlib.import_module(f"{here}.{name}") for name in EXTENSIONS]
