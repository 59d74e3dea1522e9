"""Forked kernels for everything that starts kernels with jupyter_client.

`ForkedProvisioner` is registered in pyproject.toml as ``workbench-forked``; the kernelspec in
``jupyter/kernels`` names it. Where a kernel cannot be forked, it starts a stock one.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from workbench.kernels import keeper
from workbench.kernels.forked import CannotFork, ForkedProcess
from workbench.kernels.runner import die_with_starter

# What subprocess.Popen takes and a fork does too, or in which all forks are alike.
KNOWN = {"env", "cwd", "stdin", "stdout", "stderr", "extra_arguments", "kernel_id"}
ALWAYS = {"independent": False, "preexec_fn": False, "start_new_session": True, "close_fds": True}


class ForkedProvisioner(LocalProvisioner):
    """jupyter_client's own provisioner, whose process is a child of the zygote."""

    process: Any = None  # a ForkedProcess or, where that cannot be, a subprocess.Popen

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork a kernel, or start a stock one where that cannot be."""
        env = dict(os.environ if kwargs.get("env") is None else kwargs["env"])
        env.pop("WORKBENCH_ZYGOTE", None)  # cells have no use for it
        kwargs["env"] = env
        try:
            self.process = await self._forked(cmd, kwargs)
        except CannotFork as reason:
            keeper.tell_once(str(reason))
            return await super().launch_kernel(cmd, **kwargs)
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info

    async def _forked(self, cmd: list[str], kwargs: dict[str, Any]) -> ForkedProcess:
        for name, value in kwargs.items():
            if value is die_with_starter:
                continue  # forks do
            if name not in KNOWN and (name not in ALWAYS or bool(value) != ALWAYS[name]):
                raise CannotFork(f"{name} is asked for")
        env = kwargs["env"] | {"JPY_PARENT_PID": str(os.getpid())}
        silent = kwargs.get("stdin") is None  # jupyter_client then gives it an end of input
        starting = asyncio.get_running_loop().run_in_executor(
            None,
            partial(
                keeper.fork,
                [os.path.expanduser(part) for part in cmd],  # noqa: PTH111 - as jupyter_client does
                env=env,
                cwd=kwargs.get("cwd"),
                stdin=subprocess.PIPE if silent else kwargs["stdin"],
                stdout=kwargs.get("stdout"),
                stderr=kwargs.get("stderr"),
            ),
        )
        try:
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            starting.add_done_callback(_unwanted)
            raise
        if silent and process.stdin:
            process.stdin.close()
        return process


def _unwanted(starting: asyncio.Future[ForkedProcess]) -> None:
    """End a kernel that nobody waits for any more."""
    if not starting.cancelled() and starting.exception() is None:
        starting.result().kill()
