-- title: Product rows of every kind of record
-- grain: one row per product row of a lead, deal, quote, invoice or smart process's item
-- columns: owner_type_id 1 lead, 2 deal, 7 quote, 31 invoice, from 128 a smart process; price and
--   amount (price x quantity) in the owner's currency; product_id is NULL for a row typed by hand
-- tests:
--   unique: [row_id]
--   not_null: [row_id, owner_type_id, owner_id]
SELECT
    rows_.row_id,
    rows_.owner_type_id,
    rows_.owner_id,
    rows_.product_id,
    coalesce(rows_.product, products.product) AS product,
    rows_.price,
    rows_.quantity,
    TRY_CAST(rows_.price * rows_.quantity AS DECIMAL(18, 2)) AS amount
FROM staging.product_rows AS rows_
LEFT JOIN snapshot.products AS products USING (product_id)
WHERE rows_.owner_id IS NOT NULL
ORDER BY rows_.row_id
