"""A folder: each run's files in a folder of their own, there whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from workbench.errors import DeliveryError
from workbench.i18n import _
from workbench.reports.delivery.destinations import Folder
from workbench.reports.delivery.parts import files
from workbench.reports.record import RECORD, RunRecord
from workbench.settings import settings


def put(folder: Folder, record: RunRecord, begin: Callable[[], None]) -> str:
    """Copy the files; return where they are. The same run again replaces its own."""
    base = Path(folder.path).expanduser()
    target = (base if base.is_absolute() else settings().outputs_dir / base) / record.id
    part = target.with_name(f".{record.id}.part")
    begin()
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for name, path in [*files(record, folder.files), (RECORD, record.folder / RECORD)]:
            shutil.copy2(path, part / name)
        if target.exists():
            shutil.rmtree(target)
        part.rename(target)
    except OSError as problem:
        shutil.rmtree(part, ignore_errors=True)
        raise DeliveryError(
            _("The folder {folder} cannot be written: {reason}").format(
                folder=target.parent, reason=problem.strerror or problem
            ),
            may_pass=True,  # a share that is not mounted, a full disk
        ) from None
    return str(target)
