"""What the server answers, without a browser."""

import json
import re
import socket
import time
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest
from serving import NOTEBOOKS, SECRET, Server

LISTED = sorted(set(NOTEBOOKS) - {"unlisted"})
TRAVERSALS = [
    "/voila/render/../../etc/passwd",
    "/voila/render/..%2f..%2fetc%2fpasswd",
    "/voila/render/%2e%2e/parameters/reports/sales.yml",
    "/voila/render//etc/passwd",
    "/voila/render/..\\sales.ipynb",
    "/voila/render/sales.ipynb/../unlisted.ipynb",
    "/voila/render/unlisted.ipynb",
    "/voila/render/sales.ipynb%00.html",
    "/voila/files/sales.ipynb",
    "/voila/files/../sales.ipynb",
    "/voila/tree",
    "/voila/tree/notebooks",
    "/voila/api/contents",
    "/voila/api/contents/sales.ipynb",
    "/voila/templates/lab/static/../../../../../etc/passwd",
    "/voila/static/../app.py",
    "/voila/static/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/voila/static/%2fetc%2fpasswd",
    "/voila/labextensions/../../../etc/passwd",
    "/voila/labextensions/..%2f..%2f..%2fetc%2fpasswd",
    "/static/../app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e%2fapp.py",
    "/static/shell.css/../../app.py",
    "/dashboards/../unlisted",
    "/dashboards/unlisted",
    "/dashboards/sales.ipynb",
    "/dashboards/sales/",
    "/dashboards/",
    "/notebooks/sales.ipynb",
    "/api/contents",
    "/api/kernels",
    "/api/kernelspecs",
    "/api/sessions",
    "/api/terminals",
    "/api/status",
    "/api/me",
    "/files/sales.ipynb",
    "/tree",
    "/lab",
    "/login",
    "/metrics",
]


def raw(server: Server, request: str) -> tuple[int, str]:
    """Send a request exactly as written; clients tidy paths up before they send them."""
    address = urlsplit(server.address)
    with closing(socket.create_connection((address.hostname, address.port), 10)) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head = answer.decode("utf-8", "replace")
    return int(head.split()[1]), head


def raw_get(server: Server, path: str, host: str | None = None) -> tuple[int, str]:
    host = host or urlsplit(server.address).netloc
    return raw(server, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")


def kernel_of(page: str) -> str:
    """Return the id of the kernel behind a page."""
    found = re.search(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.S)
    return json.loads(found.group(1))["kernelId"]


def close(server: Server, page: str) -> None:
    """Do what the browser does when a page is closed."""
    answer = httpx.post(f"{server.address}voila/api/shutdown/{kernel_of(page)}")
    assert answer.status_code == 204


@pytest.fixture(scope="module")
def broken_page(server: Server) -> str:
    answer = server.get("dashboards/broken")
    assert answer.status_code == 200
    close(server, answer.text)
    return answer.text


def test_the_index_lists_the_dashboards_in_both_languages_and_starts_no_kernel(server: Server):
    for language, word in (("fr", "Titre"), ("en", "Title")):
        page = server.get(f"?lang={language}").text
        assert f'<html lang="{language}">' in page
        assert sorted(re.findall(rf"<h2>{word} (\w+)</h2>", page)) == LISTED
        assert ("À propos de sales" if language == "fr" else "About sales") in page
        assert "unlisted" not in page
    assert server.health()["kernels"] == 0


def test_the_language_is_french_unless_the_address_asks_for_another_that_exists(server: Server):
    assert "Tableaux de bord" in server.get("").text
    assert "Tableaux de bord" in server.get("?lang=de").text
    assert "Tableaux de bord" not in server.get("?lang=en").text


def test_what_each_figure_means_is_a_page_in_both_languages_without_a_kernel(server: Server):
    assert 'href="/help/metrics"' in server.get("").text
    french, english = server.get("help/metrics").text, server.get("help/metrics?lang=en").text
    assert 'id="won_revenue"' in french and "Chiffre d’affaires gagné" in french
    assert 'id="won_revenue"' in english and "Won revenue" in english
    assert server.get("healthz").json()["kernels"] == 0


def test_health_is_json_and_starts_no_kernel(server: Server):
    health = server.health()
    assert health == {"status": "ok", "kernels": 0, "room": True, "snapshot": None, "as_of": None}


@pytest.mark.parametrize("path", TRAVERSALS)
def test_nothing_but_the_listed_pages_is_served(server: Server, path: str):
    status, answer = raw_get(server, path)
    assert status in (400, 403, 404)
    for inside in (
        "root:",
        "nobody may see this",
        "dashboard: true",
        "import annotations",
        "nbformat",
    ):
        assert inside not in answer
    assert str(server.home.parent) not in answer
    assert server.health()["kernels"] == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "api/kernels"),
        ("POST", "api/sessions"),
        ("PUT", "api/contents/new.ipynb"),
        ("POST", "voila/render/sales.ipynb"),
        ("POST", "dashboards/sales"),
        ("DELETE", "dashboards/sales"),
        ("POST", ""),
    ],
)
def test_nobody_starts_a_kernel_or_writes_by_hand(server: Server, method: str, path: str):
    answer = httpx.request(method, server.address + path, json={"name": "python3"})
    assert answer.status_code in (403, 404, 405)
    assert server.health()["kernels"] == 0


@pytest.mark.parametrize("path", ["", "dashboards/sales", "healthz", "help/metrics"])
def test_whether_a_page_is_there_is_told_without_a_kernel(server: Server, path: str):
    answer = httpx.head(server.address + path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert server.health()["kernels"] == 0
    assert httpx.head(server.address + "dashboards/nowhere").status_code == 404


def test_a_request_under_another_hosts_name_finds_nothing(server: Server):
    port = urlsplit(server.address).port
    for path in (
        "/",
        "/healthz",
        "/dashboards/sales",
        "/static/shell.css",
        "/voila/static/voila.js",
    ):
        for host in (
            "evil.example",
            f"evil.example:{port}",
            f"127.0.0.1.evil.example:{port}",
            "localhost.evil",
        ):
            assert raw_get(server, path, host)[0] == 404
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", f"LOCALHOST:{port}"):
        assert raw_get(server, "/healthz", host)[0] == 200


def test_every_answer_forbids_other_hosts_and_foreign_frames(server: Server):
    for path in ("", "healthz", "no-such-page"):
        policy = server.get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "http" not in policy
        assert server.get(path).headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "query",
    [
        "lang=<script>alert(1)</script>",
        'a="><script>alert(1)</script>',
        "%ff=%fe",
        "a" * 5000,
        "&".join(f"f{i}=1" for i in range(500)),
    ],
)
def test_a_hostile_query_never_becomes_markup(server: Server, query: str):
    for path in ("/", "/no-such-page"):
        status, answer = raw_get(server, f"{path}?{query}".replace(" ", "%20"))
        assert status in (200, 400, 404)
        assert "<script>alert" not in answer
        assert "Traceback" not in answer


def test_links_keep_the_filters_of_the_address(server: Server):
    page = server.get("?lang=en&period=2026-Q1&manager=Zo%C3%A9%20%26%20Co").text
    assert 'href="/dashboards/sales?lang=en&amp;period=2026-Q1&amp;manager=Zo%C3%A9+%26+Co"' in page
    assert 'href="/?lang=fr&amp;period=2026-Q1&amp;manager=Zo%C3%A9+%26+Co"' in page


def test_a_failing_notebook_shows_a_reference_and_the_log_has_the_rest(
    server: Server, broken_page: str
):
    assert "never shown" not in broken_page
    for inside in (
        "Traceback",
        "s3cret",
        "/srv/private",
        "RuntimeError",
        "deep()",
        ".py",
        "ipykernel",
    ):
        assert inside not in broken_page.replace("jupyterlab", "")
    reference = re.search(r'"failure": "([A-Z2-9]{8})"', broken_page).group(1)
    shown = re.findall(r"cell-output.json.>(.*?)</script>", broken_page, re.S)
    assert f"Référence\u202f: {reference}" in json.loads(shown[-1])["data"]["text/html"]
    entry = server.log().split(reference)[1]
    assert "s3cret detail of /srv/private/file.csv" in entry
    assert "deep()" in entry


def test_no_source_code_is_sent(server: Server, broken_page: str):
    assert "def deep" not in broken_page
    page = server.get("dashboards/sales").text
    close(server, page)
    for code in ("import pandas", "ipywidgets.Dropdown", "def chart"):
        assert code not in page


def test_warnings_and_errors_inside_widgets_stay_inside(server: Server):
    page = server.get("dashboards/partly").text
    close(server, page)
    assert "/srv/private" not in page
    assert "warned about /srv/private/file.csv" in server.log()
    assert "s3cret inside of /srv/private/file.csv" in server.log()


def test_kernels_get_no_secret_and_no_path_of_the_data(server: Server):
    page = server.get("dashboards/environ?lang=en&period=today").text
    close(server, page)
    assert SECRET not in page
    shown = page.replace("&#39;", "'")
    assert f"('WORKBENCH_HOME', '{server.home}/pages')" in shown
    assert "('WORKBENCH_QUERIES', '" in shown
    assert "WORKBENCH_SNAPSHOT" not in shown
    assert "('WORKBENCH_LANGUAGE', 'en')" in shown
    assert "('QUERY_STRING', 'lang=en&amp;period=today')" in shown
    assert "WORKBENCH_WEBHOOK" not in shown
    assert "TOKEN" not in shown


def test_a_kernel_that_dies_while_loading_leaves_a_reference_and_no_kernel(server: Server):
    page = server.get("dashboards/dies").text
    assert re.search(r'"failure": "[A-Z2-9]{8}"', page)
    assert "Traceback" not in page
    assert server.until(lambda: server.health()["kernels"] == 0)


def test_leaving_while_a_page_loads_ends_its_kernel(server: Server):
    with httpx.stream("GET", f"{server.address}dashboards/slow", timeout=30) as answer:
        pieces = answer.iter_text()  # kept: to drop it would close the connection
        while "started" not in next(pieces):
            pass
        assert server.health()["kernels"] == 1
    assert server.until(lambda: server.health()["kernels"] == 0)


def test_closing_a_page_ends_its_kernel_and_a_strangers_id_does_nothing(server: Server):
    page = server.get("dashboards/environ").text
    kernel = kernel_of(page)
    assert server.health()["kernels"] == 1
    assert server.get(f"api/kernels/{kernel}").json()["id"] == kernel
    assert httpx.delete(f"{server.address}api/kernels/{kernel}").status_code == 405
    assert httpx.post(f"{server.address}api/kernels/{kernel}/restart").status_code == 404
    assert httpx.post(f"{server.address}api/kernels/{kernel}/interrupt").status_code == 404
    foreign = {"Origin": "http://evil.example"}
    refused = httpx.post(f"{server.address}voila/api/shutdown/{kernel}", headers=foreign)
    assert refused.status_code == 403
    other = "00000000-0000-0000-0000-000000000000"
    httpx.post(f"{server.address}voila/api/shutdown/{other}")
    assert server.health()["kernels"] == 1
    close(server, page)
    assert server.health()["kernels"] == 0


def test_the_answer_comes_in_pieces_while_cells_run(server: Server):
    started = time.monotonic()
    with httpx.stream("GET", f"{server.address}dashboards/sales", timeout=60) as answer:
        pieces = answer.iter_text()
        first = next(pieces)
        shown_after = time.monotonic() - started
        rest = "".join(pieces)
    close(server, first + rest)
    assert "wb-loading" in first
    assert "</html>" not in first
    assert "</html>" in rest
    assert shown_after < (time.monotonic() - started) / 2


def test_what_another_sites_page_loads_by_itself_takes_no_place(server: Server):
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    for more in (
        {"Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch"},
    ):
        refused = server.get("dashboards/sales", headers=embedded | more)
        assert refused.status_code == 403
        assert server.health()["kernels"] == 0
    followed = {**embedded, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    page = server.get("dashboards/sales", headers=followed)  # a link, say in the portal
    assert page.status_code == 200
    close(server, page.text)


def test_a_missing_widget_script_is_a_plain_answer_and_no_failure_in_the_log(server: Server):
    before = server.log().count("Traceback")
    answer = server.get("voila/labextensions/@jupyter-widgets/none/static/remoteEntry.js")
    assert (answer.status_code, answer.text) == (404, "404\n")
    assert server.log().count("Traceback") == before
