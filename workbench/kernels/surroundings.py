"""The environment of a zygote: what its owner gives it, and what no child can change any more."""

from __future__ import annotations

import os

# Read by Python, the C library or the dynamic linker at the start of a process, and then no more.
READ_AT_START = """
    LANG LC_ALL LC_CTYPE LD_LIBRARY_PATH LD_PRELOAD MALLOC_ARENA_MAX PYTHONDEVMODE
    PYTHONFAULTHANDLER PYTHONHASHSEED PYTHONHOME PYTHONINSPECT PYTHONIOENCODING PYTHONMALLOC
    PYTHONNOUSERSITE PYTHONOPTIMIZE PYTHONPATH PYTHONPLATLIBDIR PYTHONSAFEPATH PYTHONTRACEMALLOC
    PYTHONUTF8 PYTHONWARNINGS
""".split()  # noqa: SIM905 - a list of names, to be read
ROOM = "WORKBENCH_ROOM"  # a variable of the zygote's that makes room for a child's environment
ROOM_SIZE = 64_000  # bytes
# What it takes from its owner besides. No secret may be among it: all children have it in memory.
PASSED_ON = """
    PATH HOME USER LOGNAME SHELL TMPDIR VIRTUAL_ENV CONDA_PREFIX FONTCONFIG_PATH FONTCONFIG_FILE
    TZ LANGUAGE
""".split()  # noqa: SIM905 - a list of names, to be read


def zygote_environment() -> dict[str, str]:
    """Return a zygote's environment: nothing secret, one thread of BLAS, room for a child's."""
    given = {n: os.environ[n] for n in (*PASSED_ON, *READ_AT_START) if n in os.environ}
    return given | {"OPENBLAS_NUM_THREADS": "1", ROOM: "." * ROOM_SIZE}
