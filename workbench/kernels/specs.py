"""Kernelspecs of which ``python3`` is forked, for whatever takes a manager of kernelspecs."""

from __future__ import annotations

from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager

from workbench.kernels import keeper

JUPYTER = Path(__file__).parent / "jupyter"  # on JUPYTER_PATH, it does the same


class KernelSpecs(KernelSpecManager):
    """The kernelspecs of this machine; first among them ours, where this process has a zygote."""

    def _kernel_dirs_default(self) -> list[str]:
        found = super()._kernel_dirs_default()
        if reason := keeper.why_not():
            keeper.tell_once(reason)
        return [str(JUPYTER / "kernels"), *found] if keeper.keeps() else found
