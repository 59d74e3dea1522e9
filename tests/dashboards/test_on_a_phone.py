"""The dashboards on a telephone, in Debian's Chromium."""

import pytest
from browser import CHROMIUM, PHONE, chart, hrefs, watched
from playwright.sync_api import Browser
from serving import Server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's package chromium is not installed"),
]


# Texts of charts that stick out of their picture, where they would be cut.
CUT = """() => [...document.querySelectorAll(".wb-chart-live svg.marks")].flatMap((picture) => {
    const edge = picture.getBoundingClientRect();
    return [...picture.querySelectorAll("text")].filter((text) => {
        const place = text.getBoundingClientRect();
        return place.width && (place.right > edge.right + 1 || place.left < edge.left - 1);
    }).map((text) => text.textContent);
})"""


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_phone_cuts_no_text_of_a_chart_and_scrolls_only_down(
    browser: Browser, shop: Server, language: str
):
    with watched(browser, PHONE) as seen:
        for path in hrefs(seen, shop.address):
            seen.open(f"{shop.address}{path[1:]}?lang={language}")
            chart(seen)
            assert seen.page.evaluate(CUT) == [], path
            width = seen.page.evaluate("document.documentElement.scrollWidth")
            assert width <= PHONE["width"], path
            marked = seen.page.locator(".wb-nav [aria-current=page]").bounding_box()
            assert 0 <= marked["x"] < PHONE["width"]


def test_one_long_word_makes_no_page_wider(browser: Browser, shop: Server):
    with watched(browser, PHONE) as seen:
        seen.page.goto(shop.address)
        seen.page.evaluate("document.querySelector('main h1').append('W'.repeat(300))")
        width = seen.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"]
