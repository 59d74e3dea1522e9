"""Routes, returns, waiting and the bottleneck: seven deals by eye, many against plain pandas."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import plain_process_map as plain
import pytest

from workbench.analysis import process_map as maps
from workbench.i18n import use_language
from workbench.metrics import query, rows, summary
from workbench.sources.pages import to_arrow
from workbench.views import panels
from workbench.views.selection import choose
from workbench.warehouse import Snapshot
from workbench.warehouse.publish import publish
from workbench.warehouse.store import Progress, Store

PARIS = ZoneInfo("Europe/Paris")
AS_OF = datetime(2026, 11, 23, 17, tzinfo=UTC)
STAGES = {
    "N": ("New", 10, None),
    "O": ("Offer", 20, None),
    "W": ("Won", 30, "S"),
    "L": ("Lost", 40, "F"),
}
TEAMS = {1: "North", 2: "South", 3: None}
BEGIN = datetime(2026, 1, 1, tzinfo=PARIS)
# deal: department, way as stage and days in it
WAYS = {
    1: ("North", [("N", 1), ("O", 4), ("W", None)]),
    2: ("North", [("N", 2), ("O", 6), ("W", None)]),
    3: ("South", [("N", 3), ("O", 10), ("W", None)]),
    4: ("South", [("N", 1), ("O", 2), ("N", 2), ("O", 8), ("W", None)]),
    5: ("South", [("N", 5), ("L", None)]),
    6: (None, [("N", 1), ("N", 1), ("O", 5), ("L", None)]),
    7: ("North", [("W", None)]),
}
Rows = dict[str, list[dict]]


def directories() -> Rows:
    return {
        "statuses": [
            {
                "ID": str(10 * pipeline + number),
                "ENTITY_ID": f"DEAL_STAGE_{pipeline}" if pipeline else "DEAL_STAGE",
                "STATUS_ID": code(pipeline, stage),
                "NAME": name,
                "SORT": str(sort),
                "SEMANTICS": semantics,
            }
            for pipeline in (0, 2)
            for number, (stage, (name, sort, semantics)) in enumerate(STAGES.items(), 1)
        ],
        "categories": [
            {"id": number, "name": name, "sort": 100, "entityTypeId": "2"}
            for number, name in ((0, "Direct"), (2, "Partners"))
        ],
        "currencies": [{"CURRENCY": "EUR", "AMOUNT": "1", "AMOUNT_CNT": "1", "BASE": "Y"}],
        "users": [
            {"ID": str(n), "NAME": "A", "LAST_NAME": str(n), "UF_DEPARTMENT": [n] if name else []}
            for n, name in TEAMS.items()
        ],
        "departments": [
            {"ID": "9", "NAME": "Sales"},
            {"ID": "1", "NAME": "North", "PARENT": "9"},
            {"ID": "2", "NAME": "South", "PARENT": "9"},
        ],
    }


def code(pipeline: int, stage: str) -> str:
    return f"C{pipeline}:{stage}" if pipeline else stage


def portal(ways: dict[int, tuple[int, list[tuple[datetime, int, str]]]], bare: int = 0) -> Rows:
    """Rows of a portal; ``ways``: deal → manager, and its entries: moment, pipeline, stage.

    The last ``bare`` deals have lost their history.
    """
    found = directories() | {"deals": [], "deal_history": []}
    for deal, (manager, way) in ways.items():
        at, pipeline, stage = way[-1]
        for moment, where, entered in way if deal <= max(ways) - bare else []:
            found["deal_history"].append(
                {
                    "ID": str(len(found["deal_history"]) + 1),
                    "TYPE_ID": "2",
                    "OWNER_ID": str(deal),
                    "CREATED_TIME": moment.isoformat(),
                    "CATEGORY_ID": str(where),
                    "STAGE_ID": code(where, entered),
                    "STAGE_SEMANTIC_ID": STAGES[entered][2] or "P",
                }
            )
        found["deals"].append(
            {
                "ID": str(deal),
                "TITLE": f"Deal {deal}",
                "CATEGORY_ID": str(pipeline),
                "STAGE_ID": code(pipeline, stage),
                "STAGE_SEMANTIC_ID": STAGES[stage][2] or "P",
                "IS_RECURRING": "N",
                "CURRENCY_ID": "EUR",
                "OPPORTUNITY": str(100 * deal),
                "COMPANY_ID": str(1 + deal % 5),
                "ASSIGNED_BY_ID": str(manager),
                "DATE_CREATE": way[0][0].isoformat(),
                "DATE_MODIFY": at.isoformat(),
                "MOVED_TIME": at.isoformat(),
                "CLOSEDATE": (at + timedelta(days=20)).isoformat(),
                "SOURCE_ID": ("WEB", "CALL", "")[deal % 3],
            }
        )
    return found


def published(folder: Path, found: Rows) -> Snapshot:
    with Store.open(folder / "warehouse") as store:
        for key, value in (
            ("portal", "ways.example"),
            ("portal_url", "https://ways.example"),
            ("timezone", PARIS.key),
        ):
            store.set_info(key, value)
        with store.transaction():
            keys = {entity.name: entity.key for entity in store.entities()}
            for name in keys:
                if found.get(name):
                    store.merge(name, to_arrow(found[name], keys[name]))
                store.save(name, Progress("complete", last_sync=AS_OF))
        snapshot_id = publish(store, AS_OF)
    return Snapshot(folder / "warehouse" / "snapshots" / f"{snapshot_id}.duckdb")


@pytest.fixture(scope="module")
def seven(tmp_path_factory) -> Snapshot:
    managers = {name: number for number, name in TEAMS.items()}
    ways = {}
    for deal, (team, way) in WAYS.items():
        at, entries = BEGIN, []
        for stage, days in way:
            entries.append((at, 0, stage))
            at += timedelta(days=days or 0)
        ways[deal] = (managers[team], entries)
    return published(tmp_path_factory.mktemp("seven"), portal(ways))


class Figures:
    """What is worked out of the deals of one pipeline that a filter keeps."""

    def __init__(self, snapshot: Snapshot, where: str = "not closed_on is null", pipeline: int = 0):
        self.where = f"({where}) and pipeline_id = {pipeline}"
        of = {"snapshot": snapshot, "pipeline_id": pipeline}
        self.moves, self.waits = (summary(name, self.where, **of) for name in ("moves", "waits"))
        self.routes = summary("routes", self.where, most=1000, **of)
        self.stages = snapshot.read("stages_of_pipeline", pipeline_id=pipeline)


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch):
    monkeypatch.setattr(maps, "FEWEST", 2)


def test_routes_have_their_share_their_wins_and_their_cycle(seven):
    table = maps.variants(Figures(seven).routes).set_index("route")
    straight = table.loc["New → Offer → Won"]
    assert (straight["deals"], straight["share"], straight["won"]) == (3, 3 / 7, 1)
    assert straight["median_days"] == 8 and not straight["loops"]
    assert table.loc["New → Offer → New → Offer → Won", "loops"]
    assert table.loc["New → Offer → Lost", "deals"] == 1  # told twice that it is new
    assert table["share"].sum() == pytest.approx(1) and table.index[0] == "New → Offer → Won"


def test_every_move_is_counted_with_the_days_before_it(seven):
    found = Figures(seven)
    table = maps.transitions(found.moves, found.stages).set_index(["from_stage", "to_stage"])
    forth = table.loc[("New", "Offer")]
    assert (forth["deals"], forth["moves"], forth["back"]) == (5, 6, False)
    back = table.loc[("Offer", "New")]
    assert (back["deals"], back["moves"], back["median_days"], back["back"]) == (1, 1, 2, True)
    assert table.loc[("Offer", "Lost"), "lost"] and len(table) == 5
    assert table["moves"].sum() == 6 + 1 + 4 + 1 + 1


def test_returns_are_told_with_their_share(seven):
    found = Figures(seven)
    table = maps.loops(found.moves, found.stages).set_index("stage")
    assert table.loc["New", ["deals", "returns"]].tolist() == [1, 1]
    assert table.loc["New", "share"] == 1 / 6 and table.loc["Offer", "share"] == 1 / 5


def test_waiting_adds_the_stays_of_a_deal_up(seven):
    found = Figures(seven)
    table = maps.waiting(found.waits, found.stages).set_index("stage")
    assert table.index.tolist() == ["New", "Offer"]
    assert table.loc["New", "total_days"] == 1 + 2 + 3 + 3 + 5 + 2
    assert table.loc["Offer", "median_days"] == 6  # 4, 6, 10, 10, 5
    assert table["share"].tolist() == [16 / 51, 35 / 51]


def test_the_bottleneck_is_where_most_is_waited_and_the_gain_that_of_the_best_team(seven):
    found = Figures(seven)
    slowest = maps.bottleneck(found.waits, found.stages)
    assert slowest is not None and slowest.stage == "Offer" and slowest.deals == 5
    # North: 4 and 6 days, South: 10 and 10; nobody's deal is no team.
    assert (slowest.best_team, slowest.best_median_days) == ("North", 5)
    assert slowest.gain_days == (5 * 2 + 0 * 2) / 5
    with use_language("en"):
        told = maps.finding(slowest)
    assert "“Offer”: 6 days (median), 69%" in told and "North needs 5 days" in told
    assert "2 days less per deal" in told


def test_one_team_alone_has_nobody_to_learn_from(seven):
    found = Figures(seven, "department = 'North'")
    slowest = maps.bottleneck(found.waits, found.stages)
    assert slowest is not None and slowest.best_team is None and slowest.gain_days == 0
    nothing = Figures(seven, "department = 'Nowhere'")
    assert maps.bottleneck(nothing.waits, nothing.stages) is None
    with use_language("fr"):
        assert maps.finding(None).endswith(".")


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> tuple[Snapshot, Rows]:
    """Deals that go anywhere: back, past stages, twice in a second, into the other pipeline."""
    rng, ways = random.Random(11), {}
    for deal in range(1, 401):
        at = BEGIN + timedelta(hours=rng.randrange(6000))
        home = way_home = rng.choice([0, 0, 2])
        entries = []
        for _entry in range(rng.randrange(1, 8)):
            entries.append((at, way_home, rng.choice("NNOO") if rng.random() < 0.8 else "L"))
            at += rng.choice([timedelta(0), timedelta(seconds=1), timedelta(hours=77)])
            at += timedelta(days=rng.choice([0, 0, rng.randrange(40)]))
            way_home = 2 - home if rng.random() < 0.1 else home
        if rng.random() < 0.7:
            entries.append((at, home, rng.choice("WWL")))
        ways[deal] = (rng.choice(list(TEAMS)), entries)
    found = portal(ways, bare=5)
    return published(tmp_path_factory.mktemp("many"), found), found


@pytest.mark.parametrize("pipeline", [0, 2])
@pytest.mark.parametrize(
    "where",
    [
        "not closed_on is null",
        "closed_on between '2026-03-01' and '2026-06-30'",
        "is_open",
        "source = 'WEB' and is_won",
        "department_and_below = 'Sales' and not closed_on is null",
        "manager_id = 2 and purchases > 10",
        "route like '%Offer → New%'",
        "closed_on > '2030-01-01'",
    ],
)
def test_the_figures_are_those_of_plain_pandas_on_the_rows_of_the_portal(many, where, pipeline):
    snapshot, found = many
    ours = Figures(snapshot, where, pipeline)
    deals = rows("deals", ours.where, snapshot=snapshot)
    deals = deals[["deal_id", "is_won", "cycle_days", "department"]]
    if "2030" in where:
        assert ours.routes.empty and ours.moves.empty and ours.waits.empty and deals.empty
        return
    everything = snapshot.query("SELECT * FROM deals")
    stays = plain.stays(found["deal_history"], everything, found["statuses"], PARIS.key)
    assert (stays["days"] == 0).any() and (stays["history_id"] < 0).sum() == 5
    stays = stays[stays["deal_id"].isin(deals["deal_id"]) & (stays["pipeline_id"] == pipeline)]
    assert len(stays) > 20
    same(maps.variants(ours.routes), plain.variants(stays, deals))
    same(maps.transitions(ours.moves, ours.stages), plain.transitions(stays))
    same(maps.loops(ours.moves, ours.stages), plain.loops(stays))
    waited = plain.waiting(stays)
    same(maps.waiting(ours.waits, ours.stages), waited)
    same(maps.visited(ours.moves, ours.waits, ours.stages), plain.visited(stays, ours.stages))
    slowest = maps.bottleneck(ours.waits, ours.stages)
    stage = waited.loc[waited["total_days"].idxmax()]
    teams = plain.teams(stays, deals, stage["stage_id"], maps.FEWEST)
    assert slowest is not None and slowest.stage == stage["stage"]
    same(slowest.teams[list(teams.columns)], teams)
    gains = (teams["median_days"] - teams["median_days"].min()) * teams["deals"]
    assert slowest.gain_days == pytest.approx(gains.sum() / stage["deals"])


def same(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    assert set(ours.columns) == set(theirs.columns)
    pd.testing.assert_frame_equal(ours, theirs[ours.columns], check_dtype=False)


def test_the_way_through_all_pipelines_is_a_dimension(many):
    snapshot, found = many
    everything = snapshot.query("SELECT * FROM deals")
    stays = plain.stays(found["deal_history"], everything, found["statuses"], PARIS.key)
    routes = plain.moves(stays).groupby("deal_id")["stage"].agg(plain.ARROW.join).value_counts()
    ours = query("deals", by="route", snapshot=snapshot).set_index("route")["deals"]
    assert ours.to_dict() == routes.to_dict()


def test_the_panel_takes_the_pipeline_with_most_deals_and_what_is_chosen(many):
    snapshot, _found = many
    with use_language("en"):
        chosen = choose(snapshot, {"period": "2026-01-01..2026-06-30", "source": "WEB"})
        shown = panels.process_map.process_map(chosen)
    where = "closed_on between '2026-01-01' and '2026-06-30' and source = 'WEB'"
    deals = rows("deals", where, snapshot=snapshot)["pipeline"].value_counts()
    assert shown.title == f"Process map: {deals.index[0]}"
    assert shown.data["deals"].sum() == deals.iloc[0] or len(shown.data) == 30
    nothing = choose(snapshot, {"period": "2020-01-01..2020-06-30"})
    assert panels.process_map.process_map(nothing).kind == "empty"


def test_renamed_stages_change_names_only(many, tmp_path):
    snapshot, found = many
    renamed = [row | {"NAME": f"{row['NAME']} bis"} for row in found["statuses"]]
    again = Figures(published(tmp_path, found | {"statuses": renamed}))
    ours = Figures(snapshot)
    names = ["from_stage", "to_stage"]
    before, after = (maps.transitions(each.moves, each.stages) for each in (ours, again))
    pd.testing.assert_frame_equal(before.drop(columns=names), after.drop(columns=names))
    assert ours.routes["deals"].tolist() == again.routes["deals"].tolist()
