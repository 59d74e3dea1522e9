"""What a page's WebSocket lets through, spoken to directly."""

import asyncio
import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from jupyter_server.services.kernels.connection.base import (
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)
from serving import Server
from test_pages import close, kernel_of
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

V1 = "v1.kernel.websocket.jupyter.org"
RUNS_CODE = [
    "execute_request",
    "complete_request",
    "inspect_request",
    "history_request",
    "is_complete_request",
    "debug_request",
    "input_reply",
    "shutdown_request",
    "interrupt_request",
    "create_subshell_request",
]


def message(kind: str, content: dict) -> dict:
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "username": "",
        "session": uuid.uuid4().hex,
        "version": "5.4",
        "date": "2026-11-02T10:00:00Z",
    }
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content}


def binary(sent: dict, channel: str = "shell") -> bytes:
    parts = [
        json.dumps(sent[part]).encode()
        for part in ("header", "parent_header", "metadata", "content")
    ]
    return serialize_msg_to_ws_v1(parts, channel)


def text(sent: dict, channel: str = "shell") -> str:
    return json.dumps({**sent, "channel": channel, "buffers": []})


@pytest.fixture
def page(server: Server):
    """The kernel behind an open page with widgets; its page is closed afterwards."""
    shown = server.get("dashboards/partly").text
    yield kernel_of(shown)
    close(server, shown)


async def connect(server: Server, kernel: str, *, v1: bool = True, **headers: str):
    address = f"{server.address}api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
    request = HTTPRequest(address.replace("http", "ws", 1), headers=headers)
    return await websocket_connect(request, subprotocols=[V1] if v1 else None)


async def answers(socket, until: Callable[[dict], bool], seconds: float = 20) -> list[dict]:
    """Read messages until one fits; fail if none does."""
    read = []

    async def reading():
        while True:
            raw = await socket.read_message()
            if isinstance(raw, bytes):
                channel, parts = deserialize_msg_from_ws_v1(raw)
                parts = [json.loads(part) for part in parts[:4]]
                names = ("header", "parent_header", "metadata", "content")
                read.append({"channel": channel, **dict(zip(names, parts, strict=True))})
            else:
                read.append(json.loads(raw))
            if until(read[-1]):
                return read

    return await asyncio.wait_for(reading(), seconds)


def is_reply_to(sent: dict) -> Callable[[dict], bool]:
    return lambda got: (
        got["parent_header"].get("msg_id") == sent["header"]["msg_id"]
        and got["header"]["msg_type"].endswith("_reply")
    )


def widget_state(kernel_answers: list[dict]) -> str:
    return json.dumps([each["content"] for each in kernel_answers])


async def ask_for_widgets(socket, encode) -> list[dict]:
    """Do what the widget manager does first: open its comm and ask for all states."""
    comm = uuid.uuid4().hex
    opened = message(
        "comm_open",
        {"comm_id": comm, "target_name": "jupyter.widget.control", "data": {}},
    )
    opened["metadata"] = {"version": "1.0.0"}
    asked = message("comm_msg", {"comm_id": comm, "data": {"method": "request_states"}})
    await socket.write_message(encode(opened), binary=isinstance(encode(opened), bytes))
    await socket.write_message(encode(asked), binary=isinstance(encode(asked), bytes))
    return await answers(
        socket,
        lambda got: (
            got["header"]["msg_type"] == "comm_msg" and got["content"].get("comm_id") == comm
        ),
    )


@pytest.mark.parametrize("v1", [True, False])
def test_a_visitors_own_code_never_reaches_the_kernel(
    server: Server, page: str, tmp_path: Path, v1: bool
):
    written = tmp_path / "written"
    code = f"open({str(written)!r}, 'w').close()"
    encode = binary if v1 else text

    async def attack() -> list[dict]:
        socket = await connect(server, page, v1=v1)
        for kind in RUNS_CODE:
            for channel in ("shell", "control", "stdin", "iopub"):
                sent = message(kind, {"code": code, "silent": False, "value": code})
                await socket.write_message(encode(sent, channel), binary=v1)
        for target in ("jupyter.widget", "anything"):
            sent = message("comm_open", {"comm_id": "1", "target_name": target, "data": {}})
            await socket.write_message(encode(sent), binary=v1)
        last = message("kernel_info_request", {})
        await socket.write_message(encode(last), binary=v1)
        read = await answers(socket, is_reply_to(last))
        socket.close()
        return read

    read = asyncio.run(attack())
    kinds = {each["header"]["msg_type"] for each in read}
    assert kinds <= {"status", "kernel_info_reply"}
    assert not written.exists()
    assert server.health()["kernels"] == 1


def test_malformed_messages_are_dropped_and_the_connection_stays(server: Server, page: str):
    async def attack() -> None:
        socket = await connect(server, page)
        doubled = b'{"msg_type":"comm_msg","msg_type":"execute_request"}'
        for junk in (
            b"",
            b"\x00" * 8,
            b"\xff" * 64,
            serialize_msg_to_ws_v1([b"{}", b"{}", b"{}", b"{}"], "shell"),
            serialize_msg_to_ws_v1([b"[]", b"{}", b"{}", b"null"], "shell"),
            serialize_msg_to_ws_v1([doubled, b"{}", b"{}", b"{}"], "shell"),
            serialize_msg_to_ws_v1([b'{"msg_type":["comm_msg"]}'] * 4, "shell"),
        ):
            await socket.write_message(junk, binary=True)
        last = message("kernel_info_request", {})
        await socket.write_message(binary(last), binary=True)
        await answers(socket, is_reply_to(last))
        socket.close()
        older = await connect(server, page, v1=False)
        for junk in (
            b"\x7f" * 64,
            b"\xff" * 64,
            b"",
            "",
            "null",
            "[]",
            "{}",
            '{"channel": "shell"}',
            json.dumps({"channel": "shell", "header": last["header"], "content": {}}),
            text({**message("comm_msg", {"comm_id": "1"}), "metadata": float("nan")}),
        ):
            await older.write_message(junk, binary=isinstance(junk, bytes))
        await older.write_message(text(last))
        await answers(older, is_reply_to(last))
        older.close()

    asyncio.run(attack())
    assert server.health()["status"] == "ok"


def test_widget_states_hold_no_traceback_of_an_error_inside_them(server: Server, page: str):
    async def ask() -> list[dict]:
        socket = await connect(server, page)
        read = await ask_for_widgets(socket, binary)
        socket.close()
        return read

    states = widget_state(asyncio.run(ask()))
    assert "wb-failure" in states
    for inside in ("s3cret", "/srv/private", "Traceback", "ValueError"):
        assert inside not in states


def test_an_error_in_a_later_callback_becomes_a_reference_in_the_log(server: Server, page: str):
    async def press() -> dict:
        socket = await connect(server, page)
        read = await ask_for_widgets(socket, binary)
        states = read[-1]["content"]["data"]["states"]
        button = next(key for key, each in states.items() if each["model_name"] == "ButtonModel")
        clicked = {"method": "custom", "content": {"event": "click"}}
        sent = message("comm_msg", {"comm_id": button, "data": clicked})
        await socket.write_message(binary(sent), binary=True)
        read = await answers(socket, lambda got: "failure" in json.dumps(got["metadata"]))
        socket.close()
        return read[-1]

    shown = asyncio.run(press())
    assert shown["header"]["msg_type"] == "display_data"
    for inside in ("s3cret", "/srv/private", "Traceback", "KeyError"):
        assert inside not in json.dumps(shown)
    reference = shown["metadata"]["workbench"]["failure"]
    assert re.fullmatch("[A-Z2-9]{8}", reference)
    assert "s3cret later in /srv/private/file.csv" in server.log().split(reference)[1]


def test_another_sites_page_cannot_open_the_channel(server: Server, page: str):
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        with pytest.raises(HTTPClientError) as refused:
            asyncio.run(connect(server, page, **headers))
        assert refused.value.code in (403, 404)
    with pytest.raises(HTTPClientError):
        asyncio.run(connect(server, str(uuid.uuid4())))


def test_a_page_keeps_its_connection_while_nothing_happens(server: Server, page: str):
    async def wait() -> None:
        socket = await connect(server, page)
        with pytest.raises(TimeoutError):  # a connection that ends reads as None
            await answers(socket, lambda got: False, 33)
        last = message("kernel_info_request", {})
        await socket.write_message(binary(last), binary=True)
        await answers(socket, is_reply_to(last))
        socket.close()

    asyncio.run(wait())
