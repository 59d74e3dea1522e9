"""Exchange rates in the store: those observed, and of earlier days ``parameters/rates.csv``."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from workbench.errors import SourceError
from workbench.sources.rates import read_rates
from workbench.warehouse.files import forget_file, keep_rows, known_currencies, replace_rows
from workbench.warehouse.store import Progress, Store

RATES = "rates"
BASE = "base of observed rates"  # in state.info


def load_rates(store: Store, file: Path) -> None:
    """Take over the file's rates. Raises `SourceError`; those of the last good file stay then.

    A file that is not there (any more) leaves none.
    """
    if not file.exists():
        forget_file(store, RATES)
        return
    known = known_currencies(store)
    if not known:
        return  # nothing is loaded that could be converted
    try:
        rates = read_rates(file, known, store.base_currency())
    except SourceError as error:
        keep_rows(store, RATES, error)
        raise
    rows = [vars(rate) for rate in rates]
    replace_rows(store, RATES, rows, Progress("complete", last_sync=datetime.now(UTC)))


def mind_base(store: Store) -> bool:
    """Let rates go that were observed for another base currency; returns whether there were any.

    Earlier versions did not note the base. They kept the base itself, too, at a rate of 1: another
    one was observed while it was not the base.
    """
    row = store.connection.execute(
        "SELECT min(CURRENCY) FROM raw.currencies WHERE upper(BASE) IN ('Y', '1', 'TRUE')"
    ).fetchone()
    base, noted = str(row[0] or "") if row else "", store.info(BASE)
    if not base or base == noted:
        return False
    rates = store.connection.execute("SELECT currency, rate FROM state.observed_rates").fetchall()
    another = bool(noted) or any(currency == base and rate != 1 for currency, rate in rates)
    with store.transaction():
        store.connection.execute(
            "DELETE FROM state.observed_rates WHERE currency = ? OR ?", [base, another]
        )
        store.set_info(BASE, base)
    return another and bool(rates)


def observe_rates(store: Store, day: date) -> int:
    """Keep the portal's present rates as those of ``day``, where they differ from the last.

    Bitrix24 gives only the present rate: ``AMOUNT`` base units for ``AMOUNT_CNT`` units. The base
    currency has none.
    Returns how many rates were new.
    """
    result = store.connection.execute(
        "INSERT OR REPLACE INTO state.observed_rates (currency, observed_on, rate)"
        " SELECT c.CURRENCY, ?::DATE, c.rate FROM ("
        "   SELECT CURRENCY, TRY_CAST(AMOUNT AS DECIMAL(24, 10))"
        "     / greatest(coalesce(TRY_CAST(AMOUNT_CNT AS INTEGER), 1), 1) AS rate"
        "   FROM raw.currencies WHERE CURRENCY IS NOT NULL"
        "    AND coalesce(upper(BASE), '') NOT IN ('Y', '1', 'TRUE')) AS c"
        " LEFT JOIN (SELECT currency, arg_max(rate, observed_on) AS rate"
        "   FROM state.observed_rates GROUP BY currency) AS last USING (currency)"
        " WHERE c.rate > 0 AND (last.rate IS NULL OR abs(last.rate - c.rate) > 1e-9)",
        [day],
    ).fetchone()
    return int(result[0]) if result else 0
