"""The portal's clock: watermarks are moments of it, and it may be set back.

What changes in the time that then comes a second time carries dates before the watermark.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workbench.warehouse.store import Store

NOTICEABLE = timedelta(minutes=1)  # answers take seconds; the rest is the overlap's business
PORTAL, MACHINE = "portal clock", "machine clock"


def mind_clock(store: Store, moment: datetime) -> timedelta:
    """Take note of the portal's clock (aware); returns by how much it was set back, mostly 0.

    That shows against this machine's clock, and against the portal's own of the last time. The
    watermarks are lowered by as much. If it is this machine's clock that was set, some changes are
    read again for nothing.
    """
    here = datetime.now(UTC)
    back = timedelta(0)
    if store.info(PORTAL) and store.info(MACHINE):
        last = datetime.fromisoformat(store.info(PORTAL))
        passed = here - datetime.fromisoformat(store.info(MACHINE))
        back = max(last, last + passed) - moment
    back = back if back >= NOTICEABLE else timedelta(0)
    with store.transaction():
        for entity in store.entities() if back else ():
            progress = store.progress(entity.name)
            if entity.paging == "changed" and progress.watermark:
                lower = datetime.fromisoformat(progress.watermark) - back
                progress.watermark = lower.isoformat(timespec="seconds")
                store.save(entity.name, progress)
        store.set_info(PORTAL, moment.isoformat())
        store.set_info(MACHINE, here.isoformat())
    return back
