"""The least that answers batches of deal pages, as a yardstick: ``python trivial_portal.py FILE``.

One SELECT a page, its rows as SQLite holds them: no rights, no filters, no field list, no forms,
no limits. It prints its port.
"""

import re
import socket
import sqlite3
import sys

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ABOVE = re.compile(r"filter%5B%3EID%5D=(\d+)")
PAGE = 'SELECT * FROM deals WHERE "ID" > ? ORDER BY "ID" LIMIT 50'

connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, check_same_thread=False)
names = [column[0] for column in connection.execute(PAGE, (0,)).description]


async def batch(request: Request) -> Response:
    pages = orjson.loads(await request.body())["cmd"]
    found = {
        key: [
            dict(zip(names, row, strict=True))
            for row in connection.execute(PAGE, (int(ABOVE.search(page)[1]),))
        ]
        for key, page in pages.items()
    }
    return Response(orjson.dumps({"result": {"result": found, "result_error": []}}))


listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
server = Starlette(routes=[Route("/batch", batch, methods=["POST"])])
uvicorn.Server(uvicorn.Config(server, log_level="error")).run([listening])
