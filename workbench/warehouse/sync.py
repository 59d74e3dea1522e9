"""One sync: portal and files into the store, then a snapshot if anything changed."""

from __future__ import annotations

import errno
import inspect
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import duckdb

from workbench.bitrix24.client import PATIENCE_OF_SYNC, Portal, Waiting
from workbench.bitrix24.entities import title
from workbench.errors import PortalError, SourceError, WarehouseError
from workbench.i18n import _, format_datetime, format_number
from workbench.i18n.texts import kept
from workbench.settings import settings
from workbench.sources.calendar import HOLIDAYS, read_calendar
from workbench.sources.declared import FileSource, PortalSource, pick, read_sources
from workbench.sources.rates import RATES_FILE
from workbench.warehouse import generated, ranges, ways
from workbench.warehouse.bookkeeping import UNDER_WAY, Loaded, Report
from workbench.warehouse.files import forget_files, load_file
from workbench.warehouse.loading import Loading
from workbench.warehouse.models import models, staging
from workbench.warehouse.publish import mark_checked, publish, snapshot_files, sources_query
from workbench.warehouse.rates import load_rates
from workbench.warehouse.retention import published_at
from workbench.warehouse.snapshots import is_damaged
from workbench.warehouse.store import FILE, Store, moved_away

DAMAGED = "Corrupt database file"  # DuckDB's words; its error is one of input and output


@dataclass
class SyncResult:
    """What a sync did.

    ``rows`` read and ``changed`` (new, different, gone) per entity; ``snapshot`` is the id of the
    one published, ``None`` if nothing changed; ``problems`` says per entity or source what could
    not be loaded; ``remarks`` what the reader should know.
    """

    rows: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    seconds: float = 0.0
    publish_seconds: float = 0.0
    snapshot: str | None = None
    problems: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @property
    def rows_read(self) -> int:
        """All rows that came in."""
        return sum(self.rows.values())


def models_version() -> str:
    """Return a fingerprint of the SQL and the calendar that build a snapshot."""
    shaped = [inspect.getsource(module) for module in (generated, ranges, ways)]
    parts = [*staging().values(), *(model.sql for model in models()), sources_query(), *shaped]
    parts += [read_calendar().model_dump_json(), HOLIDAYS.read_text("utf-8")]
    text = "".join(parts)
    return sha256(text.encode()).hexdigest()[:12]


def too_early(file: Path, minutes: float) -> datetime | None:
    """Return from when on the next snapshot may be published, if that is still to come.

    Without a distance it may be at once, also if the last one's id is ahead of the clock.
    """
    moment = published_at(file.stem) if minutes else None
    due = moment + timedelta(minutes=minutes) if moment else None
    return due if due and due > datetime.now(UTC) else None


def publish_if_changed(
    store: Store, as_of: datetime, referred: Collection[str] = ()
) -> str | datetime | None:
    """Publish a snapshot if the store or the models changed since the last one; returns its id.

    Returns the moment from which on it may be published if the last one is too young for another,
    and ``None`` if nothing changed.
    """
    version = models_version()
    files = snapshot_files(store.folder / "snapshots")
    there = bool(files) and not is_damaged(files[-1])
    current = store.info("published_models") == version
    if there and current and store.info("unpublished") != "Y":
        mark_checked(files[-1], as_of)
        return None
    due = too_early(files[-1], settings().snapshot_minutes) if there and current else None
    if due:
        return due
    snapshot = publish(store, as_of, version=version, referred=referred)
    with store.transaction():
        store.set_info("unpublished", "")
        store.set_info("published_models", version)
        store.set_info("as_of", as_of.isoformat())
    return snapshot


@contextmanager
def told_as_ours() -> Iterator[None]:
    """Turn what DuckDB says (a full disk, a damaged file), or the disk itself, into our error."""
    stays = _("What was committed stays; the next sync goes on from there.")
    room = " ".join((_("Make room on it."), stays))
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        full = _("The disk is full: {file} cannot be written.")
        name = error.filename or settings().home_dir
        raise WarehouseError(full.format(file=name), hint=room) from error
    except duckdb.Error as error:
        if KeyboardInterrupt.__name__ in str(error):  # a Ctrl-C that came while DuckDB worked
            raise KeyboardInterrupt from None
        folder = settings().home_dir / "warehouse"
        if isinstance(error, duckdb.SerializationException) or DAMAGED in str(error):
            raise WarehouseError(
                _("The warehouse file is damaged: {reason}").format(reason=str(error).strip()),
                hint=moved_away(folder / FILE),
            ) from error
        if os.strerror(errno.ENOSPC) in str(error):
            full = _("The disk is full: the warehouse in {folder} cannot be written.")
            raise WarehouseError(full.format(folder=folder), hint=room) from error
        raise WarehouseError(
            _("The warehouse cannot be written: {reason}").format(reason=str(error).strip()),
            hint=stays,
        ) from error


def sync(
    names: list[str] | None = None,
    *,
    full: bool = False,
    portal: Portal | None = None,
    report: Report | None = None,
    waiting: Waiting | None = None,
    referred: Callable[[], Collection[str]] | None = None,
) -> SyncResult:
    """Bring the warehouse up to date and publish a snapshot if anything changed.

    ``names``: sources of ``parameters/sources.yml`` (default: all). ``full`` reads everything
    again. ``report(entity, rows)`` is called as rows come in, ``waiting(reason, seconds)`` from
    another thread when the portal has to be waited for. ``referred`` gives the ids of snapshots
    that something refers to, which therefore stay. Raises `SyncRunning` if another
    process is at it, the `PortalError` family for what concerns the whole portal; what a single
    entity or file lacks is in the result's ``problems``.
    """
    started = time.perf_counter()
    current = settings()
    chosen = pick(read_sources(), names or [])
    result = SyncResult()
    with told_as_ours(), Store.open(current.home_dir / "warehouse") as store:
        as_of = datetime.now(UTC)
        if full:
            ways.forget_ways(store.connection)
        if any(isinstance(source, PortalSource) for source in chosen.values()):
            with opened(portal, waiting) as reached:
                loaded = _load_portal(store, reached, full, report, result)
            as_of = loaded.as_of
        elif store.info("as_of"):
            as_of = datetime.fromisoformat(store.info("as_of"))
        for name, source in chosen.items():
            if isinstance(source, FileSource):
                try:
                    result.remarks += load_file(store, name, source, current.home_dir)
                except SourceError as error:
                    result.problems[name] = str(error)
        try:
            load_rates(store, current.parameters_dir / RATES_FILE)
        except SourceError as error:
            result.problems["rates"] = str(error)
        if not names:
            forget_files(store, set(chosen))
        publishing = time.perf_counter()
        if store.info(UNDER_WAY):
            result.remarks.append(
                _("A sync of the portal was broken off: the next one reads the rest and publishes.")
            )
            published = None
        else:
            published = publish_if_changed(store, as_of, referred() if referred else ())
        if isinstance(published, datetime):
            moment = format_datetime(published, store.info("timezone", "UTC"))
            sentence = _("Changes are in; they are published with a sync after {moment}.")
            result.remarks.append(sentence.format(moment=moment))
        else:
            result.snapshot = published
        result.publish_seconds = time.perf_counter() - publishing
    result.seconds = time.perf_counter() - started
    return result


@contextmanager
def opened(portal: Portal | None, waiting: Waiting | None) -> Iterator[Portal]:
    """Give the portal to read: a caller's own, which stays open, or that of the settings."""
    reached = portal or Portal.from_settings(patience=PATIENCE_OF_SYNC, background=True)
    reached.waiting = waiting or reached.waiting
    try:
        yield reached
    finally:
        if portal is None:
            reached.close()


def _load_portal(
    store: Store, portal: Portal, full: bool, report: Report | None, result: SyncResult
) -> Loaded:
    before = portal.requests
    loading = Loading(portal, store, full=full, report=report)
    try:
        loaded = loading.run(settings().timezone)
    except PortalError as error:
        _mark_interrupted(store, error)
        if error.may_pass:
            stays = _("What was committed stays; the next sync goes on from there.")
            error.hint = f"{error.hint} {stays}".strip()
        raise
    finally:
        result.requests = portal.requests - before
        result.rows, result.changed = loading.loaded.rows, loading.loaded.changed
    if store.info(UNDER_WAY):
        store.set_info(UNDER_WAY, "")
    scopes = {entity.name: entity.scope for entity in store.entities()}
    for name, refusal in loaded.problems.items():
        scope = scopes.get(name, "crm")
        if name in loaded.left_out:
            sentence = _("{name}: not loaded, the webhook has no scope “{scope}”.")
            result.remarks.append(sentence.format(name=title(name), scope=scope))
        elif refusal.code == "INSUFFICIENT_SCOPE":
            sentence = _("not loaded, the webhook has no scope “{scope}”.")
            result.problems[name] = f"{sentence.format(scope=scope)} {refusal.hint}".strip()
        else:
            result.problems[name] = str(refusal)
    if loaded.anew:
        sentence = _("Read anew in full, for an earlier sync left some fields out: {names}.")
        names = ", ".join(title(name) for name in loaded.anew)
        result.remarks.append(sentence.format(names=names))
    if loaded.another_base:
        sentence = _(
            "The base currency is now {currency}: the exchange rates observed for another one are"
            " not used any more."
        )
        result.remarks.append(sentence.format(currency=store.base_currency()))
    if loaded.another_zone:
        sentence = _(
            "The portal’s time zone is now {zone}: the next sync reads all records again, for they"
            " are written in it."
        )
        result.remarks.append(sentence.format(zone=store.info("timezone")))
    for name, number in loaded.silent.items():
        sentence = _("{name}: those of {n} records had changed without a new date; read again.")
        result.remarks.append(sentence.format(name=title(name), n=format_number(number)))
    if loaded.hidden_from is not None:
        result.remarks.append(
            _(
                "The webhook’s user {user} is no administrator: records that this user may not "
                "see are missing without notice."
            ).format(user=loaded.hidden_from)
        )
    if portal.moved_to:
        result.remarks.append(
            _("The portal is now called {host}; run `workbench connect` to store this.").format(
                host=portal.host
            )
        )
    return loaded


def _mark_interrupted(store: Store, error: PortalError) -> None:
    """Say of every entity that this sync did not finish how much of it is there."""
    rows = store.connection.execute(
        "SELECT entity FROM state.progress WHERE source = 'bitrix24' AND frontier IS NOT NULL"
    ).fetchall()
    for (entity,) in rows:
        progress = store.progress(entity)
        progress.status, progress.missing = "partial", kept(error.message)
        store.save(entity, progress)
