"""The portal's memory: SQLite, in memory or in a file, behind a small interface.

A file survives a restart. One process and one thread use it; every call is short.

Rows
    A row is a dict with the portal's old UPPER_CASE names and *native* values: ``int``, ``float``,
    ``str``, ``"Y"``/``"N"``, moments as ISO 8601 text with the portal's offset, dates as
    ``YYYY-MM-DD``, lists for multiple fields. `insert_many`, `add` and `update` also take what the
    portal would send (``"37"``, ``"19999.99"``), aware ``datetime`` and ``date`` objects, and unix
    seconds for moments (the quickest). Names of no declared field (``UF_CRM_…``,
    ``PARENT_ID_1036``) are kept as they are, in a JSON body. A missing value is NULL: bulk inserts
    apply no defaults and no side effects, so a seeder writes finished records.

Entities and columns (key first; ``*`` = list of ``{VALUE, VALUE_TYPE}``, ids are given)
    authors    = ASSIGNED_BY_ID CREATED_BY_ID MODIFY_BY_ID DATE_CREATE DATE_MODIFY OPENED
    money      = CURRENCY_ID OPPORTUNITY IS_MANUAL_OPPORTUNITY TAX_VALUE
    moved      = MOVED_BY_ID MOVED_TIME;  last = LAST_ACTIVITY_BY LAST_ACTIVITY_TIME
    utm        = UTM_SOURCE UTM_MEDIUM UTM_CAMPAIGN UTM_CONTENT UTM_TERM
    source     = SOURCE_ID SOURCE_DESCRIPTION;  origin = ORIGINATOR_ID ORIGIN_ID
    person     = HONORIFIC NAME SECOND_NAME LAST_NAME BIRTHDATE POST
    reachable  = HAS_PHONE HAS_EMAIL HAS_IMOL;  multi = PHONE* EMAIL* WEB* IM* LINK*
    address    = ADDRESS ADDRESS_2 ADDRESS_CITY ADDRESS_POSTAL_CODE ADDRESS_REGION ADDRESS_PROVINCE
                 ADDRESS_COUNTRY ADDRESS_COUNTRY_CODE ADDRESS_LOC_ADDR_ID
    deals             ID TITLE TYPE_ID STAGE_ID PROBABILITY money LEAD_ID COMPANY_ID CONTACT_ID
                      QUOTE_ID BEGINDATE CLOSEDATE authors CLOSED COMMENTS ADDITIONAL_INFO
                      LOCATION_ID CATEGORY_ID STAGE_SEMANTIC_ID IS_NEW IS_RECURRING
                      IS_RETURN_CUSTOMER IS_REPEATED_APPROACH source origin moved last utm
    leads             ID TITLE person COMPANY_TITLE COMPANY_ID CONTACT_ID IS_RETURN_CUSTOMER source
                      STATUS_ID STATUS_DESCRIPTION COMMENTS CURRENCY_ID OPPORTUNITY
                      IS_MANUAL_OPPORTUNITY reachable authors DATE_CLOSED STATUS_SEMANTIC_ID origin
                      moved last address utm multi
    contacts          ID person COMMENTS PHOTO LEAD_ID TYPE_ID source COMPANY_ID EXPORT reachable
                      authors origin ORIGIN_VERSION FACE_ID last address utm multi
    companies         ID COMPANY_TYPE TITLE LOGO LEAD_ID reachable authors BANKING_DETAILS INDUSTRY
                      REVENUE CURRENCY_ID EMPLOYEES COMMENTS IS_MY_COMPANY origin ORIGIN_VERSION
                      address ADDRESS_LEGAL REG_ADDRESS… utm last multi
    quotes            ID TITLE STATUS_ID money LEAD_ID DEAL_ID COMPANY_ID CONTACT_ID MYCOMPANY_ID
                      BEGINDATE CLOSEDATE ACTUAL_DATE authors CLOSED COMMENTS QUOTE_NUMBER CONTENT
                      TERMS PERSON_TYPE_ID LOCATION_ID CLIENT_TITLE … utm last
    invoices          ID XML_ID TITLE CREATED_BY UPDATED_BY MOVED_BY CREATED_TIME UPDATED_TIME
                      MOVED_TIME CATEGORY_ID OPENED STAGE_ID PREVIOUS_STAGE_ID BEGINDATE CLOSEDATE
                      COMPANY_ID CONTACT_ID money MYCOMPANY_ID source ASSIGNED_BY_ID WEBFORM_ID
                      PARENT_ID_1 PARENT_ID_2 (= deal) PARENT_ID_7 last utm ACCOUNT_NUMBER COMMENTS
                      LOCATION_ID
    items_<type id>   a smart process's items: as invoices, without the last three; the table comes
                      with its type (`smart_types.add_type`)
    types             ID TITLE CODE ENTITY_TYPE_ID CREATED_BY UPDATED_BY CREATED_TIME UPDATED_TIME
                      FLAGS
    deal_contacts     ID DEAL_ID CONTACT_ID SORT ROLE_ID IS_PRIMARY; likewise lead_contacts,
                      quote_contacts, item_contacts, contact_companies (see `links`)
    products          ID NAME CODE ACTIVE SORT XML_ID TIMESTAMP_X DATE_CREATE MODIFIED_BY CREATED_BY
                      CATALOG_ID SECTION_ID DESCRIPTION DESCRIPTION_TYPE PRICE CURRENCY_ID VAT_ID
                      VAT_INCLUDED MEASURE
    product_rows      ID OWNER_ID OWNER_TYPE (D L Q SI T80…) PRODUCT_ID PRODUCT_NAME PRICE
                      PRICE_EXCLUSIVE PRICE_NETTO PRICE_BRUTTO QUANTITY DISCOUNT_TYPE_ID
                      DISCOUNT_RATE DISCOUNT_SUM TAX_RATE TAX_INCLUDED CUSTOMIZED MEASURE_CODE
                      MEASURE_NAME SORT XML_ID TYPE STORE_ID
    stage_history     ID ENTITY_TYPE_ID TYPE_ID (1 created 2 moved 3 final 5 other funnel) OWNER_ID
                      CREATED_TIME CATEGORY_ID STAGE_SEMANTIC_ID STAGE_ID
    categories        RECORD ID NAME SORT ENTITY_TYPE_ID IS_DEFAULT ORIGIN_ID ORIGINATOR_ID
    statuses          ID ENTITY_ID STATUS_ID NAME NAME_INIT SORT SYSTEM CATEGORY_ID COLOR
                      SEMANTICS (NULL in work, S, F)
    currencies        RECORD CURRENCY AMOUNT_CNT AMOUNT SORT BASE FULL_NAME LID FORMAT_STRING
                      DEC_POINT THOUSANDS_SEP DECIMALS DATE_UPDATE
    user_fields       ID ENTITY_ID (CRM_DEAL…) FIELD_NAME USER_TYPE_ID XML_ID SORT MULTIPLE
                      MANDATORY SHOW_FILTER SHOW_IN_LIST EDIT_IN_LIST IS_SEARCHABLE
                      SETTINGS LABELS {language: text} LIST [{ID VALUE SORT DEF XML_ID}]
    users             ID XML_ID ACTIVE NAME LAST_NAME SECOND_NAME EMAIL LAST_LOGIN DATE_REGISTER
                      TIME_ZONE IS_ONLINE PERSONAL_GENDER PERSONAL_BIRTHDAY PERSONAL_PHONE
                      PERSONAL_MOBILE PERSONAL_CITY WORK_PHONE WORK_POSITION UF_EMPLOYMENT_DATE
                      UF_DEPARTMENT [ids] USER_TYPE IS_ADMIN (Y/N) CRM_RIGHTS (own|department|all)
    departments       ID NAME SORT PARENT UF_HEAD
    activities        ID OWNER_ID OWNER_TYPE_ID TYPE_ID PROVIDER_ID PROVIDER_TYPE_ID
                      PROVIDER_GROUP_ID ASSOCIATED_ENTITY_ID SUBJECT CREATED LAST_UPDATED START_TIME
                      END_TIME DEADLINE COMPLETED STATUS RESPONSIBLE_ID PRIORITY NOTIFY_TYPE
                      NOTIFY_VALUE DESCRIPTION DESCRIPTION_TYPE DIRECTION LOCATION ORIGINATOR_ID
                      ORIGIN_ID AUTHOR_ID EDITOR_ID RESULT_MARK SETTINGS COMMUNICATIONS FILES
    timeline_comments ID ENTITY_ID ENTITY_TYPE (deal, lead, dynamic_1036…) CREATED COMMENT
                      AUTHOR_ID FILES
    tasks             ID PARENT_ID TITLE DESCRIPTION PRIORITY STATUS RESPONSIBLE_ID CREATED_BY
                      CHANGED_BY CLOSED_BY GROUP_ID CREATED_DATE CHANGED_DATE CLOSED_DATE DATE_START
                      DEADLINE START_DATE_PLAN END_DATE_PLAN TIME_ESTIMATE MARK UF_CRM_TASK ["D_1"]
                      UF_TASK_WEBDAV_FILES ACCOMPLICES AUDITORS TAGS
    calls             ID PORTAL_USER_ID PORTAL_NUMBER PHONE_NUMBER CALL_ID EXTERNAL_CALL_ID
                      CALL_CATEGORY CALL_DURATION CALL_START_DATE CALL_VOTE COST COST_CURRENCY
                      CALL_FAILED_CODE CALL_FAILED_REASON CRM_ENTITY_TYPE CRM_ENTITY_ID
                      CRM_ACTIVITY_ID REST_APP_ID REST_APP_NAME COMMENT RECORD_DURATION CALL_TYPE
    messages          ID KIND (notify-system, notify-personal, message) DIALOG_ID USER_ID AUTHOR_ID
                      CREATED MESSAGE MESSAGE_OUT TAG SUB_TAG CLIENT_ID SYSTEM ATTACH KEYBOARD
    disk_storages     ID NAME CODE MODULE_ID ENTITY_TYPE ENTITY_ID ROOT_OBJECT_ID
    disk_objects      ID NAME CODE STORAGE_ID TYPE PARENT_ID DELETED_TYPE FILE_ID SIZE CREATE_TIME
                      UPDATE_TIME CREATED_BY UPDATED_BY CONTENT (base64)

Who changed what
    `State.add`, `update` and `delete` write one row and nothing else. `crm.add`, `crm.update` and
    `crm.delete` do what the portal does besides (defaults, stage history, DATE_MODIFY, semantics)
    and announce a `Change` to every callback of `on_change`.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from workbench.bitrix24.sandbox.catalogue import ENTITIES
from workbench.bitrix24.sandbox.changes import Change
from workbench.bitrix24.sandbox.fields import Clock, Entity, Field, Row, to_native, to_stored
from workbench.bitrix24.sandbox.filters import expression, where
from workbench.bitrix24.sandbox.smart_processes import smart_entity
from workbench.errors import UsageError
from workbench.i18n import _

__all__ = ["Change", "State", "Webhook"]

CHUNK = 5_000


@dataclass(frozen=True)
class Webhook:
    """An incoming webhook: whose rights it has, its secret and its scopes."""

    user_id: int
    code: str = dataclass_field(repr=False)
    scopes: frozenset[str]
    title: str = ""


class Settings(MutableMapping[str, Any]):
    """The portal's own settings, kept as JSON: ``plan``, ``timezone``, ``member_id``, …"""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._values: dict[str, Any] = {
            key: orjson.loads(value)
            for key, value in connection.execute("SELECT key, value FROM portal_settings")
        }

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values[key] = value
        self._connection.execute(
            "INSERT OR REPLACE INTO portal_settings VALUES (?, ?)",
            (key, orjson.dumps(value).decode()),
        )

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        self._connection.execute("DELETE FROM portal_settings WHERE key = ?", (key,))

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class State:
    """One portal. ``path`` is a file, or None for memory."""

    def __init__(self, path: str | Path | None = None, *, timezone: str = "Europe/Paris") -> None:
        self.path = Path(path) if path else None
        self.connection = _connected(self.path)
        self.connection.create_function(
            "fold", 1, lambda v: None if v is None else str(v).casefold(), deterministic=True
        )
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS portal_settings"
            " (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID"
        )
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS portal_webhooks"
            " (user_id INTEGER, code TEXT, scopes TEXT, title TEXT)"
        )
        self.settings = Settings(self.connection)
        self.settings.setdefault("timezone", timezone)
        self.settings.setdefault("plan", "standard")
        self.settings.setdefault("member_id", secrets.token_hex(16))
        self.settings.setdefault("clock_shift", 0)
        self.zone = ZoneInfo(self.settings["timezone"])
        self.clock = Clock(self.zone)
        self.entities: dict[str, Entity] = {}
        self.by_type: dict[int, Entity] = {}
        self._plans: dict[str, list[tuple[str, Callable[[Any], Any]]]] = {}
        self._inserts: dict[str, str] = {}
        self._versions: dict[str, int] = {}
        self._counts: dict[tuple[Any, ...], tuple[int, int]] = {}
        self._fields: dict[str, tuple[int, list[Field]]] = {}
        #: Statuses by directory, kept by `stages.directory`.
        self.directories: dict[str, Any] = {}
        #: Whose records each user may see, kept by `rights.colleagues`.
        self.circles: dict[Any, Any] = {}
        self._listeners: list[Callable[[Change], None]] = []
        self._webhooks: dict[tuple[int, str], Webhook] | None = None
        self._bulk = False
        #: Set by the applications: access token → `methods.Caller`, or raises `methods.Refusal`.
        self.authorize: Callable[[str], Any] | None = None
        for entity in ENTITIES:
            self.declare(entity)
        self._declare_types()

    # -- entities -------------------------------------------------------------------------

    def declare(self, entity: Entity) -> None:
        """Give an entity its table and indexes, unless it has them."""
        name = entity.name
        parts = []
        for f in entity.columns:
            key = " PRIMARY KEY AUTOINCREMENT" if f.name == entity.key else ""
            parts.append(f'"{f.name}" {f.affinity}{key}')
        self.connection.execute(
            f'CREATE TABLE IF NOT EXISTS "{name}" ({", ".join(parts)}, body TEXT)'
        )
        self.entities[name] = entity
        if entity.type_id:
            self.by_type[entity.type_id] = entity
        self._plans[name] = [(f.name, to_stored(f, self.zone)) for f in entity.columns]
        marks = ", ".join("?" * (len(parts) + 1))
        self._inserts[name] = f'INSERT INTO "{name}" VALUES ({marks})'  # noqa: S608
        self._versions.setdefault(name, 0)
        self._index(entity)

    def _declare_types(self) -> None:
        for row in self.find("types"):
            type_id = row["ENTITY_TYPE_ID"]
            self.declare(smart_entity(f"items_{type_id}", type_id))

    def _indexes(self, entity: Entity) -> list[tuple[str, str]]:
        lists = [(f.name,) for f in entity.columns if f.index] + [tuple(i) for i in entity.indexes]
        return [
            (f"{entity.name}_{'_'.join(names).lower()}", ", ".join(f'"{n}"' for n in names))
            for names in lists
        ]

    def _index(self, entity: Entity) -> None:
        for name, columns in self._indexes(entity):
            self.connection.execute(
                f'CREATE INDEX IF NOT EXISTS "{name}" ON "{entity.name}" ({columns})'
            )

    def fields(self, name: str) -> list[Field]:
        """The entity's fields and the user fields that its records may carry."""
        entity = self.entities[name]
        if not entity.uf_entity:
            return list(entity.fields)
        version = self._versions["user_fields"]
        known = self._fields.get(name)
        if known is None or known[0] != version:
            own = [
                _user_field(row)
                for row in self.find("user_fields", {"ENTITY_ID": entity.uf_entity})
            ]
            known = self._fields[name] = (version, [*entity.fields, *own])
        return known[1]

    # -- bulk -----------------------------------------------------------------------------

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """Insert much at once: one transaction, indexes built at the end."""
        self.connection.execute("BEGIN")
        self._bulk = True
        for entity in self.entities.values():
            for index, _columns in self._indexes(entity):
                self.connection.execute(f'DROP INDEX IF EXISTS "{index}"')
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            self._bulk = False
            raise
        for entity in self.entities.values():
            self._index(entity)
        self.connection.execute("COMMIT")
        self._bulk = False

    def insert_many(self, name: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Insert finished rows, in one transaction; returns how many.

        No defaults, no side effects, no events. A row without key gets the next one. Multifields
        get their ids. Raises ValueError for a value its column cannot hold.
        """
        plan = self._plans[name]
        columns = {column for column, _ in plan}
        multi = [f.name for f in self.entities[name].fields if f.type == "crm_multifield"]
        sql = self._inserts[name]
        dumps = orjson.dumps
        count = 0
        own = not self._bulk
        if own:
            self.connection.execute("BEGIN")
        try:
            chunk: list[list[Any]] = []
            for row in rows:
                get = row.get
                values = [None if (v := get(column)) is None else keep(v) for column, keep in plan]
                extra = {k: row[k] for k in row.keys() - columns if row[k] is not None}
                if extra:
                    for field in multi:
                        if field in extra:
                            extra[field] = self._numbered(field, extra[field])
                    values.append(dumps(extra).decode())
                else:
                    values.append(None)
                chunk.append(values)
                if len(chunk) == CHUNK:
                    self.connection.executemany(sql, chunk)
                    count += len(chunk)
                    chunk = []
            if chunk:
                self.connection.executemany(sql, chunk)
                count += len(chunk)
        except BaseException:
            if own:
                self.connection.execute("ROLLBACK")
            raise
        if own:
            self.connection.execute("COMMIT")
        self._versions[name] += 1
        if multi:
            self.settings["multifield"] = self.settings.get("multifield", 0)
        return count

    def _numbered(self, kind: str, values: Sequence[Mapping[str, Any]]) -> list[Row]:
        result = []
        for value in values:
            number = value.get("ID")
            if not number:
                self.settings._values["multifield"] = number = (
                    self.settings.get("multifield", 0) + 1
                )
            result.append(
                {
                    "ID": str(number),
                    "VALUE_TYPE": str(value.get("VALUE_TYPE") or "WORK"),
                    "VALUE": str(value.get("VALUE", "")),
                    "TYPE_ID": kind,
                }
            )
        return result

    # -- one row --------------------------------------------------------------------------

    def add(self, name: str, row: Mapping[str, Any]) -> int:
        """Insert one row as it is; returns its key."""
        entity = self.entities[name]
        self.insert_many(name, [row])
        given = row.get(entity.key)
        if given is not None:
            return int(given)
        return int(self.connection.execute("SELECT last_insert_rowid()").fetchone()[0])

    def get(self, name: str, key: int) -> Row | None:
        """The row with this key, or None."""
        entity = self.entities[name]
        found = self.find(name, {entity.key: key}, limit=1)
        return found[0] if found else None

    def update(self, name: str, key: int, changes: Mapping[str, Any]) -> bool:
        """Write these values into one row; False if there is none."""
        entity = self.entities[name]
        plan = dict(self._plans[name])
        sets: list[str] = []
        values: list[Any] = []
        extra: Row = {}
        for column, value in changes.items():
            if column in plan:
                sets.append(f'"{column}" = ?')
                values.append(None if value is None else plan[column](value))
            else:
                field = entity.by_name.get(column)
                if field and field.type == "crm_multifield" and value is not None:
                    value = self._numbered(column, value)
                    self.settings["multifield"] = self.settings.get("multifield", 0)
                extra[column] = value
        if extra:
            sets.append("body = json_patch(coalesce(body, '{}'), ?)")
            values.append(orjson.dumps(extra).decode())
        if not sets:
            return self.get(name, key) is not None
        cursor = self.connection.execute(
            f'UPDATE "{name}" SET {", ".join(sets)} WHERE "{entity.key}" = ?',  # noqa: S608
            (*values, key),
        )
        self._versions[name] += 1
        return cursor.rowcount > 0

    def delete(self, name: str, key: int) -> bool:
        """Delete one row; False if there is none."""
        entity = self.entities[name]
        cursor = self.connection.execute(f'DELETE FROM "{name}" WHERE "{entity.key}" = ?', (key,))  # noqa: S608
        self._versions[name] += 1
        return cursor.rowcount > 0

    def delete_where(self, name: str, filter: Mapping[str, Any]) -> int:
        """Delete every row that a filter finds; returns how many."""
        sql, values = where(filter, self._names(name), self.zone, strict=True)
        cursor = self.connection.execute(f'DELETE FROM "{name}" WHERE {sql or "1"}', values)  # noqa: S608
        self._versions[name] += 1
        return cursor.rowcount

    # -- many rows ------------------------------------------------------------------------

    def _names(self, name: str) -> dict[str, Field]:
        # Hidden fields are hidden from clients, not from the sandbox's own code.
        return {f.name: _shown(f) for f in self.fields(name)}

    def find(
        self,
        name: str,
        filter: Mapping[str, Any] | None = None,
        *,
        order: Sequence[tuple[str, str]] | Mapping[str, str] = (),
        limit: int | None = None,
        offset: int = 0,
        after: int | None = None,
    ) -> list[Row]:
        """Rows in native form; ``filter`` as `filters` describes, ``after`` = keys above this one.

        Ordered by key unless ``order`` says otherwise. Raises `filters.BadFilter` for an unknown
        field.
        """
        entity = self.entities[name]
        sql, values = where(filter or {}, self._names(name), self.zone, strict=True)
        if after is not None:
            sql = f'{sql} AND "{entity.key}" > ?' if sql else f'"{entity.key}" > ?'
            values.append(after)
        columns = entity.columns
        rows = self.select(
            name, columns, sql, values, order=dict(order), limit=limit, offset=offset, body=True
        )
        convert = [(f.name, to_native(f, self.clock)) for f in columns]
        result = []
        for stored in rows:
            row = {
                column: value if change is None else change(value)
                for (column, change), value in zip(convert, stored, strict=False)
            }
            if stored[-1]:
                row.update(orjson.loads(stored[-1]))
            result.append(row)
        return result

    def select(
        self,
        name: str,
        columns: Sequence[Field],
        sql: str,
        values: Sequence[Any],
        *,
        order: Mapping[str, str] | None = None,
        limit: int | None = None,
        offset: int = 0,
        body: bool = False,
    ) -> list[tuple[Any, ...]]:
        """Stored tuples of ``columns`` (+ the JSON body), for the methods that write pages."""
        entity = self.entities[name]
        fields = {f.name: f for f in self.fields(name)}
        names = ", ".join(f'"{f.name}"' for f in columns)
        picked = ", ".join(part for part in (names, "body" if body else "") if part)
        ordering = [
            f"{expression(fields[column])} {'DESC' if str(way).upper() == 'DESC' else 'ASC'}"
            for column, way in (order or {}).items()
        ]
        if entity.key not in (order or {}):
            ordering.append(f'"{entity.key}"')
        where = f" WHERE {sql}" if sql else ""
        query = f'SELECT {picked} FROM "{name}"{where} ORDER BY {", ".join(ordering)}'  # noqa: S608
        if limit is not None:
            query += f" LIMIT {int(limit)}"
            if offset:
                query += f" OFFSET {int(offset)}"
        return self.connection.execute(query, values).fetchall()

    def count(self, name: str, filter: Mapping[str, Any] | None = None) -> int:
        """How many rows a filter finds (remembered until the next write)."""
        sql, values = where(filter or {}, self._names(name), self.zone, strict=True)
        return self.count_sql(name, sql, values)

    def count_sql(self, name: str, sql: str, values: Sequence[Any]) -> int:
        """`count` for a condition in SQL."""
        key = (name, sql, *values)
        version = self._versions[name]
        known = self._counts.get(key)
        if known is None or known[0] != version:
            if len(self._counts) > 2_000:
                self._counts.clear()
            query = f'SELECT count(*) FROM "{name}"{" WHERE " + sql if sql else ""}'  # noqa: S608
            known = self._counts[key] = (
                version,
                self.connection.execute(query, values).fetchone()[0],
            )
        return known[1]

    def keepers(self, name: str) -> dict[str, Callable[[Any], Any]]:
        """The functions that take a value to its stored form, by column."""
        return dict(self._plans[name])

    def version(self, name: str) -> int:
        """A number that grows with every write to the entity."""
        return self._versions[name]

    # -- changes --------------------------------------------------------------------------

    def on_change(self, callback: Callable[[Change], None]) -> None:
        """Call ``callback`` after every change that `announce` tells, in the order of adding."""
        self._listeners.append(callback)

    def announce(self, change: Change) -> None:
        """Tell the listeners that something happened."""
        for listener in self._listeners:
            listener(change)

    # -- people and doors -----------------------------------------------------------------

    def add_webhook(
        self, user_id: int, code: str | None = None, scopes: Iterable[str] = (), title: str = ""
    ) -> Webhook:
        """Make an incoming webhook; without ``code`` a random one. Replaces the same code."""
        hook = Webhook(user_id, code or secrets.token_hex(8), frozenset(scopes), title)
        self.connection.execute(
            "DELETE FROM portal_webhooks WHERE user_id = ? AND code = ?", (user_id, hook.code)
        )
        self.connection.execute(
            "INSERT INTO portal_webhooks VALUES (?, ?, ?, ?)",
            (user_id, hook.code, ",".join(sorted(hook.scopes)), title),
        )
        self._webhooks = None
        return hook

    def webhooks(self) -> list[Webhook]:
        """Every incoming webhook."""
        if self._webhooks is None:
            rows = self.connection.execute(
                "SELECT user_id, code, scopes, title FROM portal_webhooks"
            )
            self._webhooks = {
                (user_id, code): Webhook(
                    user_id, code, frozenset(filter(None, scopes.split(","))), title
                )
                for user_id, code, scopes, title in rows
            }
        return list(self._webhooks.values())

    def webhook(self, user_id: int, code: str) -> Webhook | None:
        """The webhook of this user and code, or None."""
        wanted = (user_id, code)
        return next((h for h in self.webhooks() if (h.user_id, h.code) == wanted), None)

    # -- time -----------------------------------------------------------------------------

    def timestamp(self) -> int:
        """Unix seconds on the portal's clock, which ``settings["clock_shift"]`` moves."""
        return int(time.time() + self.settings["clock_shift"])

    def now(self) -> datetime:
        """The portal's time, aware, in its zone."""
        return datetime.fromtimestamp(self.timestamp(), self.zone)

    def set_today(self, today: Any) -> None:
        """Let the portal's clock show this date at the present time of day."""
        here = datetime.now(self.zone)
        self.settings["clock_shift"] = int(
            timedelta(days=(today - here.date()).days).total_seconds()
        )

    def close(self) -> None:
        """Close the database."""
        self.connection.close()


def _connected(path: Path | None) -> sqlite3.Connection:
    """Open the portal's file; raises UsageError for one that is none or cannot be made."""
    connection = None
    try:
        connection = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False, cached_statements=512
        )
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "temp_store=MEMORY",
            "cache_size=-65536",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.DatabaseError as error:
        if connection is not None:
            connection.close()
        raise UsageError(
            _("The portal's file {file} cannot be opened: {reason}").format(
                file=path, reason=error
            ),
            hint=_("Choose a file that this command made, or a new one in a folder that exists."),
        ) from None
    return connection


def _shown(field: Field) -> Field:
    if not field.hidden:
        return field
    return replace(field, hidden=False)


def _user_field(row: Row) -> Field:
    """A user field's definition as a field of the records."""
    labels = row.get("LABELS") or {}
    settings: dict[str, Any] = dict(row.get("SETTINGS") or {})
    return Field(
        row["FIELD_NAME"],
        row["USER_TYPE_ID"] or "string",
        required=row["MANDATORY"] == "Y",
        multiple=row["MULTIPLE"] == "Y",
        dynamic=True,
        empty="",
        settings={**settings, "LIST": row["LIST"]} if row.get("LIST") else settings or None,
        title=labels.get("fr") or labels.get("en") or row["FIELD_NAME"],
    )
