-- title: Stage history of invoices
-- grain: one row per entry of an invoice into a stage
-- columns: stage = its present name, its code if it was deleted
-- tests:
--   unique: [history_id]
--   not_null: [history_id, invoice_id, entered_at, entered_on, semantics]
--   references: {invoice_id: invoices}
SELECT
    history.history_id,
    history.invoice_id,
    history.pipeline_id,
    history.stage_id,
    coalesce(stages.status, history.stage_id) AS stage,
    coalesce(history.semantics, stages.semantics, 'P') AS semantics,
    history.entered_at,
    local_day(history.entered_at) AS entered_on
FROM staging.invoice_history AS history
SEMI JOIN snapshot.invoices AS invoices USING (invoice_id)
LEFT JOIN staging.statuses AS stages
    ON stages.directory = 'SMART_INVOICE_STAGE_' || history.pipeline_id
    AND stages.status_id = history.stage_id
WHERE history.entered_at IS NOT NULL
ORDER BY history.invoice_id, history.entered_at, history.history_id
