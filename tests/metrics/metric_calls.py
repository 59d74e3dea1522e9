"""`workbench` as a user runs it, for the tests of its commands on metrics."""

import os

import command_line


def workbench(*arguments: str, code: int = 0, language: str = "en", **environ: str) -> str:
    """Run a command that ends with ``code``; returns what it printed, or its errors if not 0."""
    done = command_line.workbench(
        *arguments, env={**os.environ, "WORKBENCH_LANGUAGE": language, "COLUMNS": "200", **environ}
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr
