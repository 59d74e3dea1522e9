"""The process of one run: starts a kernel, has the notebook executed in it, and says how it went.

``python -m workbench.reports.execute RUN_FOLDER``, started by `workbench.reports.run` with an
environment without secrets. The answer is ``tmp/outcome.json``; silence is an answer too.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager

from workbench.kernels.runner import die_with_starter
from workbench.kernels.specs import KernelSpecs
from workbench.reports.record import OUTCOME, RECORD, RunRecord, write_atomically

# In the kernel too, where altair brings jsonschema: see `workbench.reports`.
WITHOUT_GRAMMAR = "__import__('sys').modules.setdefault('rfc3987_syntax', None)"


def main(folder: Path) -> None:
    """Execute and render the run that ``folder`` describes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    record = RunRecord.model_validate_json((folder / RECORD).read_text(encoding="utf-8"))
    kernel = AsyncKernelManager(
        kernel_name="python3", kernel_spec_manager=KernelSpecs(), transport_encryption="auto"
    )
    asyncio.run(_start(kernel, folder))
    # By name and only now: importing papermill takes a second, in which the kernel starts on the
    # other core.
    answer = import_module("workbench.reports.notebook").execute(record, kernel, folder)
    write_atomically(folder / OUTCOME, json.dumps(answer))
    # Nothing is left to do; closing sockets and threads in order takes a quarter of a second.
    logging.shutdown()
    os._exit(0)


async def _start(kernel: AsyncKernelManager, folder: Path) -> None:
    await kernel.start_kernel(
        cwd=str(folder),
        preexec_fn=die_with_starter,
        extra_arguments=[f"--IPKernelApp.exec_lines={WITHOUT_GRAMMAR}"],
    )


def _die_with_parent() -> None:
    """Wait until the supervising process closes its end of our input, then kill this group."""
    while os.read(0, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
