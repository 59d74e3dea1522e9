-- title: Plan of won revenue (external file)
-- grain: one row per month, pipeline and manager as the file has them; empty if it is not loaded
-- columns: month = its first day; pipeline and manager NULL where the plan is for all of them, or
--   names nobody of the portal (then given_pipeline, given_manager still say what the file says);
--   amount_base in the portal's base currency at the rate known on the first day of the month;
--   due_base = the part of it that falls on working days up to the day of the data
-- tests:
--   unique: ["month, given_pipeline, given_manager"]
--   not_null: [month, working_days, working_days_gone]
--   holds: ["amount_base >= 0", "due_base <= amount_base", "working_days_gone <= working_days"]
WITH working AS (
    SELECT
        date_trunc('month', day)::DATE AS month,
        count(*) FILTER (is_working) AS working_days,
        count(*) FILTER (is_working AND day <= local_day(getvariable('as_of')))
            AS working_days_gone
    FROM snapshot.calendar
    GROUP BY ALL
),
pipelines AS (
    SELECT DISTINCT pipeline_id, pipeline FROM snapshot.stages
)
SELECT
    targets.month,
    targets.pipeline AS given_pipeline,
    targets.manager AS given_manager,
    pipelines.pipeline_id,
    pipelines.pipeline,
    users.user_id AS manager_id,
    users.manager,
    users.department_id,
    users.department,
    TRY_CAST(targets.amount * rates.rate AS DECIMAL(18, 2)) AS amount_base,
    coalesce(working.working_days, 0) AS working_days,
    coalesce(working.working_days_gone, 0) AS working_days_gone,
    TRY_CAST(
        targets.amount * rates.rate * working.working_days_gone / nullif(working.working_days, 0)
        AS DECIMAL(18, 2)
    ) AS due_base
FROM staging.targets AS targets
LEFT JOIN working USING (month)
LEFT JOIN pipelines
    ON lower(pipelines.pipeline) = lower(targets.pipeline)
    OR pipelines.pipeline_id::VARCHAR = targets.pipeline
LEFT JOIN snapshot.users AS users
    ON lower(users.manager) = lower(targets.manager)
    OR lower(users.email) = lower(targets.manager)
    OR users.user_id::VARCHAR = targets.manager
LEFT JOIN staging.rate_periods AS rates
    ON rates.currency = targets.currency
    AND targets.month >= rates.from_on
    AND targets.month < rates.to_on
-- two people of one name: the plan counts once
QUALIFY row_number() OVER (
    PARTITION BY targets.month, targets.pipeline, targets.manager
    ORDER BY users.active DESC NULLS LAST, users.user_id, pipelines.pipeline_id
) = 1
ORDER BY targets.month, targets.pipeline, targets.manager
