-- title: Products sold with deals
-- grain: one row per product row of a deal
-- columns: price and amount (price x quantity) in the deal's currency; product_id is NULL for a
--   row typed in by hand
-- tests:
--   unique: [row_id]
--   not_null: [row_id, deal_id]
--   references: {deal_id: deals}
SELECT
    rows_.row_id,
    rows_.deal_id,
    rows_.product_id,
    coalesce(rows_.product, products.product) AS product,
    rows_.price,
    rows_.quantity,
    TRY_CAST(rows_.price * rows_.quantity AS DECIMAL(18, 2)) AS amount
FROM staging.deal_products AS rows_
SEMI JOIN snapshot.deals AS deals USING (deal_id)
LEFT JOIN snapshot.products AS products USING (product_id)
ORDER BY rows_.row_id
