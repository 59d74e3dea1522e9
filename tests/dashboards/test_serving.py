"""Starting, being full, and ending: nothing is left behind."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from serving import READY, SERVE, end, kernels_of, serving, write_project
from test_pages import close

from workbench.dashboards.kernels import Visit, VisitorKernels, kernel_environment
from workbench.kernels import keeper
from workbench.kernels.specs import KernelSpecs
from workbench.settings import settings

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", tmp_path / "home", ["environ", "slow"])


def refused(project: Path, *options: str, **environ: str) -> subprocess.CompletedProcess:
    """Run a server that should not start."""
    given = {**os.environ, "WORKBENCH_PROJECT": str(project), **environ}
    given["WORKBENCH_HOME"] = str(project.parent / "home")
    return subprocess.run(
        [*SERVE, *options], env=given, capture_output=True, text=True, timeout=READY, check=False
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_kernels_of_open_and_of_loading_pages(
    project: Path, tmp_path: Path, how: signal.Signals
):
    with serving(project, tmp_path / "home", own_zygote=True) as running:
        running.get("dashboards/environ")
        with httpx.stream("GET", f"{running.address}dashboards/slow", timeout=READY) as answer:
            pieces = answer.iter_text()
            while "started" not in next(pieces):
                pass
            assert running.health()["kernels"] == 2
            family = psutil.Process(running.process.pid).children(recursive=True)
            assert len(family) >= 3  # the zygote and its children
            assert {kernel.pid for kernel in running.kernels()} < {each.pid for each in family}
            seconds = end(running.process, how)  # fails if one of the family is left
        assert running.process.returncode == 0
        assert seconds < 15


def test_kernels_end_by_themselves_if_the_server_is_killed(project: Path, tmp_path: Path):
    with serving(project, tmp_path / "home", own_zygote=True) as running:
        running.get("dashboards/environ")
        family = psutil.Process(running.process.pid).children(recursive=True)
        assert {kernel.pid for kernel in running.kernels()} < {each.pid for each in family}
        running.process.kill()
        _gone, left = psutil.wait_procs(family, timeout=15)
        assert not left


def test_a_full_server_asks_to_wait_and_has_room_again_after_a_page_is_closed(
    project: Path, tmp_path: Path
):
    with serving(project, tmp_path / "home", "--visitors", "1") as running:
        first = running.get("dashboards/environ")
        second = running.get("dashboards/environ?lang=en")
        assert second.status_code == 503
        assert second.headers["retry-after"] == "20"
        assert "All places are taken" in second.text
        assert 'http-equiv="refresh" content="20"' in second.text
        assert running.health() | {"kernels": 1, "room": False} == running.health()
        close(running, first.text)
        third = running.get("dashboards/environ")
        assert third.status_code == 200


def test_only_so_many_kernels_start_when_many_come_at_once(project: Path, tmp_path: Path):
    async def come(address: str) -> list[int]:
        async with httpx.AsyncClient(timeout=READY) as client:
            answers = [client.get(f"{address}dashboards/environ") for _visitor in range(6)]
            return [answer.status_code for answer in await asyncio.gather(*answers)]

    with serving(project, tmp_path / "home", "--visitors", "2") as running:
        assert sorted(asyncio.run(come(running.address))) == [200, 200, 503, 503, 503, 503]
        assert running.health()["kernels"] == 2


def test_visitors_who_leave_at_once_leave_no_kernel_behind(project: Path, tmp_path: Path):
    with serving(project, tmp_path / "home", "--visitors", "9") as running:
        address = urlsplit(running.address)
        for milliseconds in (5, 10, 20, 30, 40, 60, 80, 100, 120, 150, 200, 300):
            with socket.create_connection((address.hostname, address.port), 10) as visitor:
                asked = f"GET /dashboards/slow HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n"
                visitor.sendall(asked.encode())
                time.sleep(milliseconds / 1000)
        assert running.until(lambda: not running.kernels())
        assert running.health() | {"kernels": 0, "room": True} == running.health()


def test_kernels_without_a_page_and_unused_ones_are_ended(home: Path, tmp_path: Path):
    async def wait() -> list[int]:
        kernels = VisitorKernels(
            connection_dir=str(tmp_path), root_dir=str(tmp_path), kernel_spec_manager=KernelSpecs()
        )
        kernels.seconds_between_checks = 3600
        environment = kernel_environment(settings(), {})
        watched = await kernels.start_visit(Visit("a", "fr"), environment, tmp_path)
        await kernels.start_visit(Visit("b", "fr"), environment, tmp_path)
        kernels.notify_connect(watched)
        counted = [len(kernels)]
        kernels.seconds_unwatched = 0
        await asyncio.sleep(0.1)
        await kernels.end_unused()
        counted.append(len(kernels))
        assert watched in kernels
        kernels.seconds_idle = 0
        await kernels.end_unused()
        counted.append(len(kernels))
        await kernels.shutdown_all(now=True)
        return counted

    keeper.keep_zygote()
    assert asyncio.run(wait()) == [2, 1, 0]
    assert not kernels_of(os.getpid())


def test_a_taken_port_is_one_clear_line(project: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = refused(project, "--port", str(port), WORKBENCH_LANGUAGE="en")
    assert answer.returncode == 2
    assert f"Port {port} of 127.0.0.1 cannot be used." in answer.stderr
    assert "--port" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_project_without_a_dashboard_is_one_clear_line(tmp_path: Path):
    project = write_project(tmp_path / "project", tmp_path / "home", ["unlisted"])
    answer = refused(project, "--port", "0", WORKBENCH_LANGUAGE="en")
    assert answer.returncode == 2
    assert answer.stderr.startswith("No report has a dashboard.")
    assert "Traceback" not in answer.stderr


def test_another_host_is_served_with_a_warning_and_checks_names_too(project: Path, tmp_path: Path):
    options = ("--host", "0.0.0.0")  # noqa: S104 - what is tested
    with serving(project, tmp_path / "home", *options, WORKBENCH_LANGUAGE="en") as running:
        local = running.address
        assert httpx.get(f"{local}healthz").status_code == 200
        evil = httpx.get(f"{local}healthz", headers={"Host": "evil.example"})
        assert evil.status_code == 404
        assert "no sign-in" in running.said


def test_a_page_shows_what_was_synced_after_its_kernels_zygote_had_begun(
    company_home: Path, tmp_path: Path
):
    home = tmp_path / "home"
    home.mkdir()
    with serving(ROOT, home, WORKBENCH_LANGUAGE="fr") as running:
        assert running.health() | {"kernels": 0, "snapshot": None} == running.health()
        shutil.copytree(company_home / "warehouse", home / "warehouse")
        page = running.get("dashboards/sales?lang=en").text
        assert "Nothing has been synced" not in page
        assert "Sales" in page
        newest = max((home / "warehouse" / "snapshots").iterdir())
        assert running.health()["snapshot"] == newest.stem


def environment_of(page: str) -> dict[str, str]:
    """The environment that the page "environ" shows, as its kernel read it."""
    return dict(re.findall(r"\('(\w+)', '([^']*)'\)", page.replace("&#39;", "'")))


def test_kernels_have_the_same_environment_forked_and_stock(project: Path, tmp_path: Path):
    found = {}
    for kind in ("forked", "stock"):
        with serving(project, tmp_path / kind, WORKBENCH_KERNELS=kind) as running:
            page = running.get("dashboards/environ?lang=en&period=today").text
            found[kind] = environment_of(page)
            (kernel,) = running.kernels()
            assert (kernel.ppid() == running.process.pid) == (kind == "stock")
            assert found[kind].pop("JPY_PARENT_PID") == str(running.process.pid)
    stock = {name: value.replace("/stock", "/forked") for name, value in found["stock"].items()}
    assert {"PATH", "WORKBENCH_HOME", "QUERY_STRING"} < stock.keys()
    for name in {"WORKBENCH_VIEWER", "WORKBENCH_QUERIES"} & stock.keys():  # of its own installation
        stock[name] = found["forked"][name]
    assert found["forked"] == stock


def test_kernels_of_a_server_come_from_its_zygote_and_from_the_next_one_after_a_kill(
    project: Path, tmp_path: Path
):
    with serving(project, tmp_path / "home", own_zygote=True) as running:
        parents = []
        for _visit in range(2):
            assert running.get("dashboards/environ").status_code == 200
            kernel = max(running.kernels(), key=lambda each: each.create_time())
            zygote = kernel.parent()
            assert "workbench.kernels.zygote" in zygote.cmdline()
            parents.append(zygote.pid)
            zygote.kill()
        assert running.health()["kernels"] == 2  # the open pages live on
        assert len(set(parents)) == 2


def test_where_kernels_are_stock_one_line_of_the_log_says_so(project: Path, tmp_path: Path):
    with serving(project, tmp_path / "home", WORKBENCH_KERNELS="stock") as running:
        for _visit in range(2):
            close(running, running.get("dashboards/environ").text)
        assert running.log().count("WORKBENCH_KERNELS is stock") == 1
