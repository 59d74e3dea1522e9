"""What follows from the stage history is carried over from one snapshot to the next."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from handmade import PIPELINES, STAGES, Rows, code, fill, made_rows, moment

from workbench.bitrix24.entities import DEALS
from workbench.sources.pages import to_arrow
from workbench.warehouse.deletions import delete_missing
from workbench.warehouse.models import models
from workbench.warehouse.publish import prepare_staging, publish
from workbench.warehouse.store import Store
from workbench.warehouse.stored_rows import id_at, rows_between

AS_OF = datetime(2026, 11, 23, 17, tzinfo=UTC)
TABLES = (
    "stages",
    "deals",
    "deal_stage_stays",
    "deal_routes",
    "deal_reach",
    "deal_stages",
    "stage_chances",
    "stage_limits",
)


def put(store: Store, entity: str, *rows: dict) -> None:
    with store.transaction():
        store.merge(entity, to_arrow([{"ID": str(row["_"]), **row} for row in rows], "ID"))


def stored(store: Store, entity: str, number: int) -> dict:
    return {"_": number} | rows_between(store, entity, number - 1, number)[number]


def any_id(store: Store, entity: str, rng: random.Random) -> int:
    return id_at(store, entity, rng.randrange(store.count(entity)))


def entered(
    number: int, deal: int, stage: str, pipeline: int, semantics: str, at: datetime
) -> dict:
    return {
        "_": number,
        "TYPE_ID": "2",
        "OWNER_ID": str(deal),
        "CREATED_TIME": moment(at),
        "CATEGORY_ID": str(pipeline),
        "STAGE_SEMANTIC_ID": semantics,
        "STAGE_ID": code(pipeline, stage),
    }


# What may happen at a portal between two syncs. Each takes a store and draws from ``rng``.


def a_deal_moves(store, rng):
    deal = stored(store, "deals", any_id(store, "deals", rng))
    stage, _name, _sort, semantics = rng.choice(STAGES)
    pipeline = rng.choice([int(deal["CATEGORY_ID"]), rng.choice(list(PIPELINES))])
    at = AS_OF - timedelta(minutes=rng.randrange(500_000))
    new = store.highest("deal_history") + 1
    put(store, "deal_history", entered(new, deal["_"], stage, pipeline, semantics or "P", at))
    if rng.random() < 0.8:  # else the history is ahead of the deal
        moved = {"STAGE_ID": code(pipeline, stage), "STAGE_SEMANTIC_ID": semantics or "P"}
        put(store, "deals", deal | moved | {"CATEGORY_ID": str(pipeline), "MOVED_TIME": moment(at)})


def a_deal_comes(store, rng):
    pattern = stored(store, "deals", any_id(store, "deals", rng))
    new = store.highest("deals") + 1
    put(store, "deals", pattern | {"_": new, "ID": str(new)})
    if rng.random() < 0.5:
        pipeline = int(pattern["CATEGORY_ID"])
        number = store.highest("deal_history") + 1
        put(store, "deal_history", entered(number, new, "NEW", pipeline, "P", AS_OF))


def deals_go(store, rng):
    first = any_id(store, "deals", rng)
    kept = to_arrow([], "ID").column("_id")
    with store.transaction():
        delete_missing(store, DEALS, kept, first - 1, first + rng.randrange(3))


def a_template_becomes_a_deal_or_the_other_way(store, rng):
    deal = stored(store, "deals", any_id(store, "deals", rng))
    put(store, "deals", deal | {"IS_RECURRING": "N" if deal["IS_RECURRING"] == "Y" else "Y"})


def an_entry_is_corrected(store, rng):
    row = stored(store, "deal_history", any_id(store, "deal_history", rng))
    others = {"OWNER_ID": str(any_id(store, "deals", rng)), "CREATED_TIME": "no moment"}
    name = rng.choice(list(others))
    put(store, "deal_history", row | {name: others[name]})


def an_entry_goes(store, rng):
    number = any_id(store, "deal_history", rng)
    with store.transaction():
        store.keep("deal_history", to_arrow([], "ID").column("_id"), number - 1, number)


def a_stage_is_renamed_moved_or_ends_deals(store, rng):
    row = stored(store, "statuses", rng.randrange(1, 1 + len(STAGES) * len(PIPELINES)))
    change = {
        "NAME": f"Étape {rng.randrange(1000)}",
        "SORT": str(rng.randrange(100)),
        "SEMANTICS": rng.choice(["S", "F", None]),
    }
    name = rng.choice(list(change))
    put(store, "statuses", row | {name: change[name]})


def a_stage_is_deleted(store, rng):
    number = rng.randrange(1, 1 + len(STAGES) * len(PIPELINES))
    with store.transaction():
        store.keep("statuses", to_arrow([], "ID").column("_id"), number - 1, number)


def a_pipeline_is_renamed(store, rng):
    number = any_id(store, "categories", rng)
    row = stored(store, "categories", number)
    with store.transaction():
        rows = [{**row, "name": f"Pipeline {rng.randrange(1000)}"}]
        store.merge("categories", to_arrow(rows, "_"))


def a_manager_is_renamed(store, rng):
    put(store, "users", stored(store, "users", any_id(store, "users", rng)) | {"NAME": "Zoé"})


OFTEN = (a_deal_moves, a_deal_comes, an_entry_is_corrected)
SELDOM = (
    *(deals_go, an_entry_goes, a_template_becomes_a_deal_or_the_other_way),
    *(a_stage_is_renamed_moved_or_ends_deals, a_manager_is_renamed),
)
RARELY = (a_stage_is_deleted, a_pipeline_is_renamed)


def rows_of(file: Path) -> dict[str, list[tuple]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return {name: connection.sql(f"FROM {name} ORDER BY ALL").fetchall() for name in TABLES}


def differences(store: Store, published: str, spare: Path) -> list[str]:
    """Tables in which a snapshot differs from what their SQL makes of all raw rows."""
    prepare_staging(store, AS_OF)
    run = store.connection.execute
    run(f"ATTACH '{spare}' AS snapshot")
    needed = set(TABLES)
    for model in reversed(models()):
        needed |= model.needs if model.name in needed else set()
    for model in models():
        if model.name in needed:
            run(f"CREATE TABLE snapshot.{model.name} AS {model.sql}")
    run("DETACH snapshot")
    carried = rows_of(store.folder / "snapshots" / f"{published}.duckdb")
    anew = rows_of(spare)
    spare.unlink()
    assert all(anew.values())
    return [name for name in TABLES if carried[name] != anew[name]]


def after_random_changes(folder: Path, seed: int, rounds: int, deals: int) -> None:
    rng = random.Random(seed)
    with Store.open(folder / "warehouse") as store:
        fill(store, made_rows(deals, seed))
        publish(store, AS_OF)
        for _round in range(rounds):
            done = rng.choices(OFTEN, k=rng.randrange(9)) + rng.choices(SELDOM, k=rng.randrange(4))
            done += rng.choices(RARELY, k=rng.random() < 0.2)
            rng.shuffle(done)
            for change in done:
                change(store, rng)
            found = differences(store, publish(store, AS_OF), folder / "anew.duckdb")
            assert not found, f"seed {seed}: {found} after {[each.__name__ for each in done]}"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_carried_over_is_as_made_anew(tmp_path, seed):
    after_random_changes(tmp_path, seed, rounds=4, deals=60)


@pytest.mark.soak
def test_carried_over_is_as_made_anew_over_many_seeds(tmp_path):
    for seed in range(100, 140):
        after_random_changes(tmp_path / str(seed), seed, rounds=12, deals=150)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "warehouse") as opened:
        fill(opened, made_rows(60))
        publish(opened, AS_OF)
        yield opened


def unnoted(store: Store) -> None:
    """Change the raw history behind the store's back: only what is made anew can show it."""
    store.connection.execute("UPDATE raw.deal_history SET STAGE_ID = 'BEHIND' WHERE _id = 1")


def is_anew(store: Store, version: str = "1") -> bool:
    name = publish(store, AS_OF, version=version)
    file = store.folder / "snapshots" / f"{name}.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        sql = "SELECT count(*) FROM deal_stage_stays WHERE stage_id = 'BEHIND'"
        return connection.sql(sql).fetchone() == (1,)


def test_what_has_not_changed_is_not_computed_again(store):
    rows: Rows = made_rows(60)
    last = rows["deals"][-1]
    put(store, "deals", {"_": int(last["ID"]), **last, "TITLE": "Autre"})
    unnoted(store)
    unchanged = store.connection.execute("SELECT count(*) FROM state.changed_deals").fetchone()
    assert unchanged == (1,)
    # the stage “BEHIND” is new in the list of stages: its pipeline is made anew, nothing else
    store.connection.execute("UPDATE raw.deal_history SET CATEGORY_ID = '77' WHERE _id = 1")
    assert not is_anew(store)


@pytest.mark.parametrize("what", ["models", "zone", "snapshot gone", "snapshot damaged", "asked"])
def test_everything_is_computed_anew_where_nothing_can_be_carried_over(store, what):
    unnoted(store)
    (file,) = (store.folder / "snapshots").glob("*.duckdb")
    version = "1"
    match what:
        case "models":
            version = "2"
        case "zone":
            store.set_info("timezone", "Asia/Tokyo")
        case "snapshot gone":
            file.unlink()
        case "snapshot damaged":
            file.write_bytes(b"not a database")
        case "asked":
            from workbench.warehouse.ways import forget_ways

            forget_ways(store.connection)
    assert is_anew(store, version)


def test_notes_go_with_the_rows_they_stand_for(store):
    class Killed(Exception):
        pass

    number = store.highest("deals")
    with pytest.raises(Killed), store.transaction():
        deal = stored(store, "deals", number)
        del deal["_"]
        store.merge("deals", to_arrow([deal | {"ID": str(number), "TITLE": "x"}], "ID"))
        raise Killed
    noted = "SELECT deal_id FROM state.changed_deals"
    assert store.connection.execute(noted).fetchall() == []
    put(store, "deals", stored(store, "deals", number) | {"TITLE": "x"})
    put(store, "deals", stored(store, "deals", number))  # nothing new
    assert store.connection.execute(noted).fetchall() == [(number,)]
    publish(store, AS_OF)
    assert store.connection.execute(noted).fetchall() == []
