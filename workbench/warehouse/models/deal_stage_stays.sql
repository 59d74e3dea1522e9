-- title: Stays of deals in stages
-- grain: one row per entry of a deal into a stage; a deal without any history has one row for
--   its present stage (history_id = -deal_id)
-- columns:
--   left_at = moment of the next entry, NULL while the deal is still there; left_on = its day
--   days = left - entered on the local clock, NULL while the deal is still there
--   came_from = stage before, NULL for the first entry
--   pipeline_id, stage as of the entry; sort and semantics as the stage is listed today
-- tests:
--   unique: [history_id]
--   not_null: [history_id, deal_id, pipeline_id, stage_id, semantics, entered_at, entered_on]
--   references: {deal_id: deals, "pipeline_id, stage_id": stages}
--   holds: ["(left_at IS NULL) = (days IS NULL)", "days IS NULL OR days >= 0 OR left_at >= entered_at"]
WITH entries AS (
    SELECT history.history_id, history.deal_id, history.pipeline_id, history.stage_id,
        history.entered_at
    FROM staging.deal_history AS history
    SEMI JOIN snapshot.deals AS deals USING (deal_id)
    WHERE history.entered_at IS NOT NULL AND history.stage_id IS NOT NULL
    UNION ALL
    SELECT -deals.deal_id, deals.deal_id, deals.pipeline_id, deals.stage_id,
        deals.stage_entered_at
    FROM snapshot.deals AS deals
    ANTI JOIN staging.deal_history AS history USING (deal_id)
),
stays AS (
    SELECT
        *,
        lead(entered_at) OVER moves AS left_at,
        lag(stage_id) OVER moves AS came_from
    FROM entries
    WINDOW moves AS (PARTITION BY deal_id ORDER BY entered_at, history_id)
)
SELECT
    stays.history_id,
    stays.deal_id,
    stays.pipeline_id::INTEGER AS pipeline_id,
    stays.stage_id,
    stages.stage,
    stages.sort,
    stages.semantics,
    stays.entered_at,
    local_day(stays.entered_at) AS entered_on,
    stays.left_at,
    local_day(stays.left_at) AS left_on,
    stays.came_from,
    local_days(stays.entered_at, stays.left_at) AS days
FROM stays
LEFT JOIN snapshot.stages AS stages USING (pipeline_id, stage_id)
ORDER BY stays.deal_id, stays.entered_at, stays.history_id
