-- title: Leads
-- grain: one row per lead
-- columns:
--   semantics = P in work, S converted, F junk; closed_at = DATE_CLOSED, else the last entry into
--   the final status, else MOVED_TIME; *_on days in the portal's time zone
--   amount_base in the portal's base currency, at the rate known on the closing day (open: today)
--   rate_basis says which rate: base, observed, given or later (see deals)
-- tests:
--   unique: [lead_id]
--   not_null: [lead_id, semantics, created_at, created_on]
--   accepted: {semantics: [P, S, F]}
--   holds: ["is_open = (closed_on IS NULL)", "amount_base IS NOT NULL OR coalesce(amount, 0) = 0"]
WITH entries AS (
    SELECT lead_id, status_id, max(entered_at) AS entered_at
    FROM staging.lead_history
    GROUP BY ALL
),
leads AS (
    SELECT
        leads.* EXCLUDE (semantics, closed_at),
        statuses.status,
        coalesce(leads.semantics, statuses.semantics, 'P') AS semantics_,
        CASE
            WHEN semantics_ IN ('S', 'F')
            THEN coalesce(
                leads.closed_at, entries.entered_at, leads.moved_at, leads.modified_at
            )
        END AS final_at,
        coalesce(local_day(final_at), local_day(getvariable('as_of'))) AS rate_on
    FROM staging.leads AS leads
    LEFT JOIN staging.statuses AS statuses
        ON statuses.directory = 'STATUS' AND statuses.status_id = leads.status_id
    LEFT JOIN entries ON entries.lead_id = leads.lead_id AND entries.status_id = leads.status_id
    WHERE leads.created_at IS NOT NULL
)
SELECT
    leads.lead_id,
    leads.title,
    leads.status_id,
    coalesce(leads.status, leads.status_id) AS status,
    leads.semantics_ AS semantics,
    leads.semantics_ = 'S' AS is_converted,
    leads.semantics_ = 'F' AS is_junk,
    leads.semantics_ NOT IN ('S', 'F') AS is_open,
    leads.created_at,
    local_day(leads.created_at) AS created_on,
    leads.final_at AS closed_at,
    local_day(leads.final_at) AS closed_on,
    leads.modified_at,
    leads.manager_id,
    coalesce(users.manager, '#' || leads.manager_id) AS manager,
    users.department_id,
    users.department,
    leads.company_id,
    coalesce(companies.customer, leads.company_title) AS customer,
    leads.contact_id,
    leads.source_id,
    coalesce(origins.status, leads.source_id) AS source,
    leads.utm_source,
    leads.utm_medium,
    leads.utm_campaign,
    leads.amount,
    leads.currency,
    TRY_CAST(leads.amount * rates.rate AS DECIMAL(18, 2)) AS amount_base,
    rates.basis AS rate_basis
FROM leads
LEFT JOIN staging.rate_periods AS rates
    ON rates.currency = leads.currency
    AND leads.rate_on >= rates.from_on
    AND leads.rate_on < rates.to_on
LEFT JOIN snapshot.users AS users ON users.user_id = leads.manager_id
LEFT JOIN staging.companies AS companies ON companies.company_id = leads.company_id
LEFT JOIN staging.statuses AS origins
    ON origins.directory = 'SOURCE' AND origins.status_id = leads.source_id
ORDER BY leads.lead_id
