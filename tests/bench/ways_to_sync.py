"""One way to read all deals, in a process of its own: ``python ways_to_sync.py WAY URL PLAN``.

Prints the rows' fingerprint as JSON, and how much memory the process took at most.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from zlib import crc32

EVERYTHING = ["*", "UF_*"]
UNPACED = 1_000_000
MODULES = {
    "fast-bitrix24": "fast_bitrix24",
    "b24pysdk": "b24pysdk",
    "workbench": "workbench.warehouse.sync",
}


def fingerprint(rows) -> dict[str, int]:
    """What two sets of rows have in common only if they are the same rows: four sums."""
    found, empty = {"rows": 0, "ids": 0, "cents": 0, "texts": 0}, ""
    for number, title, stage, amount in rows:
        found["rows"] += 1
        found["ids"] += int(number)
        found["cents"] += round(float(amount or 0) * 100)
        found["texts"] += crc32(f"{number}:{title or empty}:{stage or empty}".encode())
    return found


def told(rows):
    return ((row["ID"], row["TITLE"], row["STAGE_ID"], row["OPPORTUNITY"]) for row in rows)


def fast_bitrix24(url: str, plan: str):
    """Its own ``get_all``; on a portal without a limit without its own pace, too."""
    from fast_bitrix24 import Bitrix

    free = {"requests_per_second": float(UNPACED), "request_pool_size": UNPACED}
    client = Bitrix(url, verbose=False, **(free if plan == "unlimited" else {}))
    return client.get_all("crm.deal.list", {"select": EVERYTHING})


def b24pysdk(url: str, plan: str):
    """Its ``as_list_fast``, read as a list; over HTTP as the others, for it knows HTTPS only."""
    from b24pysdk import BitrixWebhook
    from b24pysdk.api.callers.call_method import _MethodCaller

    base, token = url.split("/rest/")
    _MethodCaller._base_url = property(lambda self: f"http://{self._domain}/rest")
    hook = BitrixWebhook(domain=base.removeprefix("http://"), webhook_token=token.strip("/"))
    return list(hook.get_client().crm.deal.list(select=EVERYTHING).as_list_fast().result)


def workbench() -> dict[str, float]:
    """A sync into ``WORKBENCH_HOME``, in phases; the deals' is from one chunk to the last.

    ``…_cpu`` are seconds of the processor: of the thread that asks and decodes (``fetch``), of the
    one that types and stores (``store``), of building and publishing the snapshot.
    """
    from workbench.warehouse.sync import sync

    seen: list[tuple[float, int, float, float]] = []
    last_note = [0.0, 0.0, 0.0]

    def note(entity: str, rows: int) -> None:
        everything, here = time.process_time(), time.thread_time()
        if entity == "deals" and rows and (not seen or rows > seen[-1][1]):
            seen.append((time.perf_counter(), rows, everything, here))
        last_note[:] = everything, here, status_peak()

    result = sync(["bitrix24"], report=note)
    (first, some, cpu_then, here_then), (last, all_of_them, cpu, here) = seen[0], seen[-1]
    return {
        "deal_seconds": last - first,
        "deals_then": all_of_them - some,
        "fetch_cpu": cpu - cpu_then - (here - here_then),
        "store_cpu": here - here_then,
        "children_cpu": last_note[0] - cpu,
        "publish_cpu": time.process_time() - last_note[0],
        "load_peak": last_note[2],
        "publish_seconds": result.publish_seconds,
        "requests": result.requests,
        "problems": len(result.problems),
    }


def status_peak() -> int:
    """Peak memory of this process in bytes (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    way, address, limits = sys.argv[1:]
    importlib.import_module(MODULES[way])
    started, cpu = time.perf_counter(), time.process_time()
    if way == "workbench":
        told_by_it = workbench()
        seconds = time.perf_counter() - started
        facts = {"seconds": seconds, "cpu": time.process_time() - cpu, "peak": status_peak()}
        print(json.dumps(told_by_it | facts))
    else:
        read = {"fast-bitrix24": fast_bitrix24, "b24pysdk": b24pysdk}[way]
        rows = read(address, limits)
        facts = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
        facts["peak"] = status_peak()
        print(json.dumps(fingerprint(told(rows)) | facts | {"fields": len(rows[0])}))
