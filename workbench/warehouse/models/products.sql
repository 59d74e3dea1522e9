-- title: Products
-- grain: one row per product of the catalogue
-- columns: price in `currency`
-- tests:
--   unique: [product_id]
--   not_null: [product_id]
SELECT product_id, product, price, currency
FROM staging.products
ORDER BY product_id
