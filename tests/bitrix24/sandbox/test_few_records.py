"""A user who sees few of many records gets them by an index, and gets the same."""

import httpx
import pytest
from sandbox_portal import running_portal

from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.new_portal import furnish
from workbench.bitrix24.sandbox.people import rights

MANY = 5_000
SEEN = list(range(7, MANY, 701))  # ids of the deals of user 2
FAR = (3, 4)  # users 3 and 4 share all other deals


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """A portal of 5,000 deals; users 2 and 3 see their own: eight of them, or half."""
    state = State(tmp_path_factory.mktemp("few") / "portal.sqlite")
    furnish(state)
    person = {"ACTIVE": "Y", "IS_ADMIN": "N", "CRM_RIGHTS": "own", "UF_DEPARTMENT": [1]}
    state.insert_many("users", [{**person, "ID": n, "NAME": f"U{n}"} for n in (2, *FAR)])
    owners = [2 if n in SEEN else FAR[n % 2] for n in range(1, MANY + 1)]
    deals = [
        {"ID": n, "TITLE": f"Deal {n}", "ASSIGNED_BY_ID": owner, "OPPORTUNITY": float(n % 97),
         "STAGE_ID": "NEW", "CATEGORY_ID": 0, "DATE_CREATE": n}
        for n, owner in enumerate(owners, 1)
    ]  # fmt: skip
    state.insert_many("deals", deals)
    moves = [
        {"ENTITY_TYPE_ID": 2, "TYPE_ID": kind, "OWNER_ID": n, "CREATED_TIME": n, "CATEGORY_ID": 0,
         "STAGE_SEMANTIC_ID": "P", "STAGE_ID": "NEW"}
        for kind in (1, 2)
        for n in range(1, MANY + 1)
    ]  # fmt: skip
    state.insert_many("stage_history", moves)
    talks = [
        {"OWNER_TYPE_ID": 2, "OWNER_ID": n, "TYPE_ID": 2, "SUBJECT": "Call", "START_TIME": n,
         "RESPONSIBLE_ID": 1}
        for n in range(1, MANY + 1)
    ]  # fmt: skip
    state.insert_many("activities", talks)
    for user in (1, 2, *FAR):
        state.add_webhook(user, f"code{user}", ("crm",))
    yield state
    state.close()


def plan(state, user, name="deals"):
    """How SQLite reads a keyset page of what a user may see."""
    entity = state.entities[name]
    limit, values = rights.readable(state, user, entity)
    sql = f'SELECT "ID" FROM "{name}" WHERE "ID" > 0 AND {limit} ORDER BY "ID" LIMIT 50'
    rows = state.connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
    return " | ".join(row[-1] for row in rows)


def test_few_records_are_read_by_their_owners_and_many_by_id(state):
    deals = state.entities["deals"]
    assert [rights.sees_few(state, user, deals) for user in (1, 2, 3)] == [False, True, False]
    assert "USING" in plan(state, 2) and "deals_assigned_by_id" in plan(state, 2)
    assert "USING INTEGER PRIMARY KEY" in plan(state, 3)


def test_what_is_few_is_asked_anew_after_many_writes(state, monkeypatch):
    deals = state.entities["deals"]
    assert rights.sees_few(state, 2, deals)
    monkeypatch.setattr(rights, "RECOUNT", 5)
    state.connection.execute("BEGIN")
    try:
        state.connection.execute('UPDATE deals SET "ASSIGNED_BY_ID" = 2')
        for _ in range(6):
            state.update("deals", 1, {"TITLE": "again"})
        assert not rights.sees_few(state, 2, deals)
    finally:
        state.connection.execute("ROLLBACK")


@pytest.fixture(scope="module")
def portal(state, tmp_path_factory):
    with running_portal(
        tmp_path_factory.mktemp("served"), "--state", str(state.path), "--plan", "unlimited"
    ) as portal:
        yield portal.base


@pytest.fixture(scope="module")
def ask(portal):
    with httpx.Client() as http:

        def ask(user, method, params):
            answer = http.post(f"{portal}/rest/{user}/code{user}/{method}", json=params)
            return answer.json()

        yield ask


def test_pages_hold_the_same_records_in_the_same_order_as_an_administrators(ask):
    for order in ({"ID": "ASC"}, {"ID": "DESC"}, {"OPPORTUNITY": "DESC"}):
        params = {"order": order, "select": ["ID"], "filter": {">OPPORTUNITY": 3}}
        mine = ask(2, "crm.deal.list", params)
        own = {**params, "filter": {**params["filter"], "ASSIGNED_BY_ID": 2}}
        all_of_them = ask(1, "crm.deal.list", own)
        assert [row["ID"] for row in mine["result"]] == [row["ID"] for row in all_of_them["result"]]
        assert mine["total"] == all_of_them["total"] == len([n for n in SEEN if n % 97 > 3])


def test_keyset_pages_end_where_the_records_do(ask):
    above, found = 0, []
    while True:
        params = {"order": {"id": "ASC"}, "filter": {">id": above}, "start": -1, "select": ["id"]}
        rows = ask(2, "crm.item.list", {"entityTypeId": 2, **params})["result"]["items"]
        found += [row["id"] for row in rows]
        if len(rows) < 50:
            break
        above = rows[-1]["id"]
    assert found == SEEN


def test_what_hangs_on_few_records_is_read_by_them(ask):
    history = ask(2, "crm.stagehistory.list", {"entityTypeId": 2, "order": {"ID": "ASC"}})
    assert [row["OWNER_ID"] for row in history["result"]["items"]] == SEEN + SEEN
    assert history["total"] == 2 * len(SEEN)
    talks = ask(2, "crm.activity.list", {"select": ["OWNER_ID"], "order": {"ID": "ASC"}})
    assert [int(row["OWNER_ID"]) for row in talks["result"]] == SEEN
    half = ask(3, "crm.stagehistory.list", {"entityTypeId": 2})
    assert half["total"] == 2 * sum(1 for n in range(1, MANY + 1) if n not in SEEN and n % 2 == 0)
