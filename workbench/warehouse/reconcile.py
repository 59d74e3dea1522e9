"""Does the store hold what the portal has? Counted, re-read and summed anew.

Once a day (the portal's): the rows of every kind against the portal's own count, and twenty pages
at random, field by field; what differs there is put right. After a full load: sums of amounts as
they came in, against those that are stored. What was done and found stands in ``reconciled.json``
beside the store, for readers.
"""

from __future__ import annotations

import json
import random
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from workbench.bitrix24.answers import BatchAnswer
from workbench.bitrix24.entity import Entity
from workbench.errors import PortalError
from workbench.i18n import _
from workbench.i18n.texts import kept, kept_list
from workbench.settings import write_whole
from workbench.sources.pages import Row, as_text, record_id, to_arrow
from workbench.sources.portal import PAGE, TOP, fetch, last_id, page_call
from workbench.warehouse.bookkeeping import OVERLAP, Bookkeeping
from workbench.warehouse.deletions import count_call, delete_missing, is_countable
from workbench.warehouse.findings import FILE, Finding, read_findings
from workbench.warehouse.store import Store
from workbench.warehouse.stored_rows import id_at, rows_between

PAGES = 20
SHOWN = 5  # fields or groups named in a finding
ABSENT, GONE = "(not here)", "(gone)"  # instead of a field: the whole row
CENT = Decimal("0.01")
HIGHEST = Decimal(10) ** 16


def reconcile(book: Bookkeeping, entities: Sequence[Entity], seed: int | None = None) -> bool:
    """Count and re-read, unless that was done today; returns whether it was done now."""
    today = book.loaded.as_of.date().isoformat()
    if book.store.info("reconciled_on") == today:
        return False
    usable = [entity for entity in entities if entity.name not in book.loaded.problems]
    number = secrets.randbits(32) if seed is None else seed
    keep(book.store, count_rows(book, usable) + reread(book, usable, number))
    book.store.set_info("reconciled_on", today)
    return True


def recount(book: Bookkeeping, entities: Sequence[Entity]) -> None:
    """Count again what differed when it was counted last, and has been mended since."""
    differed = {
        each.entity
        for each in read_findings(book.store.folder)
        if (each.kind, each.outcome) == ("count", "differs")
    }
    mended = {*book.loaded.full, *(name for name, rows in book.loaded.changed.items() if rows)}
    wanted = differed & mended - book.loaded.problems.keys()
    if wanted:
        keep(book.store, count_rows(book, [e for e in entities if e.name in wanted]))


def now() -> str:
    """Return this moment as findings have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


# -- counts -------------------------------------------------------------------------------


def count_rows(book: Bookkeeping, entities: Sequence[Entity]) -> list[Finding]:
    """Compare how many rows are stored with how many the portal counts.

    A count of many rows is dear, and may take the portal longer than it may: each such count is a
    request of its own, and one that fails is not done today. Rows that only ever are appended are
    not compared by id; the first count that finds some missing (or, of few rows, some too many) has
    them all read anew next time.
    """
    small = [entity for entity in entities if is_countable(book.store, entity)]
    counted = fetch(book.portal, [count_call(entity) for entity in small])
    answers = {entity.name: answer for entity, answer in zip(small, counted, strict=True)}
    for entity in entities:
        if entity.name not in answers:
            try:
                answers[entity.name] = book.portal.submit([count_call(entity)]).result()[0]
            except PortalError as error:
                answers[entity.name] = BatchAnswer(error=error)
    last = {each.entity: each for each in read_findings(book.store.folder) if each.kind == "count"}
    findings = []
    for entity in entities:
        answer, here = answers[entity.name], book.store.count(entity.name)
        if answer.total is None:
            reason = kept(answer.error.message) if answer.error else ""
            findings.append(Finding("count", entity.name, now(), "not done", detail=reason))
            continue
        apart = abs(answer.total - here)
        known = entity.name in last and last[entity.name].outcome == "differs"
        wrong = here < answer.total or (apart and is_countable(book.store, entity))
        if entity.paging == "appended" and wrong and not known:
            progress = book.store.progress(entity.name)
            progress.watermark = None
            book.store.save(entity.name, progress)
        findings.append(
            Finding(
                "count",
                entity.name,
                now(),
                "differs" if apart else "agrees",
                answer.total,
                apart,
                detail=kept(
                    _("{here} here, {there} at the portal").format(here=here, there=answer.total)
                )
                if apart
                else "",
            )
        )
    return findings


# -- pages --------------------------------------------------------------------------------


def reread(book: Bookkeeping, entities: Sequence[Entity], seed: int) -> list[Finding]:
    """Read pages from random ids on again and compare them field by field; repairs what differs.

    Every kind gets a page before one gets a second; the rest by their numbers of rows.
    """
    rng = random.Random(seed)  # noqa: S311
    counts = [(entity, book.store.count(entity.name)) for entity in entities]
    stocked = [(entity, count) for entity, count in counts if count]
    if not stocked:
        return []
    chosen = rng.sample(stocked, min(PAGES, len(stocked)))
    weights = [count for _entity, count in stocked]
    chosen += rng.choices(stocked, weights, k=PAGES - len(chosen))
    starts = [(e, id_at(book.store, e.name, rng.randrange(count)) - 1) for e, count in chosen]
    answers = fetch(book.portal, [page_call(entity, low) for entity, low in starts])
    compared: Counter[str] = Counter()
    differing: dict[str, Counter[str]] = {}
    refused: dict[str, str] = {}
    for (entity, low), answer in zip(starts, answers, strict=True):
        if answer.error is not None:
            refused[entity.name] = kept(answer.error.message)
            continue
        rows = entity.unwrap(answer.result)
        fields, number = compare_page(book, entity, low, rows)
        compared[entity.name] += number
        differing.setdefault(entity.name, Counter()).update(fields)
    return [
        _page_finding(name, seed, compared[name], differing.get(name), refused.get(name))
        for name in dict.fromkeys(entity.name for entity, _low in starts)
    ]


def _page_finding(
    name: str, seed: int, compared: int, fields: Counter[str] | None, refused: str | None
) -> Finding:
    if fields is None:
        return Finding("pages", name, now(), "not done", seed=seed, detail=refused or "")
    rows = fields.pop("", 0)
    words = {ABSENT: _("not here"), GONE: _("gone from the portal")}
    shown = [
        _("{what} × {n}").format(what=words.get(field, field), n=n)
        for field, n in fields.most_common(SHOWN)
    ]
    named = kept_list(shown, ", ")
    outcome: Literal["agrees", "differs"] = "differs" if rows else "agrees"
    return Finding("pages", name, now(), outcome, compared, rows, seed, named)


def compare_page(
    book: Bookkeeping, entity: Entity, low: int, rows: Sequence[Row]
) -> tuple[Counter[str], int]:
    """Return how often each field differs (``""``: in how many rows) and how many were compared.

    Rows that have changed since this sync asked for changes are left out: they are no mistake.
    """
    high = last_id(rows, entity.key, low) if len(rows) >= PAGE else TOP
    stored = rows_between(book.store, entity.name, low, high)
    since = book.loaded.as_of - OVERLAP
    fields: Counter[str] = Counter()
    settled: dict[int, Row] = {}
    wrong: list[Row] = []
    recent = 0
    for row in rows:
        number = record_id(row, entity.key)
        if number is None:
            continue
        if is_recent(row.get(entity.changed or entity.created), since):
            recent += 1
            stored.pop(number, None)
            continue
        settled[number] = row
        book.reread.setdefault(entity.name, []).append(number)
        here = stored.get(number)
        apart = [ABSENT] if here is None else differing_fields(row, here)
        if apart:
            wrong.append(row)
            fields.update(["", *apart])
    gone = [number for number in stored if number not in settled]
    if entity.changed:  # one that was deleted a moment ago is no mistake either; it goes now
        fields.update({"": len(gone), GONE: len(gone)} if gone else {})
    if wrong or gone:
        repair(book, entity, wrong, rows, low, high)
    return fields, len(settled) + len(gone)


def is_recent(text: Any, since: datetime) -> bool:
    """Whether a moment as the portal writes it is at or after ``since`` (aware)."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return False
    return moment.tzinfo is not None and moment >= since


def differing_fields(row: Row, stored: dict[str, str | None]) -> list[str]:
    """Return the fields of a portal's row that are stored with another value."""
    here = {name.lower(): value for name, value in stored.items()}
    return [name for name, value in row.items() if here.get(name.lower()) != as_text(value)]


def repair(
    book: Bookkeeping,
    entity: Entity,
    wrong: Sequence[Row],
    rows: Sequence[Row],
    low: int,
    high: int,
) -> None:
    """Take over the rows that differ, and let go those that the portal has not."""
    ids = [number for row in rows if (number := record_id(row, entity.key)) is not None]
    with book.store.transaction():
        changed = book.store.merge(entity.name, to_arrow(wrong, entity.key)) if wrong else 0
        for child in book.store.belonging_to(entity.name) if wrong else ():
            numbers = [n for row in wrong if (n := record_id(row, entity.key)) is not None]
            book.store.add_pending(child.name, numbers)
        kept_ids = pa.chunked_array([ids], pa.int64())
        changed += delete_missing(book.store, entity, kept_ids, low, high)
        book.note(entity, len(wrong), changed)


# -- sums ---------------------------------------------------------------------------------


def begin_sums(store: Store) -> None:
    """Forget the sums of an earlier full load of the deals."""
    store.connection.execute("DELETE FROM state.control_sums")


def add_sums(store: Store, table: pa.Table) -> None:
    """Add deals that came in to the sums, by pipeline and semantics (in the chunk's transaction).

    ``table`` as `to_arrow` gives it. Amounts are summed over all currencies: this is a control,
    not a figure.
    """
    nothing = pa.nulls(table.num_rows, pa.string())
    given = {
        name: table.column(name) if name in table.column_names else nothing
        for name in ("CATEGORY_ID", "STAGE_SEMANTIC_ID", "OPPORTUNITY")
    }
    came = pa.table(
        {
            "pipeline": pc.fill_null(given["CATEGORY_ID"], ""),
            "semantics": pc.fill_null(given["STAGE_SEMANTIC_ID"], ""),
            "amount": amounts(given["OPPORTUNITY"]),
        }
    )
    groups = came.group_by(["pipeline", "semantics"], use_threads=False).aggregate(
        [("amount", "count", pc.CountOptions(mode="all")), ("amount", "sum")]
    )
    store.connection.register("came_in", groups)
    try:
        store.connection.execute(
            "INSERT INTO state.control_sums"
            " SELECT pipeline, semantics, amount_count, amount_sum FROM came_in"
        )
    finally:
        store.connection.unregister("came_in")


def amounts(texts: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Return amounts (texts) as decimals; see `amount_of` for those that are none."""
    try:  # the usual case: all have two places at most
        return pc.fill_null(texts.cast(pa.decimal128(18, 2)).cast(pa.decimal128(38, 2)), Decimal(0))
    except pa.ArrowInvalid:
        return pa.array([amount_of(text) for text in texts.to_pylist()], pa.decimal128(38, 2))


def amount_of(value: Any) -> Decimal:
    """Return an amount in cents as the warehouse reads it; what is no amount counts nothing."""
    try:
        amount = Decimal(str(as_text(value) or 0))
        return amount.quantize(CENT, ROUND_HALF_UP) if abs(amount) < HIGHEST else Decimal(0)
    except (InvalidOperation, ValueError):
        return Decimal(0)


def compare_sums(store: Store) -> Finding:
    """Compare the sums of a full load with what is stored now, by pipeline and semantics."""
    rows = store.connection.execute(
        "WITH came AS ("
        " SELECT pipeline, semantics, sum(rows)::BIGINT AS rows, sum(amount) AS amount"
        " FROM state.control_sums GROUP BY ALL),"
        " here AS (SELECT coalesce(CATEGORY_ID, '') AS pipeline,"
        "  coalesce(STAGE_SEMANTIC_ID, '') AS semantics, count(*) AS rows,"
        "  sum(coalesce(TRY_CAST(OPPORTUNITY AS DECIMAL(18, 2)), 0)) AS amount"
        " FROM raw.deals GROUP BY ALL)"
        " SELECT pipeline, semantics, came.rows, came.amount, here.rows, here.amount"
        " FROM came FULL JOIN here USING (pipeline, semantics) ORDER BY ALL"
    ).fetchall()
    apart = [row for row in rows if (row[2], row[3]) != (row[4], row[5])]
    sentence = _(
        "pipeline {pipeline} {semantics}: {came_rows} rows with {came} came in,"
        " {rows} with {here} are here"
    )
    told = [
        sentence.format(
            pipeline=pipeline,
            semantics=semantics,
            came_rows=came_rows,
            came=came,
            rows=rows_here,
            here=here,
        )
        for pipeline, semantics, came_rows, came, rows_here, here in apart[:SHOWN]
    ]
    detail = kept_list(told, "; ")
    outcome: Literal["agrees", "differs"] = "differs" if apart else "agrees"
    return Finding("sums", "deals", now(), outcome, len(rows), len(apart), detail=detail)


# -- what was found -----------------------------------------------------------------------


def keep(store: Store, findings: Sequence[Finding]) -> None:
    """Write findings down; each takes the place of the last of its kind and entity."""
    file = store.folder / FILE
    known = {(each.kind, each.entity): each for each in read_findings(store.folder)}
    entities = {entity.name for entity in store.entities()}
    known |= {(each.kind, each.entity): each for each in findings}
    listed = [asdict(each) for each in known.values() if each.entity in entities]
    write_whole(file, json.dumps(listed, ensure_ascii=False, indent=1))


def forget_findings(store: Store) -> None:
    """Forget what was compared with another portal, and when."""
    (store.folder / FILE).unlink(missing_ok=True)
    store.set_info("reconciled_on", "")
