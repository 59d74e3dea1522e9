"""The pages on which processes are started and looked at."""

import httpx
import pytest
from process_calls import TEMPLATE, add_template, called, ended, new_deal

pytestmark = pytest.mark.timeout(60)


def page(portal, path: str = "", **params: str) -> httpx.Response:
    return httpx.get(f"{portal.base}/sandbox/processes{path}", params=params)


def test_the_page_lists_starts_and_shows_in_both_languages(portal, application, listener):
    template = add_template(portal, TEMPLATE.format(name="trial", timeout=60))
    deal = new_deal(portal)
    french, english = page(portal, lang="fr").text, page(portal, lang="en").text
    assert "Lancer un processus" in french
    assert "Empreinte" in french
    assert "Start a process" in english
    assert "Hash" in english
    answer = httpx.post(
        f"{portal.base}/sandbox/processes?lang=en",
        data={"template": template, "record": str(deal)},
    )
    assert answer.status_code == 303
    number = answer.headers["location"].split("/")[-1].split("?")[0]
    post = called(listener, number)
    shown = page(portal, f"/{number}", lang="en")
    assert "Waiting" in shown.text
    assert "Lamps &amp; &lt;b&gt;" in shown.text
    assert "<b>" not in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    given = {
        "EVENT_TOKEN": post["event_token"],
        "RETURN_VALUES": {"hash": "<script>alert(1)</script>", "size": 11},
    }
    application.call("bizproc.event.send", given)
    ended(portal, number)
    shown = page(portal, f"/{number}", lang="fr").text
    assert "Terminé" in shown
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert "http-equiv" not in shown  # no reloading any more


def test_the_page_takes_no_form_from_another_site(portal):
    answer = httpx.post(
        f"{portal.base}/sandbox/processes",
        data={"template": "1", "record": "1"},
        headers={"Origin": "http://elsewhere.example"},
    )
    assert answer.status_code == 403


def test_the_page_is_not_there_under_another_hosts_name(portal):
    for host in ("elsewhere.example", "elsewhere.example:80", "[", ""):
        assert httpx.get(f"{portal.base}/sandbox/processes", headers={"Host": host}).is_error
    foreign = {"Host": "elsewhere.example", "Origin": "http://elsewhere.example"}
    form = {"template": "1", "record": "1"}
    answer = httpx.post(f"{portal.base}/sandbox/processes", data=form, headers=foreign)
    assert answer.status_code == 404
    for host in ("localhost:1", "127.0.0.1", "[::1]:80"):
        assert httpx.get(f"{portal.base}/sandbox/processes", headers={"Host": host}).is_success


@pytest.mark.parametrize("record", ["0", "-1", "99999999999999999999999", "1 or 1=1", "٣"])
def test_the_page_explains_a_record_that_is_none(portal, record):
    answer = httpx.post(
        f"{portal.base}/sandbox/processes?lang=en", data={"template": "1", "record": record}
    )
    assert answer.status_code == 200
    assert "no such record" in answer.text
