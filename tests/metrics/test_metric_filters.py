"""Filters: what is understood means what it says; nothing else gets through."""

import re

import duckdb
import pytest
from hand_company import hand_snapshot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.errors import QueryError
from workbench.metrics import query
from workbench.metrics.filters import parse_filter, write_filter

COLUMNS = {
    "source": ('"source"', "text"),
    "stage": ('"stage"', "text"),
    "amount_base": ('"amount_base"', "number"),
    "is_won": ('"is_won"', "boolean"),
    "created_on": ('"created_on"', "date"),
}
ROWS = [
    ("Web", "New", 100.0, True, "2026-01-01"),
    ("Web", "Won", 50.5, False, "2026-02-01"),
    ("O'Brien", "New", -1.0, True, "2026-03-01"),
    (None, "50%", None, None, None),
    ("web", "", 0.0, False, "2025-12-31"),
]


@pytest.fixture(scope="module")
def table():
    connection = duckdb.connect()
    connection.execute(
        "CREATE TABLE t (source VARCHAR, stage VARCHAR, amount_base DECIMAL(18,2),"
        " is_won BOOLEAN, created_on DATE)"
    )
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", ROWS)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return hand_snapshot(tmp_path_factory.mktemp("hand"))


def chosen(table, text: str) -> list[int]:
    condition, parameters = write_filter(parse_filter(text), COLUMNS)
    sql = f"SELECT rowid FROM t WHERE {condition} ORDER BY 1"
    return [row[0] for row in table.execute(sql, parameters).fetchall()]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("source = 'Web'", [0, 1]),
        ("source <> 'Web'", [2, 4]),
        ("SOURCE = 'Web' AND Amount_Base > 60", [0]),
        ("source = 'Web' and amount_base > 60 or stage = ''", [0, 4]),
        ("source = 'Web' and (amount_base > 60 or stage = 'Won')", [0, 1]),
        ("source in ('Web', 'O''Brien')", [0, 1, 2]),
        ("source in ['Web', 'web']", [0, 1, 4]),
        ("source not in ('Web')", [2, 4]),
        ("source like 'W%'", [0, 1]),
        ("source ilike 'w%'", [0, 1, 4]),
        ("source not like 'W%'", [2, 4]),
        ("source is null", [3]),
        ("source is not null", [0, 1, 2, 4]),
        ("amount_base between 0 and 50.5", [1, 4]),
        ("not amount_base between 0 and 50.5", [0, 2]),
        ("amount_base = -1", [2]),
        ("60 < amount_base", [0]),
        ("amount_base >= 5.05e1", [0, 1]),
        ("is_won", [0, 2]),
        ("not is_won", [1, 4]),
        ("is_won = false", [1, 4]),
        ("is_won is true", [0, 2]),
        ("is_won is not true", [1, 3, 4]),
        ("(is_won or source = 'Web') is null", [3]),
        ("(is_won or stage = '50%') is null", []),
        ("(is_won and source = 'Web') is not null", [0, 1, 2, 4]),
        ("not ((amount_base > 60)) is null", [0, 1, 2, 4]),
        ("created_on >= '2026-02-01'", [1, 2]),
        ("created_on between '2025-12-31' and '2026-01-01'", [0, 4]),
        ("stage = '50%'", [3]),
        ("\"source\" = 'Web'", [0, 1]),
        (" ".join(["source = 'Web' or"] * 200 + ["is_won"])[:3990].rsplit(" or", 1)[0], [0, 1]),
    ],
)
def test_a_filter_means_what_it_says(table, text, rows):
    assert chosen(table, text) == rows


ATTACKS = [
    "",
    " ",
    ";",
    "source = 'a'; drop table t",
    "source = 'a' -- x",
    "source = 'a' /* x */",
    "/* x */ source = 'a'",
    "1 = 1",
    "true",
    "null",
    "'a' = 'a'",
    "source = source",
    "source = stage",
    "source = (select 'a')",
    "source in (select source from t)",
    "exists (select 1)",
    "source = 'a' union select 1",
    "source in ('a') union all select * from info",
    "select 1",
    "delete from t",
    "drop table t",
    "attach 'x.db'",
    "copy t to 'x'",
    "pragma version",
    "set threads = 1",
    "install httpfs",
    "load httpfs",
    "call pragma_version()",
    "explain select 1",
    "describe t",
    "lower(source) = 'a'",
    "source = lower('A')",
    "read_csv('/etc/passwd') = 'a'",
    "source = getenv('HOME')",
    "source = current_setting('x')",
    "source = current_date",
    "now() > created_on",
    "created_on > current_date",
    "created_on > now() - interval 1 day",
    "created_on > date '2026-01-01'",
    "created_on > '2026-01-01'::date",
    "source::int = 1",
    "cast(source as int) = 1",
    "try_cast(source as int) = 1",
    "t.source = 'a'",
    "main.t.source = 'a'",
    "source.x = 'a'",
    "source['x'] = 'a'",
    "source->'x' = 'a'",
    "source || 'b' = 'ab'",
    "amount_base + 1 = 2",
    "amount_base > 1 + 1",
    "-amount_base > 1",
    "amount_base % 2 = 0",
    "source = $1",
    "source = ?",
    "source = :x",
    "source = @x",
    "source = $f0",
    "source = e'\\x27'",
    "source = $$a$$",
    "source = $x$a$x$",
    "source = x'41'",
    "source similar to 'a.*'",
    "source ~ 'a.*'",
    "regexp_matches(source, 'a')",
    "source glob 'a*'",
    "source like 'a' escape '\\'",
    "source like any ('a', 'b')",
    "source = any ('a', 'b')",
    "source = all (select 1)",
    "source in unnest(['a'])",
    "source in ()",
    "source in (stage)",
    "source in ('a', lower('b'))",
    "source is distinct from 'a'",
    "case when is_won then true end",
    "if(is_won, true, false)",
    "coalesce(source, 'a') = 'a'",
    "(source, stage) = ('a', 'b')",
    "source = 'a' collate nocase",
    "* = 1",
    "t.* = 1",
    "columns('s.*') = 'a'",
    "count(*) > 1",
    "sum(amount_base) over () > 1",
    "amount_base > 1e999",
    "amount_base > 'nan'::float",
    "amount_base > infinity",
    "source = 5",
    "amount_base = 'x'",
    "created_on = 5",
    "created_on = 'x'",
    "created_on = '2026-02-30'",
    "is_won = 'yes'",
    "is_won = 1",
    "amount_base like '1%'",
    "source",
    "not source",
    "is_won is 5",
    "rowid = 0",
    "nosuch = 'a'",
    "password = 'a'",
    "source = 'a' and",
    "source = ",
    "source == ",
    "(" * 60 + "is_won" + ")" * 60,
    "(" * 3000,
    "not " * 900 + "is_won",
    "source = '" + "a" * 5000 + "'",
    "source = 'a\0b'",
    "source in (" + ",".join(["'a'"] * 700) + ")",
    "lambda x: x",
    "x -> x + 1",
    "source = 'a' limit 1",
    "source = 'a' order by 1",
    "source = 'a' group by all",
    "from t",
    "with x as (select 1) select * from x",
    "source = 'a' qualify 1 = 1",
    "source = 'a' as b",
    "is_won xor is_won",
    "source = 'a' 'b'",
    "struct_pack(a := 1) = 1",
    "{'a': 1} = 1",
    "values (1)",
    "source = 'a' then 1",
    "источник = 'a'",
]


@pytest.mark.parametrize("text", ATTACKS, ids=range(len(ATTACKS)))
def test_anything_else_is_refused_in_one_clear_line(text):
    with pytest.raises(QueryError) as error:
        write_filter(parse_filter(text), COLUMNS)
    assert error.value.exit_code == 2
    assert "\n" not in error.value.message and len(error.value.message) < 400


@pytest.mark.parametrize("value", [None, 5, ["source = 'a'"], b"source = 'a'", True])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(QueryError):
        parse_filter(value)


def test_no_value_of_the_reader_stands_in_the_sql():
    text = "source = 'evil; drop' and amount_base > 4242 and created_on > '2026-01-31'"
    condition, parameters = write_filter(parse_filter(text), COLUMNS)
    for value in ("evil", "drop", "4242", "2026", "'"):
        assert value not in condition
    assert len(parameters) == 3


# Pieces of which hostile filters are made; joined at random they must be refused or harmless.
WORDS = (
    "source stage amount_base is_won created_on nosuch = <> < > in like between and or not is null"
    " true ( ) , ; ' '' 'a' '%' 1 -1 1e9 -- /* */ select from union drop table t * . :: || + $1 ?"
    " lower(source) (select 1) '2026-01-01' date case when then end distinct any all exists"
    ' " "source" [ ] { } @ \\ values attach pragma copy escape unnest'
)
PIECES = st.sampled_from([*WORDS.split(), "\n", "\t"])
CONDITION = re.compile(
    r"(?:[()]|NOT|AND|OR|IN|BETWEEN|LIKE|ILIKE|IS|NULL|DISTINCT|FROM|,|=|<>|<=|>=|<|>"
    r'|\$f\d+|"(?:source|stage|amount_base|is_won|created_on)"|\s)+'
)


def harmless(table, text: str) -> None:
    try:
        condition, parameters = write_filter(parse_filter(text), COLUMNS)
    except QueryError:
        return
    assert CONDITION.fullmatch(condition), condition
    assert all(f"${name}" in condition for name in parameters)
    table.execute(f"SELECT count(*) FROM t WHERE {condition}", parameters).fetchall()


@settings(
    max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(PIECES, max_size=14).map(" ".join))
def test_pieces_of_sql_at_random_are_refused_or_harmless(table, text):
    harmless(table, text)


@settings(
    max_examples=700, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=60))
def test_any_text_is_refused_or_harmless(table, text):
    harmless(table, text)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
)
def test_any_value_is_compared_as_it_is(table, value):
    text = "source = '" + value.replace("'", "''") + "'"
    condition, parameters = write_filter(parse_filter(text), COLUMNS)
    assert condition == '("source" = $f0)' and parameters == {"f0": value}
    table.execute(f"SELECT count(*) FROM t WHERE {condition}", parameters).fetchall()


names = st.sampled_from(
    ["source = 'Web'", "is_won", "amount_base > 10", "stage like '%o%'", "source is null"]
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names, names)
def test_filters_commute(table, left, right):
    assert chosen(table, f"{left} and {right}") == chosen(table, f"{right} and {left}")
    assert chosen(table, f"{left} or ({right})") == chosen(table, f"({right}) or {left}")


def test_a_filter_of_a_metric_counts_what_it_selects(snapshot):
    frame = query(
        "deals_won", where="source = 'Website' and amount_base >= 1000.10", snapshot=snapshot
    )
    assert frame["deals_won"].iloc[0] == 2  # deals 4 and 9; deal 1 has 1000.00


def test_a_filter_on_something_a_part_of_the_metric_lacks_is_refused(snapshot):
    with pytest.raises(QueryError, match="manager"):
        query("cost_per_lead", where="manager = 'Bo'", snapshot=snapshot)
    with pytest.raises(QueryError) as error:
        query("deals", where="sourc = 'Website'", snapshot=snapshot)
    assert "source" in error.value.hint


def test_other_arguments_are_no_way_in_either(snapshot):
    bad = 'source" FROM deals; --'
    for arguments in (
        {"by": bad},
        {"grain": bad},
        {"period": bad},
        {"start": bad},
        {"compare": bad},
    ):
        with pytest.raises(Exception) as error:
            query("deals", snapshot=snapshot, **arguments)
        assert getattr(error.value, "exit_code", None) == 2
    with pytest.raises(QueryError):
        query(bad, snapshot=snapshot)
    with pytest.raises(QueryError):
        query([], snapshot=snapshot)
