-- Which rate counts on which day: the observed one of that day or before ('observed'), before
-- the first observation that first one ('later'), and 1 for the base currency ('base').
WITH observed AS (
    SELECT
        currency,
        rate,
        observed_on AS from_on,
        coalesce(
            lead(observed_on) OVER (PARTITION BY currency ORDER BY observed_on),
            DATE '9999-12-31'
        ) AS to_on,
        row_number() OVER (PARTITION BY currency ORDER BY observed_on) AS nth
    FROM state.observed_rates
    WHERE currency <> getvariable('base_currency')
)
SELECT currency, rate, from_on, to_on, 'observed' AS basis FROM observed
UNION ALL
SELECT currency, rate, DATE '0001-01-01', from_on, 'later' FROM observed WHERE nth = 1
UNION ALL
SELECT getvariable('base_currency'), 1, DATE '0001-01-01', DATE '9999-12-31', 'base'
