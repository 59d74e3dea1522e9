-- title: Quotes
-- grain: one row per quote
-- columns:
--   semantics = P open, S accepted, F declined
--   amount_base in the portal's base currency, at the rate known on the day of creation
-- tests:
--   unique: [quote_id]
--   not_null: [quote_id, semantics, created_at, created_on]
--   accepted: {semantics: [P, S, F]}
--   holds: ["amount_base IS NOT NULL OR coalesce(amount, 0) = 0"]
WITH quotes AS (
    SELECT *, local_day(created_at) AS created_on
    FROM staging.quotes
    WHERE created_at IS NOT NULL
)
SELECT
    quotes.quote_id,
    quotes.title,
    quotes.status_id,
    coalesce(statuses.status, quotes.status_id) AS status,
    coalesce(statuses.semantics, 'P') AS semantics,
    quotes.amount,
    quotes.currency,
    TRY_CAST(quotes.amount * rates.rate AS DECIMAL(18, 2)) AS amount_base,
    rates.basis AS rate_basis,
    quotes.created_at,
    quotes.created_on,
    quotes.valid_until,
    quotes.modified_at,
    quotes.manager_id,
    coalesce(users.manager, '#' || quotes.manager_id) AS manager,
    quotes.deal_id,
    quotes.lead_id,
    quotes.company_id,
    companies.customer,
    quotes.contact_id
FROM quotes
LEFT JOIN staging.statuses AS statuses
    ON statuses.directory = 'QUOTE_STATUS' AND statuses.status_id = quotes.status_id
LEFT JOIN staging.rate_periods AS rates
    ON rates.currency = quotes.currency
    AND quotes.created_on >= rates.from_on
    AND quotes.created_on < rates.to_on
LEFT JOIN snapshot.users AS users ON users.user_id = quotes.manager_id
LEFT JOIN staging.companies AS companies ON companies.company_id = quotes.company_id
ORDER BY quotes.quote_id
