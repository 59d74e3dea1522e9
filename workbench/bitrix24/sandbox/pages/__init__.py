"""The sandbox's own web pages, for people: what it holds, processes, and what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.bitrix24.sandbox.pages import designer, front, processes

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal


def attach(portal: Portal) -> None:
    """Add the pages to the portal's addresses."""
    portal.routes += [*front.routes(portal), *processes.routes(portal), *designer.routes(portal)]
