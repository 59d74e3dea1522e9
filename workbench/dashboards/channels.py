"""What passes between a page and its kernel: widget messages, and nothing that runs code.

Inwards only the messages that widgets need; a visitor's own ``execute_request``, completion,
inspection or history request never reaches the kernel. Outwards no source code, no standard
error and no traceback; an error becomes a short text with an id.
"""

from __future__ import annotations

from typing import Any, Literal

from jupyter_server.services.kernels.connection.base import (
    deserialize_binary_message,
    deserialize_msg_from_ws_v1,
)
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from traitlets import Bool

from workbench.dashboards.failures import record_failure
from workbench.i18n import use_language

ALLOWED_IN = frozenset(
    {"comm_open", "comm_msg", "comm_close", "comm_info_request", "kernel_info_request"}
)
ALLOWED_OUT = frozenset(
    {
        "status",
        "comm_open",
        "comm_msg",
        "comm_close",
        "comm_info_reply",
        "kernel_info_reply",
        "display_data",
        "update_display_data",
        "execute_result",
        "clear_output",
        "stream",
        "error",
    }
)
MOST_PARTS = 64  # the five of each message and its buffers
# The only channel that a page may open by itself: it asks for the state of the widgets.
COMM_TARGET = "jupyter.widget.control"


class WidgetChannels(ZMQChannelsWebsocketConnection):
    """The WebSocket of one page, filtered in both directions."""

    # The limit would answer with an English text about server options.
    limit_rate = Bool(False)

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        """Pass a page's message on if widgets need it; drop all others."""
        if not self.channels:
            return
        try:
            kind, target = self.describe_incoming(incoming_msg)
            if kind in ALLOWED_IN and (kind != "comm_open" or target == COMM_TARGET):
                super().handle_incoming_message(incoming_msg)
            else:
                self.log.warning("Dropped %.40r to kernel %s", kind, self.kernel_id)
        except Exception:  # a part is missing or is not JSON; the page's other messages go on
            self.log.warning("Dropped a malformed message to kernel %s", self.kernel_id)

    def describe_incoming(self, message: Any) -> tuple[str, str]:
        """Return a message's type and, for ``comm_open``, its target; raise if it has none."""
        if self.subprotocol == "v1.kernel.websocket.jupyter.org":
            check_count(message[:8], "little")
            channel, parts = deserialize_msg_from_ws_v1(message)
            header = self.session.unpack(parts[0])
            content = self.session.unpack(parts[3])
        else:
            if isinstance(message, bytes):
                check_count(message[:4], "big")
                whole = deserialize_binary_message(message)
            else:
                whole = self.session.unpack(message.encode())
            channel, header, content = whole["channel"], whole["header"], whole["content"]
        if channel != "shell":
            raise ValueError(channel)
        kind = header["msg_type"]
        if not isinstance(kind, str):
            raise TypeError(kind)
        return kind, str(content.get("target_name", ""))

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
        """Pass a kernel's message on without anything that a visitor must not see."""
        _identities, parts = self.session.feed_identities(outgoing_msg)
        header = self.session.unpack(parts[1])
        kind = header["msg_type"]
        if kind not in ALLOWED_OUT:
            return
        if kind == "stream" and self.session.unpack(parts[4]).get("name") != "stdout":
            return
        if kind == "error":
            outgoing_msg = self.without_traceback(parts)
        super().handle_outgoing_message(stream, outgoing_msg)

    def without_traceback(self, parts: list[Any]) -> list[Any]:
        """Return the message that takes the place of an error; the error goes to the log."""
        content = self.session.unpack(parts[4])
        visit = self.multi_kernel_manager.visits.get(self.kernel_id)
        failure = record_failure(
            content.get("ename", ""),
            content.get("traceback", []),
            page=visit.page if visit else "?",
            kernel=self.kernel_id,
        )
        with use_language(visit.language if visit else "fr"):
            shown = failure.output()
        message = self.session.msg(
            "display_data",
            content=shown,
            parent=self.session.unpack(parts[2]),
            metadata=shown["metadata"],
        )
        return self.session.serialize(message)


def check_count(field: bytes, order: Literal["little", "big"]) -> None:
    """Raise unless a message's first number, that of its parts, is a plausible one.

    jupyter_server believes it: a message that claims 2**64 parts would stop the whole server.
    """
    if not 0 < int.from_bytes(field, order) <= MOST_PARTS:
        raise ValueError(field)
