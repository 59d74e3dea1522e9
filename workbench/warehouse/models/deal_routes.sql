-- title: Routes of deals
-- grain: one row per deal and pipeline that it was in
-- columns:
--   route = the stages of this pipeline in the order in which the deal came into them, by their
--   names, joined by arrows; has_loops = it came into one of them more than once
--   whole_route = the same through all pipelines, alike in all rows of the deal; is_first marks one
--   of them
-- tests:
--   unique: ["deal_id, pipeline_id"]
--   not_null: [deal_id, pipeline_id, route, has_loops, whole_route, is_first]
--   references: {deal_id: deals}
WITH routes AS (
    SELECT
        deal_id,
        pipeline_id,
        string_agg(stage, ' → ' ORDER BY entered_at, history_id) FILTER (visit IS NOT NULL)
            AS route,
        max(visit) > 1 AS has_loops
    FROM snapshot.deal_stage_stays
    GROUP BY ALL
),
-- The few that were in several pipelines.
several AS (
    SELECT deal_id FROM routes GROUP BY deal_id HAVING count(*) > 1
),
whole AS (
    SELECT deal_id, string_agg(stage, ' → ' ORDER BY entered_at, history_id) AS whole_route
    FROM snapshot.deal_stage_stays
    SEMI JOIN several USING (deal_id)
    WHERE came_from IS DISTINCT FROM stage_id
    GROUP BY ALL
)
SELECT
    routes.deal_id,
    routes.pipeline_id,
    routes.route,
    routes.has_loops,
    coalesce(whole.whole_route, routes.route) AS whole_route,
    row_number() OVER (PARTITION BY routes.deal_id ORDER BY routes.pipeline_id) = 1 AS is_first
FROM routes
LEFT JOIN whole USING (deal_id)
ORDER BY routes.deal_id, routes.pipeline_id
