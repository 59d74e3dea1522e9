-- The product catalogue.
SELECT
    _id AS product_id,
    NAME AS product,
    as_money(PRICE) AS price,
    CURRENCY_ID AS currency
FROM raw.products
