"""Which snapshots stay, and how far apart they are."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from handmade import directories, fill, made_rows

from workbench.automation.kept import referred_snapshots
from workbench.automation.ledger import Ledger, Proposal
from workbench.bitrix24.entities import ENTITIES
from workbench.errors import SourceError
from workbench.settings import settings
from workbench.warehouse import newest_snapshot, open_snapshot
from workbench.warehouse.publish import publish, snapshot_files
from workbench.warehouse.rates import load_rates
from workbench.warehouse.retention import kept
from workbench.warehouse.store import Store
from workbench.warehouse.sync import sync

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
AS_OF = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_sources(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    parameters = tmp_path / "project" / "parameters"
    parameters.mkdir(parents=True)
    (parameters / "sources.yml").write_text("sources: {}")
    (tmp_path / "project" / "notebooks").mkdir()
    monkeypatch.setenv("WORKBENCH_PROJECT", str(tmp_path / "project"))


def name(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}-abcdef"


def test_the_newest_five_and_the_last_of_each_of_fourteen_days_stay():
    hours = [NOW - timedelta(hours=6 * n) for n in range(4 * 30)]  # thirty days, four a day
    ids = sorted(name(moment) for moment in hours)
    stay = kept(ids, NOW)
    # today's 12:00 is among the newest five; 10 November's 18:00 is younger than fourteen days
    days = {id_[:8]: [i for i in ids if i[:8] == id_[:8]][-1] for id_ in ids}
    expected = set(ids[-5:]) | {days[f"202611{day:02}"] for day in range(10, 25)}
    assert stay == expected
    assert len(stay) == 5 + 13


def test_what_something_refers_to_stays_and_what_is_not_ours_too():
    ids = sorted(name(NOW - timedelta(days=n)) for n in range(20, 60))
    assert kept(ids, NOW, {ids[3], "20200101T000000Z-gone00"}) == {ids[3], *ids[-5:]}
    assert "by-hand" in kept(["by-hand", *ids], NOW)


def test_snapshots_of_runs_and_undecided_decisions_are_found(home):
    outputs = settings().outputs_dir
    for run, content in [
        ("a", json.dumps({"snapshot": "S1"})),
        ("b", json.dumps({"snapshot": None})),
        ("c", "{"),
        ("d", "[" * 100_000),
        ("e", '["snapshot"]'),
    ]:
        (outputs / run).mkdir(parents=True)
        (outputs / run / "run.json").write_text(content)
    assert referred_snapshots() == {"S1"}
    book = Ledger(home / "ledger.sqlite")
    for number, status in enumerate(["proposed", "rejected"]):
        book.propose(
            Proposal(
                id=f"p{number}", rule="r", subject=f"deal:{number}", action="task", payload={},
                reason={}, snapshot=f"S{number + 5}", code_version="1", rule_hash="h",
                created_at=NOW, status="proposed",
            ),
            not_within=timedelta(0),
        )  # fmt: skip
        if status == "rejected":
            book.move(f"p{number}", "rejected", "me")
    assert referred_snapshots() == {"S1", "S5"}
    (home / "ledger.sqlite").write_bytes(b"not a database")
    assert referred_snapshots() == {"S1"}


def test_a_snapshot_that_is_referred_to_outlives_the_others_until_it_is_not(home):
    with Store.open(home / "warehouse") as store:
        fill(store, made_rows(deals=10))
        folder = home / "warehouse" / "snapshots"
        first = publish(store, AS_OF)
        old = name(datetime.now(UTC) - timedelta(days=40))
        (folder / f"{first}.duckdb").rename(folder / f"{old}.duckdb")
        (folder / f"{old}.checked").write_text("x")
        for _ in range(6):
            publish(store, AS_OF, referred={old})
        assert len(snapshot_files(folder)) == 6
        open_snapshot(old).close()
        publish(store, AS_OF)
        assert len(snapshot_files(folder)) == 5
    assert not list(folder.glob(f"{old}*"))


def test_two_snapshots_are_as_far_apart_as_is_set(home, monkeypatch):
    with Store.open(home / "warehouse") as store:
        fill(store, made_rows(deals=10))
        store.set_info("as_of", AS_OF.isoformat())
    first = sync().snapshot
    assert first
    monkeypatch.setenv("WORKBENCH_SNAPSHOT_MINUTES", "30")
    assert sync().remarks == []  # nothing has changed, so nothing is held back
    with Store.open(home / "warehouse") as store:
        store.connection.execute("UPDATE raw.deals SET TITLE = 'x' WHERE _id = 1")
        store.set_info("unpublished", "Y")
    held = sync()
    assert held.snapshot is None and len(held.remarks) == 1
    with newest_snapshot() as snapshot:
        assert snapshot.id == first
    monkeypatch.setenv("WORKBENCH_SNAPSHOT_MINUTES", "0")
    assert sync().snapshot  # what was held back is not forgotten
    with newest_snapshot() as snapshot:
        assert snapshot.query("SELECT title FROM deals WHERE deal_id = 1").title[0] == "x"


def test_earlier_rates_come_from_the_file_until_the_portals_own_begin(home):
    won = {"STAGE_ID": "WON", "STAGE_SEMANTIC_ID": "S", "CURRENCY_ID": "CHF", "CATEGORY_ID": "0"}
    days = ["2022-12-31", "2023-06-01", "2024-02-01", "2026-11-23"]
    rows = directories() | {e.name: [] for e in ENTITIES if e.name not in directories()}
    rows["deals"] = [
        {"ID": n, "OPPORTUNITY": "100", **won, "DATE_CREATE": f"{day}T09:00:00+01:00"}
        | {"MOVED_TIME": f"{day}T10:00:00+01:00"}
        for n, day in enumerate(days, 1)
    ]
    file = settings().parameters_dir / "rates.csv"
    # the last line is of a day on which the portal's own rate is known: that one counts
    file.write_text(
        "currency,date,rate\nCHF,2024-01-01,1.0642\nCHF,2023-01-01,1.02\nCHF,2026-11-23,9\n"
    )

    def amounts() -> list[tuple]:
        with newest_snapshot() as snapshot:
            query = "SELECT amount_base, rate_basis FROM deals ORDER BY deal_id"
            return [(float(a), b) for a, b in snapshot.execute(query).fetchall()]

    with Store.open(home / "warehouse") as store:
        fill(store, rows, spend=False)
        store.set_info("as_of", AS_OF.isoformat())
    assert not sync().problems
    assert amounts() == [(102.0, "later"), (102.0, "given"), (106.42, "given"), (106.5, "observed")]
    with newest_snapshot() as snapshot:
        row = snapshot.sources().set_index("source").loc["rates"]
        assert (row.status, row["rows"]) == ("complete", 3)
        assert row.loaded_from.date() == date(2023, 1, 1)
    assert sync().snapshot is None  # nothing new in it
    file.write_text("currency,date,rate\nCHF,2024-01-01,x\n")
    broken = sync()
    assert "rates.csv" in broken.problems["rates"] and broken.snapshot  # said in a snapshot
    with newest_snapshot() as snapshot:
        assert snapshot.sources().set_index("source").status["rates"] == "stale"
    assert amounts()[2] == (106.42, "given")  # the last good ones stay
    file.unlink()
    sync()
    assert amounts() == [(106.5, "later")] * 3 + [(106.5, "observed")]
    with newest_snapshot() as snapshot:
        assert "rates" not in set(snapshot.sources().source)


def test_rates_before_anything_is_loaded_are_left_for_later(home, tmp_path):
    file = tmp_path / "rates.csv"
    file.write_text("currency,date,rate\nCHF,2024-01-01,x\n")
    with Store.open(home / "warehouse") as store:
        load_rates(store, file)
        fill(store, directories(), spend=False)
        with pytest.raises(SourceError):
            load_rates(store, file)
        assert store.progress("rates", "rates").status == "failed"
