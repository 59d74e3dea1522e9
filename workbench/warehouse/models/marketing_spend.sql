-- title: Marketing spend by month and channel (external file)
-- grain: one row per month and channel; empty if the file is not loaded
-- columns: month = its first day; source_id = the CRM source that the channel is mapped to, NULL
--   if it is mapped to none; amount_base in the portal's base currency, at the rate known on the
--   first day of the month; rate_basis says which one (see deals)
-- tests:
--   unique: ["month, channel"]
--   not_null: [month, channel, amount_base]
--   holds: ["amount_base >= 0", "clicks >= 0", "impressions >= 0"]
SELECT
    spend.month,
    spend.channel,
    spend.source_id,
    coalesce(origins.status, spend.source_id) AS source,
    TRY_CAST(spend.spend * rates.rate AS DECIMAL(18, 2)) AS amount_base,
    rates.basis AS rate_basis,
    spend.clicks,
    spend.impressions
FROM external.marketing_spend AS spend
LEFT JOIN staging.rate_periods AS rates
    ON rates.currency = spend.currency
    AND spend.month >= rates.from_on
    AND spend.month < rates.to_on
LEFT JOIN staging.statuses AS origins
    ON origins.directory = 'SOURCE' AND origins.status_id = spend.source_id
ORDER BY spend.month, spend.channel
