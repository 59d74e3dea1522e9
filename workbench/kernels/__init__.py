"""Kernels and runs in a blink: forked from a zygote, a process that has done its imports.

A stock kernel spends seconds on imports; a child of the zygote has them from birth and shares their
memory. `keeper` keeps the zygote of this process, `zygote` is what that process does, `birth` what
a child does before its program, `forked` the child as its starter sees it. `provisioner` gives
this to everything that starts kernels with jupyter_client, `specs` makes it their ``python3``,
`runner` gives it to what starts Python.

`workbench run`, `worker`, `serve` and `lab` keep a zygote each, the worker from its first run on.

Linux only (pidfd, SO_PEERCRED, /proc); elsewhere, and whenever a fork cannot be like a new process
in all that matters, a new process is what one gets, and a line in the log says why.
"""
