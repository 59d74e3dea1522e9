"""Rates of earlier days, from ``parameters/rates.csv`` into the store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from workbench.errors import SourceError
from workbench.i18n.texts import kept
from workbench.sources.rates import read_rates
from workbench.warehouse.store import Progress, Store

RATES = "rates"


def load_rates(store: Store, file: Path) -> None:
    """Take over the file's rates. Raises `SourceError`; those of the last good file stay then.

    A file that is not there (any more) leaves none.
    """
    query = "SELECT * FROM external.rates ORDER BY ALL"
    old = store.connection.execute(query).fetchall()
    before = store.progress(RATES, RATES)
    if not file.exists():
        if old or before.status != "not loaded":
            with store.transaction():
                store.connection.execute("DELETE FROM external.rates")
                store.save(RATES, Progress(), RATES)
                store.set_info("unpublished", "Y")
        return
    base = store.base_currency()
    known = {
        code
        for (code,) in store.connection.execute("SELECT CURRENCY FROM raw.currencies").fetchall()
    }
    if not known:
        return  # nothing is loaded that could be converted
    progress = Progress("complete", last_sync=datetime.now(UTC))
    try:
        rates = read_rates(file, known, base)
    except SourceError as error:
        progress.status = "stale" if old else "failed"
        progress.missing = kept(error.problem)
        store.save(RATES, progress, RATES)
        if (before.status, before.missing) != (progress.status, progress.missing):
            store.set_info("unpublished", "Y")
        raise
    with store.transaction():
        store.connection.execute("DELETE FROM external.rates")
        if rates:
            store.connection.executemany(
                "INSERT INTO external.rates VALUES (?, ?, ?)",
                [(rate.currency, rate.valid_from, rate.rate) for rate in rates],
            )
        store.save(RATES, progress, RATES)
        new = store.connection.execute(query).fetchall()
        if new != old or before.status != "complete":
            store.set_info("unpublished", "Y")
