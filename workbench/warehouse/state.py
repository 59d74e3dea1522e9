"""The tables of the writer's file beside the raw rows, and what is noted in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

STATE = """
CREATE SCHEMA IF NOT EXISTS raw;
CREATE SCHEMA IF NOT EXISTS staging;
CREATE SCHEMA IF NOT EXISTS external;
CREATE SCHEMA IF NOT EXISTS state;
CREATE TABLE IF NOT EXISTS state.info (key VARCHAR PRIMARY KEY, value VARCHAR);
CREATE TABLE IF NOT EXISTS state.progress (
    source VARCHAR,
    entity VARCHAR,
    status VARCHAR NOT NULL,        -- complete, partial, stale, denied, failed, not loaded
    frontier BIGINT,                -- full load under way: every id up to here is committed
    watermark VARCHAR,              -- changes up to this moment of the portal's clock are in;
                                    -- of a file: the moment at which its rows last changed
    compared_on DATE,               -- last comparison of the id sets
    last_sync TIMESTAMPTZ,
    missing VARCHAR,                -- the right or scope that is missing, or what went wrong
    PRIMARY KEY (source, entity)
);
-- Records whose product rows, links or history are still to be read (these have no change date), or
-- which are to be read again themselves, for what they referred to is gone.
CREATE TABLE IF NOT EXISTS state.pending_owners (entity VARCHAR, owner BIGINT);
CREATE TABLE IF NOT EXISTS state.observed_rates (
    currency VARCHAR, observed_on DATE, rate DECIMAL(24, 10) NOT NULL,
    PRIMARY KEY (currency, observed_on)
);
-- Deals whose rows, or rows of stage history, changed since the snapshot that `ways` starts from.
CREATE TABLE IF NOT EXISTS state.changed_deals (deal_id BIGINT);
-- Amounts of deals as they came in with the full load under way, by pipeline and semantics.
CREATE TABLE IF NOT EXISTS state.control_sums (
    pipeline VARCHAR, semantics VARCHAR, rows BIGINT, amount DECIMAL(38, 2)
);
CREATE TABLE IF NOT EXISTS external.rates (
    currency VARCHAR, valid_from DATE, rate DECIMAL(24, 10)
);
CREATE TABLE IF NOT EXISTS external.marketing_spend (
    month DATE, channel VARCHAR, source_id VARCHAR, spend DECIMAL(18, 2), currency VARCHAR,
    clicks BIGINT, impressions BIGINT
);
CREATE TABLE IF NOT EXISTS external.targets (
    month DATE, pipeline VARCHAR, manager VARCHAR, amount DECIMAL(18, 2), currency VARCHAR
);
CREATE TABLE IF NOT EXISTS external.accounting_documents (
    number VARCHAR, date DATE, kind VARCHAR, customer VARCHAR, amount DECIMAL(18, 2),
    currency VARCHAR, due DATE, settled DATE
);
"""


def quoted(name: str) -> str:
    """Quote an identifier; field names come from the portal."""
    return '"' + name.replace('"', '""') + '"'


@dataclass
class Progress:
    """How far one entity is loaded; see the columns of ``state.progress``."""

    status: str = "not loaded"
    frontier: int | None = None
    watermark: str | None = None
    compared_on: date | None = None
    last_sync: datetime | None = None
    missing: str | None = None
