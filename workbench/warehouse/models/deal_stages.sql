-- title: Ways of deals through the stages
-- grain: one row per deal, pipeline and stage that it reached (lost stages left out)
-- columns:
--   reached_on = first entry into this stage or a later one (as in deal_reach); next_on = the same
--   for the stage after it, NULL if the deal never got there; has_next = there is a stage after it
--   entries = times that the deal came into it, 0 if it was skipped (is_skipped)
--   days = days spent there, all finished stays together; left_on = day of the last leaving, NULL
--   while the deal is still there; created_on = day of the deal's creation
--   is_first marks one row of each deal, to count deals by counting rows
-- tests:
--   unique: ["deal_id, pipeline_id, stage_id"]
--   not_null: [deal_id, pipeline_id, stage_id, stage, semantics, reached_on, entries, is_skipped, created_on,
--     is_first]
--   references: {deal_id: deals, "pipeline_id, stage_id": stages}
--   holds: ["is_skipped = (entries = 0)", "next_on IS NULL OR (has_next AND next_on >= reached_on)"]
WITH visits AS (
    SELECT
        deal_id,
        pipeline_id,
        stage_id,
        count(*) FILTER (came_from IS DISTINCT FROM stage_id) AS entries,
        sum(days) AS days,
        max(left_on) AS left_on,
        bool_or(left_at IS NULL) AS is_there
    FROM snapshot.deal_stage_stays
    WHERE semantics <> 'F'
    GROUP BY ALL
),
places AS (
    SELECT
        pipeline_id,
        pipeline,
        stage_id,
        stage,
        semantics,
        lead(stage_id) OVER (PARTITION BY pipeline_id ORDER BY sort, stage_id) AS next_id
    FROM snapshot.stages
    WHERE semantics <> 'F' AND sort IS NOT NULL
)
SELECT
    reach.deal_id,
    reach.pipeline_id,
    places.pipeline,
    reach.stage_id,
    places.stage,
    reach.sort,
    places.semantics,
    reach.reached_on,
    places.next_id IS NOT NULL AS has_next,
    later.reached_on AS next_on,
    coalesce(visits.entries, 0) AS entries,
    coalesce(visits.entries, 0) = 0 AS is_skipped,
    visits.days,
    CASE WHEN NOT visits.is_there THEN visits.left_on END AS left_on,
    deals.created_on,
    row_number() OVER (
        PARTITION BY reach.deal_id ORDER BY reach.pipeline_id, reach.sort, reach.stage_id
    ) = 1 AS is_first
FROM snapshot.deal_reach AS reach
JOIN places USING (pipeline_id, stage_id)
JOIN snapshot.deals AS deals ON deals.deal_id = reach.deal_id
LEFT JOIN snapshot.deal_reach AS later
    ON later.deal_id = reach.deal_id
    AND later.pipeline_id = reach.pipeline_id
    AND later.stage_id = places.next_id
LEFT JOIN visits
    ON visits.deal_id = reach.deal_id
    AND visits.pipeline_id = reach.pipeline_id
    AND visits.stage_id = reach.stage_id
ORDER BY reach.deal_id, reach.pipeline_id, reach.sort
