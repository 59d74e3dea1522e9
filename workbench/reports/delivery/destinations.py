"""Where a report file may have a run's results sent: the entries of ``deliver``."""

from __future__ import annotations

import re
from email.headerregistry import Address
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from workbench.i18n import _, language

Text = Annotated[str, Field(min_length=1, max_length=500)]
OWN = "own"  # stands for whom a run of `for_each` is about
Part = Literal["html", "xlsx", "pdf", "notebook", "charts", "tables"]


class Titles(BaseModel):
    """A text in both languages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fr: Text
    en: Text

    def __str__(self) -> str:
        return self[language()]

    def __getitem__(self, code: str) -> str:
        return self.fr if code == "fr" else self.en


def _address(value: str) -> str:
    """Check an e-mail address as servers take it: one mailbox, plain ASCII."""
    if value == OWN:
        return value
    if not is_address(value):
        raise ValueError(_("not an e-mail address; for example sales@example.com"))
    return value


def is_address(value: str) -> bool:
    """Tell whether this is one mailbox that can be written to."""
    if not re.fullmatch(r"[\x21-\x7e]{1,200}@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+", value):
        return False
    try:
        return Address(addr_spec=value).addr_spec == value and not set(value) & set('<>,;:"()')
    except (ValueError, IndexError):
        return False


MailAddress = Annotated[str, AfterValidator(_address)]


def _page_and_workbook() -> list[Part]:
    return ["html", "xlsx"]


def _workbook() -> list[Part]:
    return ["xlsx"]


class _Destination(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OnlyIf(_Destination):
    """When a delivery is made; several conditions must all hold.

    ``figure`` is the id of a key figure of the page; by default the page's answer is meant.
    ``outside_forecast`` stands for itself: it looks at a metric's months, not at a figure.
    """

    figure: str = Field("", description="Id of a key figure; by default the page's answer.")
    above: float | None = Field(None, description="Only if it is greater than this.")
    below: float | None = Field(None, description="Only if it is less than this.")
    changed: bool = Field(False, description="Only if it differs from the last run's.")
    changed_by: float | None = Field(
        None, gt=0, description="Only if it changed by this share since the last run; 0.1 is 10%."
    )
    outside_forecast: Text | None = Field(
        None,
        description="Id of a metric: only if its last whole month left the band that was forecast.",
    )

    @property
    def looks_at_a_figure(self) -> bool:
        """Whether a key figure, or the page's answer, matters."""
        limits = (self.above, self.below, self.changed_by)
        return bool(self.figure) or self.changed or any(each is not None for each in limits)


class _Conditional(_Destination):
    only_if: OnlyIf | None = Field(None, description="Deliver only if this holds.")


class Mail(_Conditional):
    """An e-mail with the key figures and the first chart; the server is a setting."""

    by: Literal["mail"]
    to: list[MailAddress] = Field(
        min_length=1,
        max_length=50,
        description="Addresses; `own` is who a run of for_each is about.",
    )
    cc: list[MailAddress] = Field(default_factory=list, max_length=50)
    subject: Titles | None = Field(None, description="By default the title and the period.")
    attach: list[Part] = Field(default_factory=_page_and_workbook)


class Folder(_Conditional):
    """A folder of this machine or a mounted share; each run gets one of its own in it."""

    by: Literal["folder"]
    path: Text = Field(description="Absolute, or below outputs/.")
    files: list[Part] = Field(default_factory=_page_and_workbook)

    @field_validator("path")
    @classmethod
    def _leads_nowhere_else(cls, value: str) -> str:
        if ".." in PurePath(value).parts or "\0" in value:
            raise ValueError(_("a folder without .. in its path"))
        return value


class Webhook(_Conditional):
    """A POST with the run's record and figures as JSON; its address is a setting."""

    by: Literal["webhook"]
    hook: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$", description="Name of an address of WORKBENCH_HOOKS."
    )


class Chat(_Conditional):
    """A message in a chat of the portal."""

    by: Literal["chat"]
    dialog: str = Field(pattern=r"^(chat)?\d+$", description="chat12 is a chat, 5 a user.")


class Notification(_Conditional):
    """A notification to users of the portal."""

    by: Literal["notification"]
    users: list[int | Literal["own"]] = Field(
        min_length=1,
        max_length=50,
        description="Ids of users; `own` is who a run of for_each is about.",
    )


class Disk(_Conditional):
    """Files in a folder of the portal's Disk."""

    by: Literal["disk"]
    folder: int = Field(ge=1, description="Id of the folder.")
    files: list[Part] = Field(default_factory=_page_and_workbook)


class Timeline(_Conditional):
    """A comment in the timeline of a CRM card, the workbook attached."""

    by: Literal["timeline"]
    entity: Literal["deal", "lead", "contact", "company"]
    id: int = Field(ge=1)
    files: list[Part] = Field(default_factory=_workbook)


Destination = Annotated[
    Mail | Folder | Webhook | Chat | Notification | Disk | Timeline, Field(discriminator="by")
]
DESTINATIONS: dict[str, type[BaseModel]] = {
    "mail": Mail,
    "folder": Folder,
    "webhook": Webhook,
    "chat": Chat,
    "notification": Notification,
    "disk": Disk,
    "timeline": Timeline,
}


def shown(destination: Any) -> str:
    """Return in one line where a delivery goes."""
    match destination:
        case Mail():
            return ", ".join([*destination.to, *destination.cc])
        case Folder():
            return destination.path
        case Webhook():
            return destination.hook
        case Chat():
            return destination.dialog
        case Notification():
            return ", ".join(f"#{user}" for user in destination.users)
        case Disk():
            return f"#{destination.folder}"
        case Timeline():
            return f"{destination.entity} {destination.id}"
    raise TypeError(type(destination).__name__)
