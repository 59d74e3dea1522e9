"""What a visitor sees while a page loads, fails, or loses its kernel or its server."""

import json
import os
import re
import signal
from pathlib import Path

import pytest
from browser import CHROMIUM, READY, Watched, body
from playwright.sync_api import Browser
from serving import Server, serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's package chromium is not installed"),
]


def test_loading_shows_the_title_and_steps_before_anything_is_computed(
    server: Server, seen: Watched
):
    seen.page.goto(f"{server.address}dashboards/slow?lang=en", wait_until="commit")
    seen.page.wait_for_selector("#wb-loading h1")
    assert "Title slow" in body(seen)
    assert "Loading…" in body(seen)
    seen.page.wait_for_function(
        "document.querySelector('#wb-step').textContent === 'Step 1 of 2'", timeout=READY
    )
    assert seen.page.eval_on_selector("#wb-progress", "bar => bar.value") == 0.5
    assert seen.page.get_attribute("main", "aria-busy") == "true"


def test_a_failing_notebook_shows_its_title_and_a_reference(server: Server, seen: Watched):
    seen.page.goto(f"{server.address}dashboards/broken?lang=en", wait_until="commit")
    seen.page.wait_for_selector(".wb-failure", timeout=READY)
    shown = body(seen)
    assert "Title broken" in shown
    assert re.search(r"This part could not be computed\. Reference: [A-Z2-9]{8}", shown)
    for inside in ("Traceback", "RuntimeError", "s3cret", "/srv", "deep"):
        assert inside not in seen.page.content()
    assert seen.errors == []


def test_an_error_after_loading_shows_a_banner_with_its_reference(server: Server, seen: Watched):
    seen.page.goto(f"{server.address}dashboards/partly?lang=en", wait_until="commit")
    seen.page.wait_for_selector("body[data-state=ready]", timeout=READY)
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
    processes = [child for child in server.kernels() if kernel in " ".join(child.cmdline())]
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
            "document.querySelector('#wb-step').textContent !== ''", timeout=READY
        )
        other.process.kill()
        seen.page.wait_for_selector("body[data-state=broken]")
        assert "could not be shown completely" in seen.page.inner_text("#wb-banner")
        assert "Loading" not in body(seen)


def test_a_page_without_javascript_says_so_and_loads_nothing(browser: Browser, server: Server):
    # It never says that it has gone, so its kernel outlives the test: in a server of its own.
    with serving(server.home.parent / "project", server.home) as other:
        context = browser.new_context(java_script_enabled=False)
        try:
            page = context.new_page()
            page.goto(f"{other.address}dashboards/sales?lang=en", timeout=READY)
            assert page.is_visible("h1")
            assert page.is_visible("noscript .wb-notice")  # a text in it is not found by words
            assert page.is_hidden("progress") and page.is_hidden(".wb-skeleton")
            assert "needs JavaScript" in page.inner_text("noscript .wb-notice")
        finally:
            context.close()
