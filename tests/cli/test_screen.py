"""What the command line prints: whole in a pipe, harmless on a terminal, no traceback."""

import json
import os
import subprocess

import command_line
import pytest
from hand_company import hand_snapshot

HOSTILE = "\x1b[31mRED\x1b]0;title\x07 \u202egnp.exe [red]x[/red]"


@pytest.fixture(scope="module")
def hostile_home(tmp_path_factory):
    import duckdb

    home = tmp_path_factory.mktemp("hostile")
    made = hand_snapshot(home)
    made.close()
    with duckdb.connect(str(made.path)) as connection:
        connection.execute("UPDATE deals SET title = $1, utm_source = $1", [HOSTILE])
    return home


def workbench(home, *arguments: str) -> subprocess.CompletedProcess:
    environ = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    done = command_line.workbench(
        *arguments,
        env={**environ, "WORKBENCH_HOME": str(home), "WORKBENCH_LANGUAGE": "en"},
        timeout=90,
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize(
    "arguments",
    [("sql", "select title from deals limit 1"), ("metric", "deals", "--by", "utm_source")],
    ids=["sql", "metric"],
)
def test_a_terminal_obeys_nothing_that_somebody_typed_into_the_crm(hostile_home, arguments):
    shown = workbench(hostile_home, *arguments).stdout
    assert "RED" in shown and "[red]x[/red]" in shown
    assert not set("\x1b\x07\u202e") & set(shown)


def test_a_pipe_gets_every_column_whole(hostile_home):
    shown = workbench(hostile_home, "sql", "select * from deals where deal_id = 9").stdout
    heading, row = shown.splitlines()[:2]
    assert "probability" in heading and "1000.1" in row and "…" not in shown


def test_bytes_are_shown_and_not_a_traceback(hostile_home):
    done = workbench(hostile_home, "sql", "--json", r"select '\x41\xff'::blob as b, 1 as n")
    assert json.loads(done.stdout) == [{"b": r"A\xff", "n": 1}]


def test_sql_nested_too_deeply_is_refused(hostile_home):
    done = workbench(hostile_home, "sql", f"select {'(' * 3000}1{')' * 3000}")
    assert done.returncode == 2 and "nested too deeply" in done.stderr


def test_a_refused_statement_says_one_thing(hostile_home):
    done = workbench(hostile_home, "sql", "load httpfs")
    assert done.returncode == 2
    assert done.stderr.startswith("Only one SELECT can be run here.")


@pytest.mark.parametrize(
    "arguments",
    [("sync",), ("decisions", "list"), ("worker", "--once"), ("decisions", "propose")],
    ids=" ".join,
)
def test_a_home_that_is_a_file_is_told_in_two_lines(tmp_path, monkeypatch, arguments):
    monkeypatch.setenv("WORKBENCH_WEBHOOK", "http://127.0.0.1:9/rest/1/abcdef0123456789/")
    file = tmp_path / "home"
    file.write_text("")
    done = workbench(file, *arguments)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 2


def test_a_company_that_the_seed_does_not_know_is_a_wrong_call(tmp_path):
    done = workbench(tmp_path, "sandbox", "spend", str(tmp_path / "a.csv"), "--company", "huge")
    assert done.returncode == 2
    assert done.stderr == "There is no company huge.\n→ demo, small\n"
