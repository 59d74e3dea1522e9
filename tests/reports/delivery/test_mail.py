"""Mail through a real server with TLS and login: what arrives, and that nothing arrives twice."""

import os
import signal
import subprocess
import sys

import openpyxl
import pytest
from mail_server import MailServer

from workbench.reports.delivery.attempt import attempt, plan
from workbench.reports.delivery.book import deliveries_of

MAIL = {"by": "mail", "to": ["direction@example.com"]}


def test_a_mail_has_figures_chart_attachments_and_a_text(finished_run, mails: MailServer, tmp_path):
    record = finished_run([{**MAIL, "cc": ["ventes@example.com"], "attach": ["html", "xlsx"]}])
    plan(record)
    delivery = attempt(record.id, 1)
    assert (delivery.state, delivery.detail, delivery.tries) == ("sent", "taken", 1)
    assert mails.logins == ["reports"]
    (mail,) = mails.mails
    assert mails.recipients == [["direction@example.com", "ventes@example.com"]]
    assert mail["Subject"] == "Ventes de l’équipe – oct. 2026"
    assert mail["From"] == "Rapports <rapports@example.com>"
    assert mail["Message-ID"] == f"<{record.id}.1@example.com>"
    html = mail.get_body(("html",))
    written = html.get_content()
    assert "1\u202f234\u202f568\xa0€" in written and "+23,5\u202f%" in written
    assert "Chiffre d’affaires &lt;gagné&gt;" in written and "<gagné>" not in written
    assert "non chargé" in written
    assert 'src="cid:chart"' in written and "http" not in written
    text = mail.get_body(("plain",)).get_content()
    assert "Affaires gagnées\u202f: 42" in text and record.snapshot in text
    assert "Responsables\u202f: Alice mène <1>." in text
    (related,) = [part for part in mail.walk() if part["Content-ID"] == "<chart>"]
    assert related.get_content() == (record.folder / "charts" / "managers.png").read_bytes()
    names = [part.get_filename() for part in mail.iter_attachments()]
    assert names == [f"Ventes-de-lequipe-oct-2026-2026-11-02.{end}" for end in ("html", "xlsx")]
    received = tmp_path / "received.xlsx"
    received.write_bytes(list(mail.iter_attachments())[1].get_content())
    assert openpyxl.load_workbook(received).sheetnames == ["À propos", "Responsables"]


def test_what_was_sent_is_not_sent_again(finished_run, mails: MailServer):
    record = finished_run([MAIL])
    for _time in range(3):
        plan(record)
        attempt(record.id, 1, again=True)
    assert len(mails.mails) == 1


def test_a_busy_server_is_tried_again_and_a_refusal_is_not(finished_run, mails: MailServer):
    record = finished_run([MAIL])
    plan(record)
    mails.answers += ["451 4.3.2 busy", "554 5.7.1 no such thing here"]
    first = attempt(record.id, 1)
    assert (first.state, first.tries) == ("waiting", 1) and "451" in first.error
    second = attempt(record.id, 1)
    assert second.state == "failed" and "554 5.7.1" in second.error
    assert attempt(record.id, 1).tries == 2  # left alone
    assert attempt(record.id, 1, again=True).state == "sent"
    assert len(mails.mails) == 1


def test_a_bounced_recipient_is_named_and_the_others_get_theirs(finished_run, mails: MailServer):
    record = finished_run([{"by": "mail", "to": ["gone@example.com", "here@example.com"]}])
    mails.refused["gone@example.com"] = "550 5.1.1 no such mailbox"
    plan(record)
    delivery = attempt(record.id, 1)
    assert delivery.state == "sent"
    assert "gone@example.com" in delivery.detail and "no such mailbox" in delivery.detail
    assert mails.recipients == [["here@example.com"]]


def test_a_connection_lost_while_sending_is_uncertain_and_left_to_a_person(
    finished_run, mails: MailServer
):
    record = finished_run([MAIL])
    plan(record)
    mails.lose = True
    delivery = attempt(record.id, 1)
    assert delivery.state == "uncertain"
    assert len(mails.mails) == 1  # it did arrive, which nobody here can know
    mails.lose = False
    assert attempt(record.id, 1).state == "uncertain"
    assert len(mails.mails) == 1
    assert attempt(record.id, 1, again=True).state == "sent"


def test_a_sender_killed_in_the_middle_leaves_it_uncertain(finished_run, mails: MailServer):
    record = finished_run([MAIL])
    plan(record)
    mails.slow = 30
    code = f"from workbench.reports.delivery.attempt import attempt; attempt({record.id!r}, 1)"
    sender = subprocess.Popen([sys.executable, "-c", code])
    mails.wait_for(1, within=60)
    os.kill(sender.pid, signal.SIGKILL)
    sender.wait()
    assert [each.state for each in deliveries_of(record.folder)] == ["sending"]
    delivery = attempt(record.id, 1)
    assert (delivery.state, len(mails.mails)) == ("uncertain", 1)
    assert delivery.error == "Le processus qui l’envoyait s’est terminé en plein envoi."


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"WORKBENCH_SMTP_PASSWORD": "wrong"}, "WORKBENCH_SMTP_PASSWORD"),
        ({"SSL_CERT_FILE": "/dev/null"}, "SSL_CERT_FILE"),
        ({"WORKBENCH_SMTP_HOST": ""}, "WORKBENCH_SMTP_HOST"),
        ({"WORKBENCH_SMTP_FROM": "nobody"}, "WORKBENCH_SMTP_FROM"),
        (
            {"WORKBENCH_SMTP_SECURITY": "none", "WORKBENCH_SMTP_HOST": "mail.example"},
            "WORKBENCH_SMTP_SECURITY",
        ),
    ],
)
def test_a_wrong_setting_is_named_and_not_tried_again(
    finished_run, mails: MailServer, monkeypatch: pytest.MonkeyPatch, changed, told
):
    record = finished_run([MAIL])
    plan(record)
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    delivery = attempt(record.id, 1)
    assert delivery.state == "failed" and told in delivery.error
    assert "let-me-in" not in delivery.error and not mails.mails


def test_no_mail_of_a_run_that_failed(finished_run, mails: MailServer):
    assert plan(finished_run([MAIL], outcome="failed")) == []
