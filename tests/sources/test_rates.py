"""parameters/rates.csv: taken whole or refused with the line and column that is wrong."""

import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from workbench.errors import SourceError
from workbench.sources.rates import Rate, read_rates


def read(tmp_path: Path, text: str | bytes) -> list[Rate]:
    file = tmp_path / "rates.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_rates(file, {"CHF", "USD", "EUR"}, "EUR")


def refusal(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(SourceError) as caught:
        read(tmp_path, text)
    return caught.value.message


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_LANGUAGE", "en")


def test_rates_are_read_in_any_order_of_columns_with_bom_and_empty_lines(tmp_path):
    text = "\ufeffdate, rate ,Currency\r\n2024-01-01,1.0642,chf\r\n\r\n2024-02-01,0.9,USD\r\n"
    assert read(tmp_path, text) == [
        Rate("CHF", date(2024, 1, 1), Decimal("1.0642")),
        Rate("USD", date(2024, 2, 1), Decimal("0.9")),
    ]
    assert read(tmp_path, "currency,date,rate\n") == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("XXX,2024-01-01,1.1", "line 3, column currency: the portal does not know this currency"),
        ("EUR,2024-01-01,1", "line 3, column currency: this is the portal’s base currency"),
        ("CHF,01/02/2024,1.1", "line 3, column date: not a day like 2024-01-31"),
        ("CHF,2024-02-30,1.1", "line 3, column date: not a day like 2024-01-31"),
        ("CHF,0202-02-03,1.1", "line 3, column date: a year beyond reason"),
        ('CHF,2024-01-01,"1,1"', "line 3, column rate: not a rate like 0.9537"),
        ("CHF,2024-01-01,-1.1", "line 3, column rate: not a rate like 0.9537"),
        ("CHF,2024-01-01,1e300", "line 3, column rate: not a rate like 0.9537"),
        ("CHF,2024-01-01,nan", "line 3, column rate: not a rate like 0.9537"),
        ("CHF,2024-01-01,0.000", "line 3, column rate: a rate is above zero"),
        ("CHF,2024-01-01", "line 3: 2 cells instead of 3."),
        ("CHF,2024-01-01,1,1", "line 3: 4 cells instead of 3."),
        ("chf,2023-01-01,1.2", "line 3, column date: this currency and day are in line 2 too"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_column(tmp_path, row, said):
    found = refusal(tmp_path, f"currency,date,rate\nCHF,2023-01-01,1.1\n{row}\n")
    assert found == f"rates.csv, {said}"


def test_all_problems_are_listed_up_to_twenty(tmp_path):
    found = refusal(tmp_path, "currency,date,rate\n" + "CHF,today,high\n" * 30).splitlines()
    assert found[0] == "rates.csv, line 2, column date: not a day like 2024-01-31"
    assert len(found) == 21 and found[-1] == "… and 40 more"


@pytest.mark.parametrize(
    "text",
    ["", "currency;date;rate\n", "currency,date\n", "a,b,c\n", "currency,date,rate,rate\n"],
)
def test_a_wrong_header_is_refused_and_what_was_found_is_said(tmp_path, text):
    assert refusal(tmp_path, text) == "rates.csv, line 1: the columns are currency, date, rate."


@pytest.mark.parametrize("content", [b"\xff\xfe\x00c", b"currency,date,rate\n\x00", b'a,"b'])
def test_what_is_no_csv_is_refused(tmp_path, content):
    assert refusal(tmp_path, content)


def test_a_folder_a_pipe_and_a_giant_are_refused(tmp_path):
    for make in (Path.mkdir, os.mkfifo, lambda file: file.write_bytes(b"x" * (6 * 1024 * 1024))):
        file = tmp_path / "made.csv"
        make(file)
        with pytest.raises(SourceError):
            read_rates(file, {"CHF"}, "EUR")
        file.rmdir() if file.is_dir() else file.unlink()
