"""The budget of requests and operating time, shared by processes."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from sandbox_portal import SMALL_COMPANY, running_portal

from workbench.bitrix24.budget import MARGIN, PLANS, Budget, Plan, budget_file, read
from workbench.bitrix24.client import Portal

TAKER = """
import asyncio, sys, time
from pathlib import Path
from workbench.bitrix24.budget import Budget, Plan
rate, burst, n, background = float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
budget = Budget(Plan(rate, burst), Path(sys.argv[1]), background=background == "background")
async def run():
    sent = []
    for _ in range(n):
        await budget.take()
        sent.append(time.time())
    print(*sent)
asyncio.run(run())
"""


def taker(file: Path, plan: Plan, n: int, kind: str = "urgent") -> subprocess.Popen:
    arguments = [str(file), str(plan.rate), str(plan.burst), str(n), kind]
    return subprocess.Popen(
        [sys.executable, "-c", TAKER, *arguments], stdout=subprocess.PIPE, text=True
    )


def moments(process: subprocess.Popen) -> list[float]:
    out, _err = process.communicate(timeout=60)
    assert process.returncode == 0
    return [float(line) for line in out.split()]


def overflow(sent: list[float], plan: Plan) -> float:
    """The bucket's highest level above its size, were the portal to see these moments."""
    level, at, worst = 0.0, sent[0], 0.0
    for moment in sorted(sent):
        level = max(0.0, level - (moment - at) * plan.rate) + 1
        at, worst = moment, max(worst, level)
    return worst - plan.burst


def level(file: Path) -> float:
    return read(file.read_bytes()).level


def test_the_bucket_lets_a_burst_through_then_paces():
    async def run() -> float:
        budget = Budget(Plan(rate=50, burst=13))
        started = time.monotonic()
        for _ in range(20):
            await budget.take()
        return time.monotonic() - started

    # 10 at once (burst less the margin), then 10 more at 50 a second
    assert 0.18 <= asyncio.run(run()) < 0.6
    assert PLANS["standard"] == Plan(2, 50)


def test_three_processes_together_stay_within_one_bucket(tmp_path):
    plan = Plan(rate=5, burst=20)
    takers = [taker(tmp_path / "b.json", plan, 16) for _ in range(3)]
    sent = [moment for process in takers for moment in moments(process)]
    assert len(sent) == 48
    assert overflow(sent, plan) <= 0
    least = (48 - (plan.burst - MARGIN)) / plan.rate
    assert least * 0.9 <= max(sent) - min(sent), "the bucket was not shared"


def test_an_urgent_call_finds_room_while_the_background_uses_all_of_its_own(tmp_path):
    plan = Plan(rate=10, burst=40)
    busy = taker(tmp_path / "b.json", plan, 80, "background")
    while not (tmp_path / "b.json").exists() or level(tmp_path / "b.json") < 28:
        time.sleep(0.02)
    began = time.time()
    urgent = moments(taker(tmp_path / "b.json", plan, 5))
    assert urgent[-1] - max(urgent[0], began) < 0.3, "five calls fit into the reserve at once"
    sent = moments(busy)
    assert len(sent) == 80
    assert overflow(sent + urgent, plan) <= 0


def test_a_full_bucket_seen_by_one_process_slows_the_other(tmp_path):
    plan = Plan(rate=10, burst=20)
    first, second = (Budget(plan, tmp_path / "b.json") for _ in range(2))
    first.exhausted()
    began = time.monotonic()
    asyncio.run(second.take())
    assert 0.2 < time.monotonic() - began < 2


@pytest.mark.parametrize(("ahead", "waits"), [(1, True), (3600, False)])
def test_a_clock_that_is_corrected_empties_no_bucket(tmp_path, ahead, waits):
    plan = Plan(rate=10, burst=20)
    state = {"level": plan.burst - MARGIN, "at": time.time() + ahead, "methods": {}}
    (tmp_path / "b.json").write_text(json.dumps(state))
    budget = Budget(plan, tmp_path / "b.json")
    began = time.monotonic()
    asyncio.run(budget.take())
    assert (time.monotonic() - began > 0.05) is waits


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"level": "x", "at": 0, "methods": {}}',
        b"\xff",
        b"null",
        b'{"level": 0, "at": 0, "methods": {"m": {"seconds": "x"}}}',
    ],
)
def test_a_broken_state_is_a_new_one(tmp_path, content):
    file = tmp_path / "b.json"
    file.write_bytes(content)
    asyncio.run(Budget(Plan(2, 50), file).take())
    assert json.loads(file.read_text())["level"] == 1


def test_without_a_writable_folder_it_is_this_process_s_own(tmp_path):
    (tmp_path / "file").write_text("")
    budget = Budget(Plan(2, 50), tmp_path / "file" / "b.json")
    asyncio.run(budget.take())
    assert budget.left().requests == 49


def test_a_state_that_is_a_link_is_not_written_to(tmp_path):
    target = tmp_path / "precious"
    target.write_text("kept")
    (tmp_path / "b.json").symlink_to(target)
    asyncio.run(Budget(Plan(2, 50), tmp_path / "b.json").take())
    assert target.read_text() == "kept"


def timing(operating: float, reset_in: float) -> dict[str, float]:
    return {"operating": operating, "operating_reset_at": time.time() + reset_in}


def told(budget: Budget, method: str, n: int, operating: float, reset_in: float) -> None:
    """Let the portal tell twice: nothing spent before, then ``operating`` by ``n`` calls."""
    reset_at = timing(0, reset_in)
    budget.settle(method, 1, reset_at)
    budget.settle(method, n, reset_at | {"operating": operating})


def admitted(budget: Budget, method: str, n: int, patience: float) -> float:
    async def run() -> float:
        began = time.monotonic()
        await budget.admit({method: n}, patience)
        return time.monotonic() - began

    return asyncio.run(run())


def test_a_method_waits_before_it_would_cross_its_operating_time_and_no_other_does(tmp_path):
    file = tmp_path / "b.json"
    budget = Budget(PLANS["unlimited"], file)
    told(budget, "crm.deal.list", 50, 400, 600)  # eight seconds a call
    assert admitted(budget, "crm.deal.list", 6, 0.4) < 0.1  # 400 + 48 is below 95 % of 480
    assert admitted(budget, "crm.deal.list", 6, 0.4) >= 0.4  # with those under way it is not
    budget.release({"crm.deal.list": 6})
    assert admitted(budget, "crm.deal.list", 1, 0.4) < 0.1
    assert admitted(budget, "crm.lead.list", 50, 0.4) < 0.1
    other = Budget(PLANS["unlimited"], file)
    assert admitted(other, "CRM.deal.list", 50, 0.4) >= 0.4, "another process knows it too"
    stranger = Budget(PLANS["unlimited"], file, account="another webhook")
    assert admitted(stranger, "crm.deal.list", 50, 0.4) < 0.1


def test_after_its_relief_a_method_is_tried_by_one_request_and_then_by_all(tmp_path):
    budget = Budget(PLANS["unlimited"], tmp_path / "b.json")
    told(budget, "crm.deal.list", 50, 470, 0.3)
    waited = admitted(budget, "crm.deal.list", 50, 3)
    assert 0.25 <= waited < 1.5
    assert admitted(budget, "crm.deal.list", 50, 0.3) >= 0.3, "one is on its way"
    budget.release({"crm.deal.list": 100})
    budget.settle("crm.deal.list", 50, timing(60, 600))
    assert admitted(budget, "crm.deal.list", 40, 0.3) < 0.1


def test_a_refusal_is_waited_out_and_lowers_the_limit_for_the_next_time(tmp_path):
    budget = Budget(PLANS["unlimited"], tmp_path / "b.json")
    budget.settle("crm.deal.list", 10, timing(100, 600))
    wait = budget.refused("crm.deal.list", timing(100, 2), 0)
    assert 1 <= wait <= 2
    assert admitted(budget, "crm.deal.list", 1, 0.3) >= 0.3
    assert budget.left().methods["crm.deal.list"].limit == 100
    # Without the portal's word, what we last knew is no limit: others may have used the rest.
    budget.settle("crm.lead.list", 10, timing(1, 600))
    budget.refused("crm.lead.list", {}, 0)
    assert budget.left().methods["crm.lead.list"].limit == 480
    assert Budget(PLANS["unlimited"]).refused("x", {}, 0) == 2
    assert Budget(PLANS["unlimited"]).refused("x", {}, 9) == 60


def test_a_portal_without_a_limit_is_not_slowed_until_it_refuses(tmp_path):
    budget = Budget(PLANS["unlimited"], tmp_path / "b.json", operating=0)
    budget.settle("crm.deal.list", 50, timing(5000, 600))
    assert admitted(budget, "crm.deal.list", 50, 0.3) < 0.1
    assert budget.left().methods["crm.deal.list"].limit == 0
    budget.refused("crm.deal.list", timing(6000, 0.5), 0)  # it has one after all
    assert budget.left().methods["crm.deal.list"].limit == 6000


def test_the_limit_that_is_set_is_kept_to_unless_the_portal_shows_a_lower_one(tmp_path):
    budget = Budget(PLANS["unlimited"], tmp_path / "b.json", operating=900)
    told(budget, "crm.deal.list", 10, 600, 600)
    assert admitted(budget, "crm.deal.list", 1, 0.3) < 0.1  # 60 more, of 900
    budget.settle("crm.deal.list", 1, timing(850, 600))
    assert admitted(budget, "crm.deal.list", 1, 0.3) >= 0.3


@pytest.mark.parametrize("ahead", [3 * 3600, -3 * 3600])
def test_a_portal_with_another_clock_is_waited_for_as_long_as_it_takes(tmp_path, ahead):
    """What counts is how long it is from the answer to the relief, whatever hour it is there."""
    there = time.time() + ahead
    told = {"operating": 470, "operating_reset_at": there + 0.5, "finish": there}
    budget = Budget(PLANS["unlimited"], tmp_path / "b.json")
    budget.settle("crm.deal.list", 50, told)
    assert 0.4 <= admitted(budget, "crm.deal.list", 50, 5) < 2
    told["operating_reset_at"] = there + 300
    assert 250 < budget.refused("crm.lead.list", told, 0) < 301


def test_what_others_have_spent_before_is_not_taken_for_the_cost_of_a_call(tmp_path):
    """After a reboot, or beside another program, the first answer tells of old expenses too."""
    budget = Budget(PLANS["unlimited"], tmp_path / "b.json")
    reset_at = timing(41.7, 600)
    budget.settle("crm.deal.list", 2, reset_at)
    assert admitted(budget, "crm.deal.list", 50, 3) < 0.1, "2 calls did not cost 20 s each"
    assert admitted(budget, "crm.deal.list", 50, 0.3) >= 0.3, "one request tells what they cost"
    budget.release({"crm.deal.list": 100})
    budget.settle("crm.deal.list", 50, reset_at | {"operating": 46.7})
    assert budget.left().methods["crm.deal.list"].per_call == pytest.approx(0.1)
    assert admitted(budget, "crm.deal.list", 4000, 0.3) < 0.1  # 400 of the 409.3 s that are left
    assert admitted(budget, "crm.deal.list", 100, 0.3) >= 0.3


def test_one_dear_call_does_not_stop_the_cheap_ones_behind_it(tmp_path):
    """A count of 400,000 rows among pages without one: 9 s beside 0.1 s."""
    budget = Budget(PLANS["unlimited"], tmp_path / "b.json")
    told(budget, "crm.deal.list", 50, 5, 600)
    budget.settle("crm.deal.list", 1, timing(14, 600))
    assert admitted(budget, "crm.deal.list", 50, 0.3) < 0.1, "fifty pages do not cost 450 s"
    budget.release({"crm.deal.list": 50})
    for spent in range(23, 23 + 9 * 49, 9):  # and if all calls are dear from now on, it is learnt
        budget.settle("crm.deal.list", 1, timing(spent, 600))
    assert budget.left().methods["crm.deal.list"].per_call > 4
    assert admitted(budget, "crm.deal.list", 50, 0.3) >= 0.3


def test_an_answer_that_was_overtaken_changes_nothing(tmp_path):
    budget = Budget(PLANS["unlimited"], tmp_path / "b.json")
    later = timing(20, 600)
    budget.settle("m", 1, later | {"operating": 0})
    budget.settle("m", 10, later)
    budget.settle("m", 10, later | {"operating": 10})
    spent = budget.left().methods["m"]
    assert (spent.seconds, spent.per_call) == (20, 2)


CALLER = """
import sys
from workbench.bitrix24.client import Portal
with Portal(sys.argv[1], "standard") as portal:
    for _ in range(int(sys.argv[2])):
        portal.call("profile")
"""


def test_processes_that_call_a_portal_at_once_are_never_refused(tmp_path):
    with running_portal(tmp_path, *SMALL_COMPANY, "--plan", "standard") as portal:
        callers = [
            subprocess.Popen([sys.executable, "-c", CALLER, portal.url, "24"]) for _ in "abc"
        ]
        assert [process.wait(60) for process in callers] == [0, 0, 0]
        figures = httpx.get(f"{portal.base}/control/stats").json()
    called = [line for line in figures["methods"] if line["method"] == "profile"]
    assert sum(line["calls"] for line in called) == 72
    assert [line["refused"] for line in figures["methods"]] == [0] * len(figures["methods"])
    assert figures["refused"] == 0


READER = """
import sys, time
from workbench.bitrix24.client import Portal
pages = [("crm.deal.list", {"filter": {">ID": n}, "start": -1}) for n in range(50)]
with Portal(sys.argv[1], "unlimited", patience=60) as portal:
    portal.batch(pages)
    print("known", flush=True)
    sys.stdin.readline()
    futures = [portal.submit(pages) for _ in range(12)]
    print(sum(len(future.result()) for future in futures))
"""


def test_processes_that_read_the_same_list_share_its_operating_time_and_are_not_refused(tmp_path):
    options = (*SMALL_COMPANY, "--plan", "unlimited", "--operating", "60")
    with running_portal(tmp_path, *options) as portal:
        with Portal(portal.url, "unlimited") as bitrix:  # the limit is known from its word
            bitrix.budget.refused("crm.deal.list", timing(60, 0), 0)
        readers = [
            subprocess.Popen(
                [sys.executable, "-c", READER, portal.url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in "ab"
        ]
        assert [reader.stdout.readline() for reader in readers] == ["known\n"] * 2
        for reader in readers:
            reader.stdin.write("go\n")
            reader.stdin.flush()
        time.sleep(6)
        figures = httpx.get(f"{portal.base}/control/stats").json()
        for reader in readers:  # they wait for relief, ten minutes
            reader.kill()
            assert reader.communicate()[0] == ""
    (line,) = [line for line in figures["methods"] if line["method"] == "crm.deal.list"]
    assert line["refused"] == figures["refused"] == 0
    assert 60 * 0.75 < line["operating"] < 60  # not refused, and not for want of trying


def test_calls_of_a_process_that_died_are_forgotten(tmp_path):
    file = tmp_path / "b.json"
    budget = Budget(PLANS["unlimited"], file)
    budget.settle("crm.deal.list", 50, timing(400, 600))
    assert admitted(budget, "crm.deal.list", 6, 0.4) < 0.1
    state = json.loads(file.read_text())
    ((key, those),) = state["flying"].items()
    assert [many for many, _at in those.values()] == [6]
    state["flying"][key] = {who: (many, at - 130) for who, (many, at) in those.items()}
    file.write_text(json.dumps(state))
    assert admitted(Budget(PLANS["unlimited"], file), "crm.deal.list", 6, 0.4) < 0.1
    assert len(json.loads(file.read_text())["flying"][key]) == 1
    budget.release({"crm.deal.list": 6})


def test_its_file_is_of_this_user_s_and_hides_the_portal(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    file = budget_file("b24.example")
    assert file.is_relative_to(tmp_path) and "example" not in str(file)
    asyncio.run(Budget(Plan(2, 50), file).take())
    assert file.stat().st_mode & 0o077 == 0
