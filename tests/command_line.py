"""`workbench` commands in processes of their own, forked from one that has the imports done.

A command that is started anew takes a second or two of imports; the tests give hundreds. Those
that are about starting, signals or a terminal start ``python -m workbench`` themselves.
"""

import faulthandler
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@cache
def forks() -> BaseContext:
    """Start the process with the imports, without numpy's pool of threads: none outlives a fork."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["preloaded"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBLAS_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
        forkserver.ensure_running()
    return context


def execute(
    arguments: tuple[str, ...], environ: dict[str, str], folder: str, output: str, error: str
) -> None:
    """Be a command, in the process that was forked for it."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # some are killed by signals that would dump
    for file, number in ((os.devnull, 0), (output, 1), (error, 2)):
        mode = os.O_RDWR | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(file, mode, 0o600), number)
    if environ.get("PYTHONFAULTHANDLER"):
        faulthandler.enable()
    sys.argv = ["workbench", *arguments]
    from workbench.cli import main

    main()


def start(
    *arguments: str, output: Path, error: Path | None = None, env: Mapping[str, str] | None = None
) -> BaseProcess:
    """Start a command that writes into files (both streams into ``output`` by default)."""
    environ = dict(os.environ if env is None else env)
    given = (arguments, environ, str(Path.cwd()), str(output), str(error or output))
    process = forks().Process(target=execute, args=given, daemon=True)
    process.start()
    return process


def workbench(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    timeout: float = 100,
    check: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its output as text, as `subprocess.run` gives it."""
    with tempfile.TemporaryDirectory() as folder:
        output, error = Path(folder, "output"), Path(folder, "error")
        process = start(*arguments, output=output, error=error, env=env)
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, timeout)
        texts = [file.read_text("utf-8") for file in (output, error)]
    done = subprocess.CompletedProcess(("workbench", *arguments), process.exitcode, *texts)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done
