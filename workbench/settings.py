"""The environment, read in one place.

Every variable begins with ``WORKBENCH_``. Other modules get values from here or as arguments;
none reads ``os.environ`` for a setting.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One installation: where things are and how it talks to the portal."""

    model_config = SettingsConfigDict(env_prefix="WORKBENCH_", extra="ignore", frozen=True)

    project: Path | None = Field(None, description="Folder that holds notebooks/ and parameters/.")
    home: Path | None = Field(None, description="State: warehouse, queue, ledger, tokens, imports.")
    outputs: Path | None = Field(None, description="Where runs are written.")
    config: Path | None = Field(None, description="Folder of the stored credentials (mode 600).")
    language: Literal["fr", "en"] = Field("fr", description="Language of every visible text.")
    webhook: SecretStr | None = Field(
        None,
        description="Incoming webhook, https://HOST/rest/USER/CODE/; wins over the stored one.",
    )
    plan: Literal["standard", "enterprise", "unlimited"] = Field(
        "standard", description="The portal's plan, which sets the request rate."
    )
    operating: float = Field(
        480.0,
        ge=0,
        description="Seconds of operating time that the portal gives each method in ten minutes; "
        "0: it sets no limit, as self-hosted portals mostly do not.",
    )
    timezone: str | None = Field(None, description="The portal's time zone, if its own is wrong.")
    fiscal_year_start: int = Field(
        1, ge=1, le=12, description="Month in which the company's fiscal year begins, 1 to 12."
    )
    attribution_days: int = Field(
        90,
        ge=1,
        le=730,
        description="Days before a deal is won in which contacts with its customer share in it.",
    )
    snapshot: str | None = Field(None, description="Pin every reader to this snapshot id.")
    snapshot_minutes: float = Field(
        0.0,
        ge=0,
        description="Minutes at least between two published snapshots; 0: publish every change.",
    )
    kernels: Literal["forked", "stock"] = Field(
        "forked",
        description="Kernels and processes of runs: forked from a preloaded process, or started "
        "anew.",
    )
    zygote: Path | None = Field(
        None,
        description="Socket of another's preloaded process for `workbench.kernels` to fork from.",
    )
    queries: Path | None = Field(
        None,
        description="Folder of the query service's sockets; who has it opens no snapshot itself.",
    )
    viewer: SecretStr | None = Field(None, description="The token to ask the query service with.")
    query_memory: str = Field(
        "500MB",
        pattern=r"^[1-9]\d{0,5}(MB|GB)$",
        description="Memory that the query service may take for running queries.",
    )
    query_seconds: float = Field(
        30.0, gt=0, description="Seconds that one query of the query service may take."
    )
    run: Path | None = Field(None, description="Folder of the run that this process belongs to.")
    smtp_host: str | None = Field(None, description="Mail server that takes reports for delivery.")
    smtp_port: int | None = Field(
        None, ge=1, le=65_535, description="Its port; by default 587, 465 with `tls`."
    )
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is encrypted; `none` on this machine only."
    )
    smtp_user: str | None = Field(None, description="Login at the mail server, if it wants one.")
    smtp_password: SecretStr | None = Field(None, description="Its password.")
    smtp_from: str | None = Field(
        None, description="Sender of reports, for example Reports <reports@example.com>."
    )
    hooks: dict[str, SecretStr] = Field(
        default_factory=dict,
        description='Webhooks that reports are sent to: {"name": "https://…"}.',
    )
    trigger_token: SecretStr | None = Field(
        None, description="With it other programs start triggers (POST /triggers/NAME)."
    )
    dashboards_address: str | None = Field(
        None, description="Address at which people reach `workbench serve`; messages link there."
    )
    app_client_id: str | None = Field(None, description="The local application's client_id.")
    app_client_secret: SecretStr | None = Field(
        None, description="Its client_secret; goes to the authorization server only."
    )
    app_portal: str | None = Field(
        None, description="Address of the application's portal, if it is not the webhook's."
    )
    app_address: str | None = Field(
        None, description="Public address at which the portal reaches `workbench app serve`."
    )
    oauth_server: str = Field(
        "https://oauth.bitrix.info", description="Bitrix24's authorization server."
    )

    @cached_property
    def project_dir(self) -> Path:
        """The folder with ``notebooks/`` and ``parameters/``.

        ``WORKBENCH_PROJECT``, else the nearest one upwards from the working directory, else the
        one that holds this package.
        """
        if self.project:
            return self.project.resolve()
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / "notebooks").is_dir() and (folder / "parameters").is_dir():
                return folder
        return Path(__file__).resolve().parent.parent

    @cached_property
    def config_dir(self) -> Path:
        """Folder of the stored credentials: the user's own, outside the repository."""
        return self.config or Path(platformdirs.user_config_dir("workbench"))

    @property
    def credentials_file(self) -> Path:
        """The webhook that ``workbench connect`` stored (mode 600)."""
        return self.config_dir / "portal.json"

    @cached_property
    def home_dir(self) -> Path:
        """State of this installation.

        ``WORKBENCH_HOME``; else ``.workbench/portal`` once a portal is connected; else
        ``.workbench/demo``, so that every command works on the demonstration's data until then.
        """
        if self.home:
            return self.home.resolve()
        connected = self.webhook is not None or self.credentials_file.exists()
        return self.project_dir / ".workbench" / ("portal" if connected else "demo")

    @property
    def pages_dir(self) -> Path:
        """Where visitors' pages keep their logs and what they save: all of the home they know."""
        return self.home_dir if self.queries else self.home_dir / "pages"

    @property
    def demo_portal_file(self) -> Path:
        """The webhook of the demonstration's portal, while that runs."""
        return self.home_dir / "portal.url"

    @cached_property
    def outputs_dir(self) -> Path:
        """Where runs are written."""
        return (self.outputs or self.project_dir / "outputs").resolve()

    @property
    def notebooks_dir(self) -> Path:
        """The notebooks' sources."""
        return self.project_dir / "notebooks"

    @property
    def parameters_dir(self) -> Path:
        """What runs when: report files, sources, rules."""
        return self.project_dir / "parameters"


def private_folder(folder: Path) -> Path:
    """Create ``folder`` and what is missing above it for this user alone (700); return it.

    For what holds the portal's data or secrets. One that others could read is closed to them,
    but for the home itself, which its user may have made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
    if folder != settings().home_dir and folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def private_file(file: Path) -> Path:
    """Create ``file`` empty, unless it is there, and let this user alone read it (600); return it.

    For what may stand in a folder that others can read; folders that are missing are private.
    A file that is there is not opened: to close it would give up the locks that SQLite holds on it
    for this process (https://sqlite.org/howtocorrupt.html, section 2.2).
    """
    if not file.parent.exists():
        private_folder(file.parent)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    if file.stat().st_mode & 0o077:
        file.chmod(0o600)
    return file


def write_whole(file: Path, text: str) -> None:
    """Write ``file`` (UTF-8) whole or not at all; an error names it, a full disk's as well."""
    partial = file.with_name(f".{file.name}")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(file)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)  # half of it would only take room
        error.filename = str(file)
        raise


def installation() -> str:
    """Return what tells this installation's state from any other's, made at first use."""
    file = private_folder(settings().home_dir) / "installation"
    if not file.exists():
        made = file.with_name(f".installation.{os.getpid()}.{secrets.token_hex(4)}")
        private_file(made).write_text(secrets.token_hex(16))
        with suppress(FileExistsError):  # whoever is first has made it, whole
            file.hardlink_to(made)
        made.unlink()
    return file.read_text()


def settings() -> Settings:
    """Return the settings of this moment's environment; cheap, as it is read anew when it changes.

    Paths that depend on the working directory or on files are those of this moment too.
    """
    prefix = Settings.model_config["env_prefix"]
    own = ((name, value) for name, value in os.environ.items() if name.upper().startswith(prefix))
    return _read(tuple(own)).model_copy()


@lru_cache(maxsize=8)
def _read(_environment: tuple[tuple[str, str], ...]) -> Settings:
    return Settings()
