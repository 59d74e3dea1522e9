-- Entries of invoices into stages.
SELECT
    _id AS history_id,
    as_int(OWNER_ID) AS invoice_id,
    as_time(CREATED_TIME) AS entered_at,
    coalesce(as_link(CATEGORY_ID), 0) AS pipeline_id,
    STAGE_ID AS stage_id,
    STAGE_SEMANTIC_ID AS semantics
FROM raw.invoice_history
