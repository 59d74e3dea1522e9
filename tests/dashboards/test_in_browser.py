"""The dashboards as people see them, in Debian's Chromium."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from browser import CHROMIUM, PHONE, Watched, chromium, watched
from playwright.sync_api import Browser

from conftest import Server, serving

ROOT = Path(__file__).parent.parent.parent

MARKS = """() => {
    const marks = document.querySelector(".wb-chart-live :is(svg.marks, canvas.marks)");
    if (!marks) return "";
    return marks.tagName === "svg" ? marks.outerHTML : marks.toDataURL();
}"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's package chromium is not installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def seen(browser: Browser) -> Iterator[Watched]:
    with watched(browser) as page:
        yield page


@pytest.fixture(scope="module")
def shop(company_home: Path) -> Iterator[Server]:
    """The product's own dashboards on the small company."""
    with serving(ROOT, company_home) as running:
        yield running


def chart(seen: Watched) -> str:
    """Return the first chart's marks as the browser has drawn them, once they stand still."""
    last = ""
    for _look in range(40):
        now = seen.page.evaluate(f"({MARKS})()")
        if now and now == last:
            return now
        last = now
        seen.page.wait_for_timeout(250)
    raise AssertionError("the chart never stands still")


def changed(seen: Watched, before: str) -> None:
    """Wait until the first chart shows something else."""
    seen.page.wait_for_function(
        f"before => {{ const now = ({MARKS})(); return now && now !== before; }}", arg=before
    )


def shows(seen: Watched, figure: str) -> None:
    """Wait until the page's figure is this one."""
    seen.page.wait_for_function(
        "figure => document.querySelector('output').innerText === figure", arg=figure
    )


def body(seen: Watched) -> str:
    return seen.page.inner_text("body")


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


def test_each_page_speaks_both_languages_without_an_error(shop: Server, seen: Watched):
    names = [link.split("/")[-1] for link in hrefs(seen, shop)]
    assert "sales" in names
    for name in names:
        shown = {}
        for language in ("fr", "en"):
            seen.open(f"{shop.address}dashboards/{name}?lang={language}")
            shown[language] = body(seen)
            assert seen.page.locator("h1").count() == 1
        assert "€" in shown["fr"]
        assert re.search(r"\d[\u202f\u00a0]\d{3}", shown["fr"])
        assert not re.search(r"€\d", shown["fr"])
        assert re.search(r"€\d{1,3}(,\d{3})*", shown["en"])
        assert not re.search(r"\d[\u202f\u00a0]€", shown["en"])
    assert seen.errors == []
    assert seen.foreign(shop.address) == []


def hrefs(seen: Watched, server: Server) -> list[str]:
    seen.page.goto(server.address)
    return seen.page.eval_on_selector_all(".wb-card-link a", "links => links.map(a => a.pathname)")


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


# Texts of charts that stick out of their picture, where they would be cut.
CUT = """() => [...document.querySelectorAll(".wb-chart-live svg.marks")].flatMap((picture) => {
    const edge = picture.getBoundingClientRect();
    return [...picture.querySelectorAll("text")].filter((text) => {
        const place = text.getBoundingClientRect();
        return place.width && (place.right > edge.right + 1 || place.left < edge.left - 1);
    }).map((text) => text.textContent);
})"""


def test_a_phone_cuts_no_text_of_a_chart(browser: Browser, shop: Server):
    with watched(browser, PHONE) as seen:
        for path in hrefs(seen, shop):
            seen.open(f"{shop.address}{path[1:]}")
            chart(seen)
            assert seen.page.evaluate(CUT) == [], path


def test_a_phone_scrolls_only_down(browser: Browser, shop: Server):
    with watched(browser, PHONE) as seen:
        for path in hrefs(seen, shop):
            for language in ("fr", "en"):
                seen.open(f"{shop.address}{path[1:]}?lang={language}")
                width = seen.page.evaluate("document.documentElement.scrollWidth")
                assert width <= PHONE["width"], (path, language)
                marked = seen.page.locator(".wb-nav [aria-current=page]").bounding_box()
                assert 0 <= marked["x"] < PHONE["width"]


def test_one_long_word_makes_no_page_wider(browser: Browser, shop: Server):
    with watched(browser, PHONE) as seen:
        seen.page.goto(shop.address)
        seen.page.evaluate("document.querySelector('main h1').append('W'.repeat(300))")
        width = seen.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"]


def test_loading_shows_the_title_and_steps_before_anything_is_computed(
    server: Server, seen: Watched
):
    seen.page.goto(f"{server.address}dashboards/slow?lang=en", wait_until="commit")
    seen.page.wait_for_selector("#wb-loading h1")
    assert "Title slow" in body(seen)
    assert "Loading…" in body(seen)
    seen.page.wait_for_function(
        "document.querySelector('#wb-step').textContent === 'Step 1 of 2'", timeout=60_000
    )
    assert seen.page.eval_on_selector("#wb-progress", "bar => bar.value") == 0.5
    assert seen.page.get_attribute("main", "aria-busy") == "true"


def test_a_failing_notebook_shows_its_title_and_a_reference(server: Server, seen: Watched):
    seen.page.goto(f"{server.address}dashboards/broken?lang=en", wait_until="commit")
    seen.page.wait_for_selector(".wb-failure", timeout=60_000)
    shown = body(seen)
    assert "Title broken" in shown
    assert re.search(r"This part could not be computed\. Reference: [A-Z2-9]{8}", shown)
    for inside in ("Traceback", "RuntimeError", "s3cret", "/srv", "deep"):
        assert inside not in seen.page.content()
    assert seen.errors == []


def test_an_error_after_loading_shows_a_banner_with_its_reference(server: Server, seen: Watched):
    seen.page.goto(f"{server.address}dashboards/partly?lang=en", wait_until="commit")
    seen.page.wait_for_selector("body[data-state=ready]", timeout=60_000)
    seen.page.wait_for_selector(".wb-failure")
    seen.page.click("button.jupyter-button")
    seen.page.wait_for_selector("#wb-banner:not([hidden])")
    shown = seen.page.inner_text("#wb-banner")
    assert re.search(r"This change could not be computed\. Reference: [A-Z2-9]{8}", shown)
    assert "Reload the page" in shown
    for inside in ("Traceback", "KeyError", "s3cret", "/srv"):
        assert inside not in seen.page.content()


def test_a_lost_kernel_shows_a_banner_and_a_reload_comes_back(server: Server, seen: Watched):
    seen.open(f"{server.address}dashboards/sales?lang=en")
    kernel = (
        json.loads(seen.page.inner_text("#jupyter-config-data") or "{}").get("kernelId")
        or json.loads(seen.page.text_content("#jupyter-config-data"))["kernelId"]
    )
    processes = [
        child
        for child in psutil.Process(server.process.pid).children(recursive=True)
        if kernel in " ".join(child.cmdline())
    ]
    assert processes
    for each in processes:
        os.kill(each.pid, signal.SIGKILL)
    seen.page.wait_for_selector("body[data-state=lost]", timeout=30_000)
    assert "session was lost" in seen.page.inner_text("#wb-banner")
    seen.page.click("#wb-banner button")
    seen.ready()
    assert seen.page.inner_text("output") == "6,000.5"
    assert seen.page.is_hidden("#wb-banner")


def test_leaving_a_page_ends_its_kernel_and_a_second_visit_works(server: Server, seen: Watched):
    assert server.until(lambda: server.health()["kernels"] == 0)
    seen.open(f"{server.address}dashboards/sales")
    assert server.health()["kernels"] == 1
    seen.page.click(".wb-brand")
    seen.page.wait_for_selector(".wb-cards")
    assert server.until(lambda: server.health()["kernels"] == 0)
    seen.page.go_back()
    seen.ready()
    assert seen.page.inner_text("output").replace("\u202f", " ") == "6 000,5"
    assert server.health()["kernels"] == 1
    assert seen.errors == []


def test_a_server_that_goes_away_is_said(server: Server, seen: Watched, tmp_path: Path):
    with serving(Path(server.home.parent / "project"), tmp_path) as other:
        seen.open(f"{other.address}dashboards/sales?lang=en")
        other.process.kill()
        seen.page.wait_for_selector("body:is([data-state=offline], [data-state=lost])")
        assert seen.page.inner_text("#wb-banner")


def test_a_page_that_arrives_cut_off_says_so(server: Server, seen: Watched, tmp_path: Path):
    with serving(Path(server.home.parent / "project"), tmp_path) as other:
        seen.page.goto(f"{other.address}dashboards/slow?lang=en", wait_until="commit")
        seen.page.wait_for_function(
            "document.querySelector('#wb-step').textContent !== ''", timeout=60_000
        )
        other.process.kill()
        seen.page.wait_for_selector("body[data-state=broken]")
        assert "could not be shown completely" in seen.page.inner_text("#wb-banner")
        assert "Loading" not in body(seen)


def test_print_leaves_out_what_cannot_be_pressed_on_paper(server: Server, seen: Watched):
    seen.open(f"{server.address}dashboards/sales")
    seen.page.emulate_media(media="print")
    assert seen.page.is_hidden(".wb-top")
    assert seen.page.is_visible("h1")


def test_a_page_without_javascript_says_so_and_loads_nothing(browser: Browser, server: Server):
    # It never says that it has gone, so its kernel outlives the test: in a server of its own.
    with serving(server.home.parent / "project", server.home) as other:
        context = browser.new_context(java_script_enabled=False)
        try:
            page = context.new_page()
            page.goto(f"{other.address}dashboards/sales?lang=en", timeout=60_000)
            assert page.is_visible("h1")
            assert page.is_visible("noscript .wb-notice")  # a text in it is not found by words
            assert page.is_hidden("progress") and page.is_hidden(".wb-skeleton")
            assert "needs JavaScript" in page.inner_text("noscript .wb-notice")
        finally:
            context.close()
