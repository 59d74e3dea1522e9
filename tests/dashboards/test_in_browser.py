"""The dashboards as people see and use them, in Debian's Chromium."""

import re

import pytest
from browser import (
    CHROMIUM,
    Watched,
    body,
    changed,
    chart,
    shows,
)
from serving import Server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's package chromium is not installed"),
]


def test_a_filter_changes_the_chart_and_the_figures(server: Server, seen: Watched):
    seen.open(f"{server.address}dashboards/sales?lang=en")
    assert seen.page.inner_text("output") == "6,000.5"
    before = chart(seen)
    seen.page.select_option("select", "South")
    changed(seen, before)
    shows(seen, "90,000")
    seen.page.select_option("select", "North")
    shows(seen, "6,000.5")
    assert chart(seen) == before
    assert seen.errors == []
    assert seen.foreign(server.address) == []


def test_the_products_own_page_shows_charts_that_follow_its_filters(shop: Server, seen: Watched):
    seen.open(f"{shop.address}dashboards/sales")
    before, figures = chart(seen), seen.page.inner_text(".wb-figures")
    title = seen.page.title()
    seen.page.select_option(".wb-filter select >> nth=0", index=1)
    changed(seen, before)
    seen.page.wait_for_function(
        "before => document.querySelector('.wb-figures').innerText !== before", arg=figures
    )
    assert title == "Ventes · Analyse Commerciale"
    assert seen.errors == []
    assert seen.foreign(shop.address) == []


def test_a_link_reproduces_the_filters_and_the_language_switch_keeps_them(
    shop: Server, seen: Watched
):
    seen.open(f"{shop.address}dashboards/sales")
    seen.page.select_option(".wb-filter select >> nth=0", index=2)
    seen.page.wait_for_function("location.search.includes('period=')")
    chosen = seen.page.eval_on_selector(".wb-filter select >> nth=0", "box => box.selectedIndex")
    period = re.search(r"period=[^&]+", seen.page.url).group()
    seen.page.click("[data-language=en]")
    seen.page.wait_for_url("**/dashboards/sales?*lang=en*")
    seen.ready()
    assert period in seen.page.url
    assert (
        seen.page.eval_on_selector(".wb-filter select >> nth=0", "box => box.selectedIndex")
        == chosen
    )
    assert seen.page.get_attribute("html", "lang") == "en"
    seen.page.click(".wb-nav a >> nth=0")
    seen.page.wait_for_url(lambda address: "/sales" not in address)
    assert period in seen.page.url
    assert "lang=en" in seen.page.url


# Timers come late, and what draws charts takes seconds to load.
BUSY = """
const onTime = window.setTimeout;
window.setTimeout = (call, delay = 0, ...rest) =>
  onTime(call, delay > 0 && delay <= 100 ? 3000 : delay, ...rest);
let open;
const ready = new Promise((resolve) => { open = resolve; });
globalThis.workbenchCharts = { ready, open: (charts) => onTime(() => open(charts), 3000) };
"""


def test_a_page_in_a_busy_browser_shows_everything_and_follows_its_filters(
    server: Server, seen: Watched
):
    seen.page.add_init_script(BUSY)
    seen.open(f"{server.address}dashboards/sales?lang=en")
    assert seen.page.inner_text("output") == "6,000.5"
    before = chart(seen)
    seen.page.select_option("select", "South")
    changed(seen, before)
    shows(seen, "90,000")
    assert seen.errors == []


def test_the_index_leads_to_the_pages_and_says_how_fresh_the_data_are(shop: Server, seen: Watched):
    seen.page.goto(f"{shop.address}?lang=en")
    assert "Data as of 2 Nov 2026" in body(seen)
    seen.page.click(".wb-card-link a >> nth=0")
    seen.ready()
    assert seen.page.locator(".wb-nav [aria-current=page]").count() == 1
    assert seen.errors == []


def test_the_keyboard_reaches_content_navigation_language_and_filters(
    server: Server, seen: Watched
):
    seen.open(f"{server.address}dashboards/sales?lang=en")
    reached = []
    for _step in range(20):
        seen.page.keyboard.press("Tab")
        reached.append(
            seen.page.evaluate(
                "(({tagName, innerText, className}) => `${tagName} ${className || innerText}`)"
                "(document.activeElement)"
            )
        )
        if reached[-1].startswith("SELECT"):
            break
    assert "wb-skip" in reached[0]
    assert "wb-brand" in reached[1]
    assert any("Title sales" in each for each in reached)
    assert any("EN" in each for each in reached)
    assert reached[-1].startswith("SELECT")
    before = chart(seen)
    seen.page.keyboard.press("ArrowDown")
    changed(seen, before)


def test_the_skip_link_leads_to_the_content(server: Server, seen: Watched):
    seen.page.goto(server.address)
    seen.page.keyboard.press("Tab")
    box = seen.page.locator(".wb-skip").bounding_box()
    assert box["y"] >= 0
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("document.activeElement.id") == "content"


def test_print_leaves_out_what_cannot_be_pressed_on_paper(server: Server, seen: Watched):
    seen.open(f"{server.address}dashboards/sales")
    seen.page.emulate_media(media="print")
    assert seen.page.is_hidden(".wb-top")
    assert seen.page.is_visible("h1")
