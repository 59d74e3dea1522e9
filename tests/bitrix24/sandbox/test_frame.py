"""Applications' pages in a frame of the portal: what they are opened with, and on which site."""

import base64
import hashlib
import json
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from browser import CHROMIUM, DESKTOP, PHONE, Watched, chromium, watched
from command_line import workbench
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from embedded_page import EmbeddedPage, embedded_page
from listener import wait_until
from sandbox_portal import running_portal

pytestmark = pytest.mark.timeout(120)

# A site is a name without its port: the portal's own pages are at https://localhost, too.
SAME_SITE, OTHER_SITE = "localhost", "tableaux.example"
HOSTS = (SAME_SITE, OTHER_SITE)
SCOPES = "crm,placement,user"


@dataclass
class Portal:
    """A plain client of the portal by HTTPS."""

    url: str
    base: str
    http: httpx.Client

    def result(self, method: str, params: dict) -> object:
        answer = self.http.post(self.url + method, json=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]


@dataclass
class World:
    """A portal and a page under several host names, all by HTTPS on this machine."""

    portal: Portal
    page: EmbeddedPage
    folder: Path

    def application(self, host: str, **more: str) -> dict:
        """An application whose page is on a host, with a tab on deals; and who it is."""
        address = f"https://{host}:{self.page.port}"
        given = {"SCOPE": SCOPES, "HANDLER": f"{address}/app?x=1", "TITLE": f"Page <{host}>"}
        pair = self.portal.result("sandbox.application.add", {**given, **more})
        asked = {"client_id": pair["client_id"], "state": "s"}
        back = self.portal.http.get(f"{self.portal.base}/oauth/authorize/", params=asked)
        code = httpx.URL(back.headers["location"]).params["code"]
        grant = {**pair, "grant_type": "authorization_code", "code": code}
        return pair | self.portal.http.get(f"{self.portal.base}/oauth/token/", params=grant).json()

    def bind(self, application: dict, placement: str, host: str, title: str = "Tab") -> None:
        given = {"PLACEMENT": placement, "TITLE": title, "auth": application["access_token"],
                 "HANDLER": f"https://{host}:{self.page.port}/tab"}  # fmt: skip
        answer = self.portal.http.post(f"{self.portal.base}/rest/placement.bind", json=given)
        assert answer.json()["result"] is True

    def frame(self, **asked: object) -> httpx.Response:
        return self.portal.http.get(f"{self.portal.base}/sandbox/frame", params=asked)


@contextmanager
def world_in(folder: Path) -> Iterator[World]:
    options = ["--plan", "unlimited", "--tls", "--ca-file", str(folder / "ca.pem")]
    options += ["--host-name", "localhost"]
    for name in HOSTS:
        options += ["--certificate-for", name]
    with running_portal(folder, "--control", *options) as running:
        trusted = ssl.create_default_context(cafile=folder / "ca.pem")
        with (
            httpx.Client(timeout=30, verify=trusted, trust_env=False) as http,
            embedded_page(folder / f"{OTHER_SITE}.pem") as page,
        ):
            yield World(Portal(running.url, running.base, http), page, folder)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("frame")) as made:
        made.portal.result("crm.deal.add", {"fields": {"TITLE": "Lampes"}})
        made.portal.result("crm.deal.add", {"fields": {"TITLE": "Bureaux"}})
        yield made


class Forms(HTMLParser):
    """The form that opens the frame: its address, and what it sends."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action, self.target, self.sent, self.frame = "", "", {}, {}
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        given = dict(attrs)
        if tag == "form":
            self._inside = given.get("id") == "opening"
            if self._inside:
                self.action, self.target = given["action"], given["target"]
        elif tag == "input" and self._inside:
            self.sent[given["name"]] = given["value"]
        elif tag == "iframe":
            self.frame = given


def tab_of(world: World, application: dict, placement: str) -> str:
    """The number under which the portal shows a placement."""
    text = world.portal.http.get(f"{world.portal.base}/sandbox/applications?lang=en").text
    assert placement in text
    part = text.split(application["client_id"].join(("application=", "&amp;placement=")))
    return next(p.split("&")[0] for p in part[1:] if placement in p.split("</a>")[0])


def test_a_tab_is_opened_with_the_tokens_of_who_looks(world):
    application = world.application(OTHER_SITE)
    world.bind(application, "CRM_DEAL_DETAIL_TAB", OTHER_SITE)
    number = tab_of(world, application, "CRM_DEAL_DETAIL_TAB")
    colleague = world.portal.result(
        "user.add", {"EMAIL": "tab@example.org", "UF_DEPARTMENT": [1], "NAME": "Élise"}
    )
    client = application["client_id"]
    answer = world.frame(application=client, placement=number, user=colleague, record=1, lang="fr")
    form = Forms(answer.text)
    address = httpx.URL(form.action)
    host = world.portal.base.removeprefix("https://")
    assert str(address).startswith(f"https://{OTHER_SITE}:{world.page.port}/tab?")
    assert {k: v for k, v in address.params.items() if k != "APP_SID"} == {
        "DOMAIN": host,
        "PROTOCOL": "1",
        "LANG": "fr",
    }
    assert form.target == form.frame["name"] == f"{host}|1|{address.params['APP_SID']}"
    sent = form.sent
    assert sent.keys() == {
        *("AUTH_ID", "AUTH_EXPIRES", "REFRESH_ID", "SERVER_ENDPOINT", "APPLICATION_TOKEN"),
        *("APPLICATION_SCOPE", "member_id", "status", "PLACEMENT", "PLACEMENT_OPTIONS"),
    }
    assert sent["PLACEMENT"] == "CRM_DEAL_DETAIL_TAB"
    assert json.loads(sent["PLACEMENT_OPTIONS"]) == {"ID": "1", "URI": "/crm/deal/details/1/"}
    assert sent["AUTH_EXPIRES"] == "3600"
    assert sent["member_id"] == application["member_id"]
    who = world.portal.http.post(
        f"{world.portal.base}/rest/profile", data={"auth": sent["AUTH_ID"]}
    ).json()["result"]
    assert (who["ID"], who["ADMIN"]) == (str(colleague), False)
    grant = {"grant_type": "refresh_token", "refresh_token": sent["REFRESH_ID"],
             "client_id": client, "client_secret": application["client_secret"]}  # fmt: skip
    renewed = world.portal.http.get(f"{world.portal.base}/oauth/token/", params=grant).json()
    assert renewed["user_id"] == colleague
    # Without a record the newest one is shown; the portal's own pages are in no frame.
    newest = Forms(world.frame(application=client, placement=number).text).sent
    assert json.loads(newest["PLACEMENT_OPTIONS"])["ID"] == "2"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_an_applications_own_page_and_menus_have_their_forms(world):
    application = world.application(OTHER_SITE)
    client = application["client_id"]
    form = Forms(world.frame(application=client, lang="en").text)
    assert form.action.startswith(f"https://{OTHER_SITE}:{world.page.port}/app?x=1&DOMAIN=")
    assert form.sent["PLACEMENT"] == "DEFAULT"
    assert "ID" not in json.loads(form.sent["PLACEMENT_OPTIONS"])
    world.bind(application, "BI_ANALYTICS_MENU", OTHER_SITE)
    number = tab_of(world, application, "BI_ANALYTICS_MENU")
    form = Forms(world.frame(application=client, placement=number).text)
    # This one is opened by a plain GET, without any data.
    assert form.sent == {}
    assert form.frame["src"] == f"https://{OTHER_SITE}:{world.page.port}/tab"


def test_nothing_is_shown_before_the_installation_is_finished(world):
    install = f"https://{OTHER_SITE}:{world.page.port}/install"
    application = world.application(OTHER_SITE, PAGE="Y", INSTALL=install)
    client = application["client_id"]
    waiting = world.frame(application=client, lang="en")
    assert "installation is not finished" in waiting.text
    assert "AUTH_ID" not in waiting.text
    form = Forms(world.frame(application=client, placement="INSTALL").text)
    assert form.action.startswith(install)
    finish = {"application": client}
    address = f"{world.portal.base}/sandbox/applications"
    foreign = {"Origin": "https://elsewhere.example"}
    assert world.portal.http.post(address, data=finish, headers=foreign).status_code == 403
    assert "AUTH_ID" not in world.frame(application=client).text
    assert world.portal.http.post(address, data=finish).status_code == 303
    assert "AUTH_ID" in world.frame(application=client).text


@pytest.mark.parametrize(
    "asked",
    [
        {"application": "local.unknown"},
        {"placement": "99999"},
        {"placement": "9" * 40},
        {"placement": "INSTALL"},  # it has no such page
        {"user": "0"},
        {"user": "٣"},
        {"user": "999999"},
        {"user": "9" * 40},
        {"placement": "tab", "record": "999999"},
        {"placement": "tab", "record": "1 or 1=1"},
    ],
)
def test_what_is_not_there_gets_no_token(world, asked):
    application = world.application(OTHER_SITE)
    world.bind(application, "CRM_DEAL_DETAIL_TAB", OTHER_SITE)
    number = tab_of(world, application, "CRM_DEAL_DETAIL_TAB")
    given = {"application": application["client_id"], **asked}
    if given.get("placement") == "tab":
        given["placement"] = number
    answer = world.frame(**given)
    assert answer.status_code == 404
    assert "AUTH_ID" not in answer.text


def test_a_placement_of_another_application_is_none_of_this_ones(world):
    mine, other = world.application(OTHER_SITE), world.application(OTHER_SITE)
    world.bind(other, "LEFT_MENU", OTHER_SITE)
    number = tab_of(world, other, "LEFT_MENU")
    assert world.frame(application=mine["client_id"], placement=number).status_code == 404
    foreign = {"Host": "elsewhere.example"}
    url = f"{world.portal.base}/sandbox/frame"
    asked = {"application": other["client_id"]}
    assert world.portal.http.get(url, params=asked, headers=foreign).status_code == 404


@pytest.fixture(scope="module")
def trusting(world) -> list[str]:
    """Browser arguments: every name is this machine, and the portal's authority is trusted."""
    (ca,) = x509.load_pem_x509_certificates((world.folder / "ca.pem").read_bytes())
    key = ca.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = base64.b64encode(hashlib.sha256(key).digest()).decode()
    return [
        "--host-resolver-rules=MAP * 127.0.0.1",
        f"--ignore-certificate-errors-spki-list={digest}",
    ]


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's package chromium is not installed")
@pytest.mark.parametrize(
    ("host", "language", "size"), [(OTHER_SITE, "fr", DESKTOP), (SAME_SITE, "en", PHONE)]
)
def test_the_browser_opens_the_page_in_the_portal(world, trusting, host, language, size):
    with (
        embedded_page(world.folder / f"{host}.pem") as page,
        chromium(*trusting) as browser,
        watched(browser, size) as seen,
    ):
        look(replace(world, page=page), seen, host, language)
        assert seen.errors == []


def look(world: World, seen: Watched, host: str, language: str) -> None:
    """Open a deal's tab in the portal, look at another deal, and compare what the page got."""
    application = world.application(host)
    world.bind(application, "CRM_DEAL_DETAIL_TAB", host, title="Analyse <b>")
    page = seen.page
    page.goto(f"{world.portal.base}/?lang={language}")
    page.click("nav.places a[href*=applications]")
    card = f"main a[href*='{application['client_id']}']"
    page.locator(card, has_text="CRM_DEAL_DETAIL_TAB").click()
    assert page.inner_text("h1") == "Analyse <b>"
    frame = page.frame_locator("iframe.embedded")
    frame.get_by_text("back again").wait_for()
    assert frame.locator("h1").inner_text() == "Embedded page"
    page.wait_for_function("document.querySelector('iframe').offsetHeight === 777")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.locator("[name=record]").fill("1")
    page.locator("main button").click()
    wait_until(lambda: len(world.page.opened) == 2)
    method, path, query, form = world.page.opened[-1]
    assert (method, path, query["LANG"]) == ("POST", "/tab", language)
    assert json.loads(form["PLACEMENT_OPTIONS"])["ID"] == "1"
    # The page sees who embeds it.
    assert world.page.origins == [world.portal.base] * 2
    # Which of its cookies come back is decided by the site: another port is the same one. In a
    # frame of another site, browsers differ on SameSite=None alone; a partitioned one comes.
    if host == SAME_SITE:
        assert world.page.cookies[0] == {"lax", "none", "own"}
    else:
        assert world.page.cookies[0] - {"none"} == {"own"}


def test_the_portal_posts_to_a_handler_behind_its_own_authority_and_to_no_other(world, tmp_path):
    address = f"https://localhost:{world.page.port}"
    # The page answers under the name of another host's certificate: that is no proof.
    given = {"HANDLER": f"{address}/wrong", "EVENTS": ["ONCRMDEALUPDATE"]}
    world.portal.result("sandbox.outgoing.add", given)
    with embedded_page(world.folder / "localhost.pem") as local:
        good = {"HANDLER": f"https://localhost:{local.port}/event", "EVENTS": ["ONCRMDEALUPDATE"]}
        world.portal.result("sandbox.outgoing.add", good)
        world.portal.result("crm.deal.update", {"id": 1, "fields": {"TITLE": "told"}})
        wait_until(lambda: local.opened)
    (_method, path, _query, form) = local.opened[0]
    assert (path, form["event"]) == ("/event", "ONCRMDEALUPDATE")
    assert not [path for _method, path, *_rest in world.page.opened if path == "/wrong"]


def test_certificates_of_pages_are_secret_and_written_over_nothing(world, tmp_path):
    for name in HOSTS:
        file = world.folder / f"{name}.pem"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        (certificate, _issuer) = x509.load_pem_x509_certificates(file.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [name]

    def refused(*options: str) -> str:
        done = workbench("sandbox", "start", *options, env={"WORKBENCH_LANGUAGE": "en", "PATH": ""})
        assert done.returncode == 2, done.stdout
        return done.stderr

    ca = str(tmp_path / "ca.pem")
    assert "needs --tls" in refused("--certificate-for", "ca")
    secure = ("--tls", "--ca-file", ca)
    assert "would be written over" in refused(*secure, "--certificate-for", "ca")
    assert "not a host name" in refused(*secure, "--certificate-for", "../x")
    state = tmp_path / "page.example.pem"
    state.write_bytes(b"a portal")
    kept = ("--state", str(state), "--certificate-for", "page.example")
    assert "would be written over" in refused(*secure, *kept)
    assert state.read_bytes() == b"a portal"
