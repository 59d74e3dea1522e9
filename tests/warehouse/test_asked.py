"""More fields are asked for than before: old rows are read anew, also of a load under way."""

from datetime import UTC, datetime

import pytest

from workbench.bitrix24.entities import DEALS
from workbench.warehouse.asked import note_asked
from workbench.warehouse.store import Progress, Store

FIELD = "UF_CRM_ETAGES"


@pytest.mark.parametrize("frontier", [None, 5_000])
def test_rows_that_came_without_a_field_are_read_anew_once(tmp_path, frontier):
    with Store.open(tmp_path / "warehouse") as store:
        now = datetime.now(UTC)
        store.save("deals", Progress("partial", frontier, now.isoformat(), None, now))
        more = [DEALS.naming([FIELD])]
        assert note_asked(store, more, {}) == ["deals"]
        after = store.progress("deals")
        assert (after.watermark, after.frontier) == (None, None)
        store.save("deals", Progress("complete", None, now.isoformat()))
        assert note_asked(store, more, {}) == []


def test_a_field_that_came_into_being_at_the_portal_costs_nothing(tmp_path):
    with Store.open(tmp_path / "warehouse") as store:
        store.save("deals", Progress("complete", None, datetime.now(UTC).isoformat()))
        assert note_asked(store, [DEALS.naming([FIELD])], {"deals": [FIELD]}) == []
