"""Tables per deal are the same, and in the same order, if some deals are built at a time."""

import duckdb
import pytest
from handmade import NOW, fill, made_rows

from workbench.warehouse import ranges, ways
from workbench.warehouse.publish import publish
from workbench.warehouse.store import Store


def tables(file) -> dict[str, list]:
    with duckdb.connect(str(file), read_only=True) as snapshot:
        names = ["deals", *ways.TABLES, "stage_chances", "stage_limits", "stages"]
        return {name: snapshot.execute(f"FROM {name}").fetchall() for name in names}


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "warehouse") as store:
        fill(store, made_rows())
        yield store


def test_parts_make_the_same_tables(store, monkeypatch):
    folder = store.folder / "snapshots"
    whole = tables(folder / f"{publish(store, NOW)}.duckdb")
    monkeypatch.setattr(ranges, "AT_ONCE", len(whole["deals"]) // 3)
    store.set_info("ways carried over", "")  # everything is computed from all rows
    assert len(ranges.bounds(store.connection, ranges.AT_ONCE)) >= 2
    assert tables(folder / f"{publish(store, NOW)}.duckdb") == whole


def test_every_deal_is_in_one_part(store, monkeypatch):
    monkeypatch.setattr(ranges, "AT_ONCE", store.count("deals") // 5)
    parts = ranges.bounds(store.connection, ranges.AT_ONCE)
    found = [
        number
        for part in parts
        for (number,) in store.connection.execute(
            f"SELECT _id FROM (SELECT _id, _id AS deal_id FROM raw.deals) WHERE {part} ORDER BY _id"
        ).fetchall()
    ]
    everyone = store.connection.execute("SELECT _id FROM raw.deals ORDER BY _id").fetchall()
    assert found == [number for (number,) in everyone]
    beyond = " OR ".join(f"({part})" for part in parts)
    assert store.connection.execute(
        f"SELECT count(*) FILTER ({beyond}) FROM (VALUES (-5), (0), (1000000000)) AS t(deal_id)"
    ).fetchone() == (3,)
