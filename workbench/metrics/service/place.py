"""Where the sockets of an installation's query service are."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from workbench.errors import ServiceUnavailable
from workbench.i18n import _
from workbench.settings import settings

LONGEST = 75  # bytes of the folder's path; the system allows 107 for a socket's


def queries_folder() -> Path:
    """Return the folder of the sockets (mode 700), made if it is not there.

    The same for every process of this installation and user. Its name tells nothing of the data's
    place. Raises `ServiceUnavailable` if somebody else holds that name.
    """
    mark = hashlib.sha256(f"queries of {settings().home_dir.resolve()}".encode()).hexdigest()[:16]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    for place in (runtime, tempfile.gettempdir(), "/tmp"):  # noqa: S108 - owner and mode are checked
        folder = Path(place) / f"workbench-q-{mark}"
        if not place or not Path(place).is_dir() or len(os.fsencode(folder)) > LONGEST:
            continue
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            status = folder.lstat()
        except OSError:
            continue
        is_ours = folder.is_dir() and not folder.is_symlink() and status.st_uid == os.getuid()
        if is_ours and not status.st_mode & 0o077:
            return folder
    raise ServiceUnavailable(
        _("There is no private folder for the query service’s sockets."),
        hint=_("Set TMPDIR to a folder of yours with a short path."),
    )
