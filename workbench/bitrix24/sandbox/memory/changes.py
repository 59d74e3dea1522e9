"""What the listeners of the portal are told."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.bitrix24.sandbox.memory.fields import Row


@dataclass(frozen=True)
class Change:
    """One change of a record, told to the listeners after it is written.

    ``kind`` is ``add``, ``update``, ``delete`` or ``category`` (a deal moved to another funnel,
    which fires ONCRMDEALMOVETOCATEGORY and not ONCRMDEALUPDATE). ``robot`` is True where a process
    or robot acted: its events carry no access token. ``connector`` is the writer's
    ``auth_connector``.
    """

    entity: str
    id: int
    kind: str
    actor: int
    robot: bool = False
    before: Row | None = None
    after: Row | None = None
    changed: frozenset[str] = frozenset()
    connector: str = ""
