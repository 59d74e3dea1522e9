-- title: Customers (companies of the CRM)
-- grain: one row per company, the portal owner's own companies left out
-- columns: won_amount_base in the portal's base currency; first/last_won_on days of winning;
--   phones and emails = how many the portal has, not which
-- tests:
--   unique: [company_id]
--   not_null: [company_id, won_deals]
WITH won AS (
    SELECT
        company_id,
        min(closed_on) AS first_won_on,
        max(closed_on) AS last_won_on,
        count(*) AS won_deals,
        sum(amount_base) AS won_amount_base
    FROM snapshot.deals
    WHERE is_won AND company_id IS NOT NULL
    GROUP BY company_id
)
SELECT
    companies.company_id,
    companies.customer,
    coalesce(types.status, companies.company_type_id) AS company_type,
    coalesce(industries.status, companies.industry_id) AS industry,
    companies.phones,
    companies.emails,
    companies.created_at,
    local_day(companies.created_at) AS created_on,
    won.first_won_on,
    won.last_won_on,
    coalesce(won.won_deals, 0) AS won_deals,
    TRY_CAST(coalesce(won.won_amount_base, 0) AS DECIMAL(18, 2)) AS won_amount_base
FROM staging.companies AS companies
LEFT JOIN won USING (company_id)
LEFT JOIN staging.statuses AS types
    ON types.directory = 'COMPANY_TYPE' AND types.status_id = companies.company_type_id
LEFT JOIN staging.statuses AS industries
    ON industries.directory = 'INDUSTRY' AND industries.status_id = companies.industry_id
WHERE NOT companies.is_own
ORDER BY companies.company_id
