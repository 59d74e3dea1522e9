"""How a sync keeps to a portal's limits: never refused, and it goes on where it had to stop."""

import os
import subprocess
import sys
import threading
import time

import httpx
import pytest
from portal_truth import differences
from sandbox_portal import SMALL_COMPANY, running_portal

from workbench.bitrix24.client import Portal
from workbench.warehouse.sync import sync

CALLER = """
import sys, time
from workbench.bitrix24.client import Portal
end = time.monotonic() + float(sys.argv[2])
with Portal(sys.argv[1], "standard") as portal:
    while time.monotonic() < end:
        portal.call("profile")
        portal.batch([("crm.deal.list", {"filter": {"ID": n}, "start": -1}) for n in range(3)])
"""


pytestmark = pytest.mark.usefixtures("no_external_sources")


def figures(base: str) -> dict:
    return httpx.get(f"{base}/control/stats").json()


def test_a_full_load_beside_another_caller_is_never_refused(home, tmp_path):
    kept = ("--state", str(tmp_path / "portal.sqlite"))
    limits = ("--plan", "standard", "--operating", "480")
    with running_portal(tmp_path, *kept, *SMALL_COMPANY, *limits) as portal:
        other = subprocess.Popen([sys.executable, "-c", CALLER, portal.url, "15"], env=os.environ)
        with Portal(portal.url, "standard", patience=600, background=True) as bitrix:
            result = sync(portal=bitrix)
            again = sync(portal=bitrix)
        assert other.wait(60) == 0
        stats = figures(portal.base)
    assert (stats["plan"], stats["operating_limit"], stats["refused"]) == ("standard", 480, 0)
    assert stats["operating"] > 1, "no cost was accounted"
    assert not result.problems
    assert again.snapshot is None
    (tmp_path / "portal.url").unlink()
    with running_portal(tmp_path, *kept, "--plan", "unlimited") as portal:
        assert differences(home, portal.url, children=5) == []


def test_a_method_that_nears_its_limit_waits_for_relief_and_is_not_refused(home, tmp_path):
    options = (*SMALL_COMPANY, "--plan", "unlimited", "--operating", "480", "--control")
    with running_portal(tmp_path, *options) as portal:
        used = {"method": "crm.deal.list", "seconds": 456}  # 95 % of the limit
        httpx.post(f"{portal.base}/control/operating", json=used).raise_for_status()
        # ten minutes pass at the portal while the client waits
        relief = threading.Timer(3, lambda: portal.advance(660))
        relief.start()
        started = time.monotonic()
        with Portal(portal.url, "unlimited", patience=6) as bitrix:
            result = sync(portal=bitrix)
        relief.join()
        assert time.monotonic() - started >= 6, "nothing was waited for"
        assert figures(portal.base)["refused"] == 0
        assert not result.problems
        assert differences(home, portal.url, children=5) == []
