"""CSV exports become a portal: against pandas on the same files, and with every oddity told."""

from __future__ import annotations

import os
from datetime import datetime
from zoneinfo import ZoneInfo

import command_line
import pandas as pd
import pytest
import yaml

from workbench.bitrix24.sandbox.load.load import load_directory
from workbench.bitrix24.sandbox.load.load_files import read_day, read_number
from workbench.bitrix24.sandbox.load.load_mapping import read_mapping
from workbench.bitrix24.sandbox.memory.state import State
from workbench.errors import ConfigurationError, SourceError, UsageError
from workbench.i18n import use_language

PARIS = ZoneInfo("Europe/Paris")
MAPPING = {
    "currency": "EUR",
    "companies": {"file": "clients.csv", "name": "client"},
    "deals": {
        "file": "affaires.csv",
        "key": "ref",
        "stage": "etape",
        "created": "debut",
        "closed": "fin",
        "amount": "montant",
        "company": "client",
    },
    "stages": [
        {"name": "Devis", "id": "NEW"},
        {"name": "Gagnée", "id": "WON", "semantics": "S"},
        {"name": "Perdue", "id": "LOSE", "semantics": "F"},
    ],
}
CLIENTS = "client\nDurand\nMüller\n"
HEAD = "ref,etape,debut,fin,montant,client\n"


@pytest.fixture(autouse=True)
def english():
    with use_language("en"):
        yield


@pytest.fixture
def load(tmp_path):
    """Load these texts (or bytes); gives the state and the counts of the report."""
    states = []

    def run(affaires, clients=CLIENTS, **changes):
        folder = tmp_path / f"csv{len(states)}"
        folder.mkdir()
        for name, content in (("affaires.csv", affaires), ("clients.csv", clients)):
            if content is not None:
                raw = content if isinstance(content, bytes) else content.encode()
                (folder / name).write_bytes(raw)
        mapping = folder / "mapping.yml"
        mapping.write_text(yaml.safe_dump({**MAPPING, **changes}, allow_unicode=True))
        state = State()
        states.append(state)
        report = load_directory(state, folder, mapping)
        return state, {(r.file, r.what): r for r in report.remarks}

    yield run
    for state in states:
        state.close()


def counts(remarks):
    return {what: remark.count for (_file, what), remark in remarks.items()}


def local(text):
    return datetime.fromisoformat(text).replace(tzinfo=None)


# -- the real export ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def maven(shared_data):
    state = State()
    with use_language("en"):
        report = load_directory(state, shared_data / "maven_crm", read_mapping("maven_crm"))
    yield state, report, pd.read_csv(shared_data / "maven_crm" / "sales_pipeline.csv")
    state.close()


def test_maven_won_and_lost_agree_with_the_file(maven):
    state, _report, file = maven
    deals = state.find("deals")
    assert len(deals) == len(file) == 8800
    for semantics, stage in (("S", "Won"), ("F", "Lost")):
        ours = [d for d in deals if d["STAGE_SEMANTIC_ID"] == semantics]
        theirs = file[file.deal_stage == stage]
        assert len(ours) == len(theirs)
        assert sum(d["OPPORTUNITY"] for d in ours) == theirs.close_value.sum()


def test_maven_cycles_from_stage_history_are_those_of_the_file(maven):
    state, _report, file = maven
    steps = {}
    for row in state.find("stage_history"):
        steps.setdefault(row["OWNER_ID"], []).append(row)
    cycles = []
    for owned in steps.values():
        if owned[-1]["STAGE_SEMANTIC_ID"] == "S":
            assert [s["TYPE_ID"] for s in owned] == [1, 3]
            took = local(owned[1]["CREATED_TIME"]) - local(owned[0]["CREATED_TIME"])
            cycles.append(took.total_seconds() / 86400)
    won = file[file.deal_stage == "Won"]
    truth = (pd.to_datetime(won.close_date) - pd.to_datetime(won.engage_date)).dt.days
    assert sorted(cycles) == sorted(truth)
    assert round(sum(cycles) / len(cycles), 2) == 51.78


def test_maven_customers_and_agents_are_joined_by_name(maven):
    state, _report, file = maven
    companies = {c["ID"]: c["TITLE"] for c in state.find("companies")}
    users = {u["ID"]: f"{u['NAME']} {u['LAST_NAME']}" for u in state.find("users")}
    deals = {d["ORIGIN_ID"]: d for d in state.find("deals")}
    for row in file.itertuples():
        deal = deals[row.opportunity_id]
        account = None if pd.isna(row.account) else row.account
        assert companies.get(deal["COMPANY_ID"]) == account
        assert users[deal["ASSIGNED_BY_ID"]] == row.sales_agent


def test_maven_heads_lead_the_team_of_their_agents(maven, shared_data):
    state, _report, _file = maven
    teams = pd.read_csv(shared_data / "maven_crm" / "sales_teams.csv")
    users = {u["ID"]: u for u in state.find("users")}
    departments = {d["ID"]: d for d in state.find("departments")}
    name = {i: f"{u['NAME']} {u['LAST_NAME']}" for i, u in users.items()}
    by_name = {full: users[i] for i, full in name.items()}
    for row in teams.itertuples():
        team = departments[by_name[row.sales_agent]["UF_DEPARTMENT"][0]]
        assert name[team["UF_HEAD"]] == row.manager
        assert departments[team["PARENT"]]["NAME"] == row.regional_office


def test_maven_oddities_are_told_with_the_counts_of_the_file(maven):
    _state, report, file = maven
    told = counts({(r.file, r.what): r for r in report.remarks})
    assert told["no company"] == file.account.isna().sum() == 1425
    assert told["product “GTXPro” read as “GTX Pro”"] == (file["product"] == "GTXPro").sum()
    lost = (file.deal_stage == "Lost") & (file.close_value == 0)
    assert told["Lost: no close_value, or 0; loaded as 0"] == lost.sum() == 2473
    undated = [
        n for what, n in told.items() if what.startswith("no engage_date; made on 2017-12-31")
    ]
    assert undated == [file.engage_date.isna().sum()]
    assert told["users without a deal"] == 35 - file.sales_agent.nunique() == 5
    assert told["a file that the mapping does not name; not read"] == 1


# -- anyone's export ------------------------------------------------------------------------


def test_a_french_spreadsheet_loads_with_semicolons_commas_and_its_dates(load):
    text = "ref;etape;debut;fin;montant;client\nA1;Gagnée;05/02/2026;17/03/2026;1 234,50 €;Müller\n"
    state, remarks = load(
        text.encode("cp1252"), decimal=",", date_format="%d/%m/%Y", clients="\ufeffclient\nMüller\n"
    )
    (deal,) = state.find("deals")
    assert deal["OPPORTUNITY"] == 1234.5
    assert deal["DATE_CREATE"][:10] == "2026-02-05"
    assert deal["MOVED_TIME"][:10] == "2026-03-17"
    assert deal["COMPANY_ID"] == 1
    assert counts(remarks) == {"not UTF-8; read as Windows-1252": 1}


def test_bytes_with_a_mark_are_read_without_it(load):
    for encoding in ("utf-8-sig", "utf-16"):
        state, remarks = load((HEAD + "A,Devis,2026-01-02,,5,Durand\n").encode(encoding))
        assert state.count("deals") == 1
        assert counts(remarks) == {}


def test_what_does_not_parse_is_kept_and_counted_once_per_kind(load):
    rows = "".join(f"K{n},Devis,2026-01-0{n},,beaucoup,Durand\n" for n in range(1, 5))
    state, remarks = load(HEAD + rows + "K5,Gagnée,2026-02-30,2026-03-01,7,Durand\n")
    assert state.count("deals") == 5
    told = counts(remarks)
    assert told["montant is no number"] == 4
    assert remarks["affaires.csv", "montant is no number"].examples == ["beaucoup"]
    assert told["debut: no date"] == 1
    assert state.find("deals")[4]["OPPORTUNITY"] == 7


def test_ragged_blank_repeated_and_unknown_are_all_counted(load):
    state, remarks = load(
        "ref,etape,debut,fin,montant,client,note,note\n"
        "A,Devis,2026-01-02,,5,Durand,x,y,zu viel\n"
        "B,Devis,2026-01-02\n"
        "\n,,,\n"
        "A,Étrange,2026-01-03,,5,Personne,x,y\n"
        "C,Gagnée,2026-03-01,2026-02-01,1,Durand,x,y\n"
        "D,Perdue,2026-03-01,,1,Durand,x,y\n"
        "E,Devis,2026-03-01,2026-04-01,1,Durand,x,y\n",
        clients='client\nDurand\nDurand\n""\n',
    )
    told = counts(remarks)
    assert state.count("deals") == 6
    assert told["more cells than columns; the rest is not read"] == 1
    assert told["fewer cells than columns; the rest is empty"] == 1
    assert told["blank lines"] >= 1
    assert told["the same key again; each row is loaded"] == 1
    assert told["unknown stage; loaded as “Devis”"] == 1
    assert told["unknown company"] == 1
    assert told["no company"] == 1
    assert told["the same column again; the first one is read"] == 1
    assert told["columns that the mapping does not use"] == 2
    assert told["the same name again"] == 1
    assert told["closed before it was made; closed on the day it was made"] == 1
    assert told["closed without a date; closed on 2026-04-01"] == 1
    assert told["still open, yet with a closing date; not used"] == 1
    for deal in state.find("deals"):
        assert deal["MOVED_TIME"] >= deal["DATE_CREATE"]


def test_hostile_values_are_data(load):
    name = "<script>alert(1)</script>"
    odd = "x' OR 1=1;--"
    state, _remarks = load(
        HEAD + f'"{odd}",Devis,2026-01-02,,nan,"{name}"\nB,Devis,2026-01-02,,inf,Durand\n',
        clients=f'client\n"{name}"\nDurand\n=cmd|calc\n',
    )
    deals = state.find("deals")
    assert deals[0]["ORIGIN_ID"] == odd
    assert [d["OPPORTUNITY"] for d in deals] == [0, 0]
    assert state.get("companies", deals[0]["COMPANY_ID"])["TITLE"] == name


@pytest.mark.parametrize("content", [b"", b"\n\n", b"a,b\0c\n", b'ref,etape\n"open quote\n'])
def test_a_file_that_is_no_table_is_refused_and_nothing_is_written(load, content):
    with pytest.raises((SourceError, ConfigurationError)):
        load(content)


def test_a_header_alone_loads_nothing_and_says_so(load):
    state, remarks = load(HEAD)
    assert state.count("deals") == 0
    assert counts(remarks)["no rows"] == 1


def test_a_missing_file_or_column_is_one_line_that_names_it(load):
    with pytest.raises(ConfigurationError, match=r"clients\.csv"):
        load(HEAD, clients=None)
    with pytest.raises(ConfigurationError, match=r"affaires\.csv has no column fin, montant"):
        load("ref,etape,debut,client\n")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"deals": {"file": "../secret.csv"}}, "deals.file"),
        ({"colour": "red"}, "colour"),
        ({"stages": []}, "stages"),
        ({"stages": [{"name": "W", "id": "WON", "semantics": "S"}]}, "at least one"),
        ({"stages": [{"name": "W", "id": "a;b"}]}, "stages.0.id"),
        ({"currency": "euros"}, "currency"),
        ({"decimal": ";"}, "decimal"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_named_by_key(load, change, named):
    with pytest.raises(ConfigurationError, match=named.replace(".", r"\.")):
        load(HEAD, **change)


@pytest.mark.parametrize(
    "text",
    ["", "- a\n- b\n", "currency: [", "!!python/object:os.system {}"]
    + ["currency: 2026-02-30", "[" * 3000],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text):
    file = tmp_path / "m.yml"
    file.write_text(text)
    with pytest.raises(ConfigurationError):
        read_mapping(file)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "stages: at least one must be open (without semantics)."),
        ("fr", "stages\u202f: il en faut au moins une ouverte (sans semantics)."),
    ],
)
def test_stages_without_an_open_one_are_refused_in_the_readers_language(load, language, said):
    won = [{"name": "Gagnée", "id": "WON", "semantics": "S"}]
    with use_language(language), pytest.raises(ConfigurationError) as refused:
        load(HEAD, stages=won)
    assert said in str(refused.value)


def test_a_mapping_without_end_is_refused():
    with pytest.raises(ConfigurationError):
        read_mapping("/dev/zero")


def test_a_portal_with_data_is_left_alone(load, tmp_path):
    state, _remarks = load(HEAD + "A,Devis,2026-01-02,,5,Durand\n")
    before = state.count("deals")
    with pytest.raises(UsageError):
        load_directory(state, tmp_path / "csv0", tmp_path / "csv0" / "mapping.yml")
    assert state.count("deals") == before


def test_the_command_exits_with_2_and_one_clear_line(tmp_path):
    (tmp_path / "affaires.csv").write_text("ref\n1\n")
    (tmp_path / "clients.csv").write_text(CLIENTS)
    (tmp_path / "m.yml").write_text(yaml.safe_dump(MAPPING, allow_unicode=True))
    not_a_portal = tmp_path / "junk.sqlite"
    not_a_portal.write_bytes(os.urandom(4096))
    for state, said in (("p.sqlite", "affaires.csv"), ("junk.sqlite", "junk.sqlite")):
        run = command_line.workbench(
            "sandbox",
            "load",
            str(tmp_path),
            "--mapping",
            str(tmp_path / "m.yml"),
            "--state",
            str(tmp_path / state),
        )
        assert run.returncode == 2
        assert said in run.stderr
        assert "Traceback" not in run.stderr


def command(*arguments):
    """Run `workbench sandbox load` in English; gives exit code, stdout and stderr."""
    run = command_line.workbench(
        "sandbox", "load", *map(str, arguments), env={**os.environ, "WORKBENCH_LANGUAGE": "en"}
    )
    return run.returncode, run.stdout, run.stderr


def test_the_printed_example_names_every_key_and_loads_files_of_its_shape(tmp_path):
    code, text, _error = command("--example")
    assert code == 0
    (tmp_path / "mapping.yml").write_text(text)
    mapping = read_mapping(tmp_path / "mapping.yml")
    for part in (mapping, mapping.deals, mapping.users, mapping.companies, mapping.products):
        assert part.model_fields_set == set(type(part).model_fields)
    for part in (mapping.deals, mapping.users, mapping.companies, mapping.products):
        columns = list(part.columns().values())
        row = {
            "Stage": "Won",
            "Created": "31/01/2026",
            "Closed": "02/02/2026",
            **dict.fromkeys(("Amount", "Price", "Revenue", "Employees"), "1 200,50"),
        }
        cells = [row.get(column, column) for column in columns]
        (tmp_path / part.file).write_text(";".join(columns) + "\n" + ";".join(cells) + "\n")
    code, said, error = command(
        tmp_path, "--mapping", tmp_path / "mapping.yml", "--state", tmp_path / "p.sqlite"
    )
    assert (code, error) == (0, "")
    assert "Deals: 1" in said
    assert "What is odd" not in said
    state = State(tmp_path / "p.sqlite")
    (deal,) = state.find("deals")
    assert (float(deal["OPPORTUNITY"]), deal["STAGE_ID"]) == (1200.5, "WON")
    assert "workbench sandbox start --state" in said
    state.close()


def test_without_a_mapping_the_command_says_how_to_come_by_one(tmp_path):
    (tmp_path / "affaires.csv").write_text("ref\n1\n")
    code, _said, error = command(tmp_path)
    assert code == 2
    assert "--mapping" in error
    assert "sandbox load --example" in error


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m | {"deal": m.pop("deals")}, "there is no key deal."),
        (lambda m: m | {"deals": {"file": "a.csv"}}, "the key deals.key is missing."),
        (
            lambda m: m | {"stages": [{"name": "Won", "id": "WON", "semantics": "won"}]},
            "stages.0.semantics: allowed are 'S', 'F'.",
        ),
    ],
)
def test_a_wrong_mapping_names_the_key(tmp_path, change, said):
    (tmp_path / "m.yml").write_text(yaml.safe_dump(change(dict(MAPPING)), allow_unicode=True))
    with pytest.raises(ConfigurationError) as raised:
        read_mapping(tmp_path / "m.yml")
    assert raised.value.message == f"m.yml: {said}"


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1234.5", ".", 1234.5),
        ("1,234.50", ".", 1234.5),
        ("1.234,50", ",", 1234.5),
        ("1\u202f234,5 €", ",", 1234.5),
        ("CHF 5", ".", None),
        ("5 CHF", ".", 5.0),
        ("-3", ".", -3.0),
        ("1e999", ".", None),
        ("nan", ".", None),
        ("", ".", None),
        ("douze", ",", None),
    ],
)
def test_amounts(text, decimal, value):
    assert read_number(text, decimal) == value


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("2026-02-03", None, "2026-02-03"),
        ("2026-02-03T10:00:00", None, "2026-02-03"),
        ("03/02/2026", "%d/%m/%Y", "2026-02-03"),
        ("2026-02-30", None, None),
        ("03/02/2026", None, None),
        ("9999-12-31", None, None),  # "never", as some exports write it
        ("01/01/0001", "%d/%m/%Y", None),
    ],
)
def test_dates(text, pattern, expected):
    found = read_day(text, pattern)
    assert (found and found.isoformat()) == expected
