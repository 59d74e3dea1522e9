"""Which time zone a portal lives in.

Bitrix24's REST answers in the server's time and names only its offset of the moment; the offsets
of past moments show how its clock was changed, and with that the zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from workbench.bitrix24.entity import Entity
from workbench.errors import ConfigurationError
from workbench.i18n import _
from workbench.sources.pages import record_id
from workbench.sources.portal import IdReader, Reader, stream
from workbench.warehouse.bookkeeping import Bookkeeping
from workbench.warehouse.store import Store, quoted

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


def portal_zone(
    store: Store,
    chosen: str | None,
    user_zone: str,
    clock: datetime,
    told_now: Callable[[], list[datetime]] = list,
) -> str:
    """Return the portal's time zone (IANA name): ``chosen``, else the one that its moments fit.

    ``user_zone`` is what the webhook's user has set at the portal (may be empty), ``clock`` the
    present moment as the portal wrote it. While nothing was loaded since the last snapshot and
    the clock fits, the known zone stands without another look at all moments. Where these fit no
    zone, as after the portal's was changed, those of ``told_now`` decide, if there are any. Raises
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
    moments = [*written_moments(store), clock]
    zone = zone_that_fits(moments, preferred)
    return zone or zone_of([*(told_now() or moments), clock], preferred)


def fits(zone: str, moments: Iterable[datetime]) -> bool:
    """Whether a zone's clock shows each (aware) moment as it was written."""
    try:
        clock = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return all(moment.astimezone(clock).utcoffset() == moment.utcoffset() for moment in moments)


def zone_that_fits(moments: Sequence[datetime], preferred: Sequence[str] = ()) -> str | None:
    """Return the IANA name of a zone whose clock fits all ``moments`` (aware); None if none does.

    ``preferred`` zones are tried first.
    """
    zones = (*preferred, *USUAL, *sorted(available_timezones()))
    return next((zone for zone in zones if fits(zone, moments)), None)


def zone_of(moments: Sequence[datetime], preferred: Sequence[str] = ()) -> str:
    """Return the zone that fits all ``moments``; if none does, the fixed offset of the last one."""
    if zone := zone_that_fits(moments, preferred):
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


def moments_now(book: Bookkeeping, entities: Sequence[Entity]) -> list[datetime]:
    """Ask the portal how it writes now what is stored: one record per month and offset.

    If it writes one otherwise, its zone was changed: then all of ``entities`` (those that are
    listed) are to be read from their first row on, with the next sync.
    """
    fields, stored, readers = dict(MOMENTS), dict[str, dict[int, str]](), list[Reader]()
    for entity in entities:
        if entity.paging != "changed" or entity.name not in fields:
            continue
        field = quoted(fields[entity.name])
        rows = book.store.connection.execute(
            f"SELECT arg_min(_id, {field}), min({field}) FROM raw.{entity.name}"  # noqa: S608
            f" WHERE {field} IS NOT NULL GROUP BY left({field}, 7), right({field}, 6)"
            " ORDER BY 2 DESC LIMIT 100"
        ).fetchall()
        stored[entity.name] = dict(rows)
        readers.append(IdReader(entity, sorted(stored[entity.name])))
    moments, is_changed = list[datetime](), False
    for chunk in stream(book.portal, readers):
        for row in chunk.rows:
            text = str(row.get(fields[chunk.entity.name]))
            with suppress(ValueError):
                moment = datetime.fromisoformat(text)
                moments += [moment] if moment.tzinfo else []
            number = record_id(row, chunk.entity.key) or 0
            is_changed |= stored[chunk.entity.name].get(number, text) != text
    if is_changed:
        book.loaded.another_zone = True
        with book.store.transaction():
            for entity in entities:
                progress = book.store.progress(entity.name)
                progress.watermark = None
                book.store.save(entity.name, progress)
    return sorted(moments)
