"""JupyterLab for analysts: run for real, asked over its own API."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import nbformat
import pytest
from serving import READY, SECRET, end
from test_channels import answers, binary, is_reply_to, message
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

ROOT = Path(__file__).parent.parent.parent
LAB = [sys.executable, "-m", "workbench", "lab", "--no-browser", "--port", "0"]


@dataclass
class Lab:
    """A running ``workbench lab`` with its token."""

    address: str
    token: str

    def ask(self, method: str, path: str, **options) -> httpx.Response:
        headers = {"Authorization": f"token {self.token}"}
        return httpx.request(method, self.address + path, headers=headers, timeout=60, **options)


@pytest.fixture(scope="module")
def lab(company_home: Path) -> Iterator[Lab]:
    given = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
    given |= {
        "WORKBENCH_HOME": str(company_home),
        "WORKBENCH_PROJECT": str(ROOT),
        "WORKBENCH_WEBHOOK": f"https://example.bitrix24.com/rest/1/{SECRET}/",
    }
    process = subprocess.Popen(
        LAB, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = ""
    try:
        while not (found := re.search(r"(http://127\.0\.0\.1:\d+/)lab\?token=(\w+)", said)):
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(said)
            said += line
        yield Lab(*found.groups())
    finally:
        end(process)


def test_it_asks_for_its_token_and_answers_on_this_machine_only(lab: Lab):
    assert httpx.get(f"{lab.address}api/contents").status_code == 403
    assert lab.ask("GET", "api/contents").status_code == 200
    assert httpx.get(f"{lab.address}api/status", headers={"Host": "evil.example"}).is_error


def test_it_shows_the_notebooks_and_asks_no_other_host(lab: Lab):
    names = [each["name"] for each in lab.ask("GET", "api/contents").json()["content"]]
    assert "sales.ipynb" in names
    page = lab.ask("GET", "lab").text
    config = json.loads(re.search(r'jupyter-config-data"[^>]*>(.*?)</script>', page, re.S).group(1))
    assert config["news"] == {"disabled": True}
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)


def test_all_cells_of_the_sales_notebook_run_in_it(lab: Lab):
    notebook = nbformat.from_dict(lab.ask("GET", "api/contents/sales.ipynb").json()["content"])
    kernel = lab.ask("POST", "api/kernels", json={"name": "python3"}).json()["id"]

    async def run_all() -> list[dict]:
        address = f"{lab.address}api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
        request = HTTPRequest(
            address.replace("http", "ws", 1), headers={"Authorization": f"token {lab.token}"}
        )
        socket = await websocket_connect(
            request, subprotocols=["v1.kernel.websocket.jupyter.org"], max_message_size=2**27
        )
        read = []
        sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        for source in [*sources, "import os; print(sorted(os.environ.items()))"]:
            sent = message("execute_request", {"code": source, "silent": False})
            await socket.write_message(binary(sent), binary=True)
            read += await answers(socket, is_reply_to(sent), READY)
        # What a cell prints may come after its reply.
        last = message("kernel_info_request", {})
        await socket.write_message(binary(last), binary=True)
        read += await answers(socket, is_reply_to(last))
        socket.close()
        return read

    started = time.monotonic()
    read = asyncio.run(run_all())
    replies = [each for each in read if each["header"]["msg_type"] == "execute_reply"]
    assert [reply["content"]["status"] for reply in replies] == ["ok"] * len(replies)
    assert len(replies) > 5
    assert time.monotonic() - started < READY
    shown = json.dumps([each["content"] for each in read])
    assert "LiveChart" in shown or "application/vnd.jupyter.widget-view+json" in shown
    assert SECRET not in shown
    assert "2026" in shown
    lab.ask("DELETE", f"api/kernels/{kernel}")


def test_without_data_it_says_what_to_do_and_starts_nothing(home: Path):
    answer = subprocess.run(
        LAB,
        env={**os.environ, "WORKBENCH_HOME": str(home), "WORKBENCH_LANGUAGE": "en"},
        capture_output=True,
        text=True,
        timeout=READY,
        check=False,
    )
    assert answer.returncode == 1
    assert "workbench sync" in answer.stderr
    assert "Traceback" not in answer.stderr
