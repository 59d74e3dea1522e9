"""The portal's time zone, from the offsets of its moments."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from handmade import fill, made_rows
from portal_truth import differences
from sandbox_portal import TODAY, running_portal
from syncing import add_deal, rows, synced

from workbench.errors import ConfigurationError
from workbench.warehouse.store import Store
from workbench.warehouse.zones import portal_zone, zone_of


def moments(zone: str) -> list[datetime]:
    return [datetime(2025, month, 15, 12, tzinfo=ZoneInfo(zone)) for month in range(1, 13)]


def written(moment: datetime) -> datetime:
    return datetime.fromisoformat(moment.isoformat())


@pytest.mark.parametrize(
    "zone", ["Europe/Paris", "Europe/London", "America/New_York", "Asia/Kolkata", "UTC"]
)
def test_a_year_of_moments_gives_a_zone_with_the_same_clock(zone):
    assert zone_of([written(moment) for moment in moments(zone)]) == zone


def test_a_zone_of_the_southern_half_is_found_too():
    found = zone_of([written(moment) for moment in moments("Australia/Sydney")])
    assert [m.astimezone(ZoneInfo(found)).utcoffset() for m in moments("Australia/Sydney")] == [
        m.utcoffset() for m in moments("Australia/Sydney")
    ]


def test_the_users_own_zone_is_taken_if_it_fits_and_only_then():
    paris = [written(moment) for moment in moments("Europe/Paris")]
    assert zone_of(paris, ["Europe/Berlin"]) == "Europe/Berlin"
    assert zone_of(paris, ["America/New_York", "no/zone", "../../etc/passwd"]) == "Europe/Paris"


def test_offsets_that_fit_no_zone_leave_the_last_one():
    strange = [
        datetime.fromisoformat("2025-01-15T12:00:00+05:00"),
        datetime.fromisoformat("2025-01-15T12:00:01-07:00"),
    ]
    assert zone_of(strange) == "Etc/GMT+7"
    assert zone_of([]) == "Europe/Paris"
    assert zone_of([datetime(2025, 7, 1, tzinfo=UTC)]) == "UTC"


def test_a_known_zone_stands_until_something_speaks_against_it(tmp_path):
    winter = datetime.fromisoformat("2026-01-15T12:00:00+01:00")
    with Store.open(tmp_path / "warehouse") as store:
        fill(store, made_rows(deals=20))  # moments of a portal in Paris
        store.set_info("timezone", "Africa/Lagos")  # the same clock in winter only
        assert portal_zone(store, None, "", winter) == "Africa/Lagos"
        assert portal_zone(store, None, "", written(winter.replace(month=7))) == "Africa/Lagos"
        summer = datetime.fromisoformat("2026-07-15T12:00:00+02:00")
        assert portal_zone(store, None, "", summer) == "Europe/Paris"
        store.set_info("unpublished", "Y")  # rows have come
        assert portal_zone(store, None, "", winter) == "Europe/Paris"
        assert portal_zone(store, "Asia/Tokyo", "", winter) == "Asia/Tokyo"
        with pytest.raises(ConfigurationError, match="Atlantis"):
            portal_zone(store, "Europe/Atlantis", "", winter)


def test_a_portal_that_moves_to_another_time_zone_is_followed_and_read_anew(
    loaded_company, no_external_sources, home, tmp_path
):
    origin, port = loaded_company
    shutil.copytree(origin / "warehouse", home / "warehouse")
    for file in origin.glob("portal.sqlite*"):
        shutil.copy(file, tmp_path)
    state = tmp_path / "portal.sqlite"
    with closing(sqlite3.connect(state)) as connection:
        connection.execute(
            "UPDATE portal_settings SET value = ? WHERE key = 'timezone'", [f'"{MOVED}"']
        )
        connection.commit()
    options = ("--state", str(state), "--port", port, "--today", TODAY, "--plan", "unlimited")
    with running_portal(tmp_path, *options, "--control") as portal:
        add_deal(portal.url)
        told = synced(portal.url)
        [(zone,)] = rows("SELECT value FROM info WHERE key = 'timezone'")
        assert fits_a_year(zone) and any(zone in remark for remark in told.remarks)
        synced(portal.url)
        assert differences(home, portal.url, children=0) == []
        add_deal(portal.url)
        again = synced(portal.url)
        assert again.rows["deals"] < 100 and not again.remarks
        [(zone,)] = rows("SELECT value FROM info WHERE key = 'timezone'")
        assert fits_a_year(zone)


MOVED = "America/New_York"


def fits_a_year(zone: str) -> bool:
    return all(m.astimezone(ZoneInfo(zone)).utcoffset() == m.utcoffset() for m in moments(MOVED))
