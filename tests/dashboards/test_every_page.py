"""Every dashboard of the product in both languages, on a telephone and on a desk, in Chromium."""

import re

import pytest
from browser import CHROMIUM, DESKTOP, PHONE, body, chart, hrefs, watched
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

WITHOUT_MONEY = ("/dashboards/funnel", "/dashboards/data_health")
WIDTH = "document.documentElement.scrollWidth"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_each_page_fits_a_phone_and_a_desk_and_speaks_its_language_without_an_error(
    browser: Browser, shop: Server, language: str
):
    with watched(browser, PHONE) as seen:
        paths = hrefs(seen, shop.address)
        assert "/dashboards/sales" in paths
        for path in paths:
            seen.page.set_viewport_size(PHONE)
            seen.open(f"{shop.address}{path[1:]}?lang={language}")
            chart(seen)
            assert seen.page.evaluate(CUT) == [], path
            assert seen.page.evaluate(WIDTH) <= PHONE["width"], path
            marked = seen.page.locator(".wb-nav [aria-current=page]").bounding_box()
            assert 0 <= marked["x"] < PHONE["width"]
            check_language(body(seen), language, money=path not in WITHOUT_MONEY)

            seen.page.set_viewport_size(DESKTOP)
            chart(seen)
            assert seen.page.evaluate(CUT) == [], path
            assert seen.page.evaluate(WIDTH) <= DESKTOP["width"], path
            assert seen.page.locator("h1").count() == 1
            check_language(body(seen), language, money=path not in WITHOUT_MONEY)
        assert seen.errors == []
        assert seen.foreign(shop.address) == []


def check_language(shown: str, language: str, *, money: bool = True) -> None:
    if language == "fr":
        assert "€" in shown or not money
        assert re.search(r"\d[\u202f\u00a0]\d{3}" if money else r"\d,\d\u202f%", shown)
        assert not re.search(r"€\d", shown)
    else:
        assert re.search(r"€\d{1,3}(,\d{3})*" if money else r"\d\.\d%", shown)
        assert not re.search(r"\d[\u202f\u00a0]€", shown)


def test_one_long_word_makes_no_page_wider(browser: Browser, shop: Server):
    with watched(browser, PHONE) as seen:
        seen.page.goto(shop.address)
        seen.page.evaluate("document.querySelector('main h1').append('W'.repeat(300))")
        assert seen.page.evaluate(WIDTH) <= PHONE["width"]
