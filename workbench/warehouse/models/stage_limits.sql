-- title: Usual times of won deals in stages
-- grain: one row per pipeline and open stage that a won deal has left
-- columns: limit_days = what four out of five won deals stayed within, the stays of a deal in the
--   stage taken together; median_days = what half of them did; won_deals = how many there were
-- tests:
--   unique: ["pipeline_id, stage_id"]
--   not_null: [pipeline_id, stage_id, limit_days, median_days, won_deals]
--   holds: ["won_deals > 0", "median_days <= limit_days"]
WITH stayed AS (
    SELECT pipeline_id, stage_id, deal_id, sum(days) AS days
    FROM snapshot.deal_stage_stays
    SEMI JOIN (FROM snapshot.deals WHERE is_won) USING (deal_id)
    WHERE semantics = 'P' AND days IS NOT NULL
    GROUP BY ALL
)
SELECT
    pipeline_id,
    stage_id,
    quantile_cont(days, 0.8) AS limit_days,
    quantile_cont(days, 0.5) AS median_days,
    count(*) AS won_deals
FROM stayed
GROUP BY ALL
ORDER BY pipeline_id, stage_id
