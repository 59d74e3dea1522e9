-- title: Stays of deals in stages
-- grain: one row per entry of a deal into a stage; a deal without any history has one row for
--   its present stage (history_id = -deal_id)
-- columns:
--   entered_local = entered_at on the portal's clock
--   left_at = moment of the next entry, NULL while the deal is still there; left_on = its day
--   days = left - entered on the local clock, NULL while the deal is still there
--   came_from = stage before, NULL for the first entry
--   visit = the how manyth time that the deal came into this stage, 1 for the first; NULL for an
--   entry into the stage where it already was; next_id = the stage where it went then, with no
--   regard to such entries, NULL if it went nowhere; time_gone = the how manyth time that it went
--   there from here. All three among the stages of this pipeline only
--   pipeline_id, stage as of the entry; sort and semantics as the stage is listed today
-- tests:
--   unique: [history_id]
--   not_null: [history_id, deal_id, pipeline_id, stage_id, semantics, entered_at, entered_local, entered_on]
--   references: {deal_id: deals, "pipeline_id, stage_id": stages}
--   holds: ["(left_at IS NULL) = (days IS NULL)", "days IS NULL OR days >= 0 OR left_at >= entered_at",
--     "next_id IS NULL OR (visit IS NOT NULL AND next_id <> stage_id)"]
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
        lag(stage_id) OVER moves AS came_from,
        lag(stage_id) OVER own_moves IS DISTINCT FROM stage_id AS is_move
    FROM entries
    WINDOW
        moves AS (PARTITION BY deal_id ORDER BY entered_at, history_id),
        own_moves AS (PARTITION BY deal_id, pipeline_id ORDER BY entered_at, history_id)
),
ways AS (
    SELECT
        *,
        CASE WHEN is_move THEN row_number() OVER visits END AS visit,
        CASE WHEN is_move THEN lead(stage_id) OVER own_moves END AS next_id
    FROM stays
    WINDOW
        visits AS (
            PARTITION BY deal_id, pipeline_id, stage_id, is_move ORDER BY entered_at, history_id
        ),
        own_moves AS (PARTITION BY deal_id, pipeline_id, is_move ORDER BY entered_at, history_id)
)
SELECT
    ways.history_id,
    ways.deal_id,
    ways.pipeline_id::INTEGER AS pipeline_id,
    ways.stage_id,
    stages.stage,
    stages.sort,
    stages.semantics,
    ways.entered_at,
    ways.entered_at AT TIME ZONE getvariable('timezone') AS entered_local,
    local_day(ways.entered_at) AS entered_on,
    ways.left_at,
    local_day(ways.left_at) AS left_on,
    ways.came_from,
    ways.visit::INTEGER AS visit,
    ways.next_id,
    CASE
        WHEN ways.next_id IS NOT NULL
        THEN row_number() OVER (
            PARTITION BY ways.deal_id, ways.pipeline_id, ways.stage_id, ways.next_id
            ORDER BY ways.entered_at, ways.history_id
        )
    END::INTEGER AS time_gone,
    local_days(ways.entered_at, ways.left_at) AS days
FROM ways
LEFT JOIN snapshot.stages AS stages USING (pipeline_id, stage_id)
ORDER BY ways.deal_id, ways.entered_at, ways.history_id
