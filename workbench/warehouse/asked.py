"""Which fields were asked for: more of them than before, and the old rows lack the rest.

So it is after an update of this program that names more fields, in stores of versions that left
user fields of several values out, and once the webhook may read user fields. A field that came
into being at the portal needs nothing: records that have it have changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from workbench.bitrix24.entities import EVERYTHING
from workbench.bitrix24.entity import Entity
from workbench.warehouse.store import Store


def note_asked(
    store: Store, entities: Iterable[Entity], born: Mapping[str, Sequence[str]]
) -> list[str]:
    """Write down what is asked for from now on; returns the kinds that have to be read anew.

    ``born`` are the user fields that the portal did not have at the last sync. Those that return
    have no watermark any more (and a load under way has no frontier), so that they are read from
    their first row on.
    """
    anew = []
    for entity in entities:
        names = entity.select()
        if not names:
            continue
        key = f"asked of {entity.name}"
        before = store.info(key).split() or EVERYTHING
        if set(names) == set(before):
            continue
        with store.transaction():
            store.set_info(key, " ".join(names))
            progress = store.progress(entity.name)
            more = set(names) - set(before) - set(born.get(entity.name, ()))
            if more and progress.watermark:
                progress.watermark = progress.frontier = None
                store.save(entity.name, progress)
                anew.append(entity.name)
    return anew
