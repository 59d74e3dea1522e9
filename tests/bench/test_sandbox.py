"""The sandbox alone: rows a second through batches, memory over many requests, a million deals.

The client is plain aiohttp and orjson; nothing of ours reads the answers. It and the portal have a
core each on a machine of two that does nothing else; on a busy one look at the rows per second of
the portal's *processor* time.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import quote

import aiohttp
import httpx
import orjson
import psutil
import pytest
from cold_portal import cold_portal
from figures import show

from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.seed import seed_company

pytestmark = pytest.mark.bench
ROUNDS = 3
BATCHES = 40  # of fifty pages of fifty rows a round
IN_FLIGHT = 2
SELLER = 9  # sees what the own department is responsible for
MILLION = 1_000_000


@dataclass
class Prepared:
    """A running portal of 20,000 deals, and the ids that each caller may see, from its file."""

    file: Path
    base: str
    process: psutil.Process
    urls: dict[str, str]
    visible: dict[str, list[int]]
    amounts: dict[str, int] = field(default_factory=dict)  # cents of all visible deals


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    file = folder / "portal.sqlite"
    state = State(file)
    seed_company(state, "demo", seed=7)
    state.update("users", SELLER, {"CRM_RIGHTS": "department"})
    scopes = ("crm", "user")
    hooks = {"administrator": state.add_webhook(1, scopes=scopes)}
    hooks["restricted"] = state.add_webhook(SELLER, scopes=scopes)
    team = state.get("users", SELLER)["UF_DEPARTMENT"]
    mates = {u["ID"] for u in state.find("users") if u["UF_DEPARTMENT"] == team}
    rows = state.connection.execute("SELECT ID, ASSIGNED_BY_ID, OPPORTUNITY FROM deals ORDER BY ID")
    everyone = rows.fetchall()
    state.close()
    assert len(mates) > 2
    seen = {
        "administrator": everyone,
        "restricted": [row for row in everyone if row[1] in mates],
    }
    with cold_portal(folder, "--state", str(file), "--plan", "unlimited") as portal:
        yield Prepared(
            file,
            portal.base,
            portal.process,
            {who: f"{portal.base}/rest/{h.user_id}/{h.code}/" for who, h in hooks.items()},
            {who: [row[0] for row in found] for who, found in seen.items()},
            {who: sum(round(row[2] * 100) for row in found) for who, found in seen.items()},
        )


def commands(visible, *, count=None):
    """One command a keyset page: all fields, above an id, and a filter that every deal passes.

    With ``count`` the page has its total, of a filter that this number makes a new one.
    """
    above = [0, *visible[49::50]]
    rest = "&start=-1" if count is None else f"&start=0&filter[<OPPORTUNITY]={10**12 + count}"
    filters = f"{quote('filter[>=DATE_CREATE]')}=2001-01-01&{quote('filter[!STAGE_ID]')}=NONE"
    if len(visible) % 50 == 0:
        above.pop()
    return [
        f"crm.deal.list?select[]=*&select[]=UF_*&{quote('filter[>ID]')}={low}&{filters}"
        f"&order[ID]=ASC{rest}"
        for low in above
    ]


async def read(url, batches, take):
    """Send the batches, `IN_FLIGHT` at a time; ``take`` gets the rows of each page."""
    waiting = iter(batches)

    async def worker(session):
        for pages in waiting:
            body = orjson.dumps({"cmd": {f"c{n}": page for n, page in enumerate(pages)}})
            headers = {"content-type": "application/json"}
            async with session.post(f"{url}batch", data=body, headers=headers) as answer:
                result = orjson.loads(await answer.read())["result"]
            assert result["result_error"] == []
            for rows in result["result"].values():
                take(rows)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(worker(session) for _ in range(IN_FLIGHT)))


def fifties(pages, batches):
    endless = cycle(pages)
    return (list(islice(endless, 50)) for _ in range(batches))


def measured(process, url, visible, *, count=False):
    """The best round's rows a second, by the clock and by the server's processor time."""
    best = (0.0, 0.0)
    for number in range(ROUNDS):
        pages = commands(visible, count=number if count else None)
        rows = 0

        def take(page):
            nonlocal rows
            rows += len(page)

        busy = sum(process.cpu_times()[:2])
        began = time.perf_counter()
        asyncio.run(read(url, fifties(pages, BATCHES), take))
        seconds = time.perf_counter() - began
        busy = sum(process.cpu_times()[:2]) - busy
        best = max(best, (rows / seconds, rows / busy))
    return best


@contextmanager
def trivial_portal(file: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Run the yardstick on a portal's file until the block ends; its process and address."""
    command = [sys.executable, str(Path(__file__).parent / "trivial_portal.py"), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline().strip()
            yield psutil.Process(process.pid), f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


@pytest.mark.parametrize("who", ["administrator", "restricted"])
def test_every_row_comes_once_to_whom_it_may(prepared, who):
    seen, amount = [], 0

    def take(page):
        nonlocal amount
        seen.extend(int(row["ID"]) for row in page)
        amount += sum(round(float(row["OPPORTUNITY"]) * 100) for row in page)
        assert len(page[0]) >= 45  # all fields, user fields too

    pages = commands(prepared.visible[who])
    batches = [pages[n : n + 50] for n in range(0, len(pages), 50)]
    asyncio.run(read(prepared.urls[who], batches, take))
    assert sorted(seen) == prepared.visible[who]
    assert amount == prepared.amounts[who]


def test_rows_a_second(prepared):
    with trivial_portal(prepared.file) as (process, url):
        least, _busy = measured(process, url, prepared.visible["administrator"])
    figures = [("the least that serves such rows, nothing checked", f"{least:,.0f} rows/s")]
    for name, who, options in (
        ("administrator, start=-1", "administrator", {}),
        ("user of one department, start=-1", "restricted", {}),
        ("administrator, every page counted", "administrator", {"count": True}),
    ):
        by_clock, by_processor = measured(
            prepared.process, prepared.urls[who], prepared.visible[who], **options
        )
        figures.append((name, f"{by_clock:,.0f} rows/s"))
        figures.append(("  as a share of that least", f"{by_clock / least:.0%}"))
        figures.append(("  per second of the portal's processor", f"{by_processor:,.0f} rows/s"))
    show("Keyset pages of all fields through batches, rights, select and filters on", figures)


def test_memory_over_two_thousand_batches(prepared):
    pages = commands(prepared.visible["administrator"])
    few = [page.replace("select[]=*&select[]=UF_*", "select[]=ID") for page in pages]
    url = prepared.urls["administrator"]

    def run(batches):
        asyncio.run(read(url, fifties(few, batches), lambda page: None))
        return prepared.process.memory_info().rss

    first = run(200)
    middle, last = run(1_000), run(1_000)
    show(
        "Memory of the portal over 2,000 batches of 50 pages",
        [
            ("after 200 batches", f"{first / 1e6:,.1f} MB"),
            ("after 1,200", f"{middle / 1e6:,.1f} MB"),
            ("after 2,200", f"{last / 1e6:,.1f} MB"),
        ],
    )
    assert last - middle < 5_000_000


def peak(pid):
    """The most memory that a process has held, bytes; Linux tells."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def million(folder, *options):
    company = ("--company", "demo", "--deals", str(MILLION))
    return cold_portal(folder, *company, "--plan", "unlimited", *options)


def test_a_million_deals(tmp_path):
    file = ("--state", str(tmp_path / "portal.sqlite"))
    began = time.perf_counter()
    with million(tmp_path, *file) as portal:
        url, process = portal.url, portal.process
        seconds = time.perf_counter() - began
        busy = sum(process.cpu_times()[:2])
        highest = peak(process.pid)
        size = sum(file.stat().st_size for file in tmp_path.glob("portal.sqlite*"))
        with httpx.Client(timeout=60) as http:

            def timed(method, params):
                began = time.perf_counter()
                body = http.post(url + method, json=params).json()
                return (time.perf_counter() - began) * 1000, body

            counted, body = timed("crm.deal.list", {"filter": {"!STAGE_ID": "NEW"}})
            keyset, page = timed(
                "crm.deal.list", {"filter": {">ID": 900_000}, "order": {"ID": "ASC"}, "start": -1}
            )
            _ms, whole = timed("crm.deal.list", {"filter": {"IS_RECURRING": "N"}})
    assert whole["total"] == MILLION
    assert body["total"] < MILLION
    assert [int(row["ID"]) for row in page["result"]] == list(range(900_001, 900_051))
    assert size < 2e9
    assert highest < 2e9
    began = time.perf_counter()
    with million(tmp_path, *file) as portal:
        url = portal.url
        restarted = time.perf_counter() - began
        again = httpx.post(
            f"{url}crm.deal.list", json={"filter": {"IS_RECURRING": "N"}}, timeout=60
        )
    assert again.json()["total"] == MILLION
    (tmp_path / "portal.sqlite").unlink()
    with million(tmp_path) as portal:
        held = peak(portal.process.pid)
    assert held < 2 * 2**30
    show(
        "A company of 1,000,000 deals: 14.7 million rows",
        [
            ("workbench sandbox start, until it answers", f"{seconds:.1f} s"),
            ("  processor time", f"{busy:.1f} s"),
            ("  most memory", f"{highest / 1e6:,.0f} MB"),
            ("file", f"{size / 1e6:,.0f} MB"),
            ("without a file: most memory, all of it", f"{held / 1e6:,.0f} MB"),
            ("started again from the file", f"{restarted:.1f} s"),
            ("a page with its count", f"{counted:.0f} ms"),
            ("a keyset page, start=-1", f"{keyset:.1f} ms"),
        ],
    )
