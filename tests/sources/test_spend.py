"""Marketing spend files, good and hostile."""

import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ConfigurationError, QueryError, SourceError
from workbench.i18n import use_language
from workbench.sources.csv_rows import open_rows, parse_amount, parse_month
from workbench.sources.declared import SPEND_COLUMNS, SpendSource, pick, read_sources
from workbench.sources.spend import REQUIRED, read_spend

HEADER = "month,channel,spend,currency,clicks,impressions\n"
SOURCE = SpendSource(
    kind="csv", path="imports/spend.csv", channels={"Google Ads": "ADVERTISING", "SEO": "WEB"}
)


@pytest.fixture(autouse=True)
def english():
    with use_language("en"):
        yield


def read(tmp_path: Path, text: str | bytes, source: SpendSource = SOURCE):
    file = tmp_path / "spend.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_spend(file, source, {"EUR", "CHF"}, "EUR")


def problems(tmp_path: Path, text: str | bytes, source: SpendSource = SOURCE) -> str:
    with pytest.raises(SourceError) as caught:
        read(tmp_path, text, source)
    return caught.value.message


def test_a_good_file_is_read(tmp_path):
    found = read(
        tmp_path,
        HEADER
        + "2026-01,Google Ads,1200.50,EUR,400,12000\n"
        + "2026-01-01,SEO,300,,,\n\n"
        + "2026-02,Google Ads,0,chf,0,0\n",
    )
    assert [(r.month, r.channel, r.source_id, r.spend, r.currency) for r in found.rows] == [
        (date(2026, 1, 1), "Google Ads", "ADVERTISING", Decimal("1200.50"), "EUR"),
        (date(2026, 1, 1), "SEO", "WEB", Decimal("300.00"), "EUR"),
        (date(2026, 2, 1), "Google Ads", "ADVERTISING", Decimal("0.00"), "CHF"),
    ]
    assert (found.rows[0].clicks, found.rows[0].impressions) == (400, 12000)
    assert (found.rows[1].clicks, found.rows[1].impressions) == (None, None)
    assert found.remarks() == []


def test_an_unmapped_channel_is_kept_and_counted(tmp_path):
    found = read(tmp_path, HEADER + "2026-01,TikTok,10,EUR,,\n2026-02,TikTok,20,EUR,,\n")
    assert [row.source_id for row in found.rows] == [None, None]
    assert found.remarks() == ["Channel “TikTok” has no CRM source (2 rows)."]


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("2026-13,SEO,1,EUR,,", "month", "not a month"),
        ("2026-01-15,SEO,1,EUR,,", "month", "not a month"),
        ("01/2026,SEO,1,EUR,,", "month", "not a month"),
        (",SEO,1,EUR,,", "month", "not a month"),
        ("0000-01,SEO,1,EUR,,", "month", "not a month"),
        ("9999-12,SEO,1,EUR,,", "month", "beyond reason"),
        ("0226-01,SEO,1,EUR,,", "month", "beyond reason"),
        ("٢٠٢٦-01,SEO,1,EUR,,", "month", "not a month"),
        ("2026-01,SEO,-5,EUR,,", "spend", "below zero"),
        ("2026-01,SEO,abc,EUR,,", "spend", "not an amount"),
        ("2026-01,SEO,,EUR,,", "spend", "not an amount"),
        ("2026-01,SEO,NaN,EUR,,", "spend", "not an amount"),
        ("2026-01,SEO,1e400,EUR,,", "spend", "not an amount"),
        ("2026-01,SEO,=1+1,EUR,,", "spend", "not an amount"),
        ("2026-01,SEO,99999999999999999999,EUR,,", "spend", "beyond reason"),
        ("2026-01,SEO,1,XXX,,", "currency", "does not know"),
        ("2026-01,SEO,1,EUR,-1,", "clicks", "not a whole number"),
        ("2026-01,SEO,1,EUR,,1.5", "impressions", "not a whole number"),
        ("2026-01,,1,EUR,,", "channel", "empty"),
    ],
)
def test_a_bad_cell_is_named_by_file_row_and_column(tmp_path, row, column, reason):
    message = problems(tmp_path, HEADER + "2026-01,Google Ads,1,EUR,,\n" + row + "\n")
    assert message.startswith(f"spend.csv, row 3, column {column}: ")
    assert reason in message


def test_the_same_month_and_channel_twice_is_refused(tmp_path):
    text = HEADER + "2026-01,SEO,1,EUR,,\n2026-02,SEO,1,EUR,,\n2026-01-01,SEO,2,EUR,,\n"
    assert problems(tmp_path, text) == (
        "spend.csv, row 4, column channel: this month and channel are in row 2 too"
    )


def test_an_amount_cut_in_two_by_its_own_comma_is_refused(tmp_path):
    text = "month,channel,spend\n2026-01,SEO,5\n2026-01,Google Ads,1,200.50\n"
    assert problems(tmp_path, text) == "spend.csv, row 3: more cells than the header has."
    assert (
        len(read(tmp_path, "month,channel,spend\n2026-01,SEO,5,,\n").rows) == 1
    )  # only empty ones


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    text = "month,channel,spend,spend\n2026-01,SEO,5,6\n"
    assert problems(tmp_path, text) == "spend.csv, row 1: column spend is there twice."


def test_all_problems_are_listed_up_to_a_bound(tmp_path):
    message = problems(tmp_path, HEADER + "x,SEO,1,EUR,,\n" * 60)
    assert len(message.splitlines()) == 21
    assert message.endswith("… and 40 more")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column month"),
        (b"a,b,c\n1,2,3\n", "no column month, channel, spend"),
        (b"\xff\xfe\x00m", "not UTF-8"),
        (b"month,channel,spend\n2026-01,caf\xe9,1\n", "not UTF-8"),
        (b"month\0,channel,spend\n", "not a CSV file"),
        (HEADER.encode() + b'2026-01,"SEO,1,EUR,,\n', "row 2: not a CSV row"),
    ],
)
def test_what_is_no_spend_file_is_told(tmp_path, content, said):
    assert said in problems(tmp_path, content)


def test_a_huge_file_is_not_read(tmp_path):
    assert "too large" in problems(tmp_path, b"x" * (21 * 1024 * 1024))


def test_another_spreadsheets_dialect_is_read(tmp_path):
    source = SpendSource(
        kind="csv",
        path="imports/spend.csv",
        delimiter=";",
        decimal=",",
        columns={"month": "Mois", "channel": "Canal", "spend": "Coût", "currency": "Devise"},
        channels={"SEO": "WEB"},
    )
    text = "\ufeffMois;Canal;Coût;Devise\r\n2026-03;SEO;1 234,56;EUR\r\n"
    assert [row.spend for row in read(tmp_path, text, source).rows] == [Decimal("1234.56")]
    message = problems(tmp_path, "Mois;Canal;Coût\n2026-03;SEO;x\n", source)
    assert "column Coût" in message  # the file's own name for it


def test_rows_of_a_quoted_field_with_line_breaks_are_counted(tmp_path):
    found = read(tmp_path, HEADER + '2026-01,"two\nlines",1,EUR,,\n')
    assert found.rows[0].channel == "two\nlines"


@given(st.text(max_size=12))
def test_any_text_is_a_month_or_refused(text):
    try:
        month = parse_month(text)
    except ValueError:
        return
    assert month.day == 1 and text.startswith(f"{month.year:04d}-{month.month:02d}")


@given(st.text(max_size=12), st.sampled_from([".", ","]))
def test_any_text_is_an_amount_or_refused(text, decimal):
    try:
        amount = parse_amount(text, decimal)
    except ValueError:
        return
    assert amount >= 0 and amount == amount.quantize(Decimal("0.01"))


# parameters/sources.yml


def declared(tmp_path: Path, text: str):
    file = tmp_path / "sources.yml"
    file.write_text(text)
    return read_sources(file)


def test_the_shipped_file_is_valid():
    from workbench.settings import settings

    sources = read_sources(settings().parameters_dir / "sources.yml")
    assert {"bitrix24", "marketing_spend"} <= set(sources)


def test_without_a_file_the_portal_is_the_only_source(tmp_path):
    assert list(read_sources(tmp_path / "sources.yml")) == ["bitrix24"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sources: [", "line 1"),
        ("sources:\n  x: {kind: ftp}", "sources.x"),
        ("sources:\n  x: {kind: csv}", "path"),
        ("sources:\n  x: {kind: csv, path: a.csv, colour: red}", "colour"),
        ("sources:\n  x: {kind: csv, path: /etc/passwd}", "inside the home folder"),
        ("sources:\n  x: {kind: csv, path: ../a.csv}", "inside the home folder"),
        ("sources:\n  x: {kind: csv, path: a.csv, columns: {cost: c}}", "unknown column cost"),
        ("sources:\n  x: {kind: csv, path: a.csv, delimiter: '|'}", "delimiter"),
        ("sources:\n  ads: {kind: csv, path: a.csv}", "is called marketing_spend"),
        ("- a\n- b", "sources.yml"),
        ("text", "sources.yml"),
        ("a: 2026-02-30", "not valid YAML"),
        ("[" * 3000, "not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]", "not valid YAML"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path, text, said):
    with pytest.raises(ConfigurationError) as caught:
        declared(tmp_path, text)
    assert said in str(caught.value) and "sources.yml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x: {kind: ftp}", "sources.yml, sources.x : doit être parmi 'bitrix24', 'csv'"),
        ("x: {path: a.csv}", "sources.yml, sources.x : manque"),
        ("x: {kind: csv, path: /a.csv}", "sources.x.csv.path : le chemin doit"),
        ("x: {kind: bitrix24, colour: red}", "colour : cette clé n’existe pas"),
    ],
)
def test_a_mistake_in_the_file_is_told_in_french(tmp_path, text, said):
    with use_language("fr"), pytest.raises(ConfigurationError) as caught:
        declared(tmp_path, "sources:\n  " + text)
    assert said in str(caught.value).replace("\u202f", " ")


def test_an_unknown_source_is_told_with_the_known_ones(tmp_path):
    sources = read_sources(tmp_path / "none.yml")
    with pytest.raises(QueryError, match="bitrix24"):
        pick(sources, ["sap"])
    assert list(pick(sources, [])) == ["bitrix24"]


def test_a_pipe_or_a_device_is_no_spend_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for file in (tmp_path / "pipe.csv", Path("/dev/zero")):
        with pytest.raises(SourceError, match="not a CSV file"):
            list(open_rows(file, SOURCE, SPEND_COLUMNS, REQUIRED))
