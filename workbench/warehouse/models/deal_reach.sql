-- title: Stages that deals have reached
-- grain: one row per deal, pipeline and stage (lost stages left out)
-- columns: reached_on = first entry into this stage or into a later one of the same pipeline;
--   a lost stage does not count as later. A deal won straight away has reached every stage.
-- tests:
--   unique: ["deal_id, pipeline_id, stage_id"]
--   not_null: [deal_id, pipeline_id, stage_id, sort, reached_on]
--   references: {deal_id: deals, "pipeline_id, stage_id": stages}
WITH entries AS (
    SELECT deal_id, pipeline_id, sort, min(entered_on) AS entered_on
    FROM snapshot.deal_stage_stays
    WHERE semantics <> 'F' AND sort IS NOT NULL
    GROUP BY ALL
)
SELECT
    entries.deal_id,
    stages.pipeline_id,
    stages.stage_id,
    stages.sort,
    min(entries.entered_on) AS reached_on
FROM entries
JOIN snapshot.stages AS stages
    ON stages.pipeline_id = entries.pipeline_id AND stages.sort <= entries.sort
WHERE stages.semantics <> 'F'
GROUP BY ALL
ORDER BY entries.deal_id, stages.sort
