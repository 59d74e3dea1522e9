"""``workbench worker``."""

from __future__ import annotations

from typing import Annotated

import typer


def worker(
    once: Annotated[
        bool, typer.Option("--once", help="End when no job is due instead of waiting.")
    ] = False,
) -> None:
    """Run queued jobs and the schedules of parameters/reports, until Ctrl-C.

    A run that was killed in the middle is finished at the next start. One line per job goes to
    stderr and to logs/worker.log of the installation's home.
    """
    import logging

    from rich.console import Console

    from workbench.automation.worker import work
    from workbench.i18n import _

    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.getLogger("workbench.worker").addHandler(lines)
    ready = _("The queue is being worked off.") if once else _("Waiting for jobs; Ctrl-C ends.")
    work(once=once, on_ready=lambda: Console(stderr=True).print(ready, highlight=False))
