"""Segments: the file, its language, what is saved, and the groups of recency, frequency, amount."""

import multiprocessing
import os
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hand_company import TABLES, hand_snapshot
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.errors import ConfigurationError, QueryError, WorkbenchError
from workbench.metrics import query, rows
from workbench.metrics.catalogue import Text
from workbench.metrics.filters import both, parse_filter, rest, write_filter
from workbench.metrics.segment_groups import groups
from workbench.metrics.segments import (
    Entry,
    _content,
    _with,
    _without,
    delete_segment,
    load_segments,
    save_segment,
    segment,
    segment_files,
)
from workbench.warehouse import Snapshot

RFM = ["champions", "loyal", "recent", "attention", "cannot_lose", "at_risk", "dormant"]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return hand_snapshot(tmp_path_factory.mktemp("hand"))


@pytest.fixture
def project(tmp_path, monkeypatch, home):
    """A project of its own, with one segment and a comment."""
    folder = tmp_path / "project"
    (folder / "parameters").mkdir(parents=True)
    (folder / "notebooks").mkdir()
    (folder / "parameters" / "segments.yml").write_text(
        "# ours\nsegments:\n  web:  # from the site\n    title: {fr: Site, en: Web}\n"
        "    where: source = 'Website'\n"
    )
    monkeypatch.setenv("WORKBENCH_PROJECT", str(folder))
    return folder


def test_the_segments_of_the_project_are_read_and_speak_both_languages():
    known = load_segments()
    assert {f"rfm_{name}" for name in RFM} <= known.keys()
    for each in known.values():
        assert each.title.fr and each.title.en and each.description
        assert each.description.fr != each.description.en


def test_a_segment_is_a_filter_with_a_name(snapshot, project):
    frame = query(["deals_won", "won_revenue"], segment="web", snapshot=snapshot)
    same = query(["deals_won", "won_revenue"], where="source = 'Website'", snapshot=snapshot)
    assert frame.attrs["total"] == same.attrs["total"] == {"deals_won": 3, "won_revenue": 4000.10}
    assert frame.attrs["segment"] == "web"
    narrowed = query("deals_won", segment="web", where="amount_base > 1500", snapshot=snapshot)
    assert narrowed["deals_won"][0] == 1
    with pytest.raises(QueryError, match="wep"):
        query("deals", segment="wep", snapshot=snapshot)


def test_what_is_saved_is_added_and_nothing_else_is_touched(project):
    file = project / "parameters" / "segments.yml"
    before = file.read_text()
    saved = save_segment("large", "is_won and amount_base >= 1000", "Grandes « ventes »")
    assert file.read_text().startswith(before) and saved.file == file
    assert segment("large").where == "is_won and amount_base >= 1000"
    with pytest.raises(QueryError, match="large"):
        save_segment("large", "is_won")
    save_segment("large", "is_open", "Ouvertes", replace=True)
    assert segment("large").where == "is_open" and "# from the site" in file.read_text()
    delete_segment("large")
    assert file.read_text().strip() == before.strip()


@pytest.mark.parametrize("name", ["null", "yes", "true", "on"])
def test_a_name_that_yaml_quotes_is_replaced_and_deleted_as_any_other(project, name):
    file = project / "parameters" / "segments.yml"
    before = file.read_text()
    save_segment(name, "is_won")
    save_segment("after", "is_won")
    save_segment(name, "is_open", replace=True)
    assert [*load_segments()] == ["web", "after", name] and segment(name).where == "is_open"
    delete_segment(name)
    delete_segment("after")
    assert file.read_text().strip() == before.strip()


def test_where_the_project_cannot_be_written_the_state_takes_it(project, home, monkeypatch):
    real = os.fsync

    def refuse(number):
        if str(project) in str(Path(f"/proc/self/fd/{number}").readlink()):
            raise PermissionError(13, "read-only")
        real(number)

    monkeypatch.setattr(os, "fsync", refuse)
    saved = save_segment("large", "is_won")
    assert saved.file == home / "pages" / "segments.yml" == segment_files()[1]
    assert set(load_segments()) == {"web", "large"}
    assert not list((project / "parameters").glob(".segments*"))


@pytest.mark.parametrize(
    ("name", "where", "title"),
    [
        ("a b", "is_won", ""),
        ("../x", "is_won", ""),
        ("", "is_won", ""),
        ("x" * 41, "is_won", ""),
        ("x", "is_won; drop table deals", ""),
        ("x", "lower(source) = 'a'", ""),
        ("x", "source = (select 'a')", ""),
        ("x", "is_won -- all", ""),
        ("x", "sauce = 'a'", ""),
        ("x", "amount_base = 'much'", ""),
        ("x", "is_won", "two\nlines"),
        ("x", "is_won", "turned\u202eround"),
        ("x", "is_won", "long" * 200),
    ],
)
def test_what_is_not_allowed_is_not_written(project, name, where, title):
    before = (project / "parameters" / "segments.yml").read_bytes()
    with pytest.raises(QueryError):
        save_segment(name, where, title)
    assert (project / "parameters" / "segments.yml").read_bytes() == before


@pytest.mark.parametrize(
    "text",
    [
        "segments: [1]",
        "segment: {}",
        "segments: {x: {title: {fr: a, en: b}}}",
        "segments: {x: {title: {fr: a}, where: is_won}}",
        "segments: {x: {title: {fr: a, en: b}, where: is_won, file: /etc/passwd}}",
        "segments: {X: {title: {fr: a, en: b}, where: is_won}}",
        "segments: {x: {title: {fr: a, en: b}, where: 'now() > created_on'}}",
        "segments: {x: {title: {fr: a, en: b}, where: nonsense}}",
        "segments: {x: !!python/object/apply:os.system ['true']}",
        "segments: {x: [",
        "\x00",
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(project, text):
    (project / "parameters" / "segments.yml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"segments\.yml"):
        load_segments()


def _save(number: int) -> None:
    save_segment(f"s{number}", f"amount_base > {number}")


def test_two_pages_that_save_at_once_both_keep_theirs(project):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.map(_save, range(12))
    assert set(load_segments()) == {"web", *(f"s{n}" for n in range(12))}


texts = st.text(min_size=1, max_size=60).filter(lambda text: text.strip())


@given(title=texts, value=st.text(max_size=30))
@example(title="É", value="a\x85b")
def test_any_title_and_value_comes_back_as_it_was(title, value):
    where = f"source = '{value.replace(chr(39), chr(39) * 2)}'"
    try:
        parse_filter(where)
        made = Entry(title=Text(fr=title, en=title), where=where)
    except (WorkbenchError, ValueError):
        return
    start = "# kept\nsegments:\n  a:\n    title: {fr: x, en: x}\n    where: is_won\n"
    text = _with(start, "made", made)
    back = _content(text, Path("segments.yml"))
    assert (back["made"].title.fr, back["made"].where) == (title, where)
    assert _without(text, "made").strip() == start.strip()


COLUMNS = {"created_on": ('"created_on"', "date"), "source": ('"source"', "text")}
WORDS = ["created_on", "source", "last_quarter", "last_5_weeks", "today", "'2026-Q1'", "'a'", "1"]
WORDS += ["=", "<", "is", "not", "true", "null", "and", "or", "(", ")", ","]
WORDS += ["in", "between", "like"]
WORDS += ["now()", "select", ";", "--", "/*", "*/", "union", "::", "cast", "extract", "case", "end"]


@given(st.lists(st.sampled_from(WORDS), max_size=14))
def test_whatever_is_strung_together_is_refused_or_only_compares(words):
    text = " ".join(words)
    try:
        sql, bound = write_filter(parse_filter(text), COLUMNS)
    except QueryError:
        return
    plain = sql.replace('"created_on"', "").replace('"source"', "")
    for name in bound:
        plain = plain.replace(f"${name}", "", 1)
    allowed = {"AND", "OR", "NOT", "IN", "IS", "NULL", "DISTINCT", "FROM"}
    allowed |= {"LIKE", "ILIKE", "BETWEEN"}
    letters = set("".join(c if c.isalpha() else " " for c in plain).split())
    assert letters <= allowed, sql
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (created_on DATE, source VARCHAR)")
        connection.execute(f"SELECT * FROM t WHERE {sql}", bound)


@pytest.mark.parametrize(
    ("text", "deals"),
    [
        ("created_on = last_quarter", {1, 2, 3, 4, 5, 6}),
        ("created_on in (last_quarter)", {1, 2, 3, 4, 5, 6}),
        ("created_on < last_quarter", {9}),
        ("created_on > last_quarter", {7, 8}),
        ("created_on >= last_month", {7, 8}),
        ("created_on <= '2026-01'", {1, 2, 3, 9}),
        ("created_on between '2026-02' and this_month", {4, 5, 6, 7, 8}),
        ("created_on not between '2026-02' and this_month", {1, 2, 3, 9}),
        ("created_on <> '2026-Q1'", {7, 8, 9}),
        ("created_on = last_2_weeks", {7, 8}),
        ("expected_close_on < today and is_open", set()),
        ("expected_close_on <= this_month and is_open", {6, 8}),
        ("(source = 'Website') is not true", {2, 3, 5, 7}),
        ("not source = 'Website'", {2, 3, 5}),
    ],
)
def test_dates_are_compared_with_periods_of_the_day_of_the_data(snapshot, text, deals):
    assert set(rows("deals", text, snapshot=snapshot)["deal_id"]) == deals


def test_filters_commute_and_everyone_is_inside_or_in_the_rest(snapshot):
    one, other = parse_filter("source = 'Website'"), parse_filter("amount_base > 900")

    def ids(kept):
        return set(rows("deals", kept, snapshot=snapshot)["deal_id"])

    assert ids(both(one, other)) == ids(both(other, one)) == ids(one) & ids(other)
    assert ids(rest(other)) == set(range(1, 10)) - ids(other)  # deal 8 has no amount


def test_groups_leave_out_what_both_hold(snapshot, project):
    save_segment("large", "amount_base >= 1000")
    found = groups(snapshot, "web", "large")
    # Website: 1, 4, 6, 8, 9; large: 1, 2, 4, 9.
    assert (len(found.first), len(found.second), found.in_both) == (2, 1, 3)
    assert "source" not in found.kinds and "amount_base" not in found.kinds
    everyone = groups(snapshot, "web")
    assert (len(everyone.first), len(everyone.second)) == (5, 4)
    with pytest.raises(QueryError):
        groups(snapshot, "web", "web")


def bought(tmp_path, purchases: pd.DataFrame) -> Snapshot:
    """A snapshot whose won deals are purchases (customer, day, amount)."""
    made = hand_snapshot(tmp_path)
    made.close()
    with duckdb.connect(str(made.path)) as connection:
        connection.register("purchases", purchases)
        connection.execute("DELETE FROM deals")
        connection.execute(
            "INSERT INTO deals (deal_id, is_won, is_open, is_lost, company_id, created_on,"
            " closed_on, amount, amount_base, currency, rate_basis)"
            " SELECT row_number() OVER (), true, false, false, customer, day, day, amount, amount,"
            " 'EUR', 'base' FROM purchases"
        )
    return Snapshot(made.path)


def plain_scores(purchases: pd.DataFrame) -> pd.DataFrame:
    """The scores again in plain pandas: 1 and the fifths of customers that are strictly lower."""
    each = purchases.groupby("customer").agg(
        recency=("day", "max"), frequency=("day", "size"), monetary=("amount", "sum")
    )
    each["monetary"] = each["monetary"].round(2)
    return each.rank(method="min").sub(1).mul(5).floordiv(len(each)).add(1).astype(int)


def check_rfm(tmp_path, purchases: pd.DataFrame) -> None:
    snapshot = bought(tmp_path, purchases)
    names = ["recency_score", "frequency_score", "monetary_score"]
    ours = rows("deals", by=names, snapshot=snapshot).drop_duplicates("company_id")
    ours = ours.set_index("company_id")[names].sort_index().astype(int)
    truth = plain_scores(purchases).sort_index()
    assert (ours.to_numpy() == truth.to_numpy()).all()
    counted = [
        rows("deals", segment(f"rfm_{name}").filter, snapshot=snapshot)["company_id"].nunique()
        for name in RFM
    ]
    assert sum(counted) == len(truth), "each customer is in one group"
    champions = ((truth["recency"] >= 4) & (truth["frequency"] >= 4)).sum()
    assert counted[0] == champions > 0


def test_rfm_of_cdnow_is_that_of_plain_pandas(tmp_path, shared_data):
    file = shared_data / "cdnow" / "CDNOW_sample.txt"
    table = pd.read_csv(file, sep=r"\s+", header=None, usecols=[1, 2, 4])
    table.columns = ["customer", "day", "amount"]
    table["day"] = pd.to_datetime(table["day"].astype(str)).dt.normalize()
    assert len(table) == 6919 and table["customer"].nunique() == 2357
    check_rfm(tmp_path, table)


def test_rfm_of_an_online_shop_is_that_of_plain_pandas(tmp_path, shared_data):
    table = pd.read_parquet(shared_data / "online_retail" / "online_retail_II_2009_2010.parquet")
    table = table[table["Customer ID"].notna() & ~table["Invoice"].astype(str).str.startswith("C")]
    table = table.assign(
        customer=table["Customer ID"].astype(int),
        day=pd.to_datetime(table["InvoiceDate"]).dt.normalize(),
        amount=table["Quantity"].astype(float) * table["Price"].astype(float),
    )
    invoices = table.groupby(["customer", "Invoice", "day"], as_index=False)["amount"].sum()
    invoices["amount"] = invoices["amount"].round(2)
    check_rfm(tmp_path, invoices[["customer", "day", "amount"]])


def test_the_hand_company_has_the_tables_of_departments_and_fields():
    assert {"departments", "user_fields", "deal_fields"} <= TABLES.keys()
