"""What the zygote imports, the threads it may have, and the threads of BLAS."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path

# What kernels and runs of reports need, longest first. Nothing here opens a file of data.
MODULES = """
    ipykernel.kernelapp ipykernel.ipkernel ipywidgets anywidget
    numpy pandas pyarrow pyarrow.compute pyarrow.parquet duckdb altair vl_convert
    workbench.views.page workbench.views.panels
    papermill workbench.reports.notebook workbench.reports.html
""".split()  # noqa: SIM905 - a list of names, to be read
# pyarrow's allocator starts it at import, and stops using it in a child by itself.
KNOWN_THREADS = frozenset({"jemalloc_bg_thd"})
# In what a zygote has forked: it sleeps until the starter ends, and holds nothing meanwhile.
WATCH = "Starter's end"
GRAMMAR = "rfc3987_syntax"


def preload() -> None:
    """Import `MODULES`; one that is not installed is left out."""
    # jsonschema builds a grammar for internationalised web addresses at import, 0.6 s of CPU,
    # unless that optional package is missing.
    sys.modules.setdefault(GRAMMAR, None)  # type: ignore[arg-type]
    for name in MODULES:
        with suppress(ModuleNotFoundError):
            import_module(name)
    if sys.modules[GRAMMAR] is None:
        del sys.modules[GRAMMAR]  # whoever wants it can have it
    if "duckdb" in sys.modules:  # its default connection is open, with a thread for each core
        sys.modules["duckdb"].execute("set threads = 1")


def threads(but: Collection[int | None] = ()) -> list[str]:
    """Return the names of this process's threads but for the main one, as the system has them.

    ``but``: numbers of those to leave out.
    """
    own = Path("/proc/self/task")
    return sorted(
        (task / "comm").read_text().strip()
        for task in own.iterdir()
        if int(task.name) not in (os.getpid(), *but)
    )


def unknown_threads() -> list[str]:
    """Return the threads that make forking unsafe: Python's own, and native ones not known."""
    others = [each for each in threading.enumerate() if each is not threading.main_thread()]
    watching = [each.native_id for each in others if each.name == WATCH]
    of_python = [each.name for each in others if each.name != WATCH]
    return of_python + [name for name in threads(but=watching) if name not in KNOWN_THREADS]


def shared_files(known: set[int]) -> list[str]:
    """Return the open sockets, pipes and events that all children would share, but for those known.

    A context of ZMQ holds one, even without a thread or a socket; in a child, it would be without
    the threads that do its work, so none may exist before the fork.
    """
    found = []
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            place = str(fd.readlink())
            if int(fd.name) not in known and place.startswith(("socket:", "pipe:", "anon_inode:")):
                found.append(place)
    return sorted(found)


def use_all_cores(environment: Mapping[str, str]) -> None:
    """In a child: take the threads that a new process with this environment would take."""
    if "duckdb" in sys.modules:
        sys.modules["duckdb"].execute("reset threads")
    _use_blas_threads(environment)


def _use_blas_threads(environment: Mapping[str, str]) -> None:
    wanted = len(os.sched_getaffinity(0))
    for name in ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"):
        with suppress(KeyError, ValueError):
            if (asked := int(environment[name])) > 0:
                wanted = min(asked, wanted)
                break
    if wanted == 1:
        return  # as the zygote has it
    for library in _blas():
        for affix in ("64_", ""):
            for prefix in ("scipy_", ""):
                with suppress(AttributeError):
                    getattr(library, f"{prefix}openblas_set_num_threads{affix}")(wanted)


def _blas() -> list[ctypes.CDLL]:
    """Return the OpenBLAS libraries that are loaded."""
    mapped = {line.split(maxsplit=5)[5] for line in _maps() if "openblas" in line}
    return [ctypes.CDLL(path.strip()) for path in sorted(mapped)]


def _maps() -> list[str]:
    return Path("/proc/self/maps").read_text().splitlines()
