"""Telephones and e-mails of leads, contacts and companies, indexed: whose is this number?

The index is made by the first look-up, in one walk over their tables, and kept by triggers from
then on, over restarts too. Until somebody looks up, and while much is filled in, writes pay nothing
for it.
"""

from __future__ import annotations

import sqlite3

#: Tables in the order in which a value is looked up.
OWNERS = ("contacts", "companies", "leads")
TABLE = "communications"
TAIL = 9  # the digits that tell numbers apart however country and area are written
_VALUE = "json_extract(value, '$.VALUE')"
_PUNCTUATION = "+ ().-"


def tail(number: object) -> str:
    """The digits by which telephone numbers are compared; none of a text without digits."""
    return "".join(c for c in str(number or "") if c.isdecimal())[-TAIL:]


def _compared(kind: str) -> str:
    """The SQL of the form in which a value is compared.

    Usual values never leave SQLite: a call of Python for each took most of the walk.
    """
    if kind == "EMAIL":
        return f"CASE WHEN {_VALUE} GLOB '*[^ -~]*' THEN fold({_VALUE}) ELSE lower({_VALUE}) END"
    digits = _VALUE
    for mark in _PUNCTUATION:
        digits = f"replace({digits}, '{mark}', '')"
    strange = f"'*[^-0-9{_PUNCTUATION.replace('-', '')}]*'"
    short = f"substr({digits}, -{TAIL})"
    return f"CASE WHEN {_VALUE} GLOB {strange} THEN telephone_tail({_VALUE}) ELSE {short} END"


def _values(owner: str, record: str, source: str, body: str) -> str:
    """The SQL that writes the index of the rows of ``source``."""
    parts = (
        f"SELECT '{kind}', {_compared(kind)}, '{owner}', {record}"  # noqa: S608 - names of our own
        f" FROM {source}json_each({body}, '$.{kind}')"
        for kind in ("PHONE", "EMAIL")
    )
    return f"INSERT INTO {TABLE} {' UNION ALL '.join(parts)}"


def _triggers(owner: str) -> dict[str, str]:
    """The triggers that keep the index, by name."""
    gone = f"DELETE FROM {TABLE} WHERE RECORD = OLD.\"ID\" AND OWNER = '{owner}'"  # noqa: S608
    new = _values(owner, 'NEW."ID"', "", "NEW.body")
    events = {
        "added": f'AFTER INSERT ON "{owner}" WHEN NEW.body IS NOT NULL BEGIN {new}; END',
        "changed": f'AFTER UPDATE OF body ON "{owner}" WHEN OLD.body IS NOT NEW.body'
        f" BEGIN {gone}; {new}; END",
        "deleted": f'AFTER DELETE ON "{owner}" BEGIN {gone}; END',
    }
    return {f"{TABLE}_{owner}_{name}": event for name, event in events.items()}


def owners(connection: sqlite3.Connection, kind: str, value: str) -> list[tuple[str, int]]:
    """Table and id of the records with this value of ``kind``, PHONE or EMAIL."""
    wanted = tail(value) if kind == "PHONE" else value.casefold()
    if not wanted:
        return []
    _made(connection)
    found = connection.execute(
        f"SELECT DISTINCT OWNER, RECORD FROM {TABLE} WHERE TYPE = ? AND VALUE = ?",  # noqa: S608
        (kind, wanted),
    )
    return sorted(found, key=lambda each: (OWNERS.index(each[0]), each[1]))


def _made(connection: sqlite3.Connection) -> None:
    """Make the index unless it is there."""
    if connection.execute("SELECT 1 FROM main.sqlite_master WHERE name = ?", (TABLE,)).fetchone():
        return
    connection.execute(f"CREATE TABLE {TABLE} (TYPE TEXT, VALUE TEXT, OWNER TEXT, RECORD INTEGER)")
    for owner in OWNERS:
        connection.execute(_values(owner, f'"{owner}"."ID"', f'"{owner}", ', f'"{owner}".body'))
        for name, event in _triggers(owner).items():
            connection.execute(f"CREATE TRIGGER {name} {event}")
    connection.execute(f"CREATE INDEX {TABLE}_value ON {TABLE} (VALUE, TYPE)")
    connection.execute(f"CREATE INDEX {TABLE}_record ON {TABLE} (RECORD, OWNER)")


def forget(connection: sqlite3.Connection) -> None:
    """Drop the index; the next look-up makes it anew."""
    for owner in OWNERS:
        for name in _triggers(owner):
            connection.execute(f"DROP TRIGGER IF EXISTS main.{name}")
    connection.execute(f"DROP TABLE IF EXISTS main.{TABLE}")
