-- title: Chances of deals by stage and age
-- grain: one row per pipeline, open stage and age in it
-- columns: days_from = at least so many days in the stage; closed = closed deals that were there so
--   long, won = those of them that were won; chance = won / closed, from the youngest age with
--   less than 20 closed deals on that of the age before
-- tests:
--   unique: ["pipeline_id, stage_id, days_from"]
--   not_null: [pipeline_id, stage_id, days_from, closed, won]
--   holds: ["won <= closed", "chance BETWEEN 0 AND 1"]
WITH ages AS (
    SELECT unnest([0, 7, 14, 30, 60, 90, 180]) AS days_from
),
counted AS (
    SELECT
        stages.pipeline_id,
        stages.stage_id,
        ages.days_from,
        count(*) AS closed,
        count(*) FILTER (deals.is_won) AS won
    FROM snapshot.deal_stages AS stages
    JOIN snapshot.deals AS deals USING (deal_id)
    JOIN ages ON coalesce(stages.days, 0) >= ages.days_from
    WHERE stages.semantics = 'P' AND NOT deals.is_open AND stages.entries > 0
    GROUP BY ALL
)
SELECT
    pipeline_id,
    stage_id,
    days_from,
    closed,
    won,
    last_value(CASE WHEN closed >= 20 OR days_from = 0 THEN won / closed END IGNORE NULLS) OVER (
        PARTITION BY pipeline_id, stage_id ORDER BY days_from
        ROWS UNBOUNDED PRECEDING
    ) AS chance
FROM counted
ORDER BY pipeline_id, stage_id, days_from
