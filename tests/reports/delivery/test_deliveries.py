"""Folder, webhook, conditions, and how deliveries go through the queue."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from listener import wait_until
from mail_server import MailServer
from typer.testing import CliRunner

from workbench.automation import queue, report_delivery
from workbench.cli import app
from workbench.errors import ConfigurationError
from workbench.reports import load_report
from workbench.reports.delivery.attempt import attempt, pause, plan
from workbench.reports.delivery.book import deliveries_of
from workbench.reports.record import read_record


@pytest.fixture
def receiver() -> Iterator[tuple[str, list, list]]:
    """Another program's server: address, what it got, and the answers it is to give."""
    got: list = []
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["Idempotency-Key"], json.loads(body)))
            self.send_response(answers.pop(0) if answers else 204)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook?key=secret", got, answers
    server.shutdown()
    server.server_close()


def test_a_folder_gets_the_files_whole_and_once(finished_run, tmp_path: Path):
    target = tmp_path / "share"
    record = finished_run([{"by": "folder", "path": str(target), "files": ["html", "tables"]}])
    plan(record)
    assert attempt(record.id, 1).state == "sent"
    names = {path.name for path in (target / record.id).iterdir()}
    assert names == {
        "Ventes-de-lequipe-oct-2026-2026-11-02.html", "managers.csv", "managers.parquet", "run.json"
    }  # fmt: skip
    assert [path.name for path in target.iterdir()] == [record.id]


def test_a_folder_that_cannot_be_written_is_tried_later(finished_run, tmp_path: Path):
    target = tmp_path / "share"
    target.write_text("a file where the folder should be")
    record = finished_run([{"by": "folder", "path": str(target)}])
    plan(record)
    assert attempt(record.id, 1).state == "waiting"
    target.unlink()
    assert attempt(record.id, 1).state == "sent"


def test_a_webhook_gets_record_and_figures_under_one_key(finished_run, receiver, monkeypatch):
    address, got, answers = receiver
    monkeypatch.setenv("WORKBENCH_HOOKS", json.dumps({"planning": address}))
    record = finished_run([{"by": "webhook", "hook": "planning"}])
    plan(record)
    answers += [503, 400]
    assert attempt(record.id, 1).state == "waiting"
    delivery = attempt(record.id, 1)
    assert delivery.state == "failed" and "secret" not in delivery.error
    assert attempt(record.id, 1, again=True).state == "sent"
    assert {key for key, _content in got} == {f"{record.id}.1"}
    content = got[-1][1]
    assert content["figures"][0]["value"] == 1234567.5 and content["figures"][0]["unit"] == "money"
    assert content["snapshot"] == record.snapshot
    assert content["periods"]["period"]["start"] == "2026-10-01"


def test_a_webhook_without_an_address_names_the_setting(finished_run):
    record = finished_run([{"by": "webhook", "hook": "planning"}])
    plan(record)
    delivery = attempt(record.id, 1)
    assert delivery.state == "failed" and "WORKBENCH_HOOKS" in delivery.error


@pytest.mark.parametrize(
    ("condition", "state"),
    [
        ({"above": 1_000_000}, "sent"),
        ({"above": 2_000_000}, "skipped"),
        ({"below": 1_000_000}, "skipped"),
        ({"figure": "deals_won", "below": 43, "above": 41}, "sent"),
        ({"figure": "romi", "below": 1}, "skipped"),  # not loaded is not small
        ({"figure": "nowhere", "above": 1}, "failed"),
        ({"changed": True}, "sent"),  # there is no run before it
    ],
)
def test_a_condition_decides(finished_run, tmp_path: Path, condition, state):
    record = finished_run([{"by": "folder", "path": str(tmp_path / "to"), "only_if": condition}])
    plan(record)
    delivery = attempt(record.id, 1)
    assert delivery.state == state
    assert (tmp_path / "to").exists() == (state == "sent")
    if state == "failed":
        assert "won_revenue, deals_won, romi" in delivery.error


@pytest.mark.parametrize(
    ("values", "condition", "states"),
    [
        ((5.0, 5.0, 6.0), {"changed": True}, ["sent", "skipped", "sent"]),
        ((100.0, 104.0, 120.0), {"changed_by": 0.1}, ["sent", "skipped", "sent"]),
    ],
)
def test_a_change_is_one_since_the_run_before(finished_run, tmp_path, values, condition, states):
    found = []
    for day, value in enumerate(values, start=2):
        deliver = [{"by": "folder", "path": str(tmp_path / "to"), "only_if": condition}]
        record = finished_run(deliver, value=value, day=day)
        plan(record)
        found.append(attempt(record.id, 1).state)
    assert found == states


def test_the_worker_sends_once_what_got_through_at_its_second_try(finished_run, mails: MailServer):
    record = finished_run([{"by": "mail", "to": ["direction@example.com"]}])
    mails.answers.append("451 4.3.2 busy")
    for _time in range(2):  # a job that is repeated hands in nothing twice
        report_delivery.hand_in(record)
    assert [job.kind for job in queue.jobs()] == ["delivery"]
    worker = subprocess.Popen([sys.executable, "-m", "workbench", "worker"])
    try:
        mails.wait_for(1, within=100)
        wait_until(lambda: deliveries_of(record.folder)[0].state == "sent")
    finally:
        worker.terminate()
        worker.wait(20)
    assert deliveries_of(record.folder)[0].tries == 2
    assert len(mails.mails) == 1


def test_runs_show_what_did_not_get_through_beside_the_runs_own_outcome(
    finished_run, mails: MailServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "300")
    record = finished_run([{"by": "mail", "to": ["direction@example.com"]}], language="en")
    plan(record)
    mails.answers.append("554 5.7.1 no such thing here")

    def told(*words: str, code: int = 0) -> str:
        answer = CliRunner().invoke(app, list(words))
        assert answer.exit_code == code, answer.output
        return " ".join(answer.output.split())

    assert "direction@example.com: not sent" in told("deliver", record.id, code=1)
    listed = told("runs")
    assert "succeeded" in listed and "e-mail: not sent" in listed and "554 5.7.1" in listed
    assert read_record(record.id).outcome == "succeeded"
    assert "direction@example.com: not sent" in told("runs", record.id)
    (kept,) = json.loads(told("runs", record.id, "--json"))["deliveries"]
    assert (kept["state"], kept["tries"]) == ("failed", 1)
    assert "direction@example.com: sent (taken)" in told("deliver", record.id, "--again")
    assert "554" not in told("runs")


def test_waits_grow_up_to_half_an_hour():
    waits = [pause(tries) for tries in range(1, 60)]
    assert waits[:3] == [5, 15, 45] and waits == sorted(waits) and waits[-1] == 1800


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"by": "pigeon"}, "deliver.0"),
        ({"by": "mail"}, "deliver.0.mail.to"),
        ({"by": "mail", "to": ["nobody"]}, "deliver.0.mail.to.0"),
        ({"by": "mail", "to": ["a@b.example\nBcc: c@d.example"]}, "deliver.0.mail.to.0"),
        ({"by": "mail", "to": ["a@b.example"], "attach": ["exe"]}, "deliver.0.mail.attach.0"),
        ({"by": "folder", "path": "../up"}, "deliver.0.folder.path"),
        ({"by": "webhook", "hook": "https://x.example"}, "deliver.0.webhook.hook"),
        ({"by": "chat", "dialog": "everyone"}, "deliver.0.chat.dialog"),
        ({"by": "chat", "dialog": "chat1", "only_if": {"above": "x"}}, "only_if.above"),
    ],
)
def test_a_wrong_entry_is_named(project, entry, named):
    project.report("ventes", "1", deliver=[entry])
    with pytest.raises(ConfigurationError) as raised:
        load_report("ventes")
    assert named in raised.value.message and "\n" not in raised.value.message
