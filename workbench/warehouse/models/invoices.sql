-- title: Invoices
-- grain: one row per smart invoice
-- columns:
--   semantics = P open, S paid, F not paid; paid_on = day of the move into a paid stage;
--   ended_on = day on which it was paid or given up, NULL while it is open
--   amount_base in the portal's base currency, at the rate known on the day of creation
--   rate_basis says which rate: base, observed, given or later (see deals)
-- tests:
--   unique: [invoice_id]
--   not_null: [invoice_id, stage_id, semantics, created_at, created_on]
--   accepted: {semantics: [P, S, F]}
--   holds: ["paid_on IS NULL OR semantics = 'S'", "amount_base IS NOT NULL OR coalesce(amount, 0) = 0"]
WITH invoices AS (
    SELECT
        invoices.*,
        local_day(invoices.created_at) AS created_on,
        coalesce(stages.status, invoices.stage_id) AS stage,
        coalesce(stages.semantics, 'P') AS semantics
    FROM staging.invoices AS invoices
    LEFT JOIN staging.statuses AS stages
        ON stages.directory = 'SMART_INVOICE_STAGE_' || invoices.pipeline_id
        AND stages.status_id = invoices.stage_id
    WHERE invoices.created_at IS NOT NULL
)
SELECT
    invoices.invoice_id,
    invoices.deal_id,
    invoices.company_id,
    invoices.amount,
    invoices.currency,
    TRY_CAST(invoices.amount * rates.rate AS DECIMAL(18, 2)) AS amount_base,
    rates.basis AS rate_basis,
    invoices.stage_id,
    invoices.stage,
    invoices.semantics,
    invoices.created_at,
    invoices.created_on,
    CASE WHEN invoices.semantics = 'S' THEN local_day(invoices.moved_at) END AS paid_on,
    invoices.due_on,
    CASE WHEN invoices.semantics <> 'P' THEN local_day(invoices.moved_at) END AS ended_on
FROM invoices
LEFT JOIN staging.rate_periods AS rates
    ON rates.currency = invoices.currency
    AND invoices.created_on >= rates.from_on
    AND invoices.created_on < rates.to_on
ORDER BY invoices.invoice_id
