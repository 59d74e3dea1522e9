-- title: Stages of the deal pipelines
-- grain: one row per pipeline and stage; a stage that was deleted but is still in the data is
--   there too, named by its code, without a place in the order (sort is NULL)
-- columns: semantics = P in work, S won, F lost
-- tests:
--   unique: ["pipeline_id, stage_id"]
--   not_null: [pipeline_id, pipeline, stage_id, stage, semantics]
--   accepted: {semantics: [P, S, F]}
WITH listed AS (
    SELECT
        coalesce(TRY_CAST(regexp_extract(directory, '^DEAL_STAGE_(\d+)$', 1) AS BIGINT), 0)
            AS pipeline_id,
        status_id AS stage_id,
        status AS stage,
        sort,
        semantics
    FROM staging.statuses
    WHERE regexp_matches(directory, '^DEAL_STAGE(_\d+)?$')
),
seen AS (
    SELECT pipeline_id, stage_id, max(semantics) AS semantics
    FROM (
        SELECT pipeline_id, stage_id, semantics FROM staging.deals WHERE NOT is_recurring
        UNION ALL
        SELECT pipeline_id, stage_id, semantics FROM staging.deal_history
    )
    WHERE stage_id IS NOT NULL
    GROUP BY ALL
),
stages AS (
    SELECT * FROM listed
    UNION ALL
    SELECT pipeline_id, stage_id, stage_id, NULL, semantics
    FROM seen ANTI JOIN listed USING (pipeline_id, stage_id)
)
SELECT
    stages.pipeline_id::INTEGER AS pipeline_id,
    coalesce(pipelines.pipeline, '#' || stages.pipeline_id) AS pipeline,
    stages.stage_id,
    coalesce(stages.stage, stages.stage_id) AS stage,
    stages.sort,
    coalesce(stages.semantics, 'P') AS semantics
FROM stages
LEFT JOIN staging.pipelines AS pipelines
    ON pipelines.pipeline_id = stages.pipeline_id AND pipelines.entity_type_id = 2
ORDER BY stages.pipeline_id, stages.sort NULLS LAST, stages.stage_id
