"""Frames as they travel: Arrow's IPC stream, with what pandas would lose beside it.

And the envelope around them: the length of a head (JSON), the head, the length of a body, the body.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pandas as pd
import pyarrow as pa

LENGTH = struct.Struct(">Q")
OURS = b"workbench"


def pack(frame: pd.DataFrame) -> bytes:
    """Return a frame, its ``attrs`` included, as an Arrow IPC stream."""
    plain = frame.copy(deep=False)
    plain.attrs = {}  # pandas would write them, too, and cannot write days
    table = pa.Table.from_pandas(plain, preserve_index=False)
    objects = [str(name) for name, kind in frame.dtypes.items() if kind == object]  # noqa: E721
    facts = json.dumps({"attrs": frame.attrs, "objects": objects}, default=_written)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), OURS: facts.encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def unpack(stream: bytes | bytearray | memoryview) -> pd.DataFrame:
    """Return the frame that was packed: same columns, types and ``attrs``.

    What is missing in a column of objects is None.
    """
    table = pa.ipc.open_stream(stream).read_all()
    facts = json.loads(table.schema.metadata[OURS], object_hook=_read)
    frame = table.to_pandas()
    for name in facts["objects"]:
        frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    frame.attrs = facts["attrs"]
    return frame


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$moment": value.isoformat()}
    if isinstance(value, date):
        return {"$day": value.isoformat()}
    raise TypeError(type(value).__name__)


def _read(value: dict[str, Any]) -> Any:
    if value.keys() == {"$moment"}:
        return datetime.fromisoformat(value["$moment"])
    if value.keys() == {"$day"}:
        return date.fromisoformat(value["$day"])
    return value


def envelope(head: dict[str, Any], body: bytes = b"") -> tuple[bytes, bytes]:
    """Return what is sent before a body, and the body."""
    text = json.dumps(head).encode()
    return LENGTH.pack(len(text)) + text + LENGTH.pack(len(body)), body


def read_envelope(receive: Callable[[int], bytearray]) -> tuple[dict[str, Any], bytearray]:
    """Return head and body; ``receive`` returns exactly so many bytes or raises."""
    head = json.loads(receive(LENGTH.unpack(receive(LENGTH.size))[0]))
    return head, receive(LENGTH.unpack(receive(LENGTH.size))[0])
