"""Reading lists from portals that behave otherwise: arrays refused, rows far apart, references."""

import sqlite3
from itertools import pairwise

import httpx
import pytest
from answering import Answer, answering
from portal_truth import differences, stored_rows
from sandbox_portal import SMALL_COMPANY, running_portal

from workbench.bitrix24.client import Portal
from workbench.bitrix24.entities import DEALS
from workbench.sources.portal import BATCH, PAGE, WindowReader, stream
from workbench.warehouse.sync import sync

OWNERS = "filter[%3DownerId][0]"  # as a command names the first of several owners


pytestmark = pytest.mark.usefixtures("no_external_sources")


def passed_on(url: str, changed):
    """An answerer that hands requests on to a portal; ``changed(commands)`` gives (cmd, errors)."""
    client = httpx.Client(timeout=60)

    def say(path: str, body: dict) -> Answer:
        errors: dict = {}
        if path.endswith("/batch") or path.endswith("/batch.json"):
            commands, errors = changed(body["cmd"])
            body = body | {"cmd": commands}
        method = path.rsplit("/", 1)[-1]
        answer = client.post(url + method, json=body)
        content = answer.json()
        if errors:
            given = content["result"]["result_error"]
            content["result"]["result_error"] = (given or {}) | errors
        return answer.status_code, {}, content

    return say


def without_arrays(commands: dict) -> tuple[dict, dict]:
    refused = {key for key, command in commands.items() if OWNERS in command}
    error = {"error": "100", "error_description": "Invalid value of parameter ownerId"}
    kept = {key: command for key, command in commands.items() if key not in refused}
    return kept or {"none": "server.time"}, dict.fromkeys(refused, error)


def ignoring_arrays(commands: dict) -> tuple[dict, dict]:
    """The filter by owners has no effect: rows of any owner come back."""
    kept = {}
    for key, command in commands.items():
        if OWNERS in command:
            parts = [part for part in command.split("&") if "ownerId" not in part]
            command = "&".join(parts)
        kept[key] = command
    return kept, {}


@pytest.mark.parametrize("way", [without_arrays, ignoring_arrays])
def test_where_arrays_of_owners_are_not_taken_they_are_asked_one_by_one(portal, home, way):
    with answering() as between:
        between.say = passed_on(portal.url, way)
        with Portal(between.url, "unlimited") as bitrix:
            result = sync(portal=bitrix)
    assert "deal_products" not in result.problems
    assert any(OWNERS in str(body) for _path, body in between.seen), "no array was asked for"
    assert differences(home, portal.url, children=40) == []
    assert stored_rows(home, "deal_products")


@pytest.fixture(scope="module")
def sparse(tmp_path_factory):
    """A portal with gaps: most of its first thousand deals gone, one far away."""
    folder = tmp_path_factory.mktemp("sparse")
    file = folder / "portal.sqlite"
    with running_portal(folder, *SMALL_COMPANY, "--state", str(file)) as running:
        path = running.url.removeprefix(running.base)
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM deals WHERE ID % 7 <> 3 AND ID BETWEEN 40 AND 400")
        connection.execute("UPDATE deals SET ID = 7000000 WHERE ID = 500")
        connection.execute("UPDATE deals SET ID = ID + 20000 WHERE ID > 500 AND ID < 7000000")
        ids = [number for (number,) in connection.execute("SELECT ID FROM deals ORDER BY ID")]
    (folder / "portal.url").unlink()
    options = ("--state", str(file), "--plan", "unlimited")
    with running_portal(folder, *options) as running:
        yield running.base + path, ids


@pytest.mark.parametrize("width", [PAGE * BATCH, 8_000_000])
@pytest.mark.parametrize("only_ids", [False, True])
def test_gaps_between_ids_lose_no_row_and_make_no_chunk_larger_than_a_batch(
    sparse, width, only_ids
):
    url, ids = sparse
    with Portal(url, "unlimited") as bitrix:
        reader = WindowReader(DEALS, 0, ids[-1], width=width, only_ids=only_ids)
        chunks = list(stream(bitrix, [reader]))
    assert [chunk.error for chunk in chunks] == [None] * len(chunks)
    assert [int(row["ID"]) for chunk in chunks for row in chunk.rows] == ids
    assert max(len(chunk.rows) for chunk in chunks) <= PAGE * BATCH
    # the chunks cover everything, in ascending order and without overlapping
    assert chunks[0].low == 0
    assert chunks[-1].high == ids[-1]
    assert all(a.high == b.low for a, b in pairwise(chunks))
    assert all(c.low < int(row["ID"]) <= c.high for c in chunks for row in c.rows)


def test_a_reference_that_finds_nothing_is_noticed(sparse):
    """Some pages of a chain refused: what comes behind them is read again by its own id."""
    url, ids = sparse
    told = {"n": 0}

    def cut_chain(commands: dict) -> tuple[dict, dict]:
        if told["n"] or "c4" not in commands or "crm.deal.list" not in commands["c4"]:
            return commands, {}
        told["n"] += 1
        error = {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}
        return {k: v for k, v in commands.items() if k != "c4"}, {"c4": error}

    with answering() as between:
        between.say = passed_on(url, cut_chain)
        with Portal(between.url, "unlimited") as bitrix:
            chunks = list(stream(bitrix, [WindowReader(DEALS, 0, ids[-1])]))
    assert told["n"] == 1
    assert [int(row["ID"]) for chunk in chunks for row in chunk.rows] == ids
