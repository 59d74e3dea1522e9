"""A person designs a process with our action, starts it on a deal and watches its log."""

from collections.abc import Iterator

import pytest
from browser import CHROMIUM, DESKTOP, PHONE, Watched, chromium, watched
from listener import Listener, listening
from playwright.sync_api import Browser
from portal_application import Application, add_application
from process_calls import called, new_deal, stage

from workbench.bitrix24 import activity
from workbench.i18n import use_language

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's package chromium is not installed"),
]

WORDS = {
    "fr": {
        "action": "Analyse Commerciale",
        "title": "Relancer selon la tendance",
        "period": "le trimestre dernier",
        "condition": "Condition",
        "case": "Analyse Commerciale · Évolution en pour cent est au moins 0",
        "stage": "Ventes · Qualification",
        "notify": "Prévenir",
        "start": "Lancer",
        "waiting": "En attente",
        "done": "Terminé",
        "answer": "A reçu sa réponse",
        "moves": "Fait passer la fiche de « Nouveau besoin » à « Qualification »",
        "value": "12,5",
    },
    "en": {
        "action": "Business Analytics",
        "title": "Follow the trend",
        "period": "last quarter",
        "condition": "Condition",
        "case": "Business Analytics · Change in percent is at least 0",
        "stage": "Ventes · Qualification",
        "notify": "Notify",
        "start": "Start",
        "waiting": "Waiting",
        "done": "Completed",
        "answer": "Has its answer",
        "moves": "Moves the record from “Nouveau besoin” to “Qualification”",
        "value": "12.5",
    },
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def calls() -> Iterator[Listener]:
    with listening() as running:
        yield running


def registered(portal, calls: Listener, language: str) -> Application:
    """An application that has registered our action, its options in a language."""
    application = add_application(portal, calls)
    with use_language(language):
        settings = activity.properties(
            {"deal": "Deal"}, {"won_revenue": "Won revenue"}, {"stalled_deals": "Stalled deals"}
        )
        payload = activity.registration(f"{calls.url}/activity", settings, "1")
    assert application.call("bizproc.activity.add", payload)[1]["result"] is True
    return application


def fits(seen: Watched) -> None:
    """Nothing stands out of the window to the side."""
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert seen.page.evaluate(width) == 0, seen.page.url


@pytest.mark.parametrize(("language", "size"), [("fr", DESKTOP), ("en", PHONE)])
def test_a_person_adds_our_action_starts_it_and_watches_its_log(
    portal, calls, browser, language, size
):
    words = WORDS[language]
    application = registered(portal, calls, language)
    deal = new_deal(portal, TITLE="Lampes <b>")
    with watched(browser, size) as seen:
        page = seen.page
        page.goto(f"{portal.base}/?lang={language}")
        page.click("nav.places a[href*=designer]")
        fits(seen)
        page.get_by_role("textbox").fill(words["title"])
        page.get_by_role("combobox").select_option(label=words["action"])
        page.locator("main button").click()
        assert page.inner_text("h1") == words["action"]
        page.locator('[name="properties[period]"]').select_option(label=words["period"])
        fits(seen)
        page.locator("main button").click()

        page.locator("ul.choice a", has_text=words["condition"]).click()
        page.locator('[name="step[result]"]').select_option("action1:change_percent")
        page.locator('[name="step[comparison]"]').select_option("at_least")
        page.locator('[name="step[value]"]').fill("0")
        page.locator('[name="step[then]"]').select_option(label=words["stage"])
        fits(seen)
        page.locator("main button").click()

        page.locator("ul.choice a", has_text=words["notify"]).first.click()
        page.locator('[name="step[message]"]').fill("{=Document:TITLE}: {=action1:summary}")
        page.locator("main button").click()
        assert page.inner_text("h1") == words["title"]
        assert words["case"] in page.inner_text("ol.steps")
        assert page.locator("ol.steps > li").count() == 3
        fits(seen)

        page.locator("[name=record]").fill(str(deal))
        page.get_by_role("button", name=words["start"], exact=True).click()
        page.wait_for_url("**/sandbox/processes/*")
        number = page.url.split("/")[-1].split("?")[0]
        post = called(calls, number)
        assert post["properties[period]"] == "last_quarter"
        page.get_by_text(words["waiting"], exact=True).wait_for()
        answer = {"status": "ok", "change_percent": "12.5", "summary": "<i>rising</i>"}
        given = {"EVENT_TOKEN": post["event_token"], "RETURN_VALUES": answer}
        assert application.call("bizproc.event.send", given)[1]["result"] is True
        # The page asks again by itself, until the process has ended.
        page.get_by_text(words["done"], exact=True).first.wait_for()
        log = page.inner_text("ol.log").replace("\u202f", " ")
        for told in (words["answer"], words["case"], words["moves"], words["value"]):
            assert told in log
        assert "Lampes <b>: <i>rising</i>" in log
        fits(seen)
        assert seen.errors == []
        assert seen.foreign(portal.base) == []
    assert stage(portal, deal) == "PREPARATION"
    application.call("bizproc.activity.delete", {"CODE": activity.CODE})


def test_what_the_browser_lets_through_the_portal_explains(portal, calls, browser):
    application = registered(portal, calls, "fr")
    with watched(browser) as seen:
        page = seen.page
        query = f"title=Essai&action={activity.CODE}&lang=fr"
        page.goto(f"{portal.base}/sandbox/designer/step?{query}")
        page.locator('[name="properties[horizon]"]').fill("bientôt")
        page.locator("main button").click()
        assert "« Mois à prévoir » est un nombre entier" in page.inner_text("[role=alert]").replace(
            "\u202f", " "
        )
        assert page.locator('[name="properties[horizon]"]').input_value() == "bientôt"
        # The language changes, what is asked for stays.
        page.get_by_role("link", name="EN", exact=True).click()
        assert page.inner_text("h1") == "Business Analytics"
        assert page.locator('[name="properties[horizon]"]').input_value() == "0"
        assert seen.errors == []
    application.call("bizproc.activity.delete", {"CODE": activity.CODE})
