-- Which rate counts on which day: 1 for the base currency ('base'); the portal's own one of that day
-- or before ('observed'); before the first of these the one of parameters/rates.csv ('given');
-- before the first of all that first one ('later').
WITH firsts AS (
    SELECT currency, min(observed_on) AS first_on
    FROM state.observed_rates
    GROUP BY currency
),
rates AS (
    SELECT currency, rate, observed_on AS from_on, 'observed' AS basis
    FROM state.observed_rates
    UNION ALL
    SELECT given.currency, given.rate, given.valid_from, 'given'
    FROM external.rates AS given
    LEFT JOIN firsts USING (currency)
    WHERE firsts.first_on IS NULL OR given.valid_from < firsts.first_on
),
periods AS (
    SELECT
        currency,
        rate,
        from_on,
        coalesce(
            lead(from_on) OVER (PARTITION BY currency ORDER BY from_on), DATE '9999-12-31'
        ) AS to_on,
        basis,
        row_number() OVER (PARTITION BY currency ORDER BY from_on) AS nth
    FROM rates
    WHERE currency <> getvariable('base_currency')
)
SELECT currency, rate, from_on, to_on, basis FROM periods
UNION ALL
SELECT currency, rate, DATE '0001-01-01', from_on, 'later' FROM periods WHERE nth = 1
UNION ALL
SELECT getvariable('base_currency'), 1, DATE '0001-01-01', DATE '9999-12-31', 'base'
