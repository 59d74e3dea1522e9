-- title: Exchange rates observed at the portal
-- grain: one row per currency and day on which its rate was first seen
-- columns: rate = units of the base currency for 1 unit of `currency`
-- tests:
--   unique: ["currency, observed_on"]
--   not_null: [currency, rate, observed_on]
--   holds: ["rate > 0"]
SELECT currency, rate, observed_on
FROM state.observed_rates
ORDER BY currency, observed_on
