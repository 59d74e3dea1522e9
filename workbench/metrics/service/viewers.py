"""Who asks the query service, and which rows are theirs: the signed token of a viewer.

A token is made by whoever knows the installation's key (the server of the dashboards, the runner
of reports) and given to one kernel. It is encrypted and signed (Fernet), so its bearer can neither
read nor change it; it ends by itself. The first process that uses it is the only one that may.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Self

from cryptography.fernet import Fernet, InvalidToken
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workbench.errors import AccessRefused
from workbench.i18n import _
from workbench.settings import private_file, private_folder, settings

LIFETIME = 12 * 3600  # seconds
LONGEST_TOKEN = 8192
MOST_IDS = 500

Ids = Annotated[tuple[int, ...], Field(max_length=MOST_IDS)]


class Scope(BaseModel):
    """The rows that a viewer may see: all of them, or those of managers or of departments.

    A department counts without those below it: whoever makes the token names them all. Without
    any of the three, a viewer sees nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    everything: bool = False
    managers: Ids = ()
    departments: Ids = ()

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.everything and (self.managers or self.departments):
            raise ValueError("everything, or managers and departments")
        return self

    @property
    def key(self) -> str:
        """The scope as a text: the same for the same rows."""
        if self.everything:
            return "everything"
        return f"managers {sorted(set(self.managers))} departments {sorted(set(self.departments))}"


EVERYTHING = Scope(everything=True)


class Viewer(BaseModel):
    """What a token says: a name for the log, a scope, when it ends; ``id`` tells tokens apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=16, max_length=64)
    name: str = Field(max_length=200)
    scope: Scope
    ends: float  # seconds since 1970


def key_file() -> Path:
    """Return the file of this installation's key (mode 600)."""
    return settings().home_dir / "queries.key"


def load_key() -> bytes:
    """Return the key, made at first use."""
    file = key_file()
    if not file.exists():
        private_folder(file.parent)
        made = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
        private_file(made).write_bytes(Fernet.generate_key())
        with suppress(FileExistsError):  # whoever is first has made it, whole
            file.hardlink_to(made)
        made.unlink()
    return file.read_bytes()


def make_token(name: str, scope: Scope = EVERYTHING, *, lifetime: float = LIFETIME) -> str:
    """Return a token for one viewer's kernel; it ends after ``lifetime`` seconds."""
    viewer = Viewer(
        id=secrets.token_urlsafe(16), name=name[:200], scope=scope, ends=time.time() + lifetime
    )
    return Fernet(load_key()).encrypt(viewer.model_dump_json().encode()).decode()


def read_token(token: object, key: bytes) -> Viewer:
    """Return whom a token was made for; raises `AccessRefused` for any that is not good now."""
    if not isinstance(token, str) or not token:
        raise AccessRefused(_("The query service was asked without a token."), hint=_again())
    try:
        if len(token) > LONGEST_TOKEN:
            raise InvalidToken
        viewer = Viewer.model_validate_json(Fernet(key).decrypt(token))
    except (InvalidToken, ValidationError, ValueError, TypeError):
        raise AccessRefused(_("The query service does not know this token."), hint=_again()) from (
            None
        )
    if viewer.ends <= time.time():
        raise AccessRefused(_("This page has been open for too long."), hint=_again())
    return viewer


class Bearers:
    """Which process uses which token: the first one that did, and no other."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[str, float]] = {}

    def check(self, viewer: Viewer, process: str) -> None:
        """Raise `AccessRefused` if another process than the first one uses a token."""
        first, _ends = self._first.setdefault(viewer.id, (process, viewer.ends))
        if first != process:
            raise AccessRefused(_("This token belongs to another page."), hint=_again())
        if len(self._first) > 10_000:
            now = time.time()
            self._first = {key: each for key, each in self._first.items() if each[1] > now}


def process_name(pid: int) -> str:
    """Return what tells a process from any other, also from a later one of the same number."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{pid} {fields[19]}"  # ticks from the machine's start to the process's
    except (OSError, IndexError):
        return str(pid)


def _again() -> str:
    return _("Open the page anew.")
