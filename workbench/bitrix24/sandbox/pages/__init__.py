"""The sandbox's own web pages, for people: what it holds, processes, and what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.bitrix24.sandbox.pages import applications, designer, frame, front, processes

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.portal import Portal


def attach(portal: Portal) -> None:
    """Add the pages to the portal's addresses."""
    for pages in (front, processes, designer, applications, frame):
        portal.routes += pages.routes(portal)
