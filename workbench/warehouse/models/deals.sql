-- title: Deals
-- grain: one row per deal (recurring templates left out)
-- columns:
--   amount in `currency`, amount_base in the portal's base currency; rate_basis says which rate:
--   base, observed at the portal (on the closing day or before; open deals: today's), given for
--   that day in parameters/rates.csv, later (none was known: the first one after it)
--   *_at moments with zone, *_local the same on the portal's clock, *_on days of it
--   closed_at = last entry into the final stage (stage history), else MOVED_TIME; NULL while open
--   cycle_days = closed - created on the local clock, in days
--   expected_close_on = the planned date that managers edit (CLOSEDATE)
-- tests:
--   unique: [deal_id]
--   not_null: [deal_id, pipeline_id, stage_id, semantics, is_open, created_at, created_on, modified_at]
--   accepted: {semantics: [P, S, F], rate_basis: [base, observed, given, later]}
--   references: {"pipeline_id, stage_id": stages}
--   holds: ["is_open = (closed_on IS NULL)", "is_open::INT + is_won::INT + is_lost::INT = 1",
--     "amount_base IS NOT NULL OR coalesce(amount, 0) = 0"]
WITH entries AS (
    -- into the present stage only: all of them would not fit into memory
    SELECT history.deal_id, max(history.entered_at) AS entered_at
    FROM staging.deal_history AS history
    JOIN staging.deals AS deals USING (deal_id, stage_id)
    GROUP BY ALL
),
deals AS (
    SELECT
        deals.* EXCLUDE (semantics),
        stages.pipeline,
        stages.stage,
        coalesce(deals.semantics, stages.semantics) AS semantics,
        coalesce(entries.entered_at, deals.moved_at, deals.created_at) AS stage_entered_at,
        coalesce(entries.entered_at, deals.moved_at, deals.modified_at) AS final_at
    FROM staging.deals AS deals
    LEFT JOIN snapshot.stages AS stages USING (pipeline_id, stage_id)
    LEFT JOIN entries USING (deal_id)
    WHERE NOT deals.is_recurring AND deals.created_at IS NOT NULL
),
closed AS (
    SELECT
        *,
        CASE WHEN semantics IN ('S', 'F') THEN final_at END AS closed_at,
        local_day(closed_at) AS closed_on,
        coalesce(closed_on, local_day(getvariable('as_of'))) AS rate_on
    FROM deals
)
SELECT
    closed.deal_id,
    closed.title,
    closed.pipeline_id::INTEGER AS pipeline_id,
    closed.pipeline,
    closed.stage_id,
    closed.stage,
    closed.semantics,
    closed.semantics NOT IN ('S', 'F') AS is_open,
    closed.semantics = 'S' AS is_won,
    closed.semantics = 'F' AS is_lost,
    closed.amount,
    closed.currency,
    TRY_CAST(closed.amount * rates.rate AS DECIMAL(18, 2)) AS amount_base,
    rates.basis AS rate_basis,
    closed.created_at,
    local_day(closed.created_at) AS created_on,
    closed.closed_at,
    closed.closed_on,
    local_days(closed.created_at, closed.closed_at) AS cycle_days,
    closed.expected_close_on,
    closed.modified_at,
    closed.stage_entered_at,
    closed.stage_entered_at AT TIME ZONE getvariable('timezone') AS stage_entered_local,
    local_day(closed.stage_entered_at) AS stage_entered_on,
    closed.manager_id,
    coalesce(users.manager, '#' || closed.manager_id) AS manager,
    users.department_id,
    users.department,
    closed.company_id,
    coalesce(companies.customer, nullif(contacts.contact, '')) AS customer,
    closed.contact_id,
    closed.lead_id,
    closed.source_id,
    coalesce(origins.status, closed.source_id) AS source,
    closed.utm_source,
    closed.utm_medium,
    closed.utm_campaign,
    closed.probability
FROM closed
LEFT JOIN staging.rate_periods AS rates
    ON rates.currency = closed.currency
    AND closed.rate_on >= rates.from_on
    AND closed.rate_on < rates.to_on
LEFT JOIN snapshot.users AS users ON users.user_id = closed.manager_id
LEFT JOIN staging.companies AS companies ON companies.company_id = closed.company_id
LEFT JOIN staging.contacts AS contacts ON contacts.contact_id = closed.contact_id
LEFT JOIN staging.statuses AS origins
    ON origins.directory = 'SOURCE' AND origins.status_id = closed.source_id
ORDER BY closed.deal_id
