"""What the processes of `command_line` are forked with: the commands' imports, and no threads."""

import command_line  # noqa: F401
import duckdb  # noqa: F401
import pandas as pd  # noqa: F401
import pyarrow.compute  # noqa: F401

from workbench.i18n import catalogue
from workbench.metrics import catalogue as metrics

catalogue("fr")
metrics()
