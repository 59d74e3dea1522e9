"""Deliveries to a portal: they arrive, and a try that was cut off does not make two of them."""

from collections.abc import Iterator

import pytest
from sandbox_portal import running_portal

from workbench.bitrix24.client import Portal
from workbench.reports.delivery.attempt import attempt, plan
from workbench.reports.delivery.book import Delivery, held
from workbench.reports.record import RunRecord


@pytest.fixture(scope="module")
def empty_portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_portal(tmp_path_factory.mktemp("portal"), "--plan", "unlimited") as running:
        yield running.url


@pytest.fixture
def portal(empty_portal: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    monkeypatch.setenv("WORKBENCH_WEBHOOK", empty_portal)
    monkeypatch.setenv("WORKBENCH_PLAN", "unlimited")
    with Portal.from_settings() as portal:
        yield portal


def cut_off_and_repeated(record: RunRecord) -> list[Delivery]:
    """Deliver, then once more as whoever was killed before noting that it went out."""
    plan(record)
    first = attempt(record.id, 1)
    with held(record.folder, 1) as (_delivery, note):
        note(state="sending")
    return [first, attempt(record.id, 1)]


def test_a_chat_gets_one_message_with_figures(finished_run, portal: Portal):
    chat = portal.call("im.chat.add", {"TITLE": "Direction"})
    record = finished_run([{"by": "chat", "dialog": f"chat{chat}"}])
    first, second = cut_off_and_repeated(record)
    assert (first.state, second.state) == ("sent", "sent"), first.error
    assert first.detail == second.detail
    answer = portal.call("im.dialog.messages.get", {"DIALOG_ID": f"chat{chat}"})
    told = [row["text"] for row in answer["messages"] if record.id in row["text"]]
    assert len(told) == 1
    assert told[0].startswith("[b]Ventes de l’équipe – oct. 2026[/b]")
    assert "Chiffre d’affaires <gagné>\u202f: 1\u202f234\u202f568\xa0€" in told[0]


def test_a_user_has_one_notification(finished_run, portal: Portal):
    me = int(portal.call("profile")["ID"])
    record = finished_run([{"by": "notification", "users": [me]}])
    first, second = cut_off_and_repeated(record)
    assert (first.state, second.state) == ("sent", "sent"), first.error
    rows = portal.call("im.notify.get")["notifications"]
    assert len([row for row in rows if record.id in row["text"]]) == 1


def test_disk_has_each_file_once(finished_run, portal: Portal):
    storage = portal.call("disk.storage.getlist")[0]
    folder = int(storage["ROOT_OBJECT_ID"])
    record = finished_run([{"by": "disk", "folder": folder, "files": ["html", "xlsx"]}])
    first, second = cut_off_and_repeated(record)
    assert (first.state, second.state) == ("sent", "sent"), first.error
    rows = portal.call("disk.folder.getchildren", {"id": folder})
    sizes = {row["NAME"]: int(row["SIZE"]) for row in rows if row["TYPE"] == "file"}
    name = "Ventes-de-lequipe-oct-2026-2026-11-02"
    assert sizes == {
        f"{name}.html": (record.folder / "report.html").stat().st_size,
        f"{name}.xlsx": (record.folder / "report.xlsx").stat().st_size,
    }


def test_a_card_has_one_comment_with_the_workbook(finished_run, portal: Portal):
    deal = portal.call("crm.deal.add", {"fields": {"TITLE": "Lustres"}})
    record = finished_run([{"by": "timeline", "entity": "deal", "id": deal}])
    first, second = cut_off_and_repeated(record)
    assert (first.state, second.state) == ("sent", "sent"), first.error
    card = {"ENTITY_ID": deal, "ENTITY_TYPE": "deal"}
    rows = portal.call("crm.timeline.comment.list", {"filter": card})
    assert len([row for row in rows if record.id in row["COMMENT"]]) == 1


def test_what_the_portal_refuses_is_told_and_not_repeated(finished_run, portal: Portal):
    record = finished_run([{"by": "chat", "dialog": "chat999999"}])
    plan(record)
    delivery = attempt(record.id, 1)
    assert delivery.state == "failed" and delivery.error
    assert attempt(record.id, 1).tries == 1


def test_a_portal_that_is_down_is_tried_later(finished_run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORKBENCH_WEBHOOK", "http://127.0.0.1:9/rest/1/abcdefgh12345678/")
    record = finished_run([{"by": "chat", "dialog": "chat1"}])
    plan(record)
    assert attempt(record.id, 1).state == "waiting"
