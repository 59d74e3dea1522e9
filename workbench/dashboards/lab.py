"""JupyterLab for analysts: the notebooks against the newest snapshot, on this machine only."""

from __future__ import annotations

import os
from pathlib import Path

from workbench.dashboards.kernels import kernel_environment
from workbench.kernels.keeper import keep_zygote
from workbench.settings import settings
from workbench.warehouse import newest_snapshot

CONFIGURATION = Path(__file__).parent / "jupyter"


def run(port: int = 8888, *, open_browser: bool = True) -> None:
    """Serve JupyterLab until Ctrl-C (main thread only); prints its address with a token.

    The kernels get no credentials and look at the newest snapshot. Raises NoSnapshot if nothing
    has been synced, before anything is started.
    """
    newest_snapshot()
    config = settings()
    environment = kernel_environment(config, {"WORKBENCH_LANGUAGE": config.language})
    environment["WORKBENCH_HOME"] = str(config.home_dir)  # analysts open the snapshot themselves
    os.environ.clear()
    os.environ.update(environment, WORKBENCH_KERNELS=config.kernels)
    os.environ["JUPYTER_CONFIG_PATH"] = str(CONFIGURATION)  # no question about news

    keep_zygote()
    from jupyterlab.labapp import LabApp

    LabApp.launch_instance(
        [
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=20",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.root_dir={config.notebooks_dir}",
            f"--ServerApp.open_browser={open_browser}",
            "--ServerApp.answer_yes=True",  # Ctrl-C ends it, as it ends every other command
            "--ServerApp.terminals_enabled=False",
            "--ServerApp.allow_remote_access=False",
            f"--ServerApp.allow_root={_is_root()}",
            "--ServerApp.kernel_spec_manager_class=workbench.kernels.specs.KernelSpecs",
            # No request to another host: neither news, nor updates, nor a list of extensions.
            "--Application.log_level=WARN",  # what is left is the address
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
            "--LabApp.extension_manager=readonly",
        ]
    )


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
