"""What the processes of `command_line` are forked with: the commands' imports, and no threads."""

from importlib import import_module

from workbench.bitrix24.sandbox.portal import load_methods
from workbench.i18n import catalogue
from workbench.metrics import catalogue as metrics

IMPORTED = (
    "command_line",
    "duckdb",
    "pandas",
    "pyarrow.compute",
    "workbench.bitrix24.sandbox.seed",
    "workbench.bitrix24.sandbox.server",
    "workbench.cli",
    "workbench.warehouse.sync",
)

for name in IMPORTED:
    import_module(name)
load_methods()
catalogue("fr")
metrics()
