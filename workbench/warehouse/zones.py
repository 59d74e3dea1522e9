"""Which time zone a portal lives in.

Bitrix24's REST answers in the server's time and names only its offset of the moment; the offsets
of past moments show how its clock was changed, and with that the zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from workbench.errors import ConfigurationError
from workbench.i18n import _
from workbench.warehouse.store import Store

# Of zones with the same clock the first one here is taken.
USUAL = (
    "Europe/Paris",
    "Europe/London",
    "Europe/Athens",
    "Europe/Istanbul",
    "Europe/Moscow",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Asia/Dubai",
    "Asia/Almaty",
    "Asia/Kolkata",
    "UTC",
)
MOMENTS = (
    ("deal_history", "CREATED_TIME"),
    ("deals", "DATE_CREATE"),
    ("leads", "DATE_CREATE"),
    ("activities", "CREATED"),
)


def portal_zone(store: Store, chosen: str | None, user_zone: str, clock: datetime) -> str:
    """Return the portal's time zone (IANA name): ``chosen``, else the one that its moments fit.

    ``user_zone`` is what the webhook's user has set at the portal (may be empty), ``clock`` the
    present moment as the portal wrote it. While nothing was loaded since the last snapshot and
    the clock fits, the known zone stands without another look at all moments. Raises
    `ConfigurationError` for a chosen zone that does not exist.
    """
    if chosen:
        if not fits(chosen, []):
            raise ConfigurationError(
                _("WORKBENCH_TIMEZONE: there is no time zone {name}.").format(name=chosen),
                hint=_("Name one like Europe/Paris."),
            )
        return chosen
    known = store.info("timezone")
    if known and store.info("unpublished") != "Y" and fits(known, [clock]):
        return known
    preferred = [zone for zone in (known, user_zone) if zone]
    return zone_of([*written_moments(store), clock], preferred)


def fits(zone: str, moments: Iterable[datetime]) -> bool:
    """Whether a zone's clock shows each (aware) moment as it was written."""
    try:
        clock = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return all(moment.astimezone(clock).utcoffset() == moment.utcoffset() for moment in moments)


def zone_of(moments: Sequence[datetime], preferred: Sequence[str] = ()) -> str:
    """Return the IANA name of a zone whose clock fits all ``moments`` (aware).

    ``preferred`` zones are tried first. If none fits, the fixed offset of the last moment.
    """
    for zone in (*preferred, *USUAL, *sorted(available_timezones())):
        if fits(zone, moments):
            return zone
    offset = (moments[-1].utcoffset() if moments else None) or timedelta(0)
    hours = round(offset.total_seconds() / 3600)
    return "UTC" if hours == 0 else f"Etc/GMT{'-' if hours > 0 else '+'}{abs(hours)}"


def written_moments(store: Store) -> list[datetime]:
    """Return one written moment per month and offset of what the portal gave."""
    parts = " UNION ALL ".join(
        f'SELECT "{field}" AS moment FROM raw.{table}'  # noqa: S608
        for table, field in MOMENTS
    )
    rows = store.connection.execute(
        f"SELECT min(moment) FROM ({parts})"  # noqa: S608
        r" WHERE regexp_full_match(moment, '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d')"
        " GROUP BY left(moment, 7), right(moment, 6) ORDER BY 1 DESC LIMIT 200"
    ).fetchall()
    moments = []
    for (text,) in reversed(rows):
        try:
            moments.append(datetime.fromisoformat(text))
        except ValueError:
            continue  # such as the 31st of a shorter month: counted as unparsed elsewhere
    return moments
