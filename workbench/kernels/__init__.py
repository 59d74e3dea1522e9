"""Kernels and runs in a blink: forked from a zygote, a process that has done its imports.

A stock kernel spends seconds on imports; a child of the zygote has them from birth and shares their
memory. `keeper` keeps the zygote of this process, `zygote` is what that process does, `birth` what
a child does before its program, `forked` the child as its starter sees it. `provisioner` gives
this to everything that starts kernels with jupyter_client, `runner` to what starts Python.

No command does so by itself: dashboards and runs start stock kernels until somebody names the
kernelspec.

Linux only (pidfd, SO_PEERCRED, /proc); elsewhere, and whenever a fork cannot be like a new process
in all that matters, a new process is what one gets, and a line in the log says why.
"""
